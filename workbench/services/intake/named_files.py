"""Files as a person names them: typed with ~ and globs, pasted in quotes, dropped as file:// addresses."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from itertools import islice, takewhile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from workbench.errors import UsageError
from workbench.readers import arrow_folder
from workbench.readers.sight import Sight

MOST = 1000
"""Files that one name may stand for."""
_LOOKED_AT = 20_000
"""Entries of a folder that are looked at to complete a name."""
_GLOB = frozenset("*?[")


def named_files(text: str, base: Path) -> tuple[Path, ...]:
    """Return the files and saved Arrow folders that a text names, each once, in the order of the text.

    A name is taken from `base` where it is relative. A folder stands for the files in it, without hidden ones. A name
    that is no file is a UsageError.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    found = dict.fromkeys(file for line in lines for name in _names(line, base) for file in _files(name, base))
    if not found:
        raise UsageError("no file is named", "type a path; ~ and * may stand in it")
    if len(found) > MOST:
        raise UsageError(f"more than {MOST:,} files are named", "name fewer, or join them first")
    return tuple(found)


def _names(line: str, base: Path) -> list[str]:
    """Return a line as one name where it is that of a file, else as the words of a shell line."""
    if _exists(_place(line, base)):
        return [line]
    try:
        return shlex.split(line)
    except ValueError:  # an apostrophe that closes nothing
        return [line]


def _place(name: str, base: Path) -> Path:
    if name.startswith("file://"):
        name = unquote(urlsplit(name).path)
    path = Path(name.replace("\0", ""))
    try:
        return base / path.expanduser()
    except RuntimeError:  # the home of nobody
        return base / path


def _exists(place: Path) -> bool:
    try:
        return place.exists()
    except OSError:  # longer than a name can be, or behind a closed folder
        return False


def _files(name: str, base: Path) -> Iterator[Path]:
    place = _place(name, base)
    there = _exists(place)
    if there and place.is_dir() and arrow_folder.recognise(Sight(place)) is None:
        inside = islice((entry for entry in place.iterdir() if entry.is_file()), MOST + 1)
        files = sorted(entry for entry in inside if not entry.name.startswith("."))
    else:
        files = [place] if there else _matching(place)
    if not files:
        raise UsageError(f"no file {name!r}", "check the path; it is read from the folder the workbench was opened in")
    yield from files


def _matching(pattern: Path) -> list[Path]:
    # Two stars beside letters are one star to a shell, and an error to pathlib before Python 3.13.
    parts = [part if part == "**" else re.sub(r"\*{2,}", "*", part) for part in pattern.parts]
    first = next((place for place, part in enumerate(parts) if _GLOB & set(part)), None)
    if first is None:
        return []
    matches = Path(*parts[:first]).glob(str(Path(*parts[first:])))
    return sorted(islice((match for match in matches if match.is_file()), MOST + 1))


def completions(text: str, base: Path, limit: int = 50) -> list[str]:
    """Return what a typed path may go on to, folders with a slash behind them; the case of letters is not looked at."""
    folder, _, begun = text.rpartition("/")
    place = _place(f"{folder}/" if folder or text.startswith("/") else ".", base)
    try:
        with os.scandir(place) as entries:
            names = [entry.name + "/" * entry.is_dir() for entry in islice(entries, _LOOKED_AT)]
    except OSError:  # no folder yet, or one that may not be read: there is nothing to propose
        return []
    fitting = [name for name in names if name.casefold().startswith(begun.casefold())]
    shown = sorted(name for name in fitting if begun or not name.startswith("."))
    return [text[: len(text) - len(begun)] + name for name in shown[:limit]]


def completed(text: str, base: Path) -> str:
    """Return a typed path with as much behind it as all its completions share."""
    found = completions(text, base, MOST)
    same = takewhile(lambda letters: len(set(letters)) == 1, zip(*found, strict=False))
    shared = "".join(letters[0] for letters in same)
    return shared if len(shared) > len(text) else text
