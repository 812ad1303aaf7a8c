"""Novels: chunks end with a sentence, cover every byte, keep to their chapter and mark the licence."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from tests.unit.readers.units import between, records, rejects, units, units_by
from workbench.readers.sentences import cut, sentence_ends

SENTENCE = "The rain came down on the slate roofs of the town, and no one went out. "


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "book.txt"
    path.write_bytes(text.encode(encoding))
    return path


def chapters(path: Path) -> list[str | None]:
    return list(dict.fromkeys(unit.fields["chapter"] for unit in records(units_by("plain_text", path))))


def test_chunks_cover_the_file_and_end_with_a_sentence(tmp_path: Path) -> None:
    path = written(tmp_path, SENTENCE * 300)
    found = records(units(path))
    assert between(path, found) == b""
    assert all(unit.fields["text"].endswith("out.") for unit in found)
    assert all(800 <= len(unit.fields["text"]) <= 1400 for unit in found)


def test_the_wanted_length_is_the_readings_own(tmp_path: Path) -> None:
    found = records(units(written(tmp_path, SENTENCE * 300), chunk=400))
    assert all(260 <= len(unit.fields["text"]) <= 470 for unit in found)


def test_a_chunk_never_crosses_a_chapter_heading(tmp_path: Path) -> None:
    text = "".join(f"Chapter {number}\n\n{SENTENCE * 30}\n\n" for number in (1, 2, 3))
    found = records(units(written(tmp_path, text)))
    assert {unit.fields["chapter"] for unit in found} == {"Chapter 1", "Chapter 2", "Chapter 3"}
    heads = [unit.fields["text"].split("\n")[0] for unit in found if "Chapter" in unit.fields["text"]]
    assert heads == ["Chapter 1", "Chapter 2", "Chapter 3"]


@pytest.mark.parametrize(
    "headings",
    [
        ["I", "II", "III"],
        ["I.", "II.", "III."],
        ["CHAPITRE PREMIER", "CHAPITRE II[1].", "CHAPITRE III."],
        ["Letter 1", "Letter 2", "Chapter 1"],
        ["CHAPTER I. The Road", "CHAPTER II. The Inn", "CHAPTER III. Home"],
        ["## Chapter 1", "## Chapter 2", "Epilogue"],
    ],
)
def test_headings_alone_on_a_line_are_chapters(headings: list[str], tmp_path: Path) -> None:
    text = "".join(f"\n{heading}\n\n{SENTENCE * 20}\n" for heading in headings)
    assert len(chapters(written(tmp_path, text))) == 3


def test_a_table_of_contents_makes_no_empty_chapters(tmp_path: Path) -> None:
    contents = "CONTENTS\n\nChapter 1\n  The Road\n\nChapter 2\n  The Inn\n\n\n"
    body = "".join(f"Chapter {number}\n\n{SENTENCE * 9}\n\n" for number in (1, 2))
    found = records(units(written(tmp_path, f"A Book\n\n{contents}{body}")))
    assert [unit.fields["chapter"] for unit in found] == [None, "Chapter 1", "Chapter 2"]


def test_a_part_and_its_first_chapter_are_one_heading(tmp_path: Path) -> None:
    text = "".join(
        f"{heading}\n\n{SENTENCE}\n\n" for heading in ("PART ONE\n\nChapter 1", "Chapter 2", "PART TWO\n\nChapter 1")
    )
    assert chapters(written(tmp_path, text)) == ["PART ONE, Chapter 1", "Chapter 2", "PART TWO, Chapter 1"]


def test_an_initial_or_a_word_about_chapters_is_no_heading(tmp_path: Path) -> None:
    text = f"{SENTENCE}\n\nC.\n\n{SENTENCE}\n\nSee also\nChapter 4\nof the old book.\n\nChapter 5 was lost.\n"
    assert chapters(written(tmp_path, text)) == [None]


def test_the_licence_around_a_novel_becomes_drops_with_a_reason(tmp_path: Path) -> None:
    text = f"Licence.\n*** START OF IT ***\n{SENTENCE * 40}\n*** END OF IT ***\nMore licence.\n"
    path = written(tmp_path, text)
    found = records(units(path))
    reasons = [unit.repairs[0].reason if unit.repairs else "" for unit in found]
    assert reasons == ["boilerplate: licence header", *[""] * (len(found) - 2), "boilerplate: licence footer"]
    assert found[0].repairs[0].field == "" and found[0].fields["text"].endswith("*** START OF IT ***")
    assert between(path, found) == b""


def test_line_ends_become_one_kind_and_the_spans_still_hold_all(tmp_path: Path) -> None:
    path = written(tmp_path, f"\r\n\r\n{SENTENCE}\r\n\r\nNext line.\r\n\r\n")
    [unit] = records(units(path))
    assert unit.fields["text"] == f"{SENTENCE}\n\nNext line." and between(path, [unit]) == b""


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16-le", "utf-8-sig"])
def test_spans_are_exact_in_other_encodings(encoding: str, tmp_path: Path) -> None:
    text = "Élan, où l'été s'achève déjà. " * 200
    path = written(tmp_path, text, encoding)
    found = records(units_by("plain_text", path, encoding))
    raw = path.read_bytes()
    assert "".join(raw[unit.origin.start : unit.origin.end].decode(encoding) for unit in found) == text


def test_bytes_that_are_no_text_cost_one_chunk(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_bytes((SENTENCE * 60).encode() + b"\xff " + (SENTENCE * 60).encode())
    found = units_by("plain_text", path)
    assert len(rejects(found)) == 1 and b"\xff" in rejects(found)[0].raw and between(path, found) == b""


def test_text_without_any_space_is_cut_all_the_same(tmp_path: Path) -> None:
    path = written(tmp_path, "x" * 10_000)
    assert between(path, units(path)) == b"" and len(units(path)) > 5


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Mr. Stone met Dr. Vane. They spoke.", ["Mr. Stone met Dr. Vane.", " They spoke."]),
        ('"Stop!" he cried. "Why?" She left.', ['"Stop!" he cried.', ' "Why?"', " She left."]),
        ("J. S. Bach wrote it. Yes.", ["J. S. Bach wrote it.", " Yes."]),
        ("« Où ? » Il sortit. M. Noir rit.", ["« Où ? »", " Il sortit.", " M. Noir rit."]),
        ("It cost 3.50 then. Wait... what? No.", ["It cost 3.50 then.", " Wait... what?", " No."]),
        ("“It is.” “No.”", ["“It is.”", " “No.”"]),
    ],
)
def test_sentences_end_behind_quotes_and_not_behind_abbreviations(text: str, sentences: list[str]) -> None:
    ends = [0, *sentence_ends(text)]
    assert [text[start:end] for start, end in pairwise(ends)] == sentences


def test_a_cut_falls_back_from_sentence_to_word() -> None:
    assert cut("one two three four five", 10, 6, 12) == 8
