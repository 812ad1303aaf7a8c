"""What is known about an export: the only material that its card and its curation.json are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath
from typing import Any

SPLITS = ("train", "validation", "test")
"""The splits that leave the workbench, in this order; `excluded` never does."""

CARD = "README.md"
CURATION = "curation.json"


@dataclass(frozen=True)
class Length:
    """How long some texts are: in the middle, up to the 95th percentile, and at most."""

    what: str
    unit: str
    texts: int
    median: float
    p95: float
    longest: int


@dataclass(frozen=True)
class Example:
    """What was asked of a held-out record, what it should say, and what both models said."""

    prompt: str
    reference: str
    base: str
    tuned: str


@dataclass(frozen=True)
class RunFacts:
    """What a training on the version adds to its card; nothing of it belongs to the version."""

    run: str
    base: str
    lengths: tuple[Length, ...] = ()
    """In tokens of the base's tokenizer, template included."""
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True)
class ExportFacts:
    """Facts about one version; none of them but a run's examples is text out of a record."""

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
    name: str = ""
    """Short name: v3."""
    note: str = ""
    title: str = ""
    """What the schema calls its records, in words."""
    kept_for_removed: int = 0
    """Kept records in whose favour the others were removed."""
    excluded_because: Mapping[str, int] = field(default_factory=dict)
    spoken: Mapping[str, float] = field(default_factory=dict)
    """Share of the texts in each language that was recognised."""
    spoken_of: int = 0
    """Texts that were read for that."""
    lengths: tuple[Length, ...] = ()
    repo: str = ""
    """Where it will lie on the Hub, for the card alone."""
    run: RunFacts | None = None
    """For the card alone: the version is the same with and without it."""


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
    of_the_version = {key: value for key, value in asdict(facts).items() if key not in ("repo", "run")}
    return {"format": 1, **of_the_version, "columns": described, "files": [asdict(file) for file in files]}
