"""Push a version to the Hub: exported anew, checked for what must not leave, sent as one commit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from workbench.errors import OutsideError
from workbench.fingerprint import digest_file
from workbench.publish.facts import CURATION
from workbench.publish.hub import Pushed, PushPlan, plan, plan_unseen, push
from workbench.publish.licenses import checked_license
from workbench.publish.pausing import telling
from workbench.publish.remote import find_token, open_repository, read_token
from workbench.services.progress import Report, silent
from workbench.services.publishing.clearance import check_may_leave
from workbench.services.publishing.export import Exported, export
from workbench.services.publishing.export_facts import facts_of, run_facts
from workbench.services.publishing.source_licenses import license_notes, sources_of
from workbench.services.versions.diff import diff, ends
from workbench.store.store import Store
from workbench.store.versions import Version, versions


def planned(
    store: Store, corpus: str, version_name: str, repo: str, *, license: str | None, report: Report = silent
) -> PushPlan:
    """Return what a push would send, changing nothing on the Hub, which need not even be within reach."""
    version = store.version(corpus, version_name)
    with _ready(store, corpus, version_name, (repo, license), report) as exported:
        report("looking at the repository")
        try:
            todo = plan(exported.folder, repo, token=find_token(), known=_known(store, corpus), tag=version.name)
        except OutsideError as error:
            todo = plan_unseen(exported.folder, repo, why=error.what)
    return replace(todo, notes=(*todo.notes, *_notes(store, version, todo, license)))


def _notes(store: Store, version: Version, todo: PushPlan, license: str | None) -> Iterator[str]:
    """Yield what lies there beside the version that is sent, what becomes of it, and what its sources allow."""
    if todo.there is not None:
        there = store.version(version.corpus, todo.there["version"])
        yield _since(store, there, version)
        if todo.changes and version.number < there.number:
            yield f"{version.name} is older: who loads it without naming a revision gets {version.name} again"
    elif todo.head is None and not todo.unseen and not has_token():
        yield "without a token a private repository does not show: it may be there"
    yield from license_notes(sources_of(store, version), license or store.corpus(version.corpus).license)


def _since(store: Store, there: Version, version: Version) -> str:
    """Return in words how a version differs from the one that lies on the Hub."""
    if there.id == version.id:
        return f"{version.name} is there already"
    found = diff(store, *ends(store, version.corpus, there.id, version.id))
    counts = ", ".join(f"{count:,} {kind}" for kind, count in found.counts().items() if count)
    return f"{there.name} is there; {version.name} has {counts or 'the same records'}"


def pushed(
    store: Store,
    corpus: str,
    version_name: str,
    repo: str,
    *,
    license: str | None,
    private: bool = True,
    report: Report = silent,
) -> Pushed:
    """Push a version as one commit with a tag, and log where it went."""
    version = store.version(corpus, version_name)
    read_token()  # told now, and not behind the export of all records
    message = version.note or f"{corpus} {version.name} ({version.id[:12]})"
    with _ready(store, corpus, version_name, (repo, license), report) as exported:
        done = push(
            exported.folder,
            repo,
            tag=version.name,
            message=message,
            private=private,
            known=_known(store, corpus),
            report=report,
        )
        sheet = digest_file(exported.folder / CURATION)
    _log(store, version, done, sheet)
    return done


def _log(store: Store, version: Version, done: Pushed, sheet: str) -> None:
    """Write where a version went, and by what it can be checked there; said once, it is not said again."""
    body: dict[str, Any] = {"version": version.id, "repo": done.repo, "commit": done.commit, "tag": done.tag}
    rows = store.catalogue.rows(version.corpus, kinds=("publication",))
    if not any(body.items() <= row.body.items() for row in rows):
        store.catalogue.append(("publication", version.corpus, version.id, body | {"curation": sheet}))


def has_token() -> bool:
    """Return whether huggingface_hub knows a token, without which nothing can be sent."""
    return find_token() is not None


def _known(store: Store, corpus: str) -> frozenset[str]:
    """Return the versions of a corpus that a repository may hold to be its own."""
    return frozenset(version.id for version in versions(store.catalogue, corpus))


@contextmanager
def _ready(
    store: Store, corpus: str, version_name: str, target: tuple[str, str | None], report: Report
) -> Iterator[Exported]:
    """Export a version for publishing, for as long as the block lasts; `target` is a repository and a licence.

    Without a licence, with a leak, or with addresses in it, nothing leaves.
    """
    repo, license = target
    open_repository(repo, None)  # a name that is none is told before an hour of writing
    checked_license(license or store.corpus(corpus).license)
    version = store.version(corpus, version_name)
    check_may_leave(store, version)
    facts = replace(facts_of(store, version, license), repo=repo, run=run_facts(store, version))
    # In a folder of its own: what a person wrote into an export stays.
    with telling(report), TemporaryDirectory(dir=store.workspace.scratch) as folder:
        place = Path(folder) / "export"
        yield export(store, corpus, version_name, license=license, folder=place, facts=facts, report=report)
