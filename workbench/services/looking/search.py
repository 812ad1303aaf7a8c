"""Look for texts in values and in files of any kind, without reading a file into memory as a whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.store import arrow_bytes
from workbench.store.redaction import Redaction

_BLOCK = 1 << 22


def texts_of(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    """Yield every text in a JSON value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from texts_of(key)
            yield from texts_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_of(inner)


def holding(folder: Path, redaction: Redaction) -> Iterator[str]:
    """Yield the files below a folder, relative to it, in which a text stands: in any form and common encoding.

    Tables are looked at uncompressed. Links are not followed, and other compressed files are not opened.
    """
    needles = redaction.needles()
    for place, _, files in sorted(os.walk(folder)):
        for name in sorted(files):
            path = Path(place) / name
            if not path.is_symlink() and path.is_file() and _holds(path, redaction, needles):
                yield str(path.relative_to(folder))


def is_held(path: Path, redaction: Redaction) -> bool:
    """Return whether a text stands in a file, or in one of a folder's; what cannot be read is taken to hold it."""
    try:
        return any(holding(path, redaction)) if path.is_dir() else _holds(path, redaction, redaction.needles())
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True


def _holds(path: Path, redaction: Redaction, needles: tuple[bytes, ...]) -> bool:
    with path.open("rb") as handle:
        if arrow_bytes.is_table(handle.read(8)):
            return arrow_bytes.holds(path, redaction)
        handle.seek(0)
        overlap = max(map(len, needles), default=1) - 1
        before = b""
        while block := handle.read(_BLOCK):
            data = before + block
            zeros = b"\0" in data
            if any(needle in data for needle in needles if zeros or b"\0" not in needle):
                return True
            before = data[-overlap:] if overlap else b""
    return False
