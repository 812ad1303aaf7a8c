"""Lines that end with a carriage return alone, as old exports have them: what they cost, and what they hold."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.readers import jsonl, registry
from workbench.readers.body import Body, newline_of
from workbench.readers.detect import detect
from workbench.readers.record import Proposal, Reading, Record

ROW = b'{"text": "one row like any other"}'


class Watched(bytes):
    """Bytes that count how far they were searched."""

    searched = 0

    def find(self, wanted, start=0, end=None):
        end = len(self) if end is None else end
        found = super().find(wanted, start, end)
        self.searched += (end if found < 0 else found + 1) - start
        return found


@pytest.fixture
def searched(monkeypatch):
    """Return what reads lines of an end whole or in parts and gives (rows, bytes searched, bytes of the file)."""

    def read(end: bytes, rows: int, *, part: int) -> tuple[int, int, int]:
        whole = Watched((ROW + end) * rows)
        monkeypatch.setattr(jsonl, "load", lambda path, encoding: Body(whole, "utf-8", 0))
        reading = Reading("rows.jsonl", Proposal("jsonl"))
        found = [unit for span in jsonl.spans(reading, 0, part) for unit in jsonl.read(replace(reading, span=span))]
        assert all(isinstance(unit, Record) for unit in found)
        return len(found), whole.searched, len(whole)

    return read


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_a_part_is_searched_for_its_own_lines_alone(searched, end):
    rows, looks, size = searched(end, 2_000, part=1_000)
    assert rows == 2_000
    # Once or, for a stray end, twice for each line, and as often a part for its end.
    assert looks <= 3 * size


def test_a_part_without_a_line_feed_ends_its_lines_as_the_whole_file_does(tmp_path):
    file = tmp_path / "rows.jsonl"
    torn = b'{"text": "a carriage\rreturn"}'
    file.write_bytes(torn + b"\n" + ROW + b"\n" + torn)
    reading = Reading(file, Proposal("jsonl"))
    parts = [unit for span in jsonl.spans(reading, 0, 10) for unit in jsonl.read(replace(reading, span=span))]
    assert len(parts) == len(list(jsonl.read(reading))) == 3


@pytest.mark.slow
def test_200_megabytes_of_lines_that_end_with_a_carriage_return_are_read_in_parts_in_a_minute(tmp_path):
    file, row = tmp_path / "rows.jsonl", b'{"text": "' + b"a row like any other " * 50 + b'"}\r'
    rows = 200_000_000 // len(row)
    file.write_bytes(row * rows)
    reading = Reading(file, Proposal("jsonl"))
    began = time.process_time()
    parts = (jsonl.read(replace(reading, span=span)) for span in jsonl.spans(reading, 0, 1 << 20))
    assert sum(isinstance(unit, Record) for part in parts for unit in part) == rows
    assert time.process_time() - began < 60


def read_all(path, reader: str, **settings):
    return list(registry.read(Reading(path, Proposal(reader), **settings)))


def test_a_stray_line_feed_among_carriage_returns_ends_a_row_and_hides_none(tmp_path):
    file = tmp_path / "rows.jsonl"
    rows = [b'{"text": "row %d"}' % number for number in range(9)]
    file.write_bytes(b"\r".join(rows[:5]) + b"\n" + b"\r".join(rows[5:]) + b"\r")
    found = read_all(file, "jsonl")
    assert [unit.fields["text"] for unit in found] == [f"row {number}" for number in range(9)]
    assert [file.read_bytes()[unit.origin.start : unit.origin.end] for unit in found] == rows
    reading = Reading(file, Proposal("jsonl"))
    for size in (1, 20, 60, 1000):
        parts = [unit for span in jsonl.spans(reading, 0, size) for unit in jsonl.read(replace(reading, span=span))]
        assert [unit.fields for unit in parts] == [unit.fields for unit in found]


def test_an_old_table_may_hold_line_feeds_in_its_cells_and_a_stray_one(tmp_path):
    file = tmp_path / "rows.csv"
    file.write_bytes(b'question,answer\r"two\nlines",a\rplain,b\nstray,c\r"again\nand\nagain",d\rlast,e\r')
    assert detect(file).reader == "delimited"
    found = read_all(file, "delimited")
    assert [tuple(unit.fields.values()) for unit in found] == [
        ("two\nlines", "a"),
        ("plain", "b"),
        ("stray", "c"),
        ("again\nand\nagain", "d"),
        ("last", "e"),
    ]


@pytest.mark.parametrize(
    ("head", "newline"),
    [
        (b"a\nb\n", b"\n"),
        (b"a\r\nb\r\n", b"\n"),
        (b"a\r\r\nb\r\r\n", b"\n"),
        (b"a\rb\rc\rd\r", b"\r"),
        (b"a\rb\rc\rd\ne\rf\r", b"\r"),
        (b'"many\rreturns\rin\ra\rcell",1\n2,3\n', b"\n"),
        (b'"a\nb",1\r"c\nd",2\r3,4\r', b"\r"),
        (b"a line that is cut\r", b""),
        (b"", b""),
    ],
)
def test_what_ends_lines_is_told_by_most_of_them_outside_of_quotes(head, newline):
    assert newline_of(head) == newline


@given(st.lists(st.sampled_from([b"\n", b"\r", b"\r\n"]), min_size=1, max_size=12))
def test_every_byte_is_in_just_one_line_whatever_ends_them(ends):
    whole = b"".join(b"x%d" % number + end for number, end in enumerate(ends))
    body = Body(whole, "utf-8", 0)
    spans = list(body.lines(0, body.end, body.newline()))
    assert b"".join(whole[start:stop] for start, stop in spans) == whole
    if body.newline() == b"\r":
        assert all(len(whole[start:stop].split()) <= 1 for start, stop in spans)
