"""The card of an export: YAML front matter and a body, made from facts alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.publish import sections
from workbench.publish.facts import DataFile, ExportFacts
from workbench.publish.markdown import shown
from workbench.publish.merge import BEGIN, END, front_matter, merge
from workbench.text import show

__all__ = ["card", "merge", "size_category"]

_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"))
_SPOKEN = 0.05
"""Share from which a recognised language is named in the front matter, where the corpus itself names none."""

Features = Sequence[Mapping[str, Any]]


def card(facts: ExportFacts, *, files: Sequence[DataFile], features: Features) -> str:
    """Return the whole card of an export nobody has written about yet."""
    body = f"# {shown(facts.corpus)}\n\n{BEGIN}\n{_body(facts, files, features)}{END}\n"
    return f"---\n{front_matter(_front(facts, files, features))}---\n\n{body}"


def _front(facts: ExportFacts, files: Sequence[DataFile], features: Features) -> dict[str, Any]:
    front = {
        "license": facts.license,
        "language": list(facts.languages or _recognised(facts)),
        "size_categories": [size_category(sum(file.rows for file in files))],
        "pretty_name": show(facts.corpus),
        "tags": ["workbench", show(facts.schema)],
        "configs": [{"config_name": "default", "data_files": _data_files(files)}],
        "dataset_info": _info(files, features),
    }
    return {key: value for key, value in front.items() if value}


def _recognised(facts: ExportFacts) -> list[str]:
    return [name for name, share in facts.spoken.items() if share >= _SPOKEN and name.isalpha() and len(name) == 2]


def size_category(rows: int) -> str:
    """Return the Hub's name for a number of rows."""
    return next((name for limit, name in _SIZES if rows < limit), "1M<n<10M" if rows < 10**7 else "n>10M")


def _data_files(files: Sequence[DataFile]) -> list[dict[str, Any]]:
    """Name every file, not a pattern: what else lies in the repository is never loaded."""
    return [{"split": split, "path": [file.path for file in held]} for split, held in _by_split(files).items()]


def _info(files: Sequence[DataFile], features: Features) -> dict[str, Any]:
    return {
        "features": [dict(feature) for feature in features],
        "splits": [_split_info(split, held) for split, held in _by_split(files).items()],
        "download_size": sum(file.size for file in files),
        "dataset_size": sum(file.memory for file in files),
    }


def _split_info(split: str, files: Sequence[DataFile]) -> dict[str, Any]:
    memory = sum(file.memory for file in files)
    return {"name": split, "num_bytes": memory, "num_examples": sum(file.rows for file in files)}


def _by_split(files: Sequence[DataFile]) -> dict[str, list[DataFile]]:
    names = dict.fromkeys(file.split for file in files)
    return {name: [file for file in files if file.split == name] for name in names}


def _body(facts: ExportFacts, files: Sequence[DataFile], features: Features) -> str:
    parts = (
        sections.made(facts),
        sections.records(facts),
        sections.languages(facts),
        sections.lengths(facts),
        sections.duplicates(facts),
        sections.proof(facts),
        sections.columns(facts, features),
        sections.sources(facts),
        sections.settings(facts),
        sections.loading(facts, list(_by_split(files))),
        sections.examples(facts.run),
    )
    return "\n".join(part for part in parts if part)
