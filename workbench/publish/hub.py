"""Push one export to the Hub as one commit and one tag, and prove that it arrived."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from huggingface_hub import CommitOperationAdd, CommitOperationDelete

from workbench.errors import CorruptionError, OutsideError, UsageError
from workbench.publish.content import Content, content_of
from workbench.publish.facts import CARD, CURATION
from workbench.publish.formats import data_files, read_curation
from workbench.publish.licenses import checked_license
from workbench.publish.merge import merge
from workbench.publish.remote import (
    KIND,
    LostAnswerError,
    Remote,
    RemoteFile,
    Repository,
    Token,
    answering,
    look,
    open_repository,
    read_file,
    read_token,
    tags,
)
from workbench.text import counted, show

_DATA = re.compile(
    r"\.(?:json|jsonl|ndjson|csv|tsv|tab|txt|parquet|arrow|feather|orc|avro|h5|hdf5|npy|npz|pkl|pickle|db|sqlite3?"
    r"|xlsx?|xml|zip|tar|tgz|gz|bz2|xz|zst|7z|rar)\Z",
    re.IGNORECASE,
)
ATTEMPTS = 2
"""How often a commit is sent when its answer gets lost."""

Report = Callable[[str], None]


@dataclass(frozen=True)
class PlannedFile:
    """One file of the export and what a push would do with it."""

    path: str
    size: int
    sha256: str
    change: Literal["add", "replace", "same"]


@dataclass(frozen=True)
class PushPlan:
    """What a push would do to the repository's present head (`None`: it would be created)."""

    repo: str
    head: str | None
    files: tuple[PlannedFile, ...]
    deletes: tuple[str, ...]
    card: str = field(repr=False)

    @property
    def changes(self) -> bool:
        """Tell whether a commit is needed at all."""
        return bool(self.deletes) or any(file.change != "same" for file in self.files)


@dataclass(frozen=True)
class Pushed:
    """Where a version lies on the Hub."""

    repo: str
    commit: str
    tag: str
    url: str


@dataclass(frozen=True)
class _Export:
    """An export whose files were checked, and its card as it was written."""

    folder: Path
    known: Mapping[str, Any]
    versions: frozenset[str] | None
    """Every version of the corpus that may lie on the Hub already; None: any."""

    def contents(self, card: str) -> dict[str, Content]:
        """Return everything to upload by its path, with `card` in place of the export's own."""
        files = {file.path: Content(self.folder / file.path, file.size, file.sha256) for file in data_files(self.known)}
        return {**files, CURATION: content_of(self.folder / CURATION), CARD: content_of(card.encode())}

    def card(self, remote: Remote) -> str:
        """Return the card for this remote: its own text with our block in it."""
        ours = (self.folder / CARD).read_text(encoding="utf-8")
        return merge(remote.card, ours) if remote.card else ours


def plan(
    export_folder: Path,
    repo: str,
    *,
    token: Token | None,
    endpoint: str | None = None,
    known: frozenset[str] | None = None,
) -> PushPlan:
    """Return what `push` would do, changing nothing; without a token a private repository looks absent."""
    repository = open_repository(repo, token, endpoint=endpoint)
    return _planned(_open(export_folder, known), repo, look(repository))


def plan_unseen(export_folder: Path, repo: str) -> PushPlan:
    """Return what `push` would send to a repository that holds nothing, asking nobody: for a look without network."""
    return _planned(_open(export_folder, None), repo, Remote())


def push(
    export_folder: Path,
    repo: str,
    *,
    tag: str,
    message: str,
    private: bool = True,
    report: Report = lambda line: None,
    endpoint: str | None = None,
    known: frozenset[str] | None = None,
) -> Pushed:
    """Put an export on the Hub as one commit named by `tag`; doing it again changes nothing.

    `known` holds the ids of all versions of this corpus: a repository that holds any other version of a corpus of
    the same name is refused; None leaves that unchecked. Raises UsageError for a licence, tag or repository that
    cannot be used, OutsideError where the Hub or the way to it fails.
    """
    export = _open(export_folder, known)
    repository = open_repository(repo, read_token(), endpoint=endpoint)
    _prepare(repository, private=private, report=report)
    commit = _already(repository, export, tag)
    if commit is None:
        commit = _bring(repository, export, message=message, report=report)
        report("checking what arrived")
        _verify(repository, export, commit)
        _tag(repository, tag, commit)
    return Pushed(repo, commit, tag, f"{repository.api.endpoint}/datasets/{repo}/tree/{tag}")


def _open(folder: Path, versions: frozenset[str] | None) -> _Export:
    known = read_curation(folder)
    checked_license(known.get("license"))
    if not (folder / CARD).is_file():
        raise CorruptionError(f"{str(folder / CARD)!r} is missing", "export the version again")
    return _Export(folder, known, versions)


def _prepare(repository: Repository, *, private: bool, report: Report) -> None:
    """Create the repository where it is missing; never send what is meant to be private to a public one."""
    remote = look(repository)
    if remote.head is None:
        report(f"creating {repository.name}")
        with answering(f"creating {repository.name!r}"):
            repository.api.create_repo(repository.name, repo_type=KIND, private=private, exist_ok=True)
    elif private and not remote.private:
        raise UsageError(
            f"{repository.name!r} is public on the Hub",
            "push with --public, or make it private in its settings",
        )


def _planned(export: _Export, repo: str, remote: Remote) -> PushPlan:
    _refuse_another(export, repo, remote)
    card = export.card(remote)
    contents = export.contents(card)
    files = tuple(_planned_file(path, content, remote.files.get(path)) for path, content in contents.items())
    listed = data_files(remote.curation) if remote.curation is not None else ()
    deletes = tuple(file.path for file in listed if file.path in remote.files and file.path not in contents)
    return PushPlan(repo, remote.head, files, deletes, card)


def _planned_file(path: str, content: Content, there: RemoteFile | None) -> PlannedFile:
    if there is None:
        return PlannedFile(path, content.size, content.sha256, "add")
    return PlannedFile(path, content.size, content.sha256, "same" if there.holds(content) else "replace")


def _refuse_another(export: _Export, repo: str, remote: Remote) -> None:
    """Refuse to mix an export with records that came from elsewhere."""
    hint = "push to another repository"
    there = remote.curation if remote.curation is not None and _is_ours(remote.curation) else None
    foreign = next((path for path in sorted(remote.files) if _DATA.search(path)), None)
    if there is None and foreign is not None:
        raise UsageError(f"{repo!r} holds data that the workbench did not put there ({show(foreign)!r})", hint)
    if there is None:
        return
    if there["corpus"] != export.known["corpus"]:
        raise UsageError(f"{repo!r} holds the corpus {show(there['corpus'])!r}", hint)
    if export.versions is not None and there["version"] not in {*export.versions, export.known["version"]}:
        raise UsageError(
            f"{repo!r} holds version {show(there['version'])!r} of another corpus named {show(there['corpus'])!r}",
            hint,
        )


def _is_ours(curation: Mapping[str, Any]) -> bool:
    return isinstance(curation.get("files"), list) and all(
        isinstance(curation.get(name), str) for name in ("corpus", "version")
    )


def _already(repository: Repository, export: _Export, tag: str) -> str | None:
    """Return the commit that `tag` names if it is this export; raise UsageError if it is another."""
    commit = tags(repository).get(tag)
    if commit is None:
        return None
    remote = look(repository, commit)
    if _missing(export, remote):
        raise UsageError(f"tag {tag!r} of {repository.name!r} already names another version", "push with another --tag")
    return commit


def _bring(repository: Repository, export: _Export, attempts: int = ATTEMPTS, *, message: str, report: Report) -> str:
    """Return the commit that holds the export, made by one commit or found there after a lost answer."""
    todo = _planned(export, repository.name, look(repository))
    if todo.head and not todo.changes:
        return todo.head
    if not attempts:
        raise LostAnswerError(f"the Hub failed {ATTEMPTS} times to take the commit", "push again in some minutes")
    report(_progress(todo))
    try:
        return _commit(repository, export, todo, message=message)
    except LostAnswerError:
        report("no answer: looking what the Hub did")
        return _bring(repository, export, attempts - 1, message=message, report=report)


def _progress(todo: PushPlan) -> str:
    sent = [file for file in todo.files if file.change != "same"]
    return f"sending {counted(len(sent), 'file')}, {counted(sum(file.size for file in sent), 'byte')}"


def _commit(repository: Repository, export: _Export, todo: PushPlan, *, message: str) -> str:
    contents = export.contents(todo.card)
    operations: list[CommitOperationAdd | CommitOperationDelete] = [
        CommitOperationAdd(file.path, contents[file.path].source) for file in todo.files if file.change != "same"
    ]
    operations += [CommitOperationDelete(path) for path in todo.deletes]
    with answering(f"committing to {todo.repo!r}"):
        done = repository.api.create_commit(
            todo.repo,
            operations,
            commit_message=message or f"{export.known['corpus']} {export.known['version']}",
            repo_type=KIND,
            parent_commit=todo.head,
        )
    return str(done.oid)


def _missing(export: _Export, remote: Remote) -> list[str]:
    """Return the files of the export that a commit lacks or holds otherwise; a person may edit the card."""
    contents = export.contents("")
    del contents[CARD]
    return [
        path for path, content in contents.items() if path not in remote.files or not remote.files[path].holds(content)
    ]


def _verify(repository: Repository, export: _Export, commit: str) -> None:
    missing = _missing(export, look(repository, commit))
    if missing:
        raise OutsideError(f"the Hub holds another {missing[0]!r} than was sent", "push again")
    if read_file(repository, CURATION, commit) != (export.folder / CURATION).read_bytes():
        raise OutsideError(f"the Hub gives back another {CURATION} than was sent", "push again")


def _tag(repository: Repository, tag: str, commit: str) -> None:
    """Name the commit; a tag that is already there is fine if it names this one."""
    try:
        with answering(f"tagging {repository.name!r}"):
            repository.api.create_tag(repository.name, tag=tag, revision=commit, repo_type=KIND)
    except OutsideError:
        if tags(repository).get(tag) != commit:
            raise
