"""Raw deliveries that are tables (Parquet, Arrow): their bytes written anew without the purged texts."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.store.redaction import Redaction

if TYPE_CHECKING:
    import pyarrow as pa

PARQUET, ARROW_FILE, ARROW_STREAM = b"PAR1", b"ARROW1", b"\xff\xff\xff\xff"
_ROWS = 4096
BLANKED = b"[purged: this table could not be written anew without the text]"
"""What is left of a table whose columns cannot be read or rebuilt: its rows are in the parsed tables."""


def is_table(data: bytes) -> bool:
    """Return whether bytes begin as Parquet or Arrow does."""
    return data.startswith((PARQUET, ARROW_FILE, ARROW_STREAM))


def redacted(data: bytes, redaction: Redaction) -> bytes | None:
    """Return a table's bytes without the texts, None where it holds none; what cannot be rebuilt is blanked whole."""
    import pyarrow as pa

    try:
        table = _read(data)
        made = _without(table, redaction)
        if made is None:
            return BLANKED if redaction.in_bytes(data) else None
        out = _written(made, data)
        return out if _without(_read(out), redaction) is None and not redaction.in_bytes(out) else BLANKED
    except (pa.ArrowException, OSError, ValueError, OverflowError, TypeError):
        return BLANKED


def holds(path: Path, redaction: Redaction) -> bool:
    """Return whether a text stands in a table's file, looked at batch by batch; what cannot be read is bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as handle:
            if handle.read(4) == PARQUET:
                batches = pq.ParquetFile(path).iter_batches(batch_size=_ROWS)
                if any(redaction.in_bytes(_flat(pa.table(batch))) for batch in batches):
                    return True
    except (pa.ArrowException, OSError, ValueError, OverflowError):
        pass
    return redaction.in_bytes(path.read_bytes())


def _read(data: bytes) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if data.startswith(PARQUET):
        return pq.read_table(BytesIO(data))
    opened = pa.ipc.open_file(data) if data.startswith(ARROW_FILE) else pa.ipc.open_stream(data)
    return opened.read_all()


def _without(table: pa.Table, redaction: Redaction) -> pa.Table | None:
    import pyarrow as pa

    if not redaction.in_bytes(_flat(table)):
        return None
    for number, field in enumerate(table.schema):
        column = table.column(number)
        if redaction.in_bytes(_flat(pa.table([column], names=["column"]))):
            cells = [redaction.cell(value) for value in column.to_pylist()]
            table = table.set_column(number, field.with_metadata(None), pa.array(cells, type=field.type))
    return table.replace_schema_metadata(None)


def _written(table: pa.Table, like: bytes) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = BytesIO()
    if like.startswith(PARQUET):
        pq.write_table(table, sink, compression="zstd")
    else:
        kind = pa.ipc.new_file if like.startswith(ARROW_FILE) else pa.ipc.new_stream
        with kind(sink, table.schema) as writer:
            writer.write_table(table)
    return sink.getvalue()


def _flat(table: pa.Table) -> bytes:
    import pyarrow as pa

    sink = BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()
