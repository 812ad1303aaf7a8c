"""A Parquet file, read in small row batches: a footer's sizes are not believed."""

from __future__ import annotations

from collections.abc import Iterator

from workbench.errors import DataError, UsageError
from workbench.readers.record import Reading, Record, Reject
from workbench.readers.sight import Claim, Sight

SUFFIXES: tuple[str, ...] = (".parquet",)

_ROWS = 256


def recognise(sight: Sight) -> Claim | None:
    """Claim a file by its magic number."""
    return Claim(100) if sight.head.startswith(b"PAR1") else None


def read(reading: Reading) -> Iterator[Record | Reject]:
    """Yield one unit per row; an origin's start is the row's number, for Parquet has no byte spans."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from workbench.readers.arrow_rows import check_columns, units
    from workbench.readers.unpacked import Allowance, check_parquet, unpacked

    name, position = reading.path.name, 0
    try:
        file = pq.ParquetFile(reading.path, memory_map=True, pre_buffer=False)
        columns = file.schema_arrow.names
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{name!r} is no whole Parquet file: {error}", "fetch or export it again") from error
    with file:
        check_columns(columns, name)
        allowance = Allowance.of(reading.path)
        try:
            check_parquet(reading.path, file)
            for batch in file.iter_batches(batch_size=_ROWS):
                batch.validate(full=True)
                allowance.take(sum(unpacked(column) for column in batch.columns))
                yield from units(batch, position)
                position += batch.num_rows
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            raise DataError(f"{name!r} breaks off behind row {position}: {error}", "fetch it again") from error
