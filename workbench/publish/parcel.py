"""What a push sends: a checked folder, its card put into the one that is there, and what would change."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from workbench.errors import CorruptionError, UsageError
from workbench.publish.adapter import WEIGHTS
from workbench.publish.content import Content, content_of
from workbench.publish.facts import CARD, CURATION, DataFile
from workbench.publish.formats import data_files, read_curation
from workbench.publish.licenses import checked_license
from workbench.publish.merge import merge
from workbench.publish.remote import Kind, Remote, RemoteFile
from workbench.text import show

_FOREIGN: dict[Kind, re.Pattern[str]] = {
    "dataset": re.compile(
        r"\.(?:json|jsonl|ndjson|csv|tsv|tab|txt|parquet|arrow|feather|orc|avro|h5|hdf5|npy|npz|pkl|pickle|db|sqlite3?"
        r"|xlsx?|xml|zip|tar|tgz|gz|bz2|xz|zst|7z|rar)\Z",
        re.IGNORECASE,
    ),
    "model": re.compile(r"\.(?:safetensors|bin|pth?|ckpt|gguf|onnx|h5|msgpack|pkl|pickle)\Z", re.IGNORECASE),
}
"""Files that a loader would take for a part of what is sent."""
_NAMED = ("corpus", "version", "run", "license")
"""What a curation.json is about, and under which licence it left."""


@dataclass(frozen=True)
class PlannedFile:
    """One file and what a push would do with it."""

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
    there: Mapping[str, Any] | None = field(default=None, repr=False)
    """The curation.json that lies there now; None where there is none of ours."""
    private: bool = True
    """Whether the repository is private now; one that is not there is nobody's to see."""
    unseen: str = ""
    """Why the repository could not be looked at; the plan is then for one that holds nothing."""
    notes: tuple[str, ...] = ()
    """What a person should know before it is sent, a sentence each."""

    @property
    def changes(self) -> bool:
        """Tell whether a commit is needed at all."""
        return bool(self.deletes) or any(file.change != "same" for file in self.files)

    @property
    def sent(self) -> tuple[PlannedFile, ...]:
        """Return the files whose bytes would travel."""
        return tuple(file for file in self.files if file.change != "same")


@dataclass(frozen=True)
class Parcel:
    """A folder whose files were checked, and its curation.json as it was written."""

    kind: Kind
    folder: Path
    known: Mapping[str, Any]
    versions: frozenset[str] | None
    """Every version of the corpus that may lie on the Hub already; None: any."""

    def contents(self, card: str) -> dict[str, Content]:
        """Return everything to upload by its path, with `card` in place of the folder's own."""
        files = {file.path: Content(self.folder / file.path, file.size, file.sha256) for file in data_files(self.known)}
        return {**files, CURATION: content_of(self.folder / CURATION), CARD: content_of(card.encode())}

    def card(self, remote: Remote) -> str:
        """Return the card for this remote: its own text with our block in it."""
        ours = (self.folder / CARD).read_text(encoding="utf-8")
        return merge(remote.card, ours) if remote.card else ours

    def missing(self, remote: Remote) -> list[str]:
        """Return the files that a commit lacks or holds otherwise; a person may edit the card."""
        contents = self.contents("")
        del contents[CARD]
        files = remote.files
        return [path for path, content in contents.items() if path not in files or not files[path].holds(content)]

    def is_the_one(self, remote: Remote) -> bool:
        """Tell whether a commit holds this version or run, and all that its own curation.json lists.

        Bytes may differ: another release of the workbench, or of its Parquet writer, says the same otherwise.
        """
        there = remote.curation
        if there is None or not is_ours(there) or any(there.get(key) != self.known.get(key) for key in _NAMED):
            return False
        listed, ours = self.listed(remote), {file.path: file.sha256 for file in data_files(self.known)}
        if self.kind == "model" and (WEIGHTS not in listed or listed[WEIGHTS].sha256 != ours.get(WEIGHTS)):
            # A run's name says nothing of what it learned: another machine may have a run called the same.
            return False
        return all(path in remote.files and remote.files[path].may_be(file) for path, file in listed.items())

    def listed(self, remote: Remote) -> dict[str, DataFile]:
        """Return the files that a commit's own curation.json lists, by path."""
        return {file.path: file for file in data_files(remote.curation)} if remote.curation is not None else {}


def open_parcel(folder: Path, kind: Kind, versions: frozenset[str] | None) -> Parcel:
    """Check a folder and its licence; raises UsageError or CorruptionError before anybody is asked."""
    known = read_curation(folder)
    checked_license(known.get("license"))
    if not (folder / CARD).is_file():
        raise CorruptionError(f"{str(folder / CARD)!r} is missing", "export the version again")
    return Parcel(kind, folder, known, versions)


def planned(parcel: Parcel, repo: str, remote: Remote) -> PushPlan:
    """Return what a push would do to a repository; raises UsageError where it would mix two things."""
    _refuse_another(parcel, repo, remote)
    card = parcel.card(remote)
    contents = parcel.contents(card)
    files = tuple(_planned_file(path, content, remote.files.get(path)) for path, content in contents.items())
    there = _ours(remote)
    listed = data_files(there) if there is not None else ()
    deletes = tuple(file.path for file in listed if file.path in remote.files and file.path not in contents)
    return PushPlan(repo, remote.head, files, deletes, card, there, remote.private)


def _planned_file(path: str, content: Content, there: RemoteFile | None) -> PlannedFile:
    if there is None:
        return PlannedFile(path, content.size, content.sha256, "add")
    return PlannedFile(path, content.size, content.sha256, "same" if there.holds(content) else "replace")


def _refuse_another(parcel: Parcel, repo: str, remote: Remote) -> None:
    """Refuse to mix what is sent with what came from elsewhere."""
    hint = "push to another repository"
    there = _ours(remote)
    foreign = next(
        (path for path in sorted(remote.files) if path == CURATION or _FOREIGN[parcel.kind].search(path)), None
    )
    if there is None and foreign is not None:
        raise UsageError(f"{repo!r} holds data that the workbench did not put there ({show(foreign)!r})", hint)
    if there is None:
        return
    if there["corpus"] != parcel.known["corpus"]:
        raise UsageError(f"{repo!r} holds the corpus {show(there['corpus'])!r}", hint)
    if parcel.versions is not None and there["version"] not in {*parcel.versions, parcel.known["version"]}:
        raise UsageError(
            f"{repo!r} holds version {show(there['version'])!r} of another corpus named {show(there['corpus'])!r}",
            hint,
        )


def _ours(remote: Remote) -> Mapping[str, Any] | None:
    return remote.curation if remote.curation is not None and is_ours(remote.curation) else None


def is_ours(curation: Mapping[str, Any]) -> bool:
    """Tell whether a curation.json says what ours says: somebody else may use that name."""
    return isinstance(curation.get("files"), list) and all(
        isinstance(curation.get(name), str) for name in ("corpus", "version")
    )
