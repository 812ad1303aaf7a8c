"""What is known about an export: the only material that its card and its curation.json are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

SPLITS = ("train", "validation", "test")
"""The splits that leave the workbench, in this order; `excluded` never does."""

CARD = "README.md"
CURATION = "curation.json"


@dataclass(frozen=True)
class ExportFacts:
    """Facts about one version; none of them is text out of a record."""

    corpus: str
    version: str
    parent: str | None
    schema: str
    license: str | None
    languages: tuple[str, ...]
    counts: Mapping[str, int]
    removed: int
    excluded: int
    proof: Mapping[str, Any]
    sources: tuple[Mapping[str, Any], ...]
    settings: Mapping[str, Any]
    tool: str
    text_columns: tuple[str, ...]


@dataclass(frozen=True)
class DataFile:
    """One file of records: its split and rows, their bytes once read, and the file's own size and sha256."""

    path: str
    split: str
    rows: int
    memory: int
    size: int
    sha256: str

    def __post_init__(self) -> None:
        """Refuse a path that leaves the export: curation.json may come from a stranger."""
        path = PurePosixPath(self.path)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise ValueError(f"{self.path!r} is not a path inside an export")


def curation(facts: ExportFacts, files: tuple[DataFile, ...], columns: Mapping[str, str]) -> dict[str, Any]:
    """Return what curation.json says: everything needed to check a copy of the export, and no date."""
    described = [{"name": name, "type": kind} for name, kind in columns.items()]
    return {"format": 1, **asdict(facts), "columns": described, "files": [asdict(file) for file in files]}
