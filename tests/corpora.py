"""Small corpora in scratch workspaces: rows that share no words, files in any form, short names for services."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from workbench.corpus import SplitSettings
from workbench.services.intake.ingest import Delivery, Order, ingest
from workbench.services.versions.split import Request, split
from workbench.store.state import State
from workbench.store.store import Store
from workbench.store.versions import Version, records_of
from workbench.workspace import Workspace

CORPUS = "facts"
_MEMORY = Path("/dev/shm")
Rows = Sequence[dict[str, Any]]


def quick_folder() -> str | None:
    """Return a folder in memory where there is one: most of a small test's time is fsync."""
    return str(_MEMORY) if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) else None


@contextmanager
def scratch() -> Iterator[Store]:
    """Open the store of a new workspace without sample corpora."""
    with tempfile.TemporaryDirectory(dir=quick_folder(), prefix="workbench-") as folder:
        with Store(Workspace.create(Path(folder) / "w", with_samples=False)) as store:
            yield store


def words(seed: object, count: int) -> str:
    """Return words of letters that no other seed gives."""
    found = (hashlib.sha256(f"{seed}|{i}".encode()).hexdigest()[:10] for i in range(count))
    return " ".join(word.translate(str.maketrans("0123456789", "ghijklmnop")) for word in found)


def fact(number: int, **fields: Any) -> dict[str, Any]:
    """Return one question and answer that shares no words with another number's."""
    return {"question": words(number, 8), "answer": words(f"answer {number}", 3), **fields}


def facts(*numbers: int) -> list[dict[str, Any]]:
    return [fact(number) for number in numbers]


def near(row: dict[str, Any], word: str, *, field: str = "question") -> dict[str, Any]:
    """Return the row with one word put behind a field: of long texts most shingles are shared."""
    return row | {field: f"{row[field]} {word}"}


def long_fact(number: int, **fields: Any) -> dict[str, Any]:
    """Return a fact whose text is long enough for one word more or less to leave a near duplicate."""
    return {"question": words(number, 40), "answer": words(f"answer {number}", 3), **fields}


def write(store: Store, rows: Rows, file: str = "rows.jsonl") -> Path:
    """Write raw rows beside the workspace, as JSON Lines or, by suffix, as one indented JSON array."""
    path = store.workspace.root.parent / file
    if path.suffix == ".json":
        path.write_text(json.dumps(list(rows), indent=3, ensure_ascii=True), encoding="utf-8")
    else:
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def deliver(store: Store, rows: Rows, *, file: str = "rows.jsonl", schema: str = "qa", **settings: Any) -> Delivery:
    """Write rows and ingest them; a corpus has one source named `rows` unless `name` says otherwise."""
    settings = {"name": "rows"} | settings
    return ingest(store, Order(CORPUS, (write(store, rows, file),), schema=schema, settings=settings))[0]


def cut(store: Store, *, fresh: bool = False, **settings: Any) -> Version:
    return split(store, Request(CORPUS, SplitSettings(**settings), fresh=fresh))


def state(store: Store) -> State:
    return store.state(store.corpus(CORPUS))


def ids(store: Store) -> list[str]:
    return sorted(state(store).records["id"])


def by_question(store: Store) -> dict[str, str]:
    """Return each current record's id by its question."""
    return dict(state(store).records.select("question", "id").iter_rows())


def rows_of(store: Store, version: Version) -> pl.DataFrame:
    schema = store.kept_schema(version.schema_object)
    return records_of(store.catalogue, store.objects, schema, version)


def sides(store: Store, version: Version) -> dict[str, str]:
    """Return where each record of a version stands."""
    return dict(rows_of(store, version).select("id", "split").iter_rows())
