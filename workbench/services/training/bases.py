"""Base models: the tiny one that is built here, local folders, and Hub ids."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from workbench.errors import OutsideError, UsageError
from workbench.services.progress import Report, silent
from workbench.workspace import Workspace, samples

TINY = "tiny"
_STATEMENTS = Path("corpora/domain-qa/statements.txt")


def build(workspace: Workspace, name: str, report: Report = silent) -> Path:
    """Return the folder of a base that is built here, building it on first use."""
    if name != TINY:
        raise UsageError(f"no base named {name!r} can be built here", f"known: {TINY}; others by folder or Hub id")
    from workbench.lm.tiny import build_tiny

    return build_tiny(statements(workspace), workspace.bases, report=_told(report))


def statements(workspace: Workspace) -> Path:
    """Return the plain statements that the tiny base is pre-trained on: the workspace's, else the package's."""
    own = workspace.root / _STATEMENTS
    return own if own.is_file() else samples() / _STATEMENTS


def located(workspace: Workspace, base: str, report: Report = silent) -> str:
    """Return what a recipe's base stands for: a folder, or a Hub id with the commit that is on this machine.

    A base of the Hub that is not here yet is fetched; what is here is taken as it is, so that a branch that moves
    on changes nothing unasked. Raises as `workbench.lm.fetch.fetch` does.
    """
    if base == TINY:
        return str(build(workspace, base, report))
    folder = workspace.root / base
    if folder.is_dir():
        return str(folder)
    from workbench.lm.load import base_folder

    try:
        kept = base_folder(base)
    except OutsideError:
        kept = fetch(base, report)
    return pinned(base, kept)


def folder(workspace: Workspace, base: str, report: Report = silent) -> Path:
    """Return the folder of a recipe's base, built or fetched where it is not here, as `located` does."""
    from workbench.lm.load import base_folder

    return base_folder(located(workspace, base, report))


def here(workspace: Workspace, base: str) -> Path | None:
    """Return the folder of a recipe's base where it is on this machine; nothing is built or fetched."""
    if base == TINY:
        from workbench.lm.tiny import place

        built = place(statements(workspace), workspace.bases)
        return built if built.is_dir() else None
    if (workspace.root / base).is_dir():
        return workspace.root / base
    from workbench.lm.load import base_folder

    try:
        return base_folder(base)
    except (OutsideError, UsageError):
        return None


def fetch(base: str, report: Report = silent) -> Path:
    """Fetch a base of the Hub, at its revision's newest commit, and return its folder."""
    from workbench.lm.fetch import fetch as fetched

    report(f"fetching the base {base}")
    return fetched(base)


def pinned(base: str, snapshot: Path) -> str:
    """Return a Hub id with the commit of its snapshot; a folder stays one."""
    in_cache = snapshot.parent.name == "snapshots" and not Path(base).is_dir()
    return f"{base.partition('@')[0]}@{snapshot.name}" if in_cache else str(snapshot)


def listing(workspace: Workspace) -> list[dict[str, str]]:
    """Return the bases that were built in this workspace."""
    return [{"name": TINY, "folder": workspace.relative(path)} for path in sorted(workspace.bases.glob(f"{TINY}-*"))]


def _told(report: Report) -> Callable[[int, int, float], None]:
    def told(step: int, steps: int, loss: float) -> None:
        if step % max(steps // 5, 1) == 0:
            report(f"pre-training the tiny base, once: step {step:,} of {steps:,}, loss {loss:.3f}")

    return told
