"""The card of an export: YAML front matter and a body, made from facts alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from workbench.publish.facts import SPLITS, DataFile, ExportFacts
from workbench.publish.merge import BEGIN, END, front_matter, merge
from workbench.text import show

__all__ = ["card", "merge"]

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|~$])")
_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"))

Features = Sequence[Mapping[str, Any]]


def card(facts: ExportFacts, *, files: Sequence[DataFile], features: Features) -> str:
    """Return the whole card of an export nobody has written about yet."""
    body = f"# {_shown(facts.corpus)}\n\n{BEGIN}\n{_body(facts, files, features)}{END}\n"
    return f"---\n{front_matter(_front(facts, files, features))}---\n\n{body}"


def _front(facts: ExportFacts, files: Sequence[DataFile], features: Features) -> dict[str, Any]:
    front = {
        "license": facts.license,
        "language": list(facts.languages),
        "size_categories": [_size(sum(file.rows for file in files))],
        "pretty_name": show(facts.corpus),
        "tags": ["workbench"],
        "configs": [{"config_name": "default", "data_files": _data_files(files)}],
        "dataset_info": _info(files, features),
    }
    return {key: value for key, value in front.items() if value}


def _size(rows: int) -> str:
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
    counts = [(name, facts.counts.get(name, 0)) for name in SPLITS]
    left = [("removed as duplicates", facts.removed), ("excluded", facts.excluded)]
    columns = [(feature["name"], _kind(feature), _role(feature["name"], facts)) for feature in features]
    sections = (
        _made(facts),
        _section("Records", ("split", "records"), counts + left),
        _section("Proof that the splits do not leak", ("check", "result"), facts.proof.items()),
        _section("Columns", ("column", "type", "role"), columns),
        _section("Sources", ("source", "sha256", "licence"), [_source(source) for source in facts.sources]),
        _section("Settings", ("setting", "value"), facts.settings.items()),
        _loading(list(_by_split(files))),
    )
    return "\n".join(section.rstrip("\n") + "\n" for section in sections if section)


def _made(facts: ExportFacts) -> str:
    version, schema = _code(facts.version), _code(facts.schema)
    parent = f"Its parent is version `{_code(facts.parent)}`." if facts.parent else "It is the first version."
    return f"Version `{version}` of the corpus, schema `{schema}`, made by {_shown(facts.tool)}. {parent}"


def _section(title: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = ["| " + " | ".join(_shown(cell) for cell in row) + " |" for row in rows]
    rule = "|" + " --- |" * len(header)
    return "\n".join([f"## {title}", "", "| " + " | ".join(header) + " |", rule, *lines]) if lines else ""


def _source(source: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    return source.get("name", ""), source.get("digest", ""), source.get("license") or "not stated"


def _role(column: str, facts: ExportFacts) -> str:
    known = {"record_id": "identity", "source": "lineage", "split": "split"}
    return "text" if column in facts.text_columns else known.get(column, "")


def _kind(feature: Mapping[str, Any]) -> str:
    kinds = {key: _value(value) for key, value in feature.items() if key != "name"}
    return kinds.pop("dtype", "") or " ".join(f"{key} of {value}" for key, value in kinds.items())


def _loading(splits: Sequence[str]) -> str:
    lines = ["from datasets import load_dataset", "", 'loaded = load_dataset("OWNER/NAME")']
    lines += [f'{split} = loaded["{split}"]' for split in splits]
    told = (
        "`OWNER/NAME` may also be the path of this folder. `curation.json` holds the sha256 of every data "
        "file and all facts above in a form for programs."
    )
    return "\n".join(["## Loading", "", "```python", *lines, "```", "", told])


def _value(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _shown(value: object) -> str:
    """Return text that is only text in Markdown: no markup, no HTML, no table cell, no control character."""
    text = show(_value(value)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(r"\\\1", text)


def _code(value: str) -> str:
    return show(value).replace("`", "'").replace("<", "\u2039").replace(">", "\u203a")
