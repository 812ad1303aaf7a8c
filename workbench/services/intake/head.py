"""The head of a raw file as a file of its own: a look at ten gigabytes costs no more than one at ten megabytes."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import OutsideError, UsageError
from workbench.workspace import out_of_space

HEAD_BYTES = 8 << 20
"""Bytes of a file that are looked at."""
_ROWS = 256
"""Rows of a large Parquet file that are looked at: its description stands at its end, so it has no head of bytes."""
_PARQUET = b"PAR1"
_LONGEST = 4
"""Bytes of the longest character, in UTF-8 and in UTF-32."""


@dataclass(frozen=True)
class Head:
    """What of a file is looked at."""

    path: Path
    """A file or folder that a reader can take."""
    size: int
    """Bytes of the whole file; 0 for a folder."""
    is_whole: bool
    is_torn: bool = False
    """Whether its last row may be cut off."""


@contextmanager
def head_of(path: Path) -> Iterator[Head]:
    """Give a file's head, of a small one all of it, which is gone after the block; a folder is given as it is."""
    if not path.is_file():
        yield Head(path, 0, is_whole=True)
        return
    with _folder_of_copies() as folder:
        size, copy = path.stat().st_size, folder / path.name
        with out_of_space(copy):
            is_torn = _copy_head(path, copy)
        yield Head(copy, size, is_whole=size <= HEAD_BYTES, is_torn=is_torn)


@contextmanager
def copy_of(path: Path, scratch: Path) -> Iterator[Path]:
    """Give a copy of a whole file that nobody cuts short while it is read; it is gone after the block.

    It lies in the scratch folder of a workspace: it may be large, and the system's place for such is often in memory.
    """
    folder = scratch / uuid.uuid4().hex
    copy = folder / path.name
    try:
        with out_of_space(copy):
            folder.mkdir(mode=0o700)
            shutil.copyfile(path, copy)
        yield copy
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _folder_of_copies() -> Iterator[Path]:
    """Give a folder where copies have the names of their files: a reader also goes by the suffix."""
    try:
        made = tempfile.TemporaryDirectory(prefix="workbench-head-")
    except OSError as error:
        hint = "free some space, or set TMPDIR to a folder where you may write"
        raise OutsideError(f"no place for the head of a file: {error}", hint) from error
    with made as folder:
        yield Path(folder)


def _copy_head(path: Path, copy: Path) -> bool:
    """Write the head of a file, and return whether its last row may be torn."""
    try:
        with path.open("rb") as handle:
            block = handle.read(HEAD_BYTES + 1)
    except OSError as error:
        raise OutsideError(f"cannot open {path.name!r}: {error.strerror}", "check its permissions") from error
    if len(block) <= HEAD_BYTES:
        copy.write_bytes(block)
        return False
    if block.startswith(_PARQUET):
        _copy_rows(path, copy)
        return False
    copy.write_bytes(_cut(block[:HEAD_BYTES]))
    return True


def _cut(block: bytes) -> bytes:
    """Return a block up to its last line end, or else without a character that may be torn."""
    end = block.rfind(b"\n") + 1
    if end and b"\0" not in block:
        return block[:end]
    rest = block[: len(block) // _LONGEST * _LONGEST]
    torn = next((i for i in range(1, _LONGEST + 1) if rest[-i] & 0xC0 != 0x80), 0)
    return rest[:-torn] if torn and rest[-torn] >= 0xC0 and b"\0" not in rest else rest


def _copy_rows(path: Path, copy: Path) -> None:
    """Write the first rows of a Parquet file; texts are read as dictionaries, so that a bomb stays packed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from workbench.readers.unpacked import Allowance, unpacked

    try:
        with pq.ParquetFile(path, memory_map=True, pre_buffer=False) as file:
            leaves = [file.schema.column(number) for number in range(len(file.schema))]
        texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
        with pq.ParquetFile(path, read_dictionary=texts, memory_map=True, pre_buffer=False) as file:
            batches = [batch for batch, _ in zip(file.iter_batches(batch_size=_ROWS), range(1), strict=False)]
            Allowance.of(path).take(sum(unpacked(column) for batch in batches for column in batch.columns))
            pq.write_table(pa.Table.from_batches(batches, file.schema_arrow), copy)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise UsageError(f"{path.name!r} is no whole Parquet file: {error}", "fetch or export it again") from error
