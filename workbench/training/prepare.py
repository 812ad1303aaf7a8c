"""Prepare a run: X-ray the records, write everything the training process needs, refuse what is flagged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from workbench.errors import UsageError
from workbench.fingerprint import digest_bytes, digest_file
from workbench.lm.identity import fingerprint_base, stamps
from workbench.lm.load import base_folder, read_config
from workbench.lm.tokenizer import load_tokenizer
from workbench.lm.turns import Turns, with_turns
from workbench.lm.xray import Example, xray
from workbench.recipe import Recipe, dump
from workbench.training import lock
from workbench.training.preflight import check_allowed, find_refusal
from workbench.training.runs import RunFolder, as_json, replace

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_PACKAGES = (
    "torch",
    "transformers",
    "trl",
    "peft",
    "bitsandbytes",
    "accelerate",
    "datasets",
    "tokenizers",
)


def prepare(
    run: RunFolder,
    recipe: Recipe,
    facts: Mapping[str, Any],
    examples: Iterable[Example],
    *,
    allow: Iterable[str] = frozenset(),
) -> None:
    """X-ray the records and write a run, as `prepare_from` does."""
    check_allowed(allow)
    prepare_from(run, recipe, facts, look_through(base_folder(facts["base_path"]), recipe, examples), allow=allow)


def prepare_from(
    run: RunFolder,
    recipe: Recipe,
    facts: Mapping[str, Any],
    seen: tuple[pa.Table, pa.Table],
    *,
    allow: Iterable[str] = frozenset(),
) -> None:
    """Write a run, ready to train or refused: state.json comes last, so a run is whole or no run.

    `seen` is what `look_through` found with this recipe. `facts` must hold `base_path` (the folder or Hub id that
    `recipe.base` stands for) and may hold anything else that says where the records come from (version, corpus,
    schema). Raises RefusedError for a flag that `allow` does not name, and for an empty split; the refused run keeps
    its X-ray.
    """
    allowed = check_allowed(allow)
    if not run.path.exists():
        RunFolder.create(run.path)
    # Of two that took the same free name at once, one writes here.
    with lock.held(run.lock_file):
        if run.state_file.exists():
            raise UsageError(f"the run {run.name!r} is prepared already", "choose another name for the run")
        _write(run, recipe, seen)
        replace(run.facts_file, _facts(run, recipe, facts, allowed))
        if refusal := find_refusal(seen[0], recipe, allowed, context=context_of(base_folder(facts["base_path"]))):
            run.set_state("refused", refusal.what)
            raise refusal
        run.set_state("prepared")


def look_through(base: Path, recipe: Recipe, examples: Iterable[Example]) -> tuple[pa.Table, pa.Table]:
    """Return the X-ray and the token cache of records on the base in a folder (`workbench.lm.xray.xray`)."""
    tokenizer = _tokenizer(base, recipe.template, as_json(stamps(base)))
    return xray(examples, tokenizer, recipe, vocabulary=_embedding_rows(base))


@lru_cache(maxsize=1)
def _tokenizer(base: Path, template: Turns, _files: bytes) -> PreTrainedTokenizerBase:
    """Return the tokenizer of a base whose files are these; many parts of one corpus ask for it in turn."""
    return with_turns(load_tokenizer(base), template)


def package_versions() -> dict[str, str]:
    """Return the versions of Python and of every package that decides a training's numbers."""
    found = {"python": python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found


def _embedding_rows(base: Path) -> int | None:
    return _number(base, "vocab_size")


def context_of(base: Path) -> int | None:
    """Return how many positions a base knows, in tokens."""
    return _number(base, "max_position_embeddings") or _number(base, "n_positions")


def _number(base: Path, key: str) -> int | None:
    config = read_config(base)
    found = config.get(key) or (config.get("text_config") or {}).get(key)
    return found if isinstance(found, int) and found > 0 else None


def _write(run: RunFolder, recipe: Recipe, tables: tuple[pa.Table, pa.Table]) -> None:
    for path, table in zip((run.xray, run.tokens), tables, strict=True):
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        replace(path, sink.getvalue().to_pybytes())
    replace(run.recipe_file, dump(recipe).encode())


def _pin(base: str) -> dict[str, str]:
    """Return the commit of a base of the Hub; a folder has none, and is known by its fingerprint."""
    commit = "" if Path(base).is_dir() else base.partition("@")[2]
    return {"revision": commit} if commit else {}


def _facts(run: RunFolder, recipe: Recipe, facts: Mapping[str, Any], allowed: frozenset[str]) -> bytes:
    base = base_folder(facts["base_path"])
    said = {key: value for key, value in facts.items() if key not in ("base_path", "base_fingerprint")}
    whole = {
        **said,
        "base": {
            "name": recipe.base,
            "path": str(facts["base_path"]),
            **_pin(str(facts["base_path"])),
            "fingerprint": facts.get("base_fingerprint") or fingerprint_base(base),
            "files": stamps(base),
        },
        "allowed": sorted(allowed),
        "tokens_digest": digest_file(run.tokens),
        "recipe_digest": digest_bytes(run.recipe_file.read_bytes()),
        "packages": package_versions(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return as_json(whole)
