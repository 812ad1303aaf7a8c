"""Parquet and Arrow: plain JSON values in small batches, from files and from saved folders."""

from __future__ import annotations

import datetime
import json
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.readers.units import records, rejects, units
from workbench.errors import DataError, UsageError, WorkbenchError
from workbench.readers.detect import plan
from workbench.readers.parquet_file import read, spans
from workbench.readers.record import Proposal, Reading, Span


def test_rows_of_all_batches_come_in_with_their_numbers(tmp_path: Path) -> None:
    pq.write_table(pa.table({"n": list(range(1000))}), tmp_path / "a.parquet")
    found = records(units(tmp_path / "a.parquet"))
    assert [unit.fields["n"] for unit in found] == list(range(1000))
    assert [unit.origin.start for unit in found] == list(range(1000))


def test_values_become_plain_json_and_binary_rows_are_set_aside(tmp_path: Path) -> None:
    rows = [
        {
            "when": datetime.datetime(2024, 5, 1, 12),
            "score": float("nan"),
            "raw": None,
            "turns": [{"role": "user"}],
        },
        {"when": None, "score": 1.0, "raw": b"\x00\xff", "turns": []},
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    found = units(tmp_path / "a.parquet")
    expected = {"when": "2024-05-01T12:00:00", "score": None, "raw": None, "turns": [{"role": "user"}]}
    assert records(found)[0].fields == expected
    assert "bytes" in rejects(found)[0].reason and json.loads(rejects(found)[0].raw)["score"] == 1.0


def test_a_torn_parquet_file_is_one_clear_error(tmp_path: Path) -> None:
    pq.write_table(pa.table({"n": [1, 2]}), tmp_path / "a.parquet")
    raw = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(raw[:-10])
    with pytest.raises(UsageError, match="no whole Parquet file"):
        units(tmp_path / "a.parquet")


def lying(path: Path, says: int, of_file: int, groups: list[int]) -> Path:
    """Write a file of four groups of 300 rows, with one number of its footer changed so that it tells this."""
    pq.write_table(pa.table({"n": list(range(1200))}), path, row_group_size=300)
    whole, before = path.read_bytes(), _number(1200 if of_file == says else 300)
    begin = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    for at in range(begin, len(whole) - 8):
        if whole[at : at + 2] == before:
            path.write_bytes(whole[:at] + _number(says) + whole[at + 2 :])
            with suppress(pa.ArrowException, OSError):
                told = pq.read_metadata(path)
                if [told.num_rows, *(told.row_group(i).num_rows for i in range(4))] == [of_file, *groups]:
                    return path
    raise AssertionError("nothing in the footer tells this")


def _number(value: int) -> bytes:
    """Return a number of two bytes as Thrift's compact protocol writes it."""
    return bytes([value << 1 & 0x7F | 0x80, value >> 6])


@pytest.mark.parametrize(("of_file", "groups"), [(1200, [300, 300, 70, 300]), (3000, [300] * 4)])
def test_a_footer_that_tells_of_other_rows_than_its_groups_is_refused_however_it_is_read(
    of_file: int, groups: list[int], tmp_path: Path
) -> None:
    path = lying(tmp_path / "a.parquet", of_file if of_file != 1200 else 70, of_file, groups)
    with pytest.raises(DataError, match="its footer tells of"):
        units(path)
    with pytest.raises(DataError, match="its footer tells of"):
        list(spans(Reading(path, Proposal("parquet_file")), 200, 1))


def test_a_part_with_fewer_rows_than_its_group_told_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"n": list(range(600))}), tmp_path / "a.parquet", row_group_size=300)
    part = Reading(tmp_path / "a.parquet", Proposal("parquet_file"), span=Span(300, 601))
    with pytest.raises(DataError, match="breaks off behind row 600"):
        list(read(part))


def test_parts_are_whole_groups_behind_what_was_read(tmp_path: Path) -> None:
    pq.write_table(pa.table({"n": list(range(1200))}), tmp_path / "a.parquet", row_group_size=300)
    reading = Reading(tmp_path / "a.parquet", Proposal("parquet_file"))
    size = reading.path.stat().st_size
    assert list(spans(reading, 200, 1)) == [Span(200, 300), Span(300, 600), Span(600, 900), Span(900, 1200)]
    assert list(spans(reading, 200, size // 2)) == [Span(200, 900), Span(900, 1200)]
    assert list(spans(reading, 1200, 1)) == []


def test_a_folder_saved_by_the_library_is_read_with_its_splits(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    train = datasets.Dataset.from_list([{"text": "a"}, {"text": "b"}])
    both = datasets.DatasetDict({"train": train, "test": datasets.Dataset.from_list([{"text": "c"}])})
    both.save_to_disk(tmp_path / "both")
    train.save_to_disk(tmp_path / "one")
    splits = [(unit.fields["text"], unit.fields["split"]) for unit in records(units(tmp_path / "both"))]
    assert splits == [("a", "train"), ("b", "train"), ("c", "test")]
    assert [unit.fields for unit in records(units(tmp_path / "one"))] == [{"text": "a"}, {"text": "b"}]


@pytest.mark.parametrize("name", ["../outside", "/etc", "", "..", "a/b"])
def test_a_folder_that_points_outside_itself_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "dataset_dict.json").write_text(json.dumps({"splits": [name]}))
    with pytest.raises(UsageError, match="not inside the folder"):
        units(tmp_path)


def test_a_table_with_broken_offsets_is_refused_and_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, pa.schema([("t", pa.string())])) as out:
        out.write_table(pa.table({"t": ["abc", "defgh"]}))
    raw = path.read_bytes()
    offsets = b"\x00\x00\x00\x00\x03\x00\x00\x00\x08\x00\x00\x00"
    assert offsets in raw
    path.write_bytes(raw.replace(offsets, b"\x00\x00\x00\x00\x03\x00\x00\x7f\x08\x00\x00\x7f"))
    with pytest.raises(WorkbenchError):
        units(path)


def test_times_finer_than_pythons_own_stay_exact(tmp_path: Path) -> None:
    pq.write_table(pa.table({"t": pa.array([1], pa.timestamp("ns"))}), tmp_path / "a.parquet")
    assert records(units(tmp_path / "a.parquet"))[0].fields["t"].endswith("00.000000001")


def test_text_that_is_not_utf8_inside_a_parquet_file_is_one_clear_error(tmp_path: Path) -> None:
    bad = pa.StringArray.from_buffers(1, pa.py_buffer(b"\x00\x00\x00\x00\x01\x00\x00\x00"), pa.py_buffer(b"\xff"))
    pq.write_table(pa.table({"t": bad}), tmp_path / "a.parquet")
    with pytest.raises(WorkbenchError):
        units(tmp_path / "a.parquet")


def test_a_folder_of_an_export_is_refused_with_the_files_to_name(tmp_path: Path) -> None:
    for folder in (tmp_path / "flat", tmp_path / "export" / "data"):
        folder.mkdir(parents=True)
        (folder / "train-00000-of-00001.parquet").write_bytes(b"PAR1")
        named = folder.parent if folder.name == "data" else folder
        with pytest.raises(UsageError, match="no saved Arrow data") as caught:
            plan(named)
        assert f"{folder}/*.parquet" in caught.value.hint
