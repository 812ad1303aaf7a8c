"""Keep a workspace's objects at an address too: send what is here now, and from then on put every new one there."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from workbench.errors import CorruptionError, OutsideError
from workbench.fingerprint import digest_file
from workbench.services.progress import Report, silent
from workbench.store.purge import remove_objects
from workbench.store.remote import Remote, checked, remote_of, settle
from workbench.store.store import Store
from workbench.workspace import Workspace

_AT_ONCE = 8


def keep_at(workspace: Workspace, address: str, report: Report = silent) -> int:
    """Keep all objects at an address besides, from now on; return how many were sent.

    The same address again sends what is missing there. Another one than before gets everything that the one before
    holds. The address counts when all is there: a kill on the way leaves the workspace as it was. UsageError for the
    address of another workspace.
    """
    before = remote_of(workspace)
    remote = Remote(checked(address), before.owner if before else uuid.uuid4().hex)
    remote.claim(workspace.scratch)
    sent = _sent(workspace, remote, report)
    settle(workspace, remote)
    # Another command may have kept objects meanwhile, at the place of before.
    sent += _sent(workspace, remote, report)
    with Store(workspace) as store:
        remove_objects(store)  # sent while a purge removed them
    return sent


def _sent(workspace: Workspace, remote: Remote, report: Report) -> int:
    done = 0
    with Store(workspace) as store, ThreadPoolExecutor(_AT_ONCE) as threads:
        paths = _held(workspace, store, remote)
        for number, sent in enumerate(threads.map(lambda path: _is_sent(path, remote), paths), 1):
            done += sent
            report(f"sending objects to {remote.address}", number, len(paths))
    return done


def _held(workspace: Workspace, store: Store, remote: Remote) -> list[Path]:
    """Return the objects of this disk; before a change of address, those of the other one are fetched."""
    gone = store.objects.leftovers()
    held = sorted(workspace.objects.iterdir()) if remote_of(workspace) == remote else store.objects.held()
    return [path for path in held if path not in gone and path.is_file() and not path.is_symlink()]


def _is_sent(path: Path, remote: Remote) -> bool:
    """Send an object that is not there yet, and say whether that was needed; a damaged one stays here."""
    try:
        if remote.holds(path.name, path.stat().st_size):
            return False
        if digest_file(path) != path.name.partition(".")[0]:
            raise CorruptionError(f"object {path.name}: its bytes are not what was written", "run: workbench verify")
        remote.put(path, path.name)
    except (FileNotFoundError, OutsideError):
        if path.exists():
            raise
        return False  # purged meanwhile
    return True
