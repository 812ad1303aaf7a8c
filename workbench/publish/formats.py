"""Write a version as files that any other tool can load: one function a format."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from filecmp import cmp
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from workbench.errors import CorruptionError, DataError, UsageError, unknown
from workbench.fingerprint import digest_file
from workbench.publish.card import card
from workbench.publish.columns import features
from workbench.publish.facts import CARD, CURATION, SPLITS, DataFile, ExportFacts, curation
from workbench.publish.pieces import Leaving, NewFile, Put, all_pieces, pieces_of
from workbench.publish.sheet import BLANKS, GUARDED, csv_schema, header, write_csv
from workbench.publish.trainer_files import TRAINER_FORMATS
from workbench.publish.whole import whole_folder
from workbench.publish.written import Writer, Written, data_files_of, rows_of, with_split, write_lines
from workbench.schema import Schema

SHARD_BYTES = 500_000_000
"""Arrow bytes a Parquet file holds at most; the file itself is smaller."""

JSONL_SPLIT = "records"
"""How loaders see the one JSON Lines or CSV file: it holds all splits, so it must not pass for `train`."""


Stub = Callable[[Written], Mapping[str, str]]
"""Returns the texts of a trainer's own files, by path, for the files that were written."""


def write_export(
    facts: ExportFacts,
    leaving: Leaving,
    folder: Path,
    *,
    format: str = "parquet",
    force: bool = False,
    schema: Schema | None = None,
    stub: Stub | None = None,
) -> Written:
    """Write data files, card and curation.json of one version into `folder`, whole or not at all.

    The trainers' formats need the `schema` of the records; a `stub` adds files of its own. Row order is kept and
    nothing depends on the time, so the same version gives the same bytes. Where these stand in the folder already all
    is well; another export is replaced by `force` alone, and what is none of ours never is: both are refused with
    UsageError.
    """
    write = _writer(format, facts, schema)
    if not leaving.counts:
        raise DataError(f"version {facts.version!r} has no record to export", "look at it with: workbench show")
    _refuse_what_is_not_ours(folder)
    with whole_folder(folder) as partial:
        written = write(leaving, partial)
        if stub is not None:
            written = _with_texts(written, stub(written), partial)
        _describe(facts, written, partial)
        _refuse_what_is_not_ours(folder)  # it may have come while this was written: a trainer's first checkpoint
        if not force:
            _refuse_other_content(folder, partial)
    return written


def check_format(format: str) -> None:
    """Raise UsageError for a format that there is none of."""
    if format not in (*FORMATS, *TRAINER_FORMATS):
        raise unknown("export format", format, (*FORMATS, *TRAINER_FORMATS))


def _writer(format: str, facts: ExportFacts, schema: Schema | None) -> Writer:
    check_format(format)
    if format in TRAINER_FORMATS and schema is not None:
        return TRAINER_FORMATS[format](schema, facts)
    return FORMATS[format]


def _with_texts(written: Written, texts: Mapping[str, str], folder: Path) -> Written:
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return replace(written, beside=(*written.beside, *texts))


def read_curation(folder: Path) -> dict[str, Any]:
    """Return an export's curation.json after checking every data file against its size and sha256.

    Raises UsageError where `folder` is no export, CorruptionError where a file is not as it was written.
    """
    known = _curation_of(folder)
    if known is None:
        raise UsageError(f"{str(folder)!r} is not an export", "make one with: workbench export")
    for file in data_files(known):
        path = folder / file.path
        if not path.is_file() or path.stat().st_size != file.size or digest_file(path) != file.sha256:
            raise CorruptionError(f"{str(path)!r} is not as it was exported", "export it again with --force")
    return known


def data_files(known: Mapping[str, Any]) -> tuple[DataFile, ...]:
    """Return the data files that a curation.json lists; raise DataError where it is not one of ours."""
    try:
        return tuple(DataFile(**file) for file in known["files"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{CURATION} is not readable: {error}", "export the version again") from error


def _write_parquet(leaving: Leaving, folder: Path) -> Written:
    (folder / "data").mkdir()
    files = [file for split in leaving.counts for file in _shards(split, leaving.sizes(split))]
    return Written(data_files_of(files, leaving.write(files, _put_parquet, folder), folder), leaving.schema)


def _put_parquet(table: pa.Table, split: str, handle: BinaryIO) -> Put:
    """Write a whole Parquet file."""
    # Content-defined chunks keep most bytes of a slightly edited version unchanged on the Hub.
    pq.write_table(table, handle, compression="zstd", use_content_defined_chunking=True, write_page_index=True)
    handle.flush()
    rows = table.num_rows
    del table  # nobody else holds it, and what is read next is as large
    # Measured on what a reader gets: the writer's own table may carry empty null maps.
    return Put(rows, pq.ParquetFile(handle.name).read().nbytes)


def _shards(split: str, sizes: NDArray[np.int64]) -> list[NewFile]:
    """Cut evenly into as few files as keep every one below the limit, or at one row."""
    ends = np.concatenate([[0], np.cumsum(sizes)])
    count = max(1, -(-int(ends[-1]) // SHARD_BYTES))
    while True:
        pieces = pieces_of(split, len(sizes), -(-len(sizes) // count))
        if len(pieces) == len(sizes) or all(ends[last] - ends[first] <= SHARD_BYTES for _, first, last in pieces):
            names = (f"data/{split}-{number:05d}-of-{len(pieces):05d}.parquet" for number in range(len(pieces)))
            return [NewFile(name, split, (piece,)) for name, piece in zip(names, pieces, strict=True)]
        count = min(2 * count, len(sizes))


def _write_jsonl(leaving: Leaving, folder: Path) -> Written:
    files = [NewFile("records.jsonl", JSONL_SPLIT, all_pieces(leaving))]
    return Written(data_files_of(files, leaving.write(files, _put_jsonl, folder), folder), _with_split(leaving.schema))


def _put_jsonl(table: pa.Table, split: str, handle: BinaryIO) -> Put:
    write_lines(handle, rows_of(with_split(table, split)))
    return Put(table.num_rows)


def _write_csv(leaving: Leaving, folder: Path, *, guarded: bool) -> Written:
    schema = csv_schema(_with_split(leaving.schema))
    files = [NewFile("records.csv", JSONL_SPLIT, all_pieces(leaving), header(schema.names, guarded=guarded))]
    puts = leaving.write(files, partial(write_csv, guarded=guarded), folder)
    return Written(data_files_of(files, puts, folder), schema, f"{GUARDED}; {BLANKS}" if guarded else BLANKS)


def _with_split(schema: pa.Schema) -> pa.Schema:
    return schema.append(pa.field("split", pa.string()))


def _describe(facts: ExportFacts, written: Written, folder: Path) -> None:
    if written.note:
        facts = replace(facts, settings={**facts.settings, "texts": written.note})
    facts = replace(facts, counts=_counts(facts, written))
    known = curation(facts, written.files, {field.name: str(field.type) for field in written.schema})
    known |= {"beside": list(written.beside)} if written.beside else {}
    text = json.dumps(known, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    (folder / CURATION).write_text(text + "\n", encoding="utf-8")
    told = card(facts, files=written.files, features=features(written.schema))
    (folder / CARD).write_text(told, encoding="utf-8")


def _counts(facts: ExportFacts, written: Written) -> Mapping[str, int]:
    """Return the records a split has in these files; the version's own counts where one file holds all splits."""
    if not {file.split for file in written.files} <= {*SPLITS}:
        return facts.counts
    return {side: sum(file.rows for file in written.files if file.split == side) for side in facts.counts}


def holds_something(folder: Path) -> bool:
    """Return whether anything stands at a place: a file, or a folder with something in it."""
    return folder.exists() and not (folder.is_dir() and not any(folder.iterdir()))


def _refuse_what_is_not_ours(folder: Path) -> None:
    """Refuse to replace anything but an export with nothing of a person's in it."""
    if not holds_something(folder):
        return
    known = _curation_of(folder)
    if known is None:
        raise UsageError(f"{str(folder)!r} is there, and is not an export", "choose another folder")
    beside = known.get("beside") or ()
    named = [str(name) for name in beside] if isinstance(beside, (list, tuple)) else []
    ours = {CARD, CURATION, *named, *(file.path for file in data_files(known))}
    for path in _files(folder):
        if path.as_posix() not in ours:
            raise UsageError(f"{str(folder / path)!r} is not part of the export", "move it away, then export again")


def _refuse_other_content(folder: Path, partial: Path) -> None:
    """Refuse to replace an export that is not, byte for byte, what would stand there."""
    if not holds_something(folder):
        return
    before, after = _files(folder), _files(partial)
    differing = [path for path in after if path in before and not cmp(folder / path, partial / path, shallow=False)]
    for path in (*differing, *sorted({*before} ^ {*after})):
        raise UsageError(
            f"{str(folder)!r} holds another export: {path.as_posix()!r} differs",
            "choose another folder, or replace what is there with --force",
        )


def _files(folder: Path) -> list[Path]:
    """Return all that stands in a folder, links and empty folders too: they may be a person's."""
    found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir() or not any(path.iterdir()))
    return sorted(path.relative_to(folder) for path in found)


def _curation_of(folder: Path) -> dict[str, Any] | None:
    try:
        known = json.loads((folder / CURATION).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return known if isinstance(known, dict) else None


FORMATS: dict[str, Writer] = {
    "parquet": _write_parquet,
    "jsonl": _write_jsonl,
    "csv": partial(_write_csv, guarded=True),
    "csv-exact": partial(_write_csv, guarded=False),
}
"""The formats that hold a record's own columns; those of trainers stand in `workbench.publish.trainer_files`."""
