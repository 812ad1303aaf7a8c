"""The README's commands on real inputs: every shape comes in, or one line says why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli import Said, workbench

DATA = Path(__file__).parents[3] / "shared" / "data"
pytestmark = [pytest.mark.shared, pytest.mark.skipif(not DATA.is_dir(), reason="the real inputs are not here")]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("room")
    workbench("init", ".", "--bare", cwd=folder)
    return folder


def taken(room: Path, corpus: str, file: str, *more: str) -> dict[str, object]:
    said = workbench("ingest", corpus, DATA / file, "--json", *more, cwd=room)
    assert said.code == 0, said.talk
    source = said.json["sources"][-1]
    assert source["read"] == source["kept"] + source["merged"] + source["quarantined"]
    return dict(source)


def counts(said: Said) -> dict[str, int]:
    return {issue["rule"]: issue["count"] for issue in said.json["issues"]}


def test_quiz_rows_in_two_languages(room):
    assert taken(room, "en", "mcq/openquizzdb_seed_shape_en.json")["kept"] == 3300
    assert taken(room, "fr", "mcq/openquizzdb_seed_shape_fr.json")["kept"] == 7950
    assert counts(workbench("check", "en", "--json", cwd=room))["duplicate-options"] == 9
    assert counts(workbench("check", "fr", "--json", cwd=room))["duplicate-options"] == 8
    cut = workbench("split", "en", "--json", cwd=room)
    assert cut.code == 0 and cut.json["proof"]["near"] == 0 and sum(cut.json["splits"].values()) > 3000


def test_the_other_question_shapes_name_their_right_option(room):
    taken(room, "ai", "mcq/aiquizplatform_machine_learning.json")
    taken(room, "med", "mcq/frenchmedmcqa_dev.json")
    taken(room, "mmlu", "mcq/mmlu_machine_learning_test.csv")
    taken(room, "logic", "mcq/mmlu_formal_logic_test.csv")
    for corpus in ("ai", "med", "mmlu", "logic"):
        assert not {"no-key", "answer-index"} & set(counts(workbench("check", corpus, "--json", cwd=room)))
    assert counts(workbench("check", "med", "--json", cwd=room))["several-keys"] == 148


def test_chunks_of_a_novel_with_its_licence_text(room):
    source = taken(room, "chunks", "prose/frankenstein_chunks.csv")
    assert (source["kept"], source["repairs"]) == (481, 1)
    assert counts(workbench("check", "chunks", "--json", cwd=room)) == {"boilerplate": 22}
    proof = workbench("split", "chunks", "--json", cwd=room).json["proof"]
    assert proof["neighbour"] == proof["near"] == 0


def test_novels_as_text_one_of_them_in_latin_1(room):
    assert taken(room, "frankenstein", "prose/frankenstein_84-0_utf8bom_crlf.txt")["reader"] == "plain_text"
    source = taken(room, "candide", "prose/fr_candide_4650-8_latin1.txt")
    assert source["encoding"] == "latin-1" and "guess" in str(source["guesses"])


def test_story_rows_hold_a_literal_bos_until_the_fix(room):
    assert taken(room, "story", "story/story.json")["kept"] == 74
    assert counts(workbench("check", "story", "--json", cwd=room)) == {"literal-marker": 74}
    assert workbench("edit", "story", "--fix", "literal-marker", "--json", cwd=room).json["edits"] == 74
    assert workbench("check", "story", "--json", cwd=room).json["issues"] == []


def test_domain_qa_keeps_its_own_split_and_says_what_is_unchecked(room):
    for file, side in (("train", "train"), ("val", "validation"), ("test", "test")):
        taken(room, "qa", f"qa/domainqa_{file}.jsonl", "--split", side)
    cut = workbench("split", "qa", "--keep-source-split", "--json", cwd=room).json
    assert cut["splits"] == {"train": 20, "validation": 5, "test": 5, "excluded": 0}
    assert any("cross-language" in line for line in cut["proof"]["unchecked"])


def test_instruction_rows_and_a_sample_of_them(room):
    assert taken(room, "alpaca", "instruction/alpaca_small_2k.json")["kept"] == 2000
    drawn = taken(room, "drawn", "instruction/alpaca_small_2k.json", "--sample", "1000", "--seed", "42")
    assert drawn["kept"] == 1000
    assert taken(room, "drawn", "instruction/alpaca_small_2k.json", "--sample", "1000", "--seed", "42")["kept"] == 0


@pytest.mark.parametrize("path", sorted((DATA / "messy").glob("*")), ids=lambda path: path.name)
def test_a_messy_file_comes_in_or_says_in_one_line_why_not(room, path):
    said = workbench("ingest", f"messy-{path.stem.replace('_', '-')}", path, cwd=room)
    errors = [line for line in said.talk.splitlines() if line.startswith("error: ")]
    assert (said.code == 0 and not errors) or (said.code in (1, 2) and len(errors) == 1)


def test_the_store_is_whole_after_all_of_it(room):
    assert workbench("verify", "--json", cwd=room).json["faults"] == []
