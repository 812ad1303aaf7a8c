"""The readers there are: every module of this folder with SUFFIXES, `recognise` and `read`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from typing import Protocol, cast, runtime_checkable

from workbench import readers as _folder
from workbench.errors import unknown
from workbench.readers.record import Reading, Record, Reject, Span
from workbench.readers.sight import Claim, Sight


class Reader(Protocol):
    """What a reader's module offers."""

    SUFFIXES: tuple[str, ...]

    def recognise(self, sight: Sight) -> Claim | None:
        """Offer to read a file, or None."""

    def read(self, reading: Reading) -> Iterator[Record | Reject]:
        """Yield one record or reject per unit."""


@runtime_checkable
class Cutter(Protocol):
    """What the module of a reader offers whose files can be read in parts."""

    def spans(self, reading: Reading, begin: int, size: int) -> Iterator[Span]:
        """Yield the parts of a file from `begin` on, of about `size` bytes; together they hold its units."""


@cache
def readers() -> dict[str, Reader]:
    """Return every reader by its name, which is its module's name."""
    names = sorted(module.name for module in pkgutil.iter_modules(_folder.__path__))
    modules = {name: importlib.import_module(f"{_folder.__name__}.{name}") for name in names if name != "registry"}
    return {name: cast(Reader, module) for name, module in modules.items() if hasattr(module, "SUFFIXES")}


def reader(name: str) -> Reader:
    """Return one reader; UsageError naming the nearest for an unknown name."""
    found = readers().get(name)
    if found is None:
        raise unknown("reader", name, readers())
    return found


def read(reading: Reading) -> Iterator[Record | Reject]:
    """Yield the units of a raw file by the reader that its proposal names."""
    return reader(reading.proposal.reader).read(reading)


def can_be_cut(reading: Reading) -> bool:
    """Return whether the reader of a file knows where to cut one."""
    return isinstance(reader(reading.proposal.reader), Cutter)


def spans(reading: Reading, begin: int, size: int) -> Iterator[Span]:
    """Yield the parts of a file that can be cut; none where its encoding does not allow it."""
    found = reader(reading.proposal.reader)
    assert isinstance(found, Cutter)
    return found.spans(reading, begin, size)
