"""What a run saw of its records, for those who trace one: times, steps, learned tokens."""

from __future__ import annotations

from typing import Any

from workbench.training.runs import RunFolder


def seen(run: RunFolder, record: str) -> dict[str, Any] | None:
    """Return {times, steps, learned_tokens, by, reason} of a record, None where the run did not train on it."""
    if not run.tokens.is_file():
        return None
    import pyarrow.compute as pc

    from workbench.training.exposure import exposure

    found = exposure(run)
    rows = found.ledger.filter(pc.field("record") == record).to_pylist()
    if not rows:
        return None
    return {key: rows[0][key] for key in ("times", "steps", "learned_tokens")} | _how(found.by, found.reason)


def totals(run: RunFolder) -> dict[str, Any] | None:
    """Return {records, times: [fewest, most], learned_tokens, step, by, reason}, None without a token cache."""
    if not run.tokens.is_file():
        return None
    import pyarrow.compute as pc

    from workbench.training.exposure import exposure

    found = exposure(run)
    times = pc.min_max(found.ledger["times"]).as_py()
    counted = {
        "records": len(found.ledger),
        "times": [times["min"] or 0, times["max"] or 0],
        "learned_tokens": int(pc.sum(found.ledger["learned_tokens"], min_count=0).as_py()),
        "step": found.step,
    }
    return counted | _how(found.by, found.reason)


def _how(by: str, reason: str) -> dict[str, str]:
    return {"by": by, "reason": reason}
