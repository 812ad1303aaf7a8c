"""Which reader and encoding a raw file wants: content first, suffix second, and every guess said aloud."""

from __future__ import annotations

from pathlib import Path

from workbench.errors import OutsideError, UsageError
from workbench.readers import registry
from workbench.readers.record import Proposal, Reading
from workbench.readers.sight import Claim, Sight, look

_PACKED = {
    b"\x1f\x8b": "a gzip archive",
    b"PK\x03\x04": "a zip archive (or an office document)",
    b"PK\x05\x06": "an empty zip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ\x00": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a zstandard archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\x04\x22\x4d\x18": "an lz4 archive",
    b"\x1f\x9d": "a compress archive",
    b"Rar!\x1a\x07": "a rar archive",
    b"\x80\x02": "a Python pickle",
    b"\x80\x03": "a Python pickle",
    b"\x80\x04": "a Python pickle",
    b"\x80\x05": "a Python pickle",
}
_TAR_MAGIC, _TAR_OFFSET = b"ustar", 257
_FOREIGN = {
    b"%PDF-": "a PDF",
    b"SQLite format 3\x00": "an SQLite database",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\x7fELF": "a program",
}


def detect(path: Path) -> Proposal:
    """Propose how to read a file or folder; UsageError for what no reader can take."""
    return plan(path).proposal


def plan(path: Path, chunk: int = 1200, *, reader: str | None = None, encoding: str | None = None) -> Reading:
    """Propose the whole reading: `detect`, and whether a delimited file's first row names the columns.

    A `reader` or `encoding` that is given is taken as it is, whatever the content looks like; only an archive, a
    file of another kind and an empty file are refused all the same.
    """
    return planned(seen(path, encoding), chunk, reader=reader, encoding=encoding)


def planned(sight: Sight, chunk: int = 1200, *, reader: str | None = None, encoding: str | None = None) -> Reading:
    """Do what `plan` does for a file that was `seen`; some readers look at the file at the sight's path themselves."""
    modules = {reader: registry.reader(reader)} if reader else registry.readers()
    claims = {name: claim for name, module in modules.items() if (claim := module.recognise(sight))}
    if reader:
        claims.setdefault(reader, Claim(0))
    if not claims:
        raise _refused(sight)
    name = max(claims, key=lambda name: (claims[name].strength, name))
    claim = claims[name]
    # What a magic number settles is no text, and has no encoding to guess.
    guesses = tuple(filter(None, ("" if claim.strength == 100 else sight.encoding.guess, *claim.guesses)))
    proposal = Proposal(name, encoding or sight.encoding.name or "utf-8", guesses)
    return Reading(sight.path, proposal, chunk, claim.header)


def seen(path: Path, encoding: str | None = None) -> Sight:
    """Return what a file looks like, in the encoding given or told by its bytes; UsageError for what is never read."""
    if not path.exists():
        raise UsageError(f"no file or folder {str(path)!r}", "check the path")
    if not path.is_dir() and not path.is_file():
        raise UsageError(f"{path.name!r} is neither a file nor a folder", "save its content to a file first")
    try:
        if path.is_file():
            _check_content(path)
        return look(path, encoding)
    except OSError as error:
        raise OutsideError(f"cannot open {path.name!r}: {error.strerror}", "check its permissions") from error


def _check_content(path: Path) -> None:
    with path.open("rb") as handle:
        head = handle.read(512)
    if not head:
        raise UsageError(f"{path.name!r} is empty", "check the download or the export that made it")
    for magic, kind in _PACKED.items():
        if head.startswith(magic) and not (magic == b"BZh" and head[4:10] != b"1AY&SY"):
            raise UsageError(f"{path.name!r} is {kind}", _unpack_hint(kind))
    if head[_TAR_OFFSET:].startswith(_TAR_MAGIC):
        raise UsageError(f"{path.name!r} is a tar archive", _unpack_hint("a tar archive"))
    for magic, kind in _FOREIGN.items():
        if head.startswith(magic):
            raise UsageError(f"{path.name!r} is {kind}", "export its text or rows as JSON Lines, CSV or .txt first")


def _unpack_hint(kind: str) -> str:
    if "pickle" in kind:
        return "unpack it first, where you trust it, to JSON Lines or Parquet: a pickle can run code"
    return "unpack it first; archives are never extracted here"


def _refused(sight: Sight) -> UsageError:
    name = sight.path.name
    if sight.path.is_dir():
        return UsageError(f"the folder {name!r} holds no saved Arrow data", _instead_of(sight.path))
    if not sight.encoding.name:
        return _no_text(sight)
    return UsageError(f"{name!r} holds nothing but white space", "check the export that made it")


def _instead_of(folder: Path) -> str:
    """Return what to name in place of a folder: the Parquet files in it or in its `data`, as exports have them."""
    for inside in (folder, folder / "data"):
        if next(inside.glob("*.parquet"), None):
            return f"name its files: {inside}/*.parquet; one at a time with --split SIDE, where its sides shall be kept"
    return "name one file, or a folder made by save_to_disk"


def _no_text(sight: Sight) -> UsageError:
    name, hint = sight.path.name, "where it is a text, name its encoding, for example --encoding cp1252"
    if sight.encoding.guess:
        return UsageError(f"{name!r} may be a text, but {sight.encoding.guess}", hint)
    return UsageError(f"{name!r} is binary, and no reader knows it", f"convert it to JSON Lines or CSV; {hint}")
