"""What is told of a shard that cannot be read: which one it is, and that it was the disk's or the network's doing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from workbench.errors import OutsideError

AGAIN = "is the disk, or the share that workers see, well? then run the command again: it makes its shards anew"


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Name the shard at a path where what is done in the block fails to read it: an OutsideError."""
    import pyarrow as pa

    try:
        yield
    except (pl.exceptions.PolarsError, pa.ArrowException, OSError) as error:
        raise OutsideError(f"shard {path} cannot be read: {error}", AGAIN) from error


def refuse_other_columns(path: Path, kinds: Mapping[str, Any]) -> None:
    """Raise OutsideError for a shard whose footer is torn, or whose columns are not those, in polars types."""
    with readable(path):
        held = pl.read_parquet_schema(path)
    if other := [name for name, kind in kinds.items() if held.get(name) != kind]:
        raise OutsideError(f"shard {path} cannot be read: not as it was written is {', '.join(other)}", AGAIN)


def refuse_torn(path: Path) -> None:
    """Raise OutsideError for a shard of which any row cannot be read."""
    with readable(path):
        pl.read_parquet(path)
