"""Real files of other people come in whole, or are refused with one clear sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.readers.units import between, records, rejects, units
from workbench.readers.detect import detect, plan
from workbench.readers.mapping import FieldSpec, apply, propose

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SHARED.is_dir(), reason="the real inputs are not beside this checkout"),
]
QUIZ = {
    "question": FieldSpec("str", required=True),
    "options": FieldSpec("list[str]", required=True, aliases=("answers",)),
    "correct_option_index": FieldSpec("int", aliases=("answer", "correct_answers"), plural="correct_option_indices"),
    "correct_option_indices": FieldSpec("list[int]"),
}
COUNTS = {
    "mcq/openquizzdb_seed_shape_en.json": ("json_array", 3300),
    "mcq/openquizzdb_seed_shape_fr.json": ("json_array", 7950),
    "mcq/aiquizplatform_machine_learning.json": ("json_array", 60),
    "mcq/frenchmedmcqa_dev.json": ("json_array", 312),
    "mcq/mmlu_machine_learning_test.csv": ("delimited", 112),
    "mcq/mmlu_formal_logic_test.csv": ("delimited", 126),
    "qa/domainqa_train.jsonl": ("jsonl", 20),
    "qa/domainqa_val.jsonl": ("jsonl", 5),
    "qa/domainqa_test.jsonl": ("jsonl", 5),
    "prose/frankenstein_chunks.csv": ("delimited", 481),
    "story/story.json": ("json_array", 74),
    "instruction/alpaca_small_2k.json": ("json_array", 2000),
    "messy/csvkit_test_latin1.csv": ("delimited", 2),
    "messy/csvspectrum_newlines_crlf.csv": ("delimited", 3),
    "messy/datajuicer_demo_prettyjson_as.jsonl": ("json_array", 29),
    "messy/frictionless_bom.csv": ("delimited", 2),
    "messy/ftfy_in-the-wild.json": ("json_array", 70),
}


@pytest.mark.parametrize("name", sorted(COUNTS))
def test_every_row_of_a_real_file_comes_in(name: str) -> None:
    reader, count = COUNTS[name]
    found = units(SHARED / name)
    assert (detect(SHARED / name).reader, len(records(found)), rejects(found)) == (reader, count, [])


@pytest.mark.parametrize("name", [name for name in sorted(COUNTS) if name.startswith("mcq/")])
def test_every_real_question_has_an_answer_within_its_options(name: str) -> None:
    rows = [unit.fields for unit in records(units(SHARED / name))]
    mapping = propose(list(rows[0]), rows, QUIZ)
    several = 0
    for row in rows:
        typed, _ = apply(mapping, row, QUIZ)
        found = typed["correct_option_indices"] or [typed["correct_option_index"]]
        several += len(found) > 1
        assert all(0 <= index < len(typed["options"]) for index in found)
    assert several == (148 if "frenchmed" in name else 0)


@pytest.mark.parametrize(
    ("name", "encoding", "chapters"),
    [
        ("frankenstein_84-0_utf8bom_crlf.txt", "utf-8-sig", 28),
        ("fr_candide_4650-8_latin1.txt", "latin-1", 30),
    ],
)
def test_a_real_novel_is_chunked_whole_by_chapter(name: str, encoding: str, chapters: int) -> None:
    path = SHARED / "prose" / name
    found = records(units(path))
    assert detect(path).encoding == encoding
    assert between(path, found) == (b"\xef\xbb\xbf" if encoding == "utf-8-sig" else b"")
    assert len({unit.fields["chapter"] for unit in found} - {None}) == chapters
    assert found[0].repairs[0].reason == "boilerplate: licence header"
    assert found[-1].repairs[0].reason == "boilerplate: licence footer"
    narrative = [unit.fields["text"] for unit in found if not unit.repairs]
    assert all(len(text) <= 1500 for text in narrative)
    ended = sum(text.endswith(tuple('.!?"”’»_]')) for text in narrative)
    assert len(narrative) - ended <= 3


def test_the_byte_order_mark_inside_a_real_cell_is_repaired() -> None:
    found = records(units(SHARED / "prose" / "frankenstein_chunks.csv"))
    assert [unit.origin.position for unit in found if unit.repairs] == [0]
    assert found[0].repairs[0].field == "text" and not found[0].repairs[0].value.startswith("\ufeff")


def test_a_real_nul_byte_sets_its_row_aside() -> None:
    [unit] = rejects(units(SHARED / "messy" / "csvkit_null_byte.csv"))
    assert unit.raw == b"\x00,2,3" and "NUL" in unit.reason


def test_a_real_latin1_cell_is_read_and_the_guess_is_said() -> None:
    path = SHARED / "messy" / "csvkit_test_latin1.csv"
    assert "guess" in detect(path).guesses[0]
    assert records(units(path))[1].fields["c"] == "©"


def test_real_utf16_subtitles_are_read() -> None:
    path = SHARED / "messy" / "chardet_UTF-16_bom-utf-16-le.srt"
    assert plan(path).proposal.encoding == "utf-16-le"
    assert "About 2 months ago I found myself on" in records(units(path))[0].fields["text"]
