"""Change many records as one action, which one undo takes back; settle edits that no longer fit their record."""

from __future__ import annotations

from typing import Literal

from workbench.errors import UsageError
from workbench.services.records.editing import Values, check_fits, edits_for, find, refuse_stale
from workbench.store.catalogue import Entry
from workbench.store.edits import WHOLE, Conflict, as_one, body_of
from workbench.store.state import State
from workbench.store.store import Store

Settlement = Literal["keep", "take", "drop"]


def edit_all(store: Store, name: str, values: Values, reason: str = "", seen: Values | None = None) -> int:
    """Set fields of many records at once and return the number of edits made; all are made, or none.

    `seen` holds fields as the person saw them, by whole ids: where one to be set is another by now, none is set.
    """
    corpus = store.corpus(name)
    schema = store.schema(corpus)
    for changed in values.values():
        for field, value in changed.items():
            check_fits(schema, field, value)

    def entries(state: State) -> list[Entry]:
        wanted = {find(state, prefix): dict(changed) for prefix, changed in values.items()}
        refuse_stale(state, wanted, seen or {})
        return edits_for(state, corpus.name, wanted, reason)

    return len(store.change(corpus, entries, lambda: store.desk(corpus)))


def settle(store: Store, name: str, seq: int, how: Settlement) -> None:
    """Settle the conflict of one edit, named by its log row: keep what is there, take what it wants, or drop both."""
    corpus = store.corpus(name)

    def entries(state: State) -> list[Entry]:
        conflict = _conflict(state, seq)
        record, field = state.today(conflict.edit.record), conflict.edit.field
        rows = state.present([record])
        if not rows:
            raise UsageError("the record of this edit is gone", "nothing can be settled until it is delivered again")
        found = rows[0][field]
        value = conflict.edit.value if how == "take" else found
        bodies = [body_of(field, found, value, f"settled log row {seq}: {how}")]
        if how == "drop":
            bodies += [body_of(WHOLE, rows[0][WHOLE], True, f"settled log row {seq}: {how}")]
        return as_one([("edit", corpus.name, record, body) for body in bodies])

    store.change(corpus, entries, lambda: store.desk(corpus))


def _conflict(state: State, seq: int) -> Conflict:
    found = next((one for one in state.replayed.conflicts if one.edit.seq == seq), None)
    if found is None:
        raise UsageError(f"log row {seq} is no edit in conflict", "list them with: workbench show --conflicts")
    return found
