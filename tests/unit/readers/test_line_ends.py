"""Lines that end with a carriage return alone, as old exports have them: what they cost, and what they hold."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from workbench.readers import jsonl
from workbench.readers.body import Body
from workbench.readers.record import Proposal, Reading, Record

ROW = b'{"text": "one row like any other"}'


class Watched(bytes):
    """Bytes that count how far they were searched."""

    searched = 0

    def find(self, wanted, start=0, end=None):
        found = super().find(wanted, start, len(self) if end is None else end)
        self.searched += (len(self) if found < 0 else found + 1) - start
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
    # Once for a line feed in the whole, once for each line, and once a part for its end.
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
