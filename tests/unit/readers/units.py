"""Reading a file whole, and the laws that every reader's units keep."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from workbench.readers import detect, registry
from workbench.readers.record import Proposal, Reading, Record, Reject

Units = list[Record | Reject]


def units(path: Path, **changes: object) -> Units:
    """Read a file as `detect` proposes."""
    found = list(registry.read(replace(detect.plan(path), **changes)))  # type: ignore[arg-type]
    check_laws(path, found)
    return found


def units_by(name: str, path: Path, encoding: str = "utf-8", **changes: object) -> Units:
    """Read a file by a named reader."""
    found = list(registry.read(Reading(path, Proposal(name, encoding), **changes)))  # type: ignore[arg-type]
    check_laws(path, found)
    return found


def check_laws(path: Path, found: Units) -> None:
    """Positions count every unit; spans are in order and inside the file; a reject's bytes are its span's."""
    assert [unit.origin.position for unit in found] == list(range(len(found)))
    if path.is_dir() or path.suffix in (".parquet", ".arrow"):
        return
    raw, before = path.read_bytes(), 0
    for unit in found:
        assert before <= unit.origin.start < unit.origin.end <= len(raw)
        before = unit.origin.end
        if isinstance(unit, Reject):
            assert unit.raw == raw[unit.origin.start : unit.origin.end]
            assert unit.reason


def records(found: Units) -> list[Record]:
    return [unit for unit in found if isinstance(unit, Record)]


def rejects(found: Units) -> list[Reject]:
    return [unit for unit in found if isinstance(unit, Reject)]


def between(path: Path, found: Units) -> bytes:
    """Return every byte of the file that no unit holds."""
    raw, at, rest = path.read_bytes(), 0, b""
    for unit in found:
        rest += raw[at : unit.origin.start]
        at = unit.origin.end
    return rest + raw[at:]
