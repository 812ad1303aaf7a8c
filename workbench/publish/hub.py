"""Push one folder to the Hub as one commit and one tag, and prove that it arrived."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from huggingface_hub import CommitOperationAdd, CommitOperationDelete

from workbench.errors import OutsideError, UsageError
from workbench.publish.content import Content, content_of
from workbench.publish.facts import CARD, DataFile
from workbench.publish.meter import Meter, Report, silent
from workbench.publish.parcel import Parcel, PlannedFile, PushPlan, open_parcel, planned
from workbench.publish.patience import ATTEMPTS, patiently, pause
from workbench.publish.refusals import LostAnswerError, answering
from workbench.publish.remote import (
    Kind,
    Remote,
    Repository,
    Token,
    check_may_write,
    fetch,
    look,
    open_repository,
    read_token,
    tags,
)
from workbench.publish.transfer import WatchedAddition, watching_xet
from workbench.text import counted, show

__all__ = ["PlannedFile", "PushPlan", "Pushed", "plan", "plan_unseen", "push"]

_TOGETHER = 32_000_000
"""Bytes of small files that are uploaded in one call; a larger file has a call of its own."""

_SAID_AGAIN = "push again; where it says so again, tell the Hub"


@dataclass(frozen=True)
class Pushed:
    """Where a version or an adapter lies on the Hub."""

    repo: str
    commit: str
    tag: str
    url: str


def plan(
    folder: Path,
    repo: str,
    *,
    token: Token | None,
    kind: Kind = "dataset",
    endpoint: str | None = None,
    known: frozenset[str] | None = None,
    tag: str | None = None,
) -> PushPlan:
    """Return what `push` would do, changing nothing; without a token a private repository looks absent.

    Raises what `push` would raise: a tag that names something else is told before anybody is asked to agree.
    """
    parcel, repository = open_parcel(folder, kind, known), open_repository(repo, token, kind=kind, endpoint=endpoint)
    remote = look(repository)
    todo = planned(parcel, repo, remote)
    tagged = _already(repository, parcel, tag) if tag is not None and remote.head is not None else None
    if parcel.is_the_one(remote):
        # The version is there: other bytes of another release's writer are no reason to send it again.
        return _unsent(todo, but=CARD)
    if tagged is not None:
        note = f"{tag} is there already under its tag, below what is newest there: nothing is sent"
        return replace(_unsent(todo), card=remote.card, notes=(note,))
    return todo


def _unsent(todo: PushPlan, *, but: str = "") -> PushPlan:
    files = tuple(file if file.path == but else replace(file, change="same") for file in todo.files)
    return replace(todo, files=files, deletes=())


def plan_unseen(folder: Path, repo: str, *, why: str, kind: Kind = "dataset") -> PushPlan:
    """Return what `push` would send to a repository that holds nothing, asking nobody: for a look without network."""
    return replace(planned(open_parcel(folder, kind, None), repo, Remote()), unseen=why)


def push(
    folder: Path,
    repo: str,
    *,
    tag: str,
    message: str,
    kind: Kind = "dataset",
    private: bool = True,
    report: Report = silent,
    endpoint: str | None = None,
    known: frozenset[str] | None = None,
) -> Pushed:
    """Put a folder on the Hub as one commit named by `tag`; doing it again changes at most our block of the card.

    `known` holds the ids of all versions of this corpus: a repository that holds any other version of a corpus of
    the same name is refused; None leaves that unchecked. Raises UsageError for a licence, tag or repository that
    cannot be used, OutsideError where the Hub or the way to it fails.
    """
    parcel = open_parcel(folder, kind, known)
    repository = open_repository(repo, read_token(), kind=kind, endpoint=endpoint)
    check_may_write(repository)
    _prepare(repository, parcel, private=private, report=report)
    commit = _already(repository, parcel, tag)
    if commit is None:
        commit = _found(repository, parcel, report)
        if commit is None:
            commit = _bring(repository, parcel, private=private, message=message, report=report)
            _verify(repository, parcel, commit, private=private, report=report)
        _tag(repository, tag, commit)
    else:
        patiently(partial(_refresh_card, repository, parcel, report))
    return Pushed(repo, commit, tag, repository.address(tag))


def _prepare(repository: Repository, parcel: Parcel, *, private: bool, report: Report) -> None:
    """Create the repository where it is missing; never send what is meant to be private to a public one."""
    remote = look(repository)
    if remote.head is None:
        report(f"creating {repository.name}")
        patiently(partial(_create, repository, private=private))
        remote = _present(repository, private=private)
    _refuse_public(repository, remote, private=private)
    if not private and remote.private:
        report(f"{repository.name} is private and stays so; its settings on the Hub can open it")
    planned(parcel, repository.name, remote)  # refuses before a byte is sent


def _present(repository: Repository, *, private: bool) -> Remote:
    """Look at a repository that must be there by now, and be as private as what is sent to it."""
    remote = look(repository)
    if remote.head is None:
        # A commit on top of nothing that is known would be a commit on top of anything.
        hint = "push again in a minute; where it says so again, the token may not see it"
        raise OutsideError(f"the Hub shows no repository {repository.name!r}", hint)
    _refuse_public(repository, remote, private=private)
    return remote


def _refuse_public(repository: Repository, remote: Remote, *, private: bool) -> None:
    if private and not remote.private:
        hint = "push with --public, or make it private in its settings"
        raise UsageError(f"{repository.name!r} is public on the Hub", hint)


def _create(repository: Repository, *, private: bool) -> None:
    with answering(f"creating {repository.name!r}"):
        repository.api.create_repo(repository.name, repo_type=repository.kind, private=private, exist_ok=True)


def _already(repository: Repository, parcel: Parcel, tag: str) -> str | None:
    """Return the commit that `tag` names if it is this version or run, whole; raise UsageError if it is another."""
    commit = tags(repository).get(tag)
    if commit is None:
        return None
    if not parcel.is_the_one(look(repository, commit)):
        other = "run of that name" if parcel.kind == "model" else "version"
        raise UsageError(
            f"tag {tag!r} of {repository.name!r} already names another {other}, or this one under another licence",
            "push to another repository, or remove that tag there",
        )
    return commit


def _found(repository: Repository, parcel: Parcel, report: Report) -> str | None:
    """Return the head where it is this version or run as another release wrote it: it lacks its tag and no more."""
    remote = look(repository)
    if remote.head is None or not parcel.is_the_one(remote) or remote.curation == parcel.known:
        return None
    _compare(repository, parcel, remote.head, parcel.listed(remote), report)
    return remote.head


def _bring(repository: Repository, parcel: Parcel, *, private: bool, message: str, report: Report) -> str:
    """Return the commit that holds the parcel, made by one commit or found there after a lost answer."""
    began: str | None = None
    for attempt in range(1, ATTEMPTS + 1):
        todo = planned(parcel, repository.name, _present(repository, private=private))
        if todo.head and not todo.changes:
            return todo.head
        _refuse_overtaken(repository, began, todo)
        began = todo.head
        try:
            return _send(repository, parcel, todo, private=private, message=message, report=report)
        except LostAnswerError as lost:
            if attempt < ATTEMPTS:
                report(f"{lost.what}: looking what the Hub did")
                pause(lost, attempt)
    # The last answer may have been lost as well.
    todo = planned(parcel, repository.name, _present(repository, private=private))
    if todo.head and not todo.changes:
        return todo.head
    hint = "push again in some minutes: what was uploaded is not sent twice"
    raise LostAnswerError(f"the Hub failed {ATTEMPTS} times to take the commit", hint)


def _refuse_overtaken(repository: Repository, began: str | None, todo: PushPlan) -> None:
    """Refuse to commit again on top of what somebody else committed while an answer was lost.

    The lost commit may lie below it: then it would be there twice, and the newer one be undone.
    """
    if began is not None and todo.head != began:
        hint = "look at its history, then push again: it starts from the new state"
        raise OutsideError(f"{repository.name!r} has changed since it was read, while an answer got lost", hint)


def _send(
    repository: Repository, parcel: Parcel, todo: PushPlan, *, private: bool, message: str, report: Report
) -> str:
    """Upload what is not there yet, then make all of it one commit on top of the head that was looked at."""
    additions = _uploaded(repository, parcel, todo, report)
    removals = [CommitOperationDelete(path) for path in todo.deletes]
    # An upload may take hours, and until the commit nothing of it can be read: this is the last moment to see.
    _present(repository, private=private)
    with answering(f"committing to {repository.name!r}"):
        done = repository.api.create_commit(
            repository.name,
            [*additions, *removals],
            commit_message=message or f"{parcel.known['corpus']} {parcel.known['version']}",
            repo_type=repository.kind,
            parent_commit=todo.head,
        )
    return str(done.oid)


def _uploaded(repository: Repository, parcel: Parcel, todo: PushPlan, report: Report) -> list[WatchedAddition]:
    """Upload every file that is to be sent; none of them shows before it is committed."""
    contents = parcel.contents(todo.card)
    report(f"sending {counted(len(todo.sent), 'file')} to {repository.name}")
    additions = {file.path: WatchedAddition(file.path, contents[file.path].source) for file in todo.sent}
    meter = Meter("sending", sum(file.size for file in todo.sent), report)
    for batch in _batches(todo.sent):
        _upload(repository, [additions[file.path] for file in batch], meter)
        meter.add(sum(file.size for file in batch))
    return list(additions.values())


def _upload(repository: Repository, batch: list[WatchedAddition], meter: Meter) -> None:
    # As large as it gets from the start: several files are sent at once, each in a thread of its own.
    gone = {addition.path_in_repo: 0 for addition in batch}

    def watch(path: str, count: int) -> None:
        gone[path] = count
        meter.within(sum(gone.values()))

    for addition in batch:
        addition.watch = partial(watch, addition.path_in_repo)
    with answering(f"uploading to {repository.name!r}"), watching_xet(meter.within):
        repository.api.preupload_lfs_files(repository.name, batch, repo_type=repository.kind)


def _batches(files: tuple[PlannedFile, ...]) -> Iterator[list[PlannedFile]]:
    """Yield files to be uploaded together: after each batch it can be told how far it is."""
    batch: list[PlannedFile] = []
    for file in files:
        if batch and sum(held.size for held in batch) + file.size > _TOGETHER:
            yield batch
            batch = []
        batch.append(file)
    yield batch


def _verify(repository: Repository, parcel: Parcel, commit: str, *, private: bool, report: Report) -> None:
    """Compare what the Hub says of every file, then fetch each one back and compare its bytes."""
    arrived = look(repository, commit)
    if private and not arrived.private:
        hint = "make it private in its settings on the Hub, then push again: nothing is sent twice"
        raise OutsideError(f"{repository.name!r} became public while this was sent, and anybody can read it", hint)
    missing = parcel.missing(arrived)
    if missing:
        raise OutsideError(f"the Hub holds another {missing[0]!r} than was sent", _SAID_AGAIN)
    contents = parcel.contents("")
    del contents[CARD]
    _compare(repository, parcel, commit, contents, report)


def _compare(
    repository: Repository, parcel: Parcel, commit: str, files: Mapping[str, Content | DataFile], report: Report
) -> None:
    """Fetch every file of a commit back and compare its bytes."""
    meter = Meter("checking what arrived", sum(file.size for file in files.values()), report)
    for path, file in files.items():
        if patiently(partial(_back, repository, parcel, (path, commit), meter)) != file.sha256:
            raise OutsideError(f"the Hub gives back another {show(path)!r} than was sent", _SAID_AGAIN)
        meter.add(file.size)


def _back(repository: Repository, parcel: Parcel, file: tuple[str, str], meter: Meter) -> str:
    """Return the digest of a file, a path at a commit, as the Hub gives it back, leaving nothing behind."""
    with TemporaryDirectory(dir=parcel.folder.parent, prefix=".back-") as folder:
        return content_of(fetch(repository, *file, Path(folder), meter.within)).sha256


def _refresh_card(repository: Repository, parcel: Parcel, report: Report) -> None:
    """Tell on the card what was learned since, where the version that lies there is still this one; the tag stays.

    After a lost answer the card that lies there is looked at anew, and is no more to be sent where it arrived.
    """
    remote = look(repository)
    card = parcel.card(remote)
    if not parcel.is_the_one(remote) or card == remote.card:
        return
    report("bringing the card up to date")
    with answering(f"committing to {repository.name!r}"):
        repository.api.create_commit(
            repository.name,
            [CommitOperationAdd(CARD, card.encode())],
            commit_message="Bring the card up to date",
            repo_type=repository.kind,
            parent_commit=remote.head,
        )


def _tag(repository: Repository, tag: str, commit: str) -> None:
    """Name the commit; a tag that is already there is fine if it names this one."""
    try:
        patiently(partial(_create_tag, repository, tag, commit))
    except OutsideError:
        if tags(repository).get(tag) != commit:
            raise


def _create_tag(repository: Repository, tag: str, commit: str) -> None:
    with answering(f"tagging {repository.name!r}"):
        repository.api.create_tag(repository.name, tag=tag, revision=commit, repo_type=repository.kind)
