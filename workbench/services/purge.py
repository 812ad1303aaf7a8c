"""Purge secrets and other texts for good: what to take out, what that touches, and what holds the texts still."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from workbench.corpus import Corpus
from workbench.curation.flags.credentials import secrets_among
from workbench.errors import CorruptionError, UsageError, WorkbenchError, unknown
from workbench.fingerprint import digest_file
from workbench.services.looking.search import holding, is_held, texts_of
from workbench.services.progress import Report, silent
from workbench.services.records.editing import find as found_record
from workbench.services.versions.build import save
from workbench.services.versions.saved import LOG
from workbench.store import purge as core
from workbench.store.catalogue import Row
from workbench.store.purged import renamed
from workbench.store.redaction import SHORTEST, Redaction, is_marked, plain_codec
from workbench.store.store import Store
from workbench.store.traces import Found, find
from workbench.store.verify import faults
from workbench.store.versions import state_of, version_of

_PIECE = 1 << 22
_LONGEST = 1 << 16
"""Characters of a raw file that are looked at together, and those of the longest private key."""


@dataclass(frozen=True)
class Plan:
    """What a purge will do, as far as it can be told before; the texts themselves are never shown."""

    corpus: str
    redaction: Redaction
    objects: int
    """Objects that are written anew."""
    log_rows: int
    """Rows of the log whose bodies are redacted."""
    records: tuple[str, ...]
    """Records whose stored rows or edits hold a text."""
    versions: tuple[tuple[str, str], ...]
    """(corpus, version id) of the versions in which a record holds a text."""
    runs: tuple[str, ...]
    """Runs whose token cache holds a text: it stood in train, validation or test of their version."""
    trained: tuple[str, ...]
    """Those of them where it stood in train."""
    exports: tuple[str, ...]
    publications: tuple[str, ...]
    own_files: tuple[str, ...]
    """The user's own files that were delivered with a text in them and hold it still: never touched."""
    leftovers: int
    """Objects that an earlier purge did not come to remove."""


@dataclass(frozen=True)
class Purged:
    """What a purge did, and what it found afterwards."""

    plan: Plan
    versions: tuple[str, ...]
    """Versions whose content is another since, by corpus and name."""
    rewritten: tuple[str, ...]
    """Saved files that were written anew."""
    still: tuple[str, ...]
    """Files of the workspace in which a text still stands."""


def secrets(store: Store, name: str) -> list[str]:
    """Return every token, key and password in what a corpus ever kept: rows, edits, quarantined rows, raw files."""
    corpus = store.corpus(name)
    found = {secret for texts in _kept_texts(store, corpus) for secret in secrets_among(texts)}
    return sorted(secret for secret in found if len(secret) >= SHORTEST and not is_marked(secret))


def _kept_texts(store: Store, corpus: Corpus) -> Iterator[Iterable[str]]:
    state = store.state(corpus)
    for name in state.segments:
        yield texts_of(store.objects.table(name).drop("id", "row_digest").to_dicts())
    yield (text for row in state.rows if row.kind in ("edit", "judgement") for text in texts_of(row.body))
    for row in state.of("delivery"):
        for raw in row.body["raw"]:
            for piece in _pieces(store.objects.path(f"{raw}.raw"), row.body["encoding"] or "utf-8"):
                # Line by line is fast; only a private key spans lines.
                yield [*piece.split("\n"), *([piece] if "PRIVATE KEY" in piece else [])]


def _pieces(path: Path, encoding: str) -> Iterator[str]:
    """Yield the text of a file in pieces that overlap; a secret shorter than _LONGEST is whole in one of them."""
    with path.open("rb") as handle:
        codec = plain_codec(encoding, handle.read(4))
    with path.open(encoding=codec, errors="replace", newline="") as handle:
        held = ""
        while block := handle.read(_PIECE):
            held += block
            # A secret that is cut would be taken for a shorter one. None goes on behind these signs, but a private
            # key, which has an end of its own.
            end = max(map(held.rfind, '\n "')) + 1 or len(held) // _LONGEST * _LONGEST
            yield held[:end]
            held = held[max(end - _LONGEST, 0) :]
        yield held


def field_texts(store: Store, name: str, prefix: str, field: str) -> list[str]:
    """Return the texts that a field of a record holds now: one, or each of a list."""
    corpus = store.corpus(name)
    state = store.desk(corpus, [prefix])
    if field not in state.schema.columns:
        raise unknown("field", field, state.schema.columns)
    value = state.present([found_record(state, prefix)])[0][field]
    texts = [text for text in texts_of(value) if not is_marked(text)]
    if not texts and not any(map(is_marked, texts_of(value))):
        raise UsageError(f"the field {field!r} holds no text", "purge takes texts out; drop the record or edit it")
    return texts


def planned(store: Store, name: str, texts: Iterable[str]) -> Plan:
    """Return what taking these texts out would do; nothing is changed.

    A store that is not whole is refused with CorruptionError: a purge would cover up what is wrong.
    """
    corpus = store.corpus(name)
    redaction = Redaction.of(texts)
    old = renamed(store.catalogue)
    wrong = [fault for fault in faults(store.catalogue, store.objects, store.kept_schema) if "was purged" not in fault]
    if wrong:
        raise CorruptionError(f"the store is not whole: {wrong[0]}", "see: workbench verify")
    found = find(store, redaction)
    rows = store.catalogue.rows()
    sides = _sides(store, rows, found, redaction)
    told = {version: where for (_, version), where in sides.items()}
    runs = [(row.subject, told.get(str(row.body.get("version")), set())) for row in rows if row.kind == "run"]
    return Plan(
        corpus=corpus.name,
        redaction=redaction,
        objects=len(found.objects),
        log_rows=len(found.bodies),
        records=tuple(sorted(found.records)),
        versions=tuple(sides),
        runs=tuple(run for run, where in runs if where & {"train", "validation", "test"}),
        trained=tuple(run for run, where in runs if "train" in where),
        exports=tuple(_exports(store, set(told))),
        publications=tuple(_publications(rows, set(told))),
        own_files=tuple(_own_files(store, rows, (set(found.objects), set(old)), redaction)),
        leftovers=len(store.objects.leftovers()),
    )


def _sides(store: Store, rows: list[Row], found: Found, redaction: Redaction) -> dict[tuple[str, str], set[str]]:
    """Return the splits in which records hold a text, by (corpus, version id): an edit may have brought or taken it."""
    out: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        if row.kind == "version" and row.corpus in found.corpora:
            version = version_of(row)
            schema = store.kept_schema(version.schema_object)
            seen = state_of(store.catalogue, store.objects, schema, version)
            records = seen.records.filter(pl.col("id").is_in([seen.today(record) for record in found.records]))
            placed = records.join(store.objects.table(version.assignment, ["id", "split"]), on="id")
            torn = {seen.today(record) for record in found.torn}
            fields = placed.select("id", "split", *schema.columns).iter_rows(named=True)
            holding = {str(one["split"]) for one in fields if one["id"] in torn or redaction.value(one) is not one}
            if holding:
                out[row.corpus, row.subject] = holding
    return out


def _exports(store: Store, versions: set[str]) -> Iterator[str]:
    for path in sorted((store.workspace.root / "exports").glob("*/curation.json")):
        try:
            known = json.loads(path.read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(known, dict) and known.get("version") in versions:
            yield path.parent.name


def _publications(rows: list[Row], versions: set[str]) -> Iterator[str]:
    for row in rows:
        if row.kind == "publication" and row.body.get("version") in versions:
            yield f"{row.body['repo']}@{row.body['tag']}"


def _own_files(
    store: Store, rows: list[Row], objects: tuple[set[str], set[str]], redaction: Redaction
) -> Iterator[str]:
    """Yield the user's files that hold a text still; `objects` are those that do, and those of earlier purges."""
    holders, old = objects
    delivered: dict[str, set[str]] = {}
    for row in rows:
        raws = [f"{raw}.raw" for raw in row.body.get("raw", [])] if row.kind == "delivery" else []
        now = store.objects.names(raws)
        if not {*raws, *now}.isdisjoint(holders | old):
            holding_it = {raw for raw, name in zip(raws, now, strict=True) if name in holders}
            delivered.setdefault(row.body["declared"].get("path", row.subject), set()).update(holding_it)
    for path, raws_of_path in delivered.items():
        own = store.workspace.root / path
        if is_held(own, redaction) or _is_as_delivered(own, raws_of_path):
            yield path


def _is_as_delivered(path: Path, raws: set[str]) -> bool:
    """Return whether a file, or one of a folder's, is one of these: it holds the text in whatever form it did then."""
    files = path.rglob("*") if path.is_dir() else [path]
    return any(file.is_file() and f"{digest_file(file)}.raw" in raws for file in files)


def purged(store: Store, plan: Plan, reason: str = "", report: Report = silent) -> Purged:
    """Do it: rewrite, commit, remove, save again what was saved, and look for the texts in the whole workspace."""
    report("taking the texts out of objects and log")
    changed = core.purge(store, plan.corpus, plan.redaction, reason)
    rewritten = tuple(_saved_again(store, plan.redaction))
    report("looking for the texts in all files of the workspace")
    still = tuple(holding(store.workspace.root, plan.redaction))
    names = {row.subject: f"{row.corpus}@v{row.body['number']}" for row in store.catalogue.rows(kinds=("version",))}
    return Purged(plan, tuple(sorted(names[version] for version in changed)), rewritten, still)


def _saved_again(store: Store, redaction: Redaction) -> Iterator[str]:
    """Save the corpora anew whose saved files hold a text; what cannot be saved is found by the look that follows."""
    for name in store.corpora():
        folder = store.workspace.corpus_folder(name)
        if (folder / LOG).is_file() and any(holding(folder, redaction)):
            try:
                yield from (store.workspace.relative(path) for path in save(store, name))
            except WorkbenchError:
                continue


def facts(done: Plan | Purged) -> dict[str, Any]:
    """Return a plan, or what was done, as one JSON object."""
    plan = done if isinstance(done, Plan) else done.plan
    out: dict[str, Any] = {
        "corpus": plan.corpus,
        "texts": plan.redaction.facts(),
        "objects": plan.objects,
        "log_rows": plan.log_rows,
        "records": list(plan.records),
        "runs": list(plan.runs),
        "trained": list(plan.trained),
        "exports": list(plan.exports),
        "publications": list(plan.publications),
        "own_files": list(plan.own_files),
        "leftovers": plan.leftovers,
    }
    if isinstance(done, Plan):
        return out | {"versions": [version for _, version in plan.versions]}
    return out | {"versions": list(done.versions), "rewritten": list(done.rewritten), "still": list(done.still)}
