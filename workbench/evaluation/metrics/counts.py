"""How many records were scored, and the device memory that it took."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from workbench.evaluation.metrics.registry import Missing, Outcome, Single, metric


@metric("neither")
def n(rows: pa.Table) -> Outcome:
    """Return the number of records scored; higher is more certain."""
    return Single(int(rows.num_rows), int(rows.num_rows))


@metric("lower")
def memory_gib(rows: pa.Table) -> Outcome:
    """Return the peak device memory of scoring and answering in GiB, as torch allocated it; lower is better."""
    peak = pc.max(rows["memory_bytes"]).as_py()
    return Missing("no GPU was measured") if peak is None else Single(peak / 2**30, int(rows.num_rows))
