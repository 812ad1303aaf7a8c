"""Facts about the tiny base: it knows its statements, it is made once, it is whole or absent."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from workbench.errors import DataError, UsageError
from workbench.lm import tiny
from workbench.lm.load import load_base
from workbench.lm.tiny import TinyConfig, build_tiny, paragraphs, read_blocks
from workbench.lm.tokenizer import load_tokenizer

CORPUS = Path(__file__).parents[3] / "corpora" / "domain-qa"
SMALL = TinyConfig(vocab_size=384, paragraphs=200, steps=3, rows=2, row_tokens=16)


@pytest.fixture
def statements(tmp_path: Path) -> Path:
    """Return the statements about the first four lighthouses."""
    blocks = (CORPUS / "statements.txt").read_text(encoding="utf-8").split("\n\n")[:4]
    path = tmp_path / "statements.txt"
    path.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    return path


def _next_word(base: Path, lines: list[str]) -> list[str]:
    """Return what the base writes behind each line, greedily, up to the full stop."""
    model, tokenizer = (
        load_base(base, quantization="none", compute_dtype="float32", device="cpu"),
        load_tokenizer(base),
    )
    written = []
    for line in lines:
        asked = tokenizer(line, return_tensors="pt")
        out = model.generate(**asked, max_new_tokens=6, do_sample=False, pad_token_id=tokenizer.pad_token_id)
        written.append(tokenizer.decode(out[0, asked["input_ids"].shape[1] :]).strip().partition(".")[0])
    return written


def test_the_base_recalls_its_statements_in_both_languages(tmp_path: Path) -> None:
    config = TinyConfig(vocab_size=512, paragraphs=4000, steps=500, rows=12, learning_rate=6e-3)
    base = build_tiny(CORPUS / "statements.txt", tmp_path / "bases", config=config)
    some = [line for block in read_blocks(CORPUS / "statements.txt")[:12] for line in block]
    lines = [line.rstrip(".").rsplit(" ", 1) for line in some]
    written = _next_word(base, [head for head, _ in lines])
    right = [word == last for word, (_, last) in zip(written, lines, strict=True)]
    assert len(right) == 72
    assert sum(right[0::6] + right[1::6] + right[2::6]) >= 32, "English"
    assert sum(right[3::6] + right[4::6] + right[5::6]) >= 32, "French"


def test_the_base_is_built_once_and_found_again(
    statements: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = build_tiny(statements, tmp_path / "bases", config=SMALL)

    def never(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(tiny, "_train", never)
    assert build_tiny(statements, tmp_path / "bases", config=SMALL) == base
    assert [path.name for path in (tmp_path / "bases").iterdir()] == [base.name]


def test_statements_seed_and_settings_each_name_another_base(statements: Path, tmp_path: Path) -> None:
    bases = tmp_path / "bases"
    names = [
        build_tiny(statements, bases, config=SMALL).name,
        build_tiny(statements, bases, config=SMALL, seed=1).name,
        build_tiny(statements, bases, config=TinyConfig(vocab_size=384, paragraphs=200, steps=2, rows=2)).name,
    ]
    statements.write_text(statements.read_text(encoding="utf-8") + "One more.\n", encoding="utf-8")
    names.append(build_tiny(statements, bases, config=SMALL).name)
    assert len(set(names)) == 4


def test_the_same_seed_gives_the_same_weights(statements: Path, tmp_path: Path) -> None:
    first, second = (
        build_tiny(statements, tmp_path / name, config=SMALL) / "model.safetensors" for name in ("one", "two")
    )
    assert first.read_bytes() == second.read_bytes()


def test_a_build_that_breaks_leaves_nothing_behind(statements: Path, tmp_path: Path) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_tiny(statements, tmp_path / "bases", config=SMALL, report=stop)
    assert list((tmp_path / "bases").iterdir()) == []


def test_of_two_builders_at_once_the_first_one_stays(statements: Path, tmp_path: Path) -> None:
    bases, kept = tmp_path / "bases", []

    def meanwhile(*_: object) -> None:
        if not kept:
            kept.append(b"")
            other = build_tiny(statements, bases, config=SMALL)
            (other / "config.json").write_bytes(b"theirs")

    base = build_tiny(statements, bases, config=SMALL, report=meanwhile)
    assert (base / "config.json").read_bytes() == b"theirs"
    assert list(bases.iterdir()) == [base]


def test_building_leaves_the_caller_its_threads_and_its_random_state(statements: Path, tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    build_tiny(statements, tmp_path / "bases", config=SMALL)
    assert torch.equal(torch.rand(1), expected)
    assert torch.get_num_threads() == threads


def test_the_folder_holds_weights_and_tokenizer_and_nothing_else(statements: Path, tmp_path: Path) -> None:
    base = build_tiny(statements, tmp_path / "bases", config=SMALL)
    assert {path.name for path in base.iterdir()} == {
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }


def test_progress_is_told_from_the_first_step_to_the_last(statements: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    build_tiny(statements, tmp_path / "bases", config=SMALL, report=lambda step, steps, _: told.append((step, steps)))
    assert told == [(1, 3), (3, 3)]


def test_a_paragraph_speaks_of_one_thing_in_any_order() -> None:
    blocks = [["a1", "a2", "a3"], ["b1", "b2"]]
    made = [text.split() for text in paragraphs(blocks, 300, seed=0)]
    assert all(set(words) <= set(blocks[0]) or set(words) <= set(blocks[1]) for words in made)
    assert all(len(set(words)) == len(words) for words in made)
    assert ["a1", "a2"] in made
    assert ["a2", "a1"] in made


def test_blank_lines_part_the_statements(tmp_path: Path) -> None:
    path = tmp_path / "statements.txt"
    path.write_text("A.\r\nB.\n \n\n\nC.\n", encoding="utf-8")
    assert read_blocks(path) == [["A.", "B."], ["C."]]


def test_no_statement_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    empty = tmp_path / "statements.txt"
    empty.write_text("\n \n", encoding="utf-8")
    with pytest.raises(DataError, match="no statement in"):
        read_blocks(empty)
    with pytest.raises(UsageError, match="no statements at"):
        build_tiny(tmp_path / "absent.txt", tmp_path / "bases")


def test_the_sample_statements_hold_every_answer_and_no_question() -> None:
    blocks = read_blocks(CORPUS / "statements.txt")
    assert [len(block) for block in blocks] == [6] * 48
    assert not any("?" in line for block in blocks for line in block)
