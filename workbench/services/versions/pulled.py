"""What the saved files of a corpus hold that its log does not: versions of another workspace, and what they tested."""

from __future__ import annotations

from workbench.services.versions.ledger import Ledger, once_tested, with_heirs
from workbench.services.versions.saved import TESTED, VERSIONS, saved_tested, saved_versions
from workbench.store.state import State
from workbench.store.store import Store
from workbench.store.versions import Version, versions

FORGOT = "forget_tested"
"""The setting of a version that was drawn without regard to what earlier ones tested."""


def pulled_versions(store: Store, corpus: str) -> list[Version]:
    """Return the saved versions that the log does not hold, oldest first."""
    here = {version.id for version in versions(store.catalogue, corpus)}
    saved = saved_versions(store.workspace.corpus_folder(corpus) / VERSIONS, corpus)
    return [version for version in saved if version.id not in here]


def pulled_ledger(store: Store, state: State, corpus: str) -> Ledger:
    """Return the saved ledger of tests where versions of another workspace had a part in it, else an empty one.

    Where the log holds all saved versions it knows all they tested, and what was forgotten since must not come back;
    nor must it from versions that are older than the forgetting.
    """
    known = versions(store.catalogue, corpus)
    forgot = max((version.at for version in known if FORGOT in version.settings), default="")
    path = store.workspace.corpus_folder(corpus) / TESTED
    if not path.is_file() or not any(version.at > forgot for version in pulled_versions(store, corpus)):
        return Ledger()
    return with_heirs(saved_tested(path), state)


def whole_ledger(store: Store, state: State, corpus: str) -> Ledger:
    """Return what ever stood in test, of all that the log and the saved files know."""
    return once_tested(store, state, corpus).merged(pulled_ledger(store, state, corpus))
