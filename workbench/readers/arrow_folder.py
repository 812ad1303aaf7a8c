"""A folder written by `save_to_disk` (one table, or one folder a split), or a single Arrow file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import DataError, UsageError
from workbench.readers.record import Reading, Record, Reject
from workbench.readers.sight import Claim, Sight

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES: tuple[str, ...] = (".arrow",)

_STREAM = b"\xff\xff\xff\xff"
_FILE = b"ARROW1"


def recognise(sight: Sight) -> Claim | None:
    """Claim a folder by the files that describe it, and an Arrow file by its magic number."""
    if sight.path.is_dir():
        return Claim(100) if _described(sight.path) else None
    stream = sight.head.startswith(_STREAM) and sight.suffix in SUFFIXES
    return Claim(100) if stream or sight.head.startswith(_FILE) else None


def read(reading: Reading) -> Iterator[Record | Reject]:
    """Yield one unit per row; a folder of splits adds the raw column `split` (or `split_folder`)."""
    from workbench.readers.arrow_rows import units

    position = 0
    for split, file in _files(reading.path):
        for batch in _batches(file):
            column = "split_folder" if "split" in batch.schema.names else "split"
            yield from units(batch, position, {column: split} if split else {})
            position += batch.num_rows


def _described(folder: Path) -> bool:
    single = (folder / "dataset_info.json").is_file() or (folder / "state.json").is_file()
    return single or (folder / "dataset_dict.json").is_file()


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    if path.is_file():
        yield "", path
        return
    if not path.is_dir():
        raise UsageError(f"no folder {path.name!r} to read", "check the path")
    splits = path / "dataset_dict.json"
    if not splits.is_file():
        yield from (("", file) for file in _tables(path))
        return
    for split in _names(splits, "splits"):
        yield from ((split, file) for file in _tables(path / split))


def _tables(folder: Path) -> list[Path]:
    state = folder / "state.json"
    listed = _names(state, "_data_files") if state.is_file() else []
    files = [folder / name for name in listed] or sorted(folder.glob("*.arrow"))
    missing = [file.name for file in files if not file.is_file()]
    if missing or not files:
        lost = f"lacks {missing[0]!r}" if missing else "holds no Arrow file"
        raise UsageError(f"the folder {folder.name!r} {lost}", "save or fetch it again")
    return files


def _names(file: Path, key: str) -> list[str]:
    """Return the plain file or folder names that a description lists, refusing paths that lead out."""
    hint = "save or fetch the folder again"
    try:
        listed: Any = json.loads(file.read_text("utf-8"))[key]
        names = [entry["filename"] if isinstance(entry, dict) else entry for entry in listed]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(f"{file.name!r} does not list {key!r}", hint) from error
    for name in names:
        if not isinstance(name, str) or name in ("", ".", "..") or Path(name).name != name or "\0" in name:
            raise UsageError(f"{file.name!r} names {name!r}, which is not inside the folder", hint)
    return names


def _batches(file: Path) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    from workbench.readers.arrow_rows import SMALL, check_columns
    from workbench.readers.unpacked import Allowance, unpacked

    row, allowance = 0, Allowance.of(file)
    try:
        with pa.memory_map(str(file)) as source:
            head = source.read(len(_FILE))
            source.seek(0)
            table = pa.ipc.open_file(source) if head == _FILE else pa.ipc.open_stream(source)
            check_columns(table.schema.names, file.name)
            for batch in _each(table):
                batch.validate(full=True)
                allowance.take(sum(unpacked(column) for column in batch.columns))
                for at in range(0, batch.num_rows, SMALL):
                    yield batch.slice(at, SMALL)
                row += batch.num_rows
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{file.name!r} breaks off behind row {row}: {error}", "fetch or save it again") from error


def _each(table: pa.RecordBatchFileReader | pa.RecordBatchStreamReader) -> Iterator[pa.RecordBatch]:
    if hasattr(table, "num_record_batches"):
        for index in range(table.num_record_batches):
            yield table.get_batch(index)
    else:
        yield from table
