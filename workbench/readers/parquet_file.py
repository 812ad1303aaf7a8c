"""A Parquet file, read in small row batches: a footer's sizes are not believed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING

from workbench.errors import DataError, UsageError
from workbench.readers.record import Reading, Record, Reject, Span
from workbench.readers.sight import Claim, Sight

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

SUFFIXES: tuple[str, ...] = (".parquet",)

_ROWS = 256


def recognise(sight: Sight) -> Claim | None:
    """Claim a file by its magic number."""
    return Claim(100) if sight.head.startswith(b"PAR1") else None


def read(reading: Reading) -> Iterator[Record | Reject]:
    """Yield one unit per row; an origin's start is the row's number, for Parquet has no byte spans."""
    import pyarrow as pa

    from workbench.readers.arrow_rows import check_columns, units
    from workbench.readers.unpacked import Allowance, check_parquet, unpacked

    name, file = reading.path.name, _opened(reading)
    row = reading.span.begin if reading.span else 0
    with file:
        check_columns(file.schema_arrow.names, name)
        allowance, first = Allowance.of(reading.path), row
        try:
            if reading.span is None:  # whoever cut the file has read its begin, and with it this look
                check_parquet(reading.path, file)
            for batch in _batches(file, reading.span):
                batch.validate(full=True)
                allowance.take(sum(unpacked(column) for column in batch.columns))
                yield from _counted_from(first, units(batch, row))
                row += batch.num_rows
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            raise DataError(f"{name!r} breaks off behind row {row}: {error}", "fetch it again") from error
        end = reading.span.end if reading.span else file.metadata.num_rows
        if row != end:  # a group that gives fewer rows than its footer says is no error to Arrow
            raise DataError(f"{name!r} breaks off behind row {row}: its footer tells of {end}", "fetch it again")


def spans(reading: Reading, begin: int, size: int) -> Iterator[Span]:
    """Yield the rows of a file from number `begin` on in parts of whole row groups, each of about `size` packed bytes.

    A part is one row group at least: whatever begins within one has to unpack it from its begin.
    """
    with _opened(reading) as file:
        groups, told = _groups(file), file.metadata.num_rows
    if min(groups, default=0) < 0 or sum(groups) != told:
        what = f"{reading.path.name!r} is damaged: its footer tells of {told} rows, its row groups of {sum(groups)}"
        raise DataError(what, "fetch it again")
    # By rows: to ask a damaged footer for the sizes of its columns ends the process, not only the question.
    row_size, stop = reading.path.stat().st_size / max(told, 1), 0
    for rows in groups:
        stop += rows
        if (stop - begin) * row_size >= size:
            yield Span(begin, stop)
            begin = stop
    if begin < stop:
        yield Span(begin, stop)


def _groups(file: pq.ParquetFile) -> list[int]:
    """Return how many rows each row group says it holds."""
    return [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]


def _opened(reading: Reading) -> pq.ParquetFile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(reading.path, memory_map=True, pre_buffer=False)
        file.schema_arrow  # noqa: B018 - a schema that cannot be read is found here
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{reading.path.name!r} is no whole Parquet file: {error}", "fetch or export it again"
        ) from error
    return file


def _batches(file: pq.ParquetFile, span: Span | None) -> Iterator[pa.RecordBatch]:
    """Yield all rows, or those of a span: then no row group is read that holds none of them."""
    if span is None:
        yield from file.iter_batches(batch_size=_ROWS)
        return
    sizes = _groups(file)
    stops = list(accumulate(sizes))
    wanted = [number for number, stop in enumerate(stops) if span.begin < stop and stop - sizes[number] < span.end]
    row = stops[wanted[0]] - sizes[wanted[0]]
    for batch in file.iter_batches(batch_size=_ROWS, row_groups=wanted):
        first, row = row, row + batch.num_rows
        kept = batch[max(span.begin - first, 0) : span.end - first]
        if kept.num_rows:
            yield kept


def _counted_from(first: int, units: Iterator[Record | Reject]) -> Iterator[Record | Reject]:
    """Yield units whose positions count from a row of the file, instead of from its begin."""
    if not first:
        return units
    return (_moved(unit, first) for unit in units)


def _moved(unit: Record | Reject, first: int) -> Record | Reject:
    origin = unit.origin._replace(position=unit.origin.position - first)
    return unit._replace(origin=origin) if isinstance(unit, Record) else replace(unit, origin=origin)
