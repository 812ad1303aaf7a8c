"""What the versions screen has done: each piece of work opens the store where it runs, be it in another process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.services.progress import Report
from workbench.text import counted

if TYPE_CHECKING:
    from workbench.services.checking.describe import Description
    from workbench.services.records.restore import Restoration
    from workbench.services.versions.split import Request
    from workbench.store.versions import Version
    from workbench.workspace import Workspace


def cut(workspace: Workspace, request: Request, report: Report) -> tuple[Version, bool]:
    """Make the version that a request asks for; say whether it is new."""
    from workbench.services.versions.split import split
    from workbench.store.store import Store
    from workbench.store.versions import versions

    with Store(workspace) as store:
        known = {version.id for version in versions(store.catalogue, request.corpus)}
        version = split(store, request, report=report)
        return version, version.id not in known


def described(workspace: Workspace, version: Version, base: str, report: Report) -> Description:
    """Return a version described, its tokens counted as a base does."""
    from workbench.services.checking.describe import describe
    from workbench.store.store import Store

    with Store(workspace) as store:
        return describe(store, version.corpus, version.name, tokenizer=base, report=report)


def restore_question(version: Version, todo: Restoration) -> str:
    """Return what a restoration would do, in words."""
    counts = todo.counts()
    words = {"edited": "set back", "returned": "brought back", "dropped": "dropped, as they came later"}
    lines = [f"  {counts[part]:,} {verb}" for part, verb in words.items() if counts[part]]
    lines += [f"  {counts['lost']:,} cannot come back"] if counts["lost"] else []
    return "\n".join([f"Bring {version.corpus} back to {version.name}: {counted(counts['edits'], 'edit')}", *lines])


def restore_samples(todo: Restoration) -> list[list[str]]:
    """Return one record of each thing that a restoration would do."""
    parts = [("set back", todo.edited), ("bring back", todo.returned), ("drop", todo.dropped)]
    return [[f"  {verb} {record[:16]}"] for verb, records in parts for record in records[:1]]
