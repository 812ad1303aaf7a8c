"""Verify a workspace: everything the store holds is what was written."""

from __future__ import annotations

from workbench.store.store import Store
from workbench.store.verify import faults


def verify(store: Store) -> list[str]:
    """Return everything that is wrong, in one sentence each; an empty list means the store is whole."""
    return list(faults(store.catalogue, store.objects, store.kept_schema))
