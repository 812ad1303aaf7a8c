"""Which files of a stranger's repository are taken as records, and why the others are not; none is opened here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any, Literal

from workbench.errors import DataError, UsageError, unknown
from workbench.publish.content import Content
from workbench.publish.facts import CARD, CURATION
from workbench.publish.formats import data_files
from workbench.publish.licenses import LICENSES
from workbench.publish.merge import front_of, read_front
from workbench.publish.parcel import is_ours
from workbench.publish.remote import Remote, RemoteFile
from workbench.text import counted, show

Split = Literal["train", "validation", "test"]

MOST_FILES = 10_000
READABLE = (".parquet", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".txt")
_CALLED: dict[str, Split] = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip
_NOT_RECORDS = frozenset({CURATION, "dataset_info.json", "dataset_infos.json", "state.json", "requirements.txt"})
_NEVER = {
    "a pickle, which can run code": (".pkl", ".pickle", ".pt", ".pth", ".bin", ".ckpt", ".joblib", ".npy", ".npz"),
    "a program": (".py", ".sh", ".ipynb", ".js", ".so", ".dll", ".exe"),
    "an archive": (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar"),
}
_CARD_LIMIT = 1_000_000
"""Characters of a card beyond which its front matter is not read."""


@dataclass(frozen=True)
class Incoming:
    """One file to take: where it lies in the repository, the split it is of, and what it must be."""

    path: str
    split: Split | None
    size: int
    sha256: str | None
    """What the Hub or curation.json says; None where neither does."""
    blob: str = ""
    """What git calls a small file's bytes; empty where that is not known."""

    def holds(self, content: Content) -> bool:
        """Tell whether bytes are those that were promised."""
        if content.size != self.size:
            return False
        return content.sha256 == self.sha256 if self.sha256 else self.blob in ("", content.git_name())


@dataclass(frozen=True)
class Chosen:
    """What is taken of a repository."""

    files: tuple[Incoming, ...]
    ignored: tuple[tuple[str, str], ...]
    """Path and reason of every other file that might have been meant."""
    sheet: Mapping[str, Any] | None = None
    """The curation.json that the files are checked by."""
    config: str | None = None
    """The configuration that was asked for, where the repository gives another one to who asks for none."""


def choose(remote: Remote, *, config: str | None = None) -> Chosen:
    """Return the files to take; raises DataError where a path leads out of the repository.

    An export of the workbench is taken by its curation.json, others by the configurations in their card, else by
    their names as `datasets` reads them.
    """
    for path in remote.files:
        _check_path(path)
    if remote.curation is not None and is_ours(remote.curation) and not config:
        return _listed(remote, remote.curation)
    known = {str(one["config_name"]): one for one in _configs(remote.card) if one.get("config_name")}
    usual = _usual(known)
    found = _configured(remote, known, config or usual)
    if not found:
        told = f"configuration {show(config or usual)!r} of the repository names" if known else "the repository holds"
        raise DataError(f"{told} no file of records", f"these are read: {', '.join(READABLE)}")
    if len(found) > MOST_FILES:
        raise DataError(f"the repository holds {counted(len(found), 'file')} of records", f"at most {MOST_FILES:,}")
    files = tuple(_incoming(path, split, remote.files[path]) for path, split in found.items())
    return Chosen(files, tuple(_ignored(remote, found)), config=config if config != usual else None)


def _check_path(path: str) -> None:
    pure = PurePosixPath(path)
    # A backslash and a colon are steps of a path on other systems; a control character is no part of any name.
    if pure.is_absolute() or ".." in pure.parts or not pure.parts or re.search(r"[\\:\x00-\x1f\x7f]", path):
        hint = "this repository was made to do harm, or by a broken tool: tell its owner, and do not use it"
        raise DataError(f"the repository holds a file whose path leads out of it: {show(path)!r}", hint)


def _listed(remote: Remote, sheet: Mapping[str, Any]) -> Chosen:
    """Return the files of an export of ours; each must be there, as large as its sheet says."""
    files = data_files(sheet)
    for file in files:
        there = remote.files.get(file.path)
        texts, counts = (file.sha256, file.split), (file.rows, file.size)
        if not (all(isinstance(text, str) for text in texts) and all(isinstance(count, int) for count in counts)):
            raise DataError(f"{CURATION} in the repository is not one of ours", "name what to take with --config")
        if there is None or not there.may_be(file):
            what = f"{show(file.path)!r} in the repository is not what its {CURATION} says"
            raise DataError(what, "pull an earlier revision, or ask its owner to push it again")
    taken = tuple(
        Incoming(file.path, _CALLED.get(file.split), file.size, file.sha256)
        for file in files
        if file.path.endswith(READABLE)
    )
    if not taken:
        raise DataError("the repository holds no records: it is an adapter", "pull the records that it was trained on")
    return Chosen(taken, tuple(_ignored(remote, {file.path: None for file in files})), sheet)


def _incoming(path: str, split: Split | None, file: RemoteFile) -> Incoming:
    return Incoming(path, split, file.size, file.sha256, file.blob)


def _usual(known: Mapping[str, Any]) -> str:
    """Return the configuration that is taken where none is asked for; empty where there is none, or no usual one."""
    return "default" if "default" in known else next(iter(known)) if len(known) == 1 else ""


def _configured(remote: Remote, known: Mapping[str, Any], config: str) -> dict[str, Split | None]:
    """Return the files of a configuration, or of the whole repository where its card knows none, with their splits."""
    if not config and known:
        raise UsageError("the repository holds several configurations", f"name one with --config: {', '.join(known)}")
    if not config:
        return _by_name(remote, "")
    if config not in known:
        raise unknown("configuration", config, known)
    folder = str(known[config].get("data_dir") or "").strip("/")
    within = f"{folder}/" if folder not in ("", ".") else ""
    if known[config].get("data_files") is None:
        return _by_name(remote, within)
    patterns = _patterns(known[config]["data_files"])
    return {path: split for pattern, split in patterns for path in _matching(remote, f"{within}{pattern}")}


def stated_license(remote: Remote) -> str | None:
    """Return the one licence that the Hub knows and that a repository states, in its curation.json or on its card."""
    ours = remote.curation.get("license") if remote.curation is not None and is_ours(remote.curation) else None
    stated = ours or _front(remote.card).get("license")
    one = stated[0] if isinstance(stated, list) and len(stated) == 1 else stated
    return one if isinstance(one, str) and one in LICENSES else None


def _front(card: str) -> dict[Any, Any]:
    try:
        front = read_front(front_of(card[:_CARD_LIMIT]))
    except DataError:  # what a person wrote there need not be readable to take the records
        return {}
    return front if isinstance(front, dict) else {}


def _configs(card: str) -> list[dict[str, Any]]:
    configs = _front(card).get("configs")
    return [one for one in configs if isinstance(one, dict)] if isinstance(configs, list) else []


def _patterns(named: object) -> Iterator[tuple[str, Split | None]]:
    """Yield (pattern, split) of the forms that `data_files` may have."""
    for one in named if isinstance(named, list) else [named]:
        if isinstance(one, str):
            yield one, None
        elif isinstance(one, dict):
            paths = one.get("path") or []
            for path in paths if isinstance(paths, list) else [paths]:
                yield str(path), _CALLED.get(str(one.get("split", "")))


def _matching(remote: Remote, pattern: str) -> list[str]:
    return [
        path
        for path in sorted(remote.files)
        if fnmatchcase(path, pattern.replace("**", "*")) and path.lower().endswith(READABLE)
    ]


def _by_name(remote: Remote, within: str) -> dict[str, Split | None]:
    """Return the files of a folder, of the form that most of them have, with the splits that their names tell."""
    held = [path for path in sorted(remote.files) if path.startswith(within)]
    found = [path for path in held if path.lower().endswith(READABLE) and not _is_aside(path)]
    forms = Counter(PurePosixPath(path).suffix.lower() for path in found)
    if not forms:
        return {}
    form = max(forms, key=lambda suffix: (forms[suffix], -READABLE.index(suffix)))
    return {path: split_of(path) for path in found if path.lower().endswith(form)}


def _is_aside(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return parts[-1].lower() in _NOT_RECORDS or any(part.startswith(".") for part in parts)


def split_of(path: str) -> Split | None:
    """Return the split that a path names, its last part first; `data/train-00000-of-00001.parquet` is train."""
    for part in reversed(PurePosixPath(path).parts):
        for word in re.split(r"[^a-z]+", part.lower()):
            if word in _CALLED:
                return _CALLED[word]
    return None


def _ignored(remote: Remote, taken: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for path in sorted(remote.files):
        if path in taken or path in (CARD, CURATION) or path.startswith("."):
            continue
        suffix = PurePosixPath(path).suffix.lower()
        reason = next((why for why, suffixes in _NEVER.items() if suffix in suffixes), None)
        if reason or suffix in READABLE:
            yield path, reason or "not named as records"
