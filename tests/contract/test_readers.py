"""What every reader keeps, whichever there are: a sample, a claim, conserved units, clear refusals."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.readers.units import between, records, rejects, units, units_by
from workbench.errors import UsageError, WorkbenchError
from workbench.readers import detect, registry
from workbench.readers.json_values import without_comments
from workbench.readers.record import Record
from workbench.readers.turn_shapes import from_chatml

SAMPLES = Path(__file__).resolve().parents[1] / "data" / "readers"
NAMES = sorted(registry.readers())
FILES = [path for path in sorted(SAMPLES.iterdir()) if path.is_file()]
BYTE_FILES = [path for path in FILES if path.suffix != ".parquet"]
COUNTS = {
    "arrow_folder": (2, 1),
    "chatml": (3, 1),
    "conversations": (5, 3),
    "delimited": (4, 3),
    "json_array": (3, 1),
    "json_comments": (2, 1),
    "jsonl": (4, 3),
    "parquet_file": (2, 1),
    "plain_text": (5, 0),
}
SEPARATORS = {
    "chatml": rb"\s*",
    "delimited": rb"(?:\xef\xbb\xbf)?question,A,B,answer[\r\n]*",
    "json_array": rb"[\s,\[\]]*",
    "json_comments": rb"(?:[\s,\[\]]|//[^\n]*|/\*.*?\*/)*",
    "jsonl": rb"[\r\n]*",
    "plain_text": rb"",
}
FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def sample(name: str) -> Path:
    return next(path for path in SAMPLES.iterdir() if path.stem == name)


def parsed_csv(text: str) -> list[str]:
    return next(csv.reader([text.replace('"no"', '""no""')], strict=True))


AGAIN: dict[str, Callable[[str, Record], bool]] = {
    "chatml": lambda text, unit: from_chatml(text) == unit.fields["messages"],
    "delimited": lambda text, unit: parsed_csv(text) == list(unit.fields.values()),
    "json_array": lambda text, unit: json.loads(text) == unit.fields,
    "json_comments": lambda text, unit: json.loads(without_comments(text)) == unit.fields,
    "jsonl": lambda text, unit: json.loads(text) == unit.fields,
    "plain_text": lambda text, unit: text.replace("\r\n", "\n").strip() == unit.fields["text"].strip(),
}


@pytest.mark.parametrize("name", NAMES)
def test_every_reader_has_a_docstring_a_sample_that_it_claims_and_known_counts(name: str) -> None:
    assert registry.reader(name).__doc__
    assert detect.detect(sample(name)).reader == name
    found = units(sample(name))
    assert (len(records(found)), len(rejects(found))) == COUNTS.get(name, (len(records(found)), 0))


@pytest.mark.parametrize("name", sorted(SEPARATORS))
def test_no_byte_is_lost_and_a_span_decodes_to_its_unit(name: str) -> None:
    path = sample(name)
    found = units(path)
    assert re.fullmatch(SEPARATORS[name], between(path, found), re.DOTALL)
    for unit in records(found):
        assert AGAIN[name](path.read_bytes()[unit.origin.start : unit.origin.end].decode("utf-8"), unit)


@pytest.mark.parametrize("name", sorted(SEPARATORS))
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-8-sig", "cp1252"])
def test_another_encoding_gives_the_same_records_with_spans_of_its_own_bytes(
    name: str, encoding: str, tmp_path: Path
) -> None:
    text = sample(name).read_bytes().decode("utf-8-sig").replace("\ufeff", "")
    plain, other = tmp_path / sample(name).name, tmp_path / f"other{sample(name).suffix}"
    plain.write_bytes(text.encode("utf-8"))
    other.write_bytes((f"\ufeff{text}" if "16" in encoding else text).encode(encoding))
    expected, found = units_by(name, plain), units_by(name, other, encoding)
    assert [unit.fields for unit in records(found)] == [unit.fields for unit in records(expected)]
    for unit in records(found):
        piece = other.read_bytes()[unit.origin.start : unit.origin.end].decode(encoding)
        assert AGAIN[name](piece, unit)


@pytest.mark.parametrize("name", NAMES)
def test_every_reader_answers_a_missing_file_with_one_clear_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        units_by(name, tmp_path / "gone")
    assert "gone" in caught.value.what and caught.value.hint


def tolerated(read: Callable[[], object]) -> None:
    """Run a reading whose only permitted exception is a WorkbenchError; the laws are checked inside."""
    try:
        read()
    except WorkbenchError as error:
        assert error.what


@FUZZ
@given(data=st.binary(max_size=300), name=st.sampled_from(NAMES))
def test_random_bytes_never_break_a_reader(data: bytes, name: str, tmp_path: Path) -> None:
    path = tmp_path / "raw.bin"
    path.write_bytes(data)
    tolerated(lambda: units_by(name, path))
    tolerated(lambda: units(path))


@FUZZ
@given(path=st.sampled_from(FILES), cut=st.floats(0, 1))
def test_a_file_cut_off_anywhere_keeps_the_laws(path: Path, cut: float, tmp_path: Path) -> None:
    torn = tmp_path / path.name
    raw = path.read_bytes()
    torn.write_bytes(raw[: int(len(raw) * cut)])
    tolerated(lambda: units_by(path.stem, torn))
    tolerated(lambda: units(torn))


@settings(FUZZ, max_examples=150)
@given(
    path=st.sampled_from(BYTE_FILES),
    at=st.floats(0, 1),
    put=st.one_of(st.binary(max_size=6), st.sampled_from([b'"', b"{", b"]", b",", b"\r", b"\\", b"/*", b"\xff"])),
    take=st.integers(0, 30),
)
def test_a_file_damaged_anywhere_keeps_the_laws(path: Path, at: float, put: bytes, take: int, tmp_path: Path) -> None:
    raw = path.read_bytes()
    start = int(len(raw) * at)
    damaged = tmp_path / path.name
    damaged.write_bytes(raw[:start] + put + raw[start + take :])
    tolerated(lambda: units_by(path.stem, damaged))
    tolerated(lambda: units(damaged))


@FUZZ
@given(cut=st.floats(0, 1))
def test_a_saved_folder_with_a_torn_table_gives_its_whole_rows_or_one_error(cut: float, tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(SAMPLES / "arrow_folder", folder)
    table = next((folder / "train").glob("*.arrow"))
    raw = table.read_bytes()
    table.write_bytes(raw[: int(len(raw) * cut)])
    tolerated(lambda: units(folder))
