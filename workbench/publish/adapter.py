"""A trained adapter as a folder to publish: its weights and tokenizer, without a path of this machine, and a card."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workbench.errors import CorruptionError, DataError, UsageError
from workbench.fingerprint import digest_file
from workbench.publish.facts import CARD, CURATION, DataFile, RunFacts

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
FILES = (
    WEIGHTS,
    CONFIG,
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
)
"""What is sent; anything else in the folder (optimizer states, pickled arguments) stays here."""

_PATH = re.compile(
    r"(?:^|(?<=[\s\"'`=(\[,;]))"
    r"(?:/[^\s\"/]+/|~[\w.-]*/|\.\.[/\\]|[A-Za-z]:[/\\]|\\\\\w|file:[^\s\"]*[/\\])"
)
"""How a path begins, anywhere in a text; a lone `/word` may as well be a token of a template."""
_LOCAL = frozenset({"is_local", "local_files_only", "_commit_hash"})
"""Keys that tell how the tokenizer was opened here, and nothing about it."""
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


@dataclass(frozen=True)
class Base:
    """The model that an adapter belongs to."""

    name: str
    """Hub id, or what it is called here."""
    revision: str
    fingerprint: str
    is_on_hub: bool


@dataclass(frozen=True)
class AdapterFacts:
    """Facts about one training, of which none is text out of a record but the examples."""

    corpus: str
    version: str
    version_name: str
    schema: str
    run: str
    license: str | None
    languages: tuple[str, ...]
    counts: Mapping[str, int]
    base: Base
    recipe: Mapping[str, Any]
    packages: Mapping[str, str]
    evaluations: Mapping[str, Mapping[str, Any]]
    """What `evaluate` measured, by split."""
    tool: str
    records: str = ""
    """Repository on the Hub where this very version of the records lies."""
    repo: str = ""
    """Where the adapter will lie, for the card alone."""
    told: RunFacts | None = None
    """Examples, for the card alone."""


def base_of(name: str, facts: Mapping[str, Any]) -> Base:
    """Return the base of a run as run.json tells it; a folder goes by its own name and never by the way to it."""
    hub_id = name.partition("@")[0]
    place = Path(str(facts.get("path", "")))
    is_on_hub = bool(_HUB_ID.fullmatch(hub_id)) and not place.is_absolute() and not place.is_dir()
    known = hub_id if is_on_hub else Path(hub_id).name
    return Base(known, str(facts.get("revision", "")), str(facts.get("fingerprint", "")), is_on_hub)


def write_adapter(adapter: Path, facts: AdapterFacts, card: str, folder: Path) -> None:
    """Write what is published of an adapter into a new folder, with its card and its curation.json.

    Raises UsageError where the adapter is not whole, DataError where a path of this machine is left in it.
    """
    missing = next((name for name in (WEIGHTS, CONFIG) if not (adapter / name).is_file()), None)
    if missing:
        raise UsageError(f"the run {facts.run!r} has no adapter: {missing} is missing", "let it finish first")
    folder.mkdir()
    files = [_copied(adapter / name, folder, facts) for name in FILES if (adapter / name).is_file()]
    left_out = ("repo", "told")
    known = {key: value for key, value in asdict(facts).items() if key not in left_out}
    sheet = {"format": 1, "kind": "adapter", **known, "files": [asdict(file) for file in files]}
    _check_no_path(CURATION, sheet)
    text = json.dumps(sheet, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    (folder / CURATION).write_text(text + "\n", encoding="utf-8")
    (folder / CARD).write_text(card, encoding="utf-8")


def _copied(source: Path, folder: Path, facts: AdapterFacts) -> DataFile:
    place = folder / source.name
    if source.name in (CONFIG, "tokenizer_config.json"):
        config = _cleaned(_object(source, facts.run), facts.base)
        place.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        _check_no_path(source.name, config)
    else:
        shutil.copyfile(source, place)
    # An adapter has neither splits nor rows; the rest is what any file of ours is known by.
    return DataFile(source.name, "", 0, 0, place.stat().st_size, digest_file(place))


def _object(source: Path, run: str) -> dict[str, Any]:
    try:
        return dict(json.loads(source.read_bytes()))
    except (ValueError, TypeError) as error:
        hint = "train it again: what the weights belong to is not known"
        raise CorruptionError(f"{source.name} of the run {run!r} is no JSON object: {error}", hint) from error


def _cleaned(config: Mapping[str, Any], base: Base) -> dict[str, Any]:
    """Return a configuration that names the base as others know it, and says nothing of this machine."""
    names: dict[str, Any] = {"base_model_name_or_path": base.name, "name_or_path": base.name}
    kept = {key: names.get(key, value) for key, value in config.items() if key not in _LOCAL}
    if "base_model_name_or_path" in kept and base.revision:
        kept["revision"] = base.revision
    return kept


def _check_no_path(name: str, config: object) -> None:
    for key, value in _strings(config):
        if key != "chat_template" and _PATH.search(value):
            raise DataError(f"{name} still names a path of this machine ({key})", "take it out, then push again")


def _strings(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _strings(inner, str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, key)
