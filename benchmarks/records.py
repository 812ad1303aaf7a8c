"""What it costs to take in, check, page, edit, search, split and compare records of about 320 bytes.

Run: .venv/bin/python benchmarks/records.py --records 100000 [--parts ingest page edit]
Every part is a process of its own on one workspace, in the order given; `edit`, `page` and others need `ingest` before.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measuring import Cost, child, machine, measured, median, table

if TYPE_CHECKING:
    from workbench.services.versions.split import Request
    from workbench.store.store import Store

CORPUS, SOURCE = "questions", "questions.jsonl"
TIMES = 30
"""How often what takes milliseconds is done; the median counts."""
PAGE = 50
ABSENT = "no record says this"
EDITED = 1000
"""Edits between the two versions that are compared."""
Figures = dict[str, Cost]


def opened(folder: Path) -> Store:
    """Return the open store of the benchmark's workspace."""
    from workbench.store.store import Store
    from workbench.workspace import Workspace

    return Store(Workspace(folder / "workspace"))


def repeated(work: Callable[[int], object], times: int = TIMES) -> Cost:
    """Return the median cost of doing something several times, each with its number."""
    return median(measured(partial(work, number))[1] for number in range(times))


def ingest(folder: Path) -> Figures:
    """Take the file into a new workspace, durably."""
    from workbench.services.intake.ingest import Order
    from workbench.services.intake.ingest import ingest as taken
    from workbench.workspace import Workspace

    shutil.rmtree(folder / "workspace", ignore_errors=True)
    Workspace.create(folder / "workspace", with_samples=False)
    with opened(folder) as store:
        order = Order(CORPUS, (folder / SOURCE,), schema="qa")
        (delivery,), cost = measured(lambda: taken(store, order))
    assert delivery.kept + delivery.merged == delivery.read
    return {"ingest": cost}


def rules(folder: Path) -> Figures:
    """Check the columns with pandera and the schema's rules in SQL, as `workbench check` does."""
    import polars as pl

    with opened(folder) as store:
        corpus = store.corpus(CORPUS)
        schema, frame = store.schema(corpus), store.state(corpus).records

    def checked() -> None:
        schema.frame.validate(frame.select(schema.columns), lazy=True)
        derived = schema.derived(frame)
        for rule in schema.rules:
            derived.filter(~pl.sql_expr(rule.sql).fill_null(value=True))

    return {"rules (pandera and SQL)": measured(checked)[1]}


def check(folder: Path) -> Figures:
    """Look for all issues, then again with those kept."""
    from workbench.services.checking.check import check as looked

    with opened(folder) as store:
        for kept in store.workspace.cache.glob("issues-*"):
            kept.unlink()
        first = measured(lambda: looked(store, CORPUS))[1]
        return {"check, all rules": first, "check, again": measured(lambda: looked(store, CORPUS))[1]}


def page(folder: Path) -> Figures:
    """Show 50 records anywhere, with the corpus open and from nothing."""
    from workbench.services.looking.listing import listing
    from workbench.store.pages import Pages

    with opened(folder) as store:
        listing(store, CORPUS, PAGE)  # writes the view, once for each delivery
        pages = Pages(store.desk(store.corpus(CORPUS)))
        last = len(pages.standing) - PAGE

        def shown(number: int) -> None:
            start = last * number // TIMES
            pages.page(pages.standing[start : start + PAGE]).rows()

        cold = repeated(lambda number: listing(store, CORPUS, PAGE, last * number // TIMES))
        return {"page of 50": repeated(shown), "page of 50, opening the corpus": cold}


def edit(folder: Path) -> Figures:
    """Change one field of one record, durably."""
    from workbench.services.records.editing import edit as changed

    with opened(folder) as store:
        ids = store.desk(store.corpus(CORPUS)).view.frame["id"]
        wanted = ids.gather_every(len(ids) // TIMES).to_list()
        changed(store, CORPUS, wanted[-1], {"answer": "Before the clock."})
        return {
            "edit": repeated(lambda n: changed(store, CORPUS, wanted[n], {"answer": f"Changed {os.getpid()} {n}."}))
        }


def search(folder: Path) -> Figures:
    """Look for a text: until the first 50 hits, and through all records."""
    from workbench.services.looking.listing import holding

    with opened(folder) as store:
        word = _word()
        first = repeated(lambda _: holding(store, CORPUS, word, PAGE), 5)
        return {
            "search, first 50 hits": first,
            "search, to the end": repeated(lambda _: holding(store, CORPUS, ABSENT, PAGE), 3),
        }


def _word() -> str:
    """Return a word that about one record in a hundred holds."""
    from documents import vocabulary

    return vocabulary()[500]


def split(folder: Path) -> Figures:
    """Cut a version of all records; then edit a thousand and cut the next."""
    from workbench.services.versions.split import split as cut

    with opened(folder) as store:
        first = measured(lambda: cut(store, _request(store)))[1]
        _edit_many(store)
        return {"split, first version": first, "split, next version": measured(lambda: cut(store, _request(store)))[1]}


def _request(store: Store) -> Request:
    from workbench.services.versions.split import Request, requested

    return Request(CORPUS, requested(store, CORPUS, seed=42))


def _edit_many(store: Store) -> None:
    from workbench.services.records.editing import edits_for

    corpus = store.corpus(CORPUS)
    ids = store.state(corpus).records["id"]
    values = {record: {"answer": f"Changed {os.getpid()}."} for record in ids.gather_every(max(len(ids) // EDITED, 1))}
    store.change(corpus, lambda state: edits_for(state, CORPUS, values, "benchmark"))


def version(folder: Path) -> Figures:
    """Append the row that a version is, to a copy of the log."""
    from workbench.store.catalogue import Catalogue
    from workbench.store.versions import versions

    with opened(folder) as store:
        newest = versions(store.catalogue, CORPUS)[-1]
        copy = store.workspace.hidden / "copy.db"
        shutil.copyfile(store.workspace.catalogue, copy)
    with closing(Catalogue(copy)) as log:
        cost = repeated(lambda _: log.append(("version", CORPUS, newest.id, newest.body())))
    copy.unlink()
    return {"version, its one row": cost}


def diff(folder: Path) -> Figures:
    """Compare the two newest versions."""
    from workbench.services.versions.diff import diff as compared
    from workbench.services.versions.diff import ends

    with opened(folder) as store:
        found = compared(store, *ends(store, CORPUS, None, "latest"))
        name = f"diff of two versions by {found.by}, {found.rows.height:,} rows"
        return {name: repeated(lambda _: compared(store, *ends(store, CORPUS, None, "latest")), 5)}


def datasets(folder: Path) -> Figures:
    """Reference for ingest: load and save with datasets, which keeps no raw bytes and forces nothing to disk."""
    from datasets import disable_progress_bars, load_dataset

    disable_progress_bars()
    shutil.rmtree(folder / "datasets", ignore_errors=True)

    def saved() -> None:
        cache = str(folder / "datasets" / "cache")
        load_dataset("json", data_files=str(folder / SOURCE), split="train", cache_dir=cache).save_to_disk(
            folder / "datasets" / "saved"
        )

    cost = measured(saved)[1]
    shutil.rmtree(folder / "datasets")
    return {"reference: datasets, JSON to disk": cost}


def polars(folder: Path) -> Figures:
    """Reference for ingest: read the lines and write one Parquet file; no identity, no log, no origin of a row."""
    import polars as pl

    path = folder / "plain.parquet"
    cost = measured(lambda: pl.read_ndjson(folder / SOURCE).write_parquet(path))[1]
    path.unlink()
    return {"reference: polars, JSON to Parquet": cost}


def sqlite(folder: Path) -> Figures:
    """Reference for an edit: one UPDATE in a plain SQLite table, as durable; no history, no version."""
    path = folder / "plain.db"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("CREATE TABLE records(number INTEGER PRIMARY KEY, line TEXT)")
        with (folder / SOURCE).open(encoding="utf-8") as lines:
            db.execute("BEGIN")
            db.executemany("INSERT INTO records VALUES(?, ?)", enumerate(lines))
            db.execute("COMMIT")
        db.executescript("PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = EXTRA;")
        cost = repeated(lambda n: db.execute("UPDATE records SET line = ? WHERE number = ?", (f"{n}", 50 * n)))
    path.unlink()
    return {"reference: SQLite, one UPDATE": cost}


PARTS: dict[str, tuple[Callable[[Path], Figures], int]] = {
    "ingest": (ingest, 3),
    "datasets": (datasets, 3),
    "polars": (polars, 3),
    "rules": (rules, 3),
    "check": (check, 1),
    "page": (page, 1),
    "edit": (edit, 1),
    "sqlite": (sqlite, 1),
    "search": (search, 1),
    "split": (split, 1),
    "version": (version, 1),
    "diff": (diff, 1),
}
"""Each part, and how many fresh processes its median is of."""


def main() -> None:
    """Run the parts and print a table of medians."""
    asked = _arguments()
    folder = asked.folder / f"records-{asked.records}"
    if asked.part:
        with open(os.devnull, "w") as nowhere:
            out, sys.stdout = sys.stdout, nowhere
            found = PARTS[asked.part][0](folder)
        print(json.dumps(found), file=out)
        return
    size = written(folder, asked.records).stat().st_size / asked.records
    print(f"{asked.records:,} records of {size:.0f} bytes; {machine()}; fresh processes, medians")
    print(
        table([["what", "CPU ms", "wall ms", "peak MB"], *(row for part in asked.parts for row in _rows(part, asked))])
    )


def written(folder: Path, count: int) -> Path:
    """Return the file of records to take in, made where it is missing."""
    source = folder / SOURCE
    if not source.is_file():
        from documents import write_questions

        folder.mkdir(parents=True, exist_ok=True)
        write_questions(source, count)
    return source


def _rows(part: str, asked: argparse.Namespace) -> list[list[str]]:
    arguments = [__file__, "--part", part, "--records", str(asked.records), "--folder", str(asked.folder)]
    threads = len(os.sched_getaffinity(0))
    runs: list[dict[str, Any]] = [child(arguments, threads=threads) for _ in range(PARTS[part][1])]
    failed = next((run for run in runs if "error" in run), None)
    if failed:
        print(f"{part}: not run: {failed['error']}")
        return []
    return [_row(name, median(run[name] for run in runs)) for name in runs[-1]]


def _row(name: str, cost: Cost) -> list[str]:
    return [name, f"{cost.cpu * 1000:,.1f}", f"{cost.wall * 1000:,.1f}", f"{cost.memory / 1e6:,.0f}"]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "workbench-benchmarks")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
