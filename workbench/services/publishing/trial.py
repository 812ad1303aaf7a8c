"""What would leave the workbench: the files and the card of an export or a push, before anything is written or sent."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from workbench.publish.facts import CARD
from workbench.publish.hub import PushPlan
from workbench.services.progress import Report, silent
from workbench.services.publishing import adapters, push
from workbench.services.publishing.export import export
from workbench.services.training.train import found
from workbench.store.store import Store
from workbench.store.versions import Version
from workbench.workspace import export_name


@dataclass(frozen=True)
class Trial:
    """Files by what would become of them, and the card."""

    files: tuple[tuple[str, str, int], ...]
    """Path, `add`, `replace`, `same` or `delete`, and bytes."""
    card: str
    place: str
    """Folder or repository."""
    said: tuple[str, ...] = ()
    """What a person should know of it."""


def tried_export(
    store: Store, version: Version, *, format: str, folder: Path | None, license: str | None, report: Report = silent
) -> Trial:
    """Return what an export would write, from a copy that is thrown away."""
    place = folder or store.workspace.export_folder(export_name(version.corpus, version.name, format))
    with tempfile.TemporaryDirectory(dir=store.workspace.cache) as scratch:
        copy = Path(scratch) / "export"
        made = export(store, version.corpus, version.name, license=license, format=format, folder=copy, report=report)
        sizes = [(name, copy / name) for name in made.files]
        files = tuple(
            (name, "replace" if (place / name).exists() else "add", path.stat().st_size) for name, path in sizes
        )
        card = (copy / CARD).read_text(encoding="utf-8")
    return Trial(files, card, str(place), (made.note,) if made.note else ())


def tried_push(store: Store, version: Version, repo: str, *, license: str | None, report: Report = silent) -> Trial:
    """Return what a push would send; without a token a private repository looks absent, and nothing can be sent."""
    plan = push.planned(store, version.corpus, version.name, repo, license=license, report=report)
    return _of_plan(plan, repo)


def tried_adapter(store: Store, run: str, repo: str, *, license: str | None) -> Trial:
    """Return what a push of a run's adapter would send."""
    plan = adapters.planned(store, found(store.workspace, run), adapters.Target(repo, license))
    return _of_plan(plan, repo)


def _of_plan(plan: PushPlan, repo: str) -> Trial:
    said = [f"it could not be looked at, so this is for one that holds nothing: {plan.unseen}"] if plan.unseen else []
    said += plan.notes
    if not push.has_token():
        said.append("no token: nothing can be sent before hf auth login, or HF_TOKEN in the environment")
    files = [(file.path, str(file.change), file.size) for file in plan.files]
    return Trial((*files, *((path, "delete", 0) for path in plan.deletes)), plan.card, repo, tuple(said))
