"""An export holds exactly the rows of its version, is whole or absent, and says what it is."""

from __future__ import annotations

import json
import weakref
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Features, load_dataset

from tests.exports import an_export, facts, tables
from workbench.errors import CorruptionError, DataError, OutsideError, UsageError
from workbench.fingerprint import digest_file
from workbench.publish import formats
from workbench.publish.columns import features
from workbench.publish.formats import read_curation, write_export
from workbench.publish.pieces import held


def loaded_rows(folder: Path, cache: Path) -> dict[str, list[dict[str, object]]]:
    loaded = load_dataset(str(folder), cache_dir=str(cache))
    return {split: rows.to_list() for split, rows in loaded.items()}


def exported_rows() -> dict[str, list[dict[str, object]]]:
    return {split: table.to_pylist() for split, table in tables().items() if split != "excluded"}


def test_a_parquet_export_loads_as_the_very_same_rows(tmp_path):
    folder = an_export(tmp_path / "out")
    assert loaded_rows(folder, tmp_path / "cache") == exported_rows()


def test_a_jsonl_export_loads_as_the_very_same_rows_and_never_as_train(tmp_path):
    folder = an_export(tmp_path / "out", format="jsonl")
    rows = loaded_rows(folder, tmp_path / "cache")
    assert list(rows) == ["records"]
    wanted = [row | {"split": split} for split, held in exported_rows().items() for row in held]
    assert rows["records"] == wanted


def test_excluded_records_leave_in_no_file(tmp_path):
    for format in formats.FORMATS:
        folder = an_export(tmp_path / format, format=format)
        read = [pq.read_table(path).to_pylist() for path in folder.glob("data/*")]
        told = json.dumps(read) + "".join(path.read_text() for path in folder.glob("*.*"))
        assert "train-0000" in told
        assert "excluded-0000" not in told


def test_files_come_back_in_order_and_exist(tmp_path):
    written = write_export(facts(), held(tables()), tmp_path / "out")
    assert written.names == (
        "data/train-00000-of-00001.parquet",
        "data/validation-00000-of-00001.parquet",
        "data/test-00000-of-00001.parquet",
    )
    assert all((tmp_path / "out" / name).is_file() for name in (*written.names, "README.md", "curation.json"))


def test_the_rows_of_a_parquet_file_are_let_go_before_it_is_measured(tmp_path, monkeypatch):
    write, opened, tables_written = pq.write_table, pq.ParquetFile, list[weakref.ref[pa.Table]]()

    def writing(table: pa.Table, *rest: object, **options: object) -> None:
        tables_written.append(weakref.ref(table))
        write(table, *rest, **options)

    def measured(name: str) -> pq.ParquetFile:
        assert [table() for table in tables_written] == [None] * len(tables_written)
        return opened(name)

    monkeypatch.setattr(pq, "write_table", writing)
    monkeypatch.setattr(pq, "ParquetFile", measured)
    write_export(facts(), held(tables()), tmp_path / "out")
    assert len(tables_written) == 3


def test_a_split_beyond_the_limit_is_cut_into_shards_that_load_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(formats, "SHARD_BYTES", 1500)
    files = write_export(facts(), held(tables(40)), tmp_path / "out").files
    shards = [file.path for file in files if file.split == "train"]
    assert len(shards) > 2
    assert shards[-1] == f"data/train-{len(shards) - 1:05d}-of-{len(shards):05d}.parquet"
    rows = loaded_rows(tmp_path / "out", tmp_path / "cache")
    assert rows["train"] == tables(40)["train"].to_pylist()


def test_the_parquet_files_are_zstd_with_content_defined_chunks_and_a_page_index(tmp_path):
    folder = an_export(tmp_path / "out")
    column = pq.read_metadata(folder / "data/train-00000-of-00001.parquet").row_group(0).column(0)
    assert column.compression == "ZSTD"
    assert column.has_offset_index and column.has_column_index


def test_the_same_version_gives_the_same_bytes_however_the_table_was_cut(tmp_path):
    one = an_export(tmp_path / "one")
    cut = {split: pa.concat_tables([table.slice(0, 1), table.slice(1)]) for split, table in tables().items()}
    write_export(facts(), held(cut), tmp_path / "two")
    for path in sorted(one.rglob("*.*")):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(one)).read_bytes()


def test_curation_states_every_data_file_with_size_and_digest(tmp_path):
    folder = an_export(tmp_path / "out")
    known = read_curation(folder)
    assert (known["corpus"], known["version"], known["license"]) == ("quiz", "a1b2c3d4", "cc-by-4.0")
    assert [column["name"] for column in known["columns"]] == tables()["train"].column_names
    for file in known["files"]:
        path = folder / file["path"]
        assert (path.stat().st_size, digest_file(path)) == (file["size"], file["sha256"])
    assert sum(file["rows"] for file in known["files"]) == 10


def test_a_changed_data_file_is_noticed(tmp_path):
    folder = an_export(tmp_path / "out")
    path = folder / "data/train-00000-of-00001.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(CorruptionError, match="train-00000"):
        read_curation(folder)


def test_a_listed_path_outside_the_export_is_refused(tmp_path):
    folder = an_export(tmp_path / "out")
    known = json.loads((folder / "curation.json").read_text())
    known["files"][0]["path"] = "../secret"
    (folder / "curation.json").write_text(json.dumps(known))
    with pytest.raises(DataError, match="secret"):
        read_curation(folder)


def test_a_folder_that_is_no_export_is_told_apart(tmp_path):
    with pytest.raises(UsageError, match="not an export"):
        read_curation(tmp_path)


@pytest.mark.parametrize("format", formats.FORMATS)
def test_the_same_export_may_be_written_again(tmp_path, format):
    folder = an_export(tmp_path / "out", format=format)
    before = {path: path.read_bytes() for path in folder.rglob("*.*")}
    an_export(folder, format=format)
    assert {path: path.read_bytes() for path in folder.rglob("*.*")} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


OTHERS = [{"version": "ffff"}, {"license": "mit"}, {"rows": 7}, {"format": "jsonl"}]


@pytest.mark.parametrize("changed", OTHERS, ids=str)
def test_another_export_is_replaced_by_force_alone(tmp_path, changed):
    folder = an_export(tmp_path / "out")
    before = read_curation(folder)
    with pytest.raises(UsageError) as caught:
        an_export(folder, **changed)
    assert "--force" in caught.value.hint and read_curation(folder) == before
    an_export(folder, force=True, **changed)
    assert read_curation(folder) != before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_damaged_or_missing_file_is_put_right_by_force_alone(tmp_path):
    folder = an_export(tmp_path / "out")
    (folder / "data/train-00000-of-00001.parquet").write_bytes(b"damaged")
    with pytest.raises(UsageError, match="train-00000"):
        an_export(folder)
    (folder / "data/train-00000-of-00001.parquet").unlink()
    with pytest.raises(UsageError, match="train-00000"):
        an_export(folder)
    an_export(folder, force=True)
    assert read_curation(folder)["version"] == "a1b2c3d4"


def test_a_folder_that_holds_no_export_is_not_replaced_by_force_either(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="not an export"):
        an_export(tmp_path / "out", force=True)
    assert (tmp_path / "out" / "thesis.txt").read_text() == "mine"


def test_a_persons_file_in_the_folder_is_never_removed(tmp_path):
    folder = an_export(tmp_path / "out")
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"notes\.txt"):
        an_export(folder, force=True)
    assert (folder / "notes.txt").read_text() == "mine"


def test_a_failing_writer_leaves_the_old_export_and_nothing_else(tmp_path, monkeypatch):
    folder = an_export(tmp_path / "out")

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(formats, "_describe", full_disk)
    with pytest.raises(OutsideError, match="No space left"):
        an_export(folder)
    assert read_curation(folder)["version"] == "a1b2c3d4"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_a_killed_writer_left_is_put_right_by_the_next(tmp_path):
    folder = an_export(tmp_path / "out")
    folder.rename(tmp_path / ".out.old")
    (tmp_path / ".out.partial").mkdir()
    an_export(folder)
    assert read_curation(folder)["version"] == "a1b2c3d4"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_version_without_records_is_refused(tmp_path):
    empty = {split: table.slice(0, 0) for split, table in tables().items()}
    with pytest.raises(DataError, match="no record to export"):
        write_export(facts(), held(empty), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_empty_split_has_no_file_and_the_rest_loads(tmp_path):
    some = tables() | {"test": tables()["test"].slice(0, 0)}
    write_export(facts(), held(some), tmp_path / "out")
    assert sorted(loaded_rows(tmp_path / "out", tmp_path / "cache")) == ["train", "validation"]


def test_an_unknown_format_is_answered_with_the_known_ones(tmp_path):
    with pytest.raises(UsageError) as caught:
        write_export(facts(), held(tables()), tmp_path / "out", format="parqet")
    assert "did you mean 'parquet'" in caught.value.hint


def test_a_table_of_the_frame_engine_exports_as_it_is(tmp_path):
    frame = pl.DataFrame({"text": ["a", None], "kind": pl.Series(["x", "y"], dtype=pl.Categorical), "n": [1, 2]})
    for number, compat in enumerate((pl.CompatLevel.oldest(), pl.CompatLevel.newest())):
        folder = tmp_path / str(number)
        write_export(facts(), held({"train": frame.to_arrow(compat_level=compat)}), folder)
        assert loaded_rows(folder, tmp_path / "cache") == {"train": frame.to_dicts()}


def test_columns_are_described_as_the_loading_library_does_it(tmp_path):
    schema = held(tables()).schema
    assert features(schema) == Features.from_arrow_schema(schema)._to_yaml_list()


@pytest.mark.parametrize("what", ["link", "folder"])
def test_a_persons_link_or_folder_is_never_removed_either(tmp_path, what):
    folder = an_export(tmp_path / "out")
    mine = folder / "adapter"
    mine.symlink_to(tmp_path) if what == "link" else mine.mkdir()
    with pytest.raises(UsageError, match="adapter"):
        an_export(folder, force=True)
    assert mine.is_symlink() or mine.is_dir()


def test_what_comes_into_the_folder_while_it_is_replaced_stays(tmp_path):
    folder = an_export(tmp_path / "out")

    def begun(written: object) -> dict[str, str]:
        (folder / "checkpoint.bin").write_text("mine")
        return {}

    with pytest.raises(UsageError, match="checkpoint"):
        write_export(facts(version="ffff"), held(tables()), folder, force=True, stub=begun)
    assert (folder / "checkpoint.bin").read_text() == "mine" and read_curation(folder)["version"] == "a1b2c3d4"


@pytest.mark.parametrize("beside", [5, "README.md", [["x"]], {"x": 1}], ids=repr)
def test_a_strangers_list_of_files_beside_the_records_is_no_fault_of_ours(tmp_path, beside):
    folder = an_export(tmp_path / "out")
    known = json.loads((folder / "curation.json").read_text()) | {"beside": beside}
    (folder / "curation.json").write_text(json.dumps(known))
    an_export(folder, force=True)
    assert "beside" not in read_curation(folder)
