"""A workspace on disk: the only place where a path is built."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from workbench.errors import OutsideError, UsageError, unknown

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_DRAFT = re.compile(r"^[0-9a-f]{32}((-rejects)?-\d+\.arrow)?$|\.[0-9a-f]{32}$")
"""Drafts, in the scratch folder and in the cache, are named by a random number of 128 bits."""
_HOUR, _DAY = 3600, 86_400
FIRST_SAMPLE = "domain-qa"
"""The sample corpus to begin with: small, with every kind of fault, and trained on in a minute."""
_FOLDERS = ("corpora", "schemas", "recipes", "exports")
_CLOSED = ("runs", ".workbench", ".workbench/objects")
"""Folders that other users cannot enter."""


def samples() -> Path:
    """Return the folder that holds the sample corpora, schemas and recipes that come with the package."""
    packaged = Path(__file__).parent / "_samples"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent


class Workspace:
    """A folder that holds corpora, schemas, recipes, exports, runs and the store in `.workbench`."""

    def __init__(self, root: Path) -> None:
        """Refuse a folder that is no workspace, with the command that makes one."""
        self.root = root.resolve()
        if not (self.root / "corpora").is_dir() or not (self.root / "schemas").is_dir():
            raise UsageError(f"no workspace at {str(root)!r}", "make one with: workbench init DIR")

    @classmethod
    def find(cls, start: Path) -> Workspace:
        """Return the workspace at `start` or the nearest folder above it."""
        for folder in (start.resolve(), *start.resolve().parents):
            if (folder / "corpora").is_dir() and (folder / "schemas").is_dir():
                return cls(folder)
        raise UsageError(f"no workspace at or above {str(start.resolve())!r}", "make one with: workbench init DIR")

    @classmethod
    def create(cls, root: Path, *, with_samples: bool = True) -> Workspace:
        """Make a workspace with the package's schemas, recipes and sample corpora; keep what is there."""
        if root.exists() and not root.is_dir():
            raise UsageError(f"{str(root)!r} is a file", "give a folder, or a name that is not taken")
        with out_of_space(root):
            for name in _FOLDERS:
                (root / name).mkdir(parents=True, exist_ok=True)
            for name in ("schemas", "recipes", *(["corpora"] if with_samples else [])):
                _copy_missing(samples() / name, root / name)
        for name in _CLOSED:
            _made(root / name)
        return cls(root)

    def take_sample(self, name: str) -> None:
        """Copy a sample corpus that comes with the package; keep what is there."""
        safe_name("corpus", name)
        with out_of_space(self.root):
            self.corpus_folder(name).mkdir(parents=True, exist_ok=True)
            _copy_missing(samples() / "corpora" / name, self.corpus_folder(name))

    @property
    def hidden(self) -> Path:
        """Return the folder of the store, made on first use and closed to other users."""
        return _closed(self.root / ".workbench")

    @property
    def catalogue(self) -> Path:
        """Return the SQLite file that holds the log."""
        return self.hidden / "store.db"

    @property
    def layout(self) -> Path:
        """Return the file of what a person chose to see on the screens."""
        return self.hidden / "layout.json"

    @property
    def remote(self) -> Path:
        """Return the file that says where objects are kept besides."""
        return self.hidden / "remote.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the workspace's lock: between processes, for files that are read, changed and written again."""
        path = self.hidden / "lock"
        with out_of_space(path), open(private(path)) as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    @property
    def objects(self) -> Path:
        """Return the folder of immutable objects."""
        return _closed(self.hidden / "objects")

    @property
    def scratch(self) -> Path:
        """Return the folder of files being written; it lies on the objects' file system, so a rename is atomic."""
        return _closed(self.hidden / "tmp")

    @property
    def cache(self) -> Path:
        """Return the folder of things that can be computed again."""
        return _closed(self.hidden / "cache")

    @property
    def bases(self) -> Path:
        """Return the folder of base models built here."""
        return _closed(self.hidden / "bases")

    @property
    def runs(self) -> Path:
        """Return the folder of run folders."""
        return _made(self.root / "runs")

    def corpus_folder(self, name: str) -> Path:
        """Return the folder of a corpus, whether it exists or not."""
        return self.root / "corpora" / safe_name("corpus", name)

    def corpus_file(self, name: str) -> Path:
        """Return the `corpus.yaml` of a corpus."""
        return self.corpus_folder(name) / "corpus.yaml"

    def corpora(self) -> list[str]:
        """Return the names of the declared corpora."""
        return sorted(path.parent.name for path in (self.root / "corpora").glob("*/corpus.yaml"))

    def schema_file(self, kind: str) -> Path:
        """Return the file of a schema; the workspace's own comes before the package's."""
        return self._named("schema", "schemas", kind)

    def recipe_file(self, name: str) -> Path:
        """Return the file of a recipe; the workspace's own comes before the package's."""
        return self._named("recipe", "recipes", name)

    def named(self, folder: str) -> list[str]:
        """Return the names of the schemas or recipes that can be used here."""
        places = (self.root / folder, samples() / folder)
        return sorted({path.stem for place in places for path in place.glob("*.yaml")})

    def _named(self, kind: str, folder: str, name: str) -> Path:
        safe_name(kind, name)
        for place in (self.root / folder, samples() / folder):
            if (place / f"{name}.yaml").is_file():
                return place / f"{name}.yaml"
        raise unknown(kind, name, self.named(folder))

    def run_folder(self, name: str) -> Path:
        """Return the folder of a run, whether it exists or not."""
        return self.runs / safe_name("run", name)

    def export_folder(self, name: str) -> Path:
        """Return the folder of an export, whether it exists or not."""
        return self.root / "exports" / safe_name("export", name)

    def relative(self, path: Path) -> str:
        """Return a path as it stands in files of this workspace: relative to the root where it lies inside."""
        whole = path.resolve()
        return str(whole.relative_to(self.root)) if whole.is_relative_to(self.root) else str(whole)


def _made(folder: Path) -> Path:
    if not folder.is_dir():
        with out_of_space(folder):
            folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _closed(folder: Path) -> Path:
    """Return a folder that other users cannot enter, made on first use."""
    if folder.is_dir() and folder.stat().st_mode & 0o077:
        with suppress(OSError):  # a folder of somebody else's, or on a read-only disk, can still be looked at
            folder.chmod(0o700)
    return _made(folder)


def private(path: Path) -> Path:
    """Return a file that other users cannot read, whatever the umask is; made where it is not there yet.

    A link in its place is refused by the system: it could lead anywhere.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
    return path


def safe_name(kind: str, name: str) -> str:
    """Return a name that cannot leave its folder, or refuse it."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a {kind}", "use letters, digits, dots, dashes and underscores")
    return name


def export_name(corpus: str, version: str, format: str) -> str:
    """Return the name of the export that a version usually becomes: one a format, as two would refuse each other."""
    return f"{corpus}-{version}{'' if format == 'parquet' else f'-{format}'}"


def write_text(path: Path, text: str) -> None:
    """Replace a file whole or not at all, and make it last through a power cut."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with out_of_space(path):
            with draft.open("w", encoding="utf-8") as handle:
                handle.write(text)
                handle.flush()
                os.fsync(handle.fileno())
            draft.replace(path)
            sync_folder(path.parent)
    finally:
        with suppress(OSError):  # on a read-only disk this would hide the first error
            draft.unlink()


def sweep(folder: Path) -> None:
    """Remove the drafts that killed processes left in a folder.

    These are files that nobody has written to for an hour, and a day old what is written early and only read later:
    folders, and the rows that wait for the end of a long ingest.
    """
    for path in filter(lambda path: _DRAFT.search(path.name), folder.iterdir()):
        with suppress(OSError):  # gone meanwhile, or on a read-only disk
            age = time.time() - path.stat().st_mtime
            if path.is_dir() and age > _DAY:
                shutil.rmtree(path)
            elif path.is_file() and age > (_DAY if path.suffix == ".arrow" else _HOUR):
                path.unlink()


def sync_folder(folder: Path) -> None:
    """Make the names in a folder last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def out_of_space(path: Path) -> Iterator[None]:
    """Turn a failing disk into one clear message that names the place."""
    try:
        yield
    except OSError as error:
        raise OutsideError(
            f"cannot write {str(path)!r}: {error.strerror or error}",
            "is there space, and may you write there?",
        ) from error


def _copy_missing(source: Path, target: Path) -> None:
    for path in sorted(source.rglob("*")):
        place = target / path.relative_to(source)
        if path.is_dir():
            place.mkdir(exist_ok=True)
        elif not place.exists():
            shutil.copyfile(path, place)
