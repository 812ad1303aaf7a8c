"""What the log tells of earlier purges: objects written anew, and versions whose content changed with them."""

from __future__ import annotations

from workbench.store.catalogue import PURGE, Catalogue


def renamed(catalogue: Catalogue) -> dict[str, str]:
    """Return the objects that purges wrote anew: name before -> name after."""
    return {old: new for row in catalogue.rows(kinds=(PURGE,)) for old, new in row.body["objects"].items()}


def contents(catalogue: Catalogue) -> dict[str, str]:
    """Return the content digest that each version touched by a purge has since."""
    return {version: own for row in catalogue.rows(kinds=(PURGE,)) for version, own in row.body["versions"].items()}
