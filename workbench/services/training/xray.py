"""The token X-ray of a version under a recipe: kept once made, found by both, and read token by token."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.curation.split import SPLITS
from workbench.errors import OutsideError, UsageError
from workbench.fingerprint import digest, digest_file
from workbench.lm.xray import REVISION, Example
from workbench.recipe import Recipe, load_recipe
from workbench.services.progress import Report, silent
from workbench.services.training import bases
from workbench.store.store import Store
from workbench.store.versions import Version, records_of
from workbench.workspace import Workspace, out_of_space

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_READ = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja", "config.json")
"""The files of a base that decide what a record becomes."""
_REMEMBERED = 8
"""X-rays that are kept."""
_BEFORE = 8
"""Tokens read before a token to know its text: more than any letter is made of."""


@dataclass(frozen=True)
class Token:
    """One token as the model reads it."""

    text: str
    """What it adds to the text; empty where a letter is not complete yet. Untrusted, like the record."""
    id: int
    learned: bool
    """Whether the loss counts it: the model is taught to write it."""
    special: bool = False
    """Whether it is no text but a mark: BOS, EOS, padding, the marks of turns."""


@dataclass(frozen=True)
class XrayRow:
    """One record as a recipe trains it."""

    record: str
    tokens: tuple[Token, ...]
    """Empty for a record that cannot be encoded."""
    flags: tuple[str, ...]
    """Names out of `workbench.lm.xray.FLAGS`, which says what each means."""
    cut: bool
    """Whether the record is longer than `train.max_length`."""
    lost: int = 0
    """Tokens that were cut away."""
    reason: str = ""
    """Why the record could not be encoded."""

    @property
    def learned(self) -> int:
        """Return how many tokens the loss counts."""
        return sum(token.learned for token in self.tokens)


@dataclass(frozen=True)
class Kept:
    """Where an X-ray and its token cache lie."""

    xray: Path
    tokens: Path

    def tables(self) -> tuple[pa.Table, pa.Table]:
        """Return one row a record (`workbench.lm.xray.XRAY`), and the token cache (`TOKENS`)."""
        return pq.read_table(self.xray), pq.read_table(self.tokens)


def look(store: Store, corpus: str, version: str, recipe: Recipe | str, record: str) -> XrayRow:
    """Return one record of a version as a recipe trains it, token by token.

    Quick and without torch where a run or `workbench train --preflight` has seen the version with this recipe;
    otherwise the record goes through tokenizer, template and collator now, which loads torch: a screen has that
    done in another process. Raises UsageError for a record that no split of the version holds.
    """
    found = store.version(corpus, version)
    known = load_recipe(store.workspace.recipe_file(recipe)) if isinstance(recipe, str) else recipe
    folder = bases.here(store.workspace, known.base)
    kept = find(store.workspace, found, known, folder) if folder else None
    if folder and kept:
        row, cached = _rows(kept, record)
    else:
        folder = folder or needed_base(store.workspace, known.base)
        row, cached = _made(store, found, known, (folder, record))
    if row is None:
        raise UsageError(f"{corpus}@{found.name} trains no record {record!r}", "its splits hold others: workbench show")
    return _shown(row, cached, folder)


def base_for_a_look(workspace: Workspace, base: str, report: Report = silent) -> Path | None:
    """Return the folder of a base, None where it is not here: a look builds the tiny one, and fetches no other."""
    return bases.folder(workspace, base, report) if base == bases.TINY else bases.here(workspace, base)


def needed_base(workspace: Workspace, base: str, report: Report = silent) -> Path:
    """Return the folder of a base for a look; raises OutsideError where it is not here."""
    folder = base_for_a_look(workspace, base, report)
    if folder is None:
        hint = f"a look fetches none: workbench base fetch {base}"
        raise OutsideError(f"the base {base!r} is not on this machine", hint)
    return folder


def is_kept(store: Store, corpus: str, version: str, recipe: Recipe | str) -> bool:
    """Say whether the X-ray of a version under a recipe is kept, so that `look` is quick."""
    known = load_recipe(store.workspace.recipe_file(recipe)) if isinstance(recipe, str) else recipe
    folder = bases.here(store.workspace, known.base)
    return folder is not None and find(store.workspace, store.version(corpus, version), known, folder) is not None


def make(store: Store, version: Version, recipe: Recipe, folder: Path, report: Report = silent) -> Kept:
    """Return the X-ray of a version under a recipe on the base in a folder, made now where it is not kept yet."""
    kept = find(store.workspace, version, recipe, folder)
    if kept is not None:
        return kept
    from workbench.services.training.encoding import encoded

    report(f"X-ray: every record of {version.corpus}@{version.name} through tokenizer, template and collator")
    total = sum(version.counts.get(side, 0) for side in SPLITS)
    tables = encoded((folder, recipe), examples(store, version), total, report)
    kept = _written(_place(store.workspace, version, recipe, folder), tables)
    _forget_oldest(store.workspace)
    return kept


def examples(store: Store, version: Version) -> Iterator[Example]:
    """Yield a version's records as they are trained and measured, excluded ones left out."""
    schema = store.kept_schema(version.schema_object)
    records = records_of(store.catalogue, store.objects, schema, version)
    for row in records.filter(pl.col("split").is_in(SPLITS)).iter_rows(named=True):
        yield Example(row["id"], row["split"], schema.render(row))


def find(workspace: Workspace, version: Version, recipe: Recipe, folder: Path) -> Kept | None:
    """Return the X-ray of a version under a recipe on a base, where it is kept."""
    kept = _place(workspace, version, recipe, folder)
    return kept if _is_whole(kept.xray) and _is_whole(kept.tokens) else None


def _is_whole(path: Path) -> bool:
    """Say whether a Parquet file is there and ends as one does; it can be made again, so damage is no error."""
    try:
        pq.read_metadata(path)
    except (OSError, pa.ArrowInvalid):
        return False
    return True


def summary(table: pa.Table) -> dict[str, Any]:
    """Return an X-ray in numbers: records, tokens, learned, truncated, lost and by how many each flag is carried.

    `tokens` and `learned` are {p50, p95, max} over records; `lost` is the share of all tokens that are cut away.
    """
    lost, tokens = sum(table["lost"].to_pylist()), sum(table["tokens"].to_pylist())
    flags = Counter(flag for row in table["flags"].to_pylist() for flag in row)
    return {
        "records": table.num_rows,
        "tokens": _spread(table["tokens"]),
        "learned": _spread(table["learned"]),
        "truncated": flags["truncated"],
        "lost": round(lost / max(lost + tokens, 1), 4),
        "flags": dict(sorted(flags.items())),
    }


def _spread(column: pa.ChunkedArray) -> dict[str, int]:
    ordered = sorted(column.to_pylist())
    if not ordered:
        return {"p50": 0, "p95": 0, "max": 0}
    return {f"p{share}": ordered[len(ordered) * share // 100] for share in (50, 95)} | {"max": ordered[-1]}


def _place(workspace: Workspace, version: Version, recipe: Recipe, folder: Path) -> Kept:
    """Return where this X-ray lies: named by all that it follows from, and by nothing else of the recipe."""
    files = {name: digest_file(folder / name) for name in _READ if (folder / name).is_file()}
    train = recipe.train
    settings = [recipe.template, train.max_length, train.completion_only, train.packing]
    libraries = [installed(name) for name in ("transformers", "tokenizers", "trl")]
    name = digest([REVISION, version.id, files, settings, libraries])[:32]
    return Kept(workspace.cache / f"xray-{name}.parquet", workspace.cache / f"tokens-{name}.parquet")


def _written(kept: Kept, tables: tuple[pa.Table, pa.Table]) -> Kept:
    seen, tokens = tables
    for table, path in ((tokens, kept.tokens), (seen, kept.xray)):
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        with out_of_space(path):
            pq.write_table(table, draft, compression="zstd")
            with draft.open("rb") as handle:
                os.fsync(handle.fileno())  # else a power cut could leave the name without the bytes
            draft.replace(path)
    return kept


def _forget_oldest(workspace: Workspace) -> None:
    """Keep the newest few: a token cache is as large as its corpus, and can be made again; a run has its own."""
    made = sorted(workspace.cache.glob("xray-*.parquet"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in made[_REMEMBERED:]:
        path.unlink(missing_ok=True)
        path.with_name(path.name.replace("xray-", "tokens-")).unlink(missing_ok=True)


_Row = dict[str, Any]


def _rows(kept: Kept, record: str) -> tuple[_Row | None, _Row | None]:
    """Return a record's row of the X-ray and of the token cache."""
    asked = [("record", "=", record)]
    seen = pq.read_table(kept.xray, filters=asked).to_pylist()
    cached = pq.read_table(kept.tokens, columns=["record", "input_ids", "labels"], filters=asked).to_pylist()
    return next(iter(seen), None), next(iter(cached), None)


def _made(
    store: Store, version: Version, recipe: Recipe, asked_for: tuple[Path, str]
) -> tuple[_Row | None, _Row | None]:
    """Return both rows of a record on the base in a folder, made now."""
    from workbench.training.prepare import look_through

    folder, record = asked_for
    asked = [example for example in examples(store, version) if example.record == record]
    tables = look_through(folder, recipe, asked)
    seen, cached = (table.to_pylist() for table in tables)
    return next(iter(seen), None), next(iter(cached), None)


def _shown(row: _Row, cached: _Row | None, folder: Path) -> XrayRow:
    flags = tuple(row["flags"])
    tokens = tuple(_tokens(cached, folder)) if cached else ()
    return XrayRow(row["record"], tokens, flags, bool(row["truncated"]), row["lost"], row["reason"] or "")


def _tokens(cached: _Row, folder: Path) -> Iterator[Token]:
    # The library of the fast tokenizers alone: transformers would load torch.
    from tokenizers import Tokenizer

    from workbench.lm.template import NOT_LEARNED

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    marks = {number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    ids, labels = cached["input_ids"], cached["labels"]
    for place, (number, label) in enumerate(zip(ids, labels, strict=True)):
        # The first label never counts: nothing stands before it to be predicted from.
        learned = bool(place) and label != NOT_LEARNED
        yield Token(_text(tokenizer, ids, place), number, learned, number in marks)


def _text(tokenizer: Tokenizer, ids: list[int], place: int) -> str:
    """Return what a token adds to the text that stands before it."""
    start = max(place - _BEFORE, 0)
    before, now = (_decoded(tokenizer, ids[start:end]) for end in (place, place + 1))
    if now.startswith(before):
        return now[len(before) :]
    return tokenizer.id_to_token(ids[place]) or ""


def _decoded(tokenizer: Tokenizer, ids: list[int]) -> str:
    """Return a text without the stand-in for bytes that make no letter yet."""
    return tokenizer.decode(ids, skip_special_tokens=False).rstrip("\ufffd") if ids else ""
