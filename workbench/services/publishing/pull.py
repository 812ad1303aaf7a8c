"""Pull records from the Hub into a corpus: checked, with lineage to the commit; again, it is a new delivery."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from workbench.errors import OutsideError, UsageError
from workbench.fingerprint import digest_bytes
from workbench.publish.facts import CURATION
from workbench.publish.fetched import Part, check_room, fetch_all, folder_name, parts_of
from workbench.publish.incoming import Chosen, choose, stated_license
from workbench.publish.licenses import UNKNOWN
from workbench.publish.pausing import telling
from workbench.publish.remote import Remote, Repository, find_token, look, open_repository, read_file
from workbench.services.intake.ingest import Delivery, Order, ingest
from workbench.services.progress import Report, silent
from workbench.store.store import Store
from workbench.store.versions import versions
from workbench.workspace import out_of_space, safe_name

PULL = "pull"
"""Kind of the log rows that say what was pulled."""
_RECORD_ID = "record_id"
_IGNORED = 5
"""Files that are named as left alone; --json has all of them."""


@dataclass(frozen=True)
class Wanted:
    """What is asked of a pull."""

    repo: str
    revision: str | None = None
    corpus: str | None = None
    """Corpus to take the records into; None: the one that is called like the repository."""
    schema: str | None = None
    config: str | None = None
    map: Mapping[str, str] = field(default_factory=dict)
    """Schema field -> expression over columns, where they are called otherwise."""


@dataclass(frozen=True)
class Pulled:
    """What a pull brought."""

    corpus: str
    repo: str
    commit: str
    verified: dict[str, Any]
    """What the files were checked against: {version, name, files, here, rows}, or {version: None, reason}."""
    deliveries: tuple[Delivery, ...]
    ignored: tuple[tuple[str, str], ...]
    gone: tuple[str, ...] = ()
    """Sources of this repository that this commit does not have any more; their records stay."""


def said(done: Pulled) -> list[str]:
    """Return what a person should know of a pull beside its counts: by what it was checked, what is gone or ignored."""
    verified = done.verified
    if verified["version"]:
        here = ", as it was pushed from here" if verified["here"] else ""
        version = f"{verified['name']} ({verified['version'][:12]})".strip()
        out = [f"verified: every file is as its curation.json says of version {version}{here}"]
    else:
        out = [f"not verified against a version: {verified['reason']}"]
    out += [f"not there any more: {name}; its records stay" for name in done.gone]
    out += [f"ignored: {path} ({reason})" for path, reason in done.ignored[:_IGNORED]]
    left = len(done.ignored) - _IGNORED
    return [*out, f"ignored: {left:,} more"] if left > 0 else out


@dataclass(frozen=True)
class Offered:
    """What a repository holds at one commit, and where it would go; nothing is fetched for it."""

    corpus: str
    repository: Repository
    remote: Remote
    commit: str
    chosen: Chosen
    parts: tuple[Part, ...]
    """What becomes one source each."""
    verified: dict[str, Any]
    """As of `Pulled`."""


def offered(store: Store, wanted: Wanted) -> Offered:
    """Return what a pull would bring; raises as `pull` does."""
    corpus = _corpus(store, wanted)
    repository = open_repository(wanted.repo, find_token())
    remote = look(repository, wanted.revision)
    if remote.head is None:
        hint = "check the name, and that your token may see it: hf auth whoami"
        raise OutsideError(f"the Hub shows no repository {wanted.repo!r} of records", hint)
    chosen = choose(remote, config=wanted.config)
    verified = _verified(store, repository, remote, chosen)
    check_room(chosen.files, store.workspace.root)
    return Offered(corpus, repository, remote, remote.head, chosen, parts_of(chosen.files), verified)


def pull(store: Store, wanted: Wanted, report: Report = silent) -> Pulled:
    """Fetch the records of a repository at one commit, check all of them, and only then take them in.

    Raises OutsideError where the Hub does not have it or shows it, DataError where it must not be used.
    """
    with telling(report):
        return _pulled(store, wanted, report)


def _pulled(store: Store, wanted: Wanted, report: Report) -> Pulled:
    there = offered(store, wanted)
    corpus, chosen, verified = there.corpus, there.chosen, dict(there.verified)
    with TemporaryDirectory(dir=store.workspace.scratch, prefix="pull-") as scratch:
        fetched = fetch_all(there.repository, there.commit, there.parts, Path(scratch), report)
        kept = {name: _put(store, corpus, _origin(wanted, chosen), path) for name, path in fetched.items()}
    deliveries = [
        _deliver(store, (corpus, wanted), (part, kept[part.name]), (there.remote, chosen), report)
        for part in there.parts
    ]
    _log(store, corpus, (wanted, there.commit), chosen)
    gone = set(_sources(store, corpus, f"{_origin(wanted, chosen)}/")) - {delivery.name for delivery in deliveries}
    if chosen.sheet is not None:
        verified["rows"] = sum(delivery.read for delivery in deliveries)
    return Pulled(corpus, wanted.repo, there.commit, verified, tuple(deliveries), chosen.ignored, tuple(sorted(gone)))


def _corpus(store: Store, wanted: Wanted) -> str:
    """Return the corpus that is meant; one of the same name that has nothing of this repository must be named."""
    if wanted.corpus:
        return safe_name("corpus", wanted.corpus)
    name = safe_name(
        "corpus", re.sub(r"[^A-Za-z0-9._-]", "-", wanted.repo.rpartition("/")[2]).lstrip("._-") or "pulled"
    )
    if name in store.corpora() and not _sources(store, name, f"{wanted.repo}/", f"{wanted.repo}:"):
        hint = f"take them in there with --corpus {name}, or into another with --corpus NAME"
        raise UsageError(f"corpus {name!r} is there already, and holds nothing of {wanted.repo!r}", hint)
    return name


def _origin(wanted: Wanted, chosen: Chosen) -> str:
    """Return what the sources of a pull are named after: the `train` of another configuration is another source."""
    return wanted.repo if chosen.config is None else f"{wanted.repo}:{chosen.config}"


def _sources(store: Store, corpus: str, *beginnings: str) -> list[str]:
    return [source.name for source in store.corpus(corpus).sources if source.name.startswith(beginnings)]


def _verified(store: Store, repository: Repository, remote: Remote, chosen: Chosen) -> dict[str, Any]:
    """Return by what the records can be checked; `here` says whether this workspace has pushed just this."""
    sheet = chosen.sheet
    if sheet is None:
        return {"version": None, "reason": f"the repository holds no {CURATION} of the workbench"}
    digest = digest_bytes(read_file(repository, CURATION, remote.head))
    rows = store.catalogue.rows(kinds=("publication",))
    held = any(
        version.id == sheet["version"] for name in store.corpora() for version in versions(store.catalogue, name)
    )
    return {
        "version": sheet["version"],
        "name": str(sheet.get("name") or ""),
        "files": len(chosen.files),
        "here": held and any(row.body.get("curation") == digest for row in rows),
    }


def _put(store: Store, corpus: str, origin: str, path: Path) -> Path:
    """Move a checked file to where the corpus looks for it, in the place of the last pull's."""
    place = store.workspace.corpus_folder(corpus) / "pulled" / folder_name(origin) / path.name
    with out_of_space(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, place)
    return place


def _deliver(
    store: Store,
    into: tuple[str, Wanted],
    file: tuple[Part, Path],
    found: tuple[Remote, Chosen],
    report: Report,
) -> Delivery:
    """Ingest one file as a delivery of its source; the source's name, and so each record's id, knows no commit."""
    (corpus, wanted), (part, path), (remote, chosen) = into, file, found
    name = f"{_origin(wanted, chosen)}/{part.name}"
    origin = f"hf://datasets/{wanted.repo}@{remote.head}/{part.files[0].path if len(part.files) == 1 else part.name}"
    settings: dict[str, Any] = {"name": name, "origin": origin, "split": part.split}
    known = corpus in store.corpora()
    if wanted.map:
        settings["map"] = dict(wanted.map)
    if chosen.sheet is not None and _has_ids(chosen.sheet) and not (known and store.corpus(corpus).source(name)):
        # The records' own ids stay when a text is mended at the other end: so edits made here find them again.
        settings["key"] = (_RECORD_ID,)
    schema = wanted.schema or (None if known else _schema(store, chosen.sheet))
    license = _license(store, corpus, name, remote)
    return ingest(store, Order(corpus, (path,), schema=schema, license=license, settings=settings), report)[0]


def _license(store: Store, corpus: str, name: str, remote: Remote) -> str | None:
    """Return the licence to take a source in with; None of one that is here, as a person may have said otherwise since.

    Where a repository states none that is known, the one of the corpus that it comes into is not to be taken for its.
    """
    if corpus not in store.corpora():
        return stated_license(remote)
    there = store.corpus(corpus)
    if there.source(name):
        return None
    return stated_license(remote) or (UNKNOWN if there.license else None)


def _has_ids(sheet: Mapping[str, Any]) -> bool:
    columns = sheet.get("columns")
    return isinstance(columns, list) and any(isinstance(c, dict) and c.get("name") == _RECORD_ID for c in columns)


def _schema(store: Store, sheet: Mapping[str, Any] | None) -> str | None:
    """Return the kind of record that the sheet names, where this workspace has it."""
    named = sheet.get("schema") if sheet else None
    return named if isinstance(named, str) and named in store.workspace.named("schemas") else None


def _log(store: Store, corpus: str, what: tuple[Wanted, str], chosen: Chosen) -> None:
    """Write what was pulled, at which commit; said last of this repository, it is not said again."""
    wanted, commit = what
    files = {file.path: file.sha256 for file in chosen.files}
    version = chosen.sheet["version"] if chosen.sheet else None
    body = {"commit": commit, "revision": wanted.revision, "version": version, "files": files}
    last = store.catalogue.rows(corpus, kinds=(PULL,), subjects=(wanted.repo,))[-1:]
    if not (last and last[0].body == body):
        store.catalogue.append((PULL, corpus, wanted.repo, body))
