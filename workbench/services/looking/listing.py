"""List what a corpus holds: its records, those that hold a text, quarantined rows, edits in conflict, log rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.store.pages import Pages
from workbench.store.store import Store
from workbench.store.view import Rows


def conflicting(store: Store, name: str) -> list[dict[str, Any]]:
    """Return the edits that no longer fit their record, with what is there now."""
    state = store.state(store.corpus(name))
    return [
        {
            "seq": c.edit.seq,
            "record": state.today(c.edit.record),
            "field": c.edit.field,
            "wanted": c.edit.value,
            "found": c.found,
        }
        for c in state.replayed.conflicts
    ]


def history(store: Store, name: str | None, limit: int) -> list[dict[str, Any]]:
    """Return the newest rows of the log, of one corpus or of all, newest first."""
    rows = store.catalogue.rows(name)[-limit:] if limit else []
    return [
        {
            "seq": r.seq,
            "at": r.at,
            "who": r.who,
            "kind": r.kind,
            "corpus": r.corpus,
            "subject": r.subject,
            "body": r.body,
        }
        for r in reversed(rows)
    ]


def quarantined(store: Store, name: str, limit: int) -> dict[str, Any]:
    """Return the first quarantined rows of a corpus, with the true total."""
    rejects = store.state(store.corpus(name)).rejects
    rows = [row | {"raw": bytes(row["raw"]).decode("utf-8", "replace")} for row in rejects.head(limit).to_dicts()]
    return {"what": "quarantined rows", "total": rejects.height, "rows": rows}


def conflicts(store: Store, name: str, limit: int) -> dict[str, Any]:
    """Return the first edits that no longer fit their record, with the true total."""
    rows = conflicting(store, name)
    return {"what": "edits in conflict", "total": len(rows), "rows": rows[:limit]}


def listing(store: Store, name: str, limit: int, start: int = 0) -> dict[str, Any]:
    """Return some records of a corpus in source and file order, with the true total."""
    pages = Pages(store.desk(store.corpus(name)))
    rows = pages.standing[start : start + limit]
    return {"what": "records", "total": len(pages.standing), "rows": _rows(pages, rows)}


def holding(store: Store, name: str, text: str, limit: int) -> dict[str, Any]:
    """Return the first records that hold a text; the total is known (else None) where the search came to its end."""
    pages = Pages(store.desk(store.corpus(name)))
    found = pages.standing[:0]
    for hits in pages.search(text):
        found = np.concatenate([found, hits])
        if len(found) > limit:
            break
    total = len(found) if len(found) <= limit else None
    return {"what": f"records that hold {text!r}", "total": total, "rows": _rows(pages, found[:limit])}


def _rows(pages: Pages, rows: Rows) -> list[dict[str, Any]]:
    return pages.page(rows).select("id", "source", "position", *pages.state.schema.columns).to_dicts()
