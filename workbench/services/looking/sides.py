"""Where each row of a corpus stands in a version: one number of one byte a row, kept in a mapped file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
from numpy.typing import NDArray

from workbench.curation.split import SIDES
from workbench.errors import OutsideError
from workbench.fingerprint import digest
from workbench.services.looking.opened import Opened
from workbench.store.store import Store
from workbench.store.versions import Version
from workbench.store.view import View, believed, write

_BATCH = 131_072
"""Records of an assignment that are looked at together."""
Sides = NDArray[np.int8]
"""Places in SIDES, one a row; -1 stands for a record that the version does not know."""


def sides(store: Store, opened: Opened) -> Sides | None:
    """Return the side of each row in the newest version, None where there is none yet."""
    if opened.version is None:
        return None
    own = f"sides-{digest(opened.corpus)[:16]}"
    path = store.workspace.cache / f"{own}-{digest([opened.view, opened.version.id])[:32]}.arrow"
    kept = _opened(path, opened.delivered.height)
    if kept is not None:
        return kept
    found = _found(store.objects.path(opened.version.assignment), opened.state.view)
    for older in store.workspace.cache.glob(f"{own}-*.arrow"):
        older.unlink(missing_ok=True)
    try:
        write(path, pl.DataFrame({"side": found}), _stamp(path))
    except OutsideError:  # a full or read-only disk keeps nobody from looking
        return found
    return _opened(path, len(found))


def _found(path: Path, view: View) -> Sides:
    out: Sides = np.full(view.frame.height, -1, np.int8)
    for batch in _batches(path):
        ids = batch["id"]
        rows = view.order[view.bounds(str(ids.min()), str(ids.max()))]
        known = pl.DataFrame({"row": np.asarray(rows), "id": view.frame["id"].gather(rows)})
        joined = known.join(batch, on="id").select("row", side=pl.col("split").replace_strict(_CODES, default=-1))
        out[joined["row"].to_numpy()] = joined["side"].to_numpy()
    return out


_CODES = {side: code for code, side in enumerate(SIDES)}


def _batches(path: Path) -> Iterator[pl.DataFrame]:
    """Yield the records that stand somewhere; they are in id order, so that each batch is a stretch of all ids."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_BATCH, columns=["id", "split"]):
            frame = pl.from_arrow(batch)
            assert isinstance(frame, pl.DataFrame)
            known = frame.drop_nulls()
            if known.height:
                yield known


def _stamp(path: Path) -> int:
    return int(path.stem.rsplit("-", 1)[1][:8], 16) * 1_000_000_000


def _opened(path: Path, height: int) -> Sides | None:
    frame = believed(path, _stamp(path))
    if frame is None or frame.height != height or frame.columns != ["side"]:
        return None
    found: Sides = frame["side"].to_numpy()
    return found


def reason_in(store: Store, version: Version, record: str) -> tuple[str, str]:
    """Return where a record stands in a version, and why; two empty texts where it does not."""
    path = store.objects.path(version.assignment)
    found = pl.scan_parquet(path).filter(pl.col("id") == record).select("split", "reason").collect().rows()
    return ("", "") if not found else (found[0][0] or "", found[0][1] or "")
