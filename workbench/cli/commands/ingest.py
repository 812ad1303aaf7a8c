"""`workbench ingest`: take raw files into a corpus."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.engines import EngineName, OnEngine, Workers, engine_of
from workbench.cli.options import AsJson, In, Option, new_corpus_name, opened
from workbench.cli.output import fitted, progress, result
from workbench.errors import UsageError
from workbench.text import counted
from workbench.text import show as shown

if TYPE_CHECKING:
    from workbench.services.intake.ingest import Delivery
    from workbench.store.store import Store


_SHOWN = (
    *("name", "schema", "digest", "reader", "encoding", "read", "kept", "merged", "quarantined", "reasons"),
    *("mapping", "unread", "guesses", "matched", "left", "same_as"),
)
"""What is told of a delivery."""
_LOGGED = ("repairs", "conflicts")
"""What is told besides once the log has it."""
_REASONS = 5
"""Reasons of quarantined rows that are told at most."""
_WHERE_TO = "say --corpus NAME: a new name makes a corpus for the files; those here: {known}"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("ingest")(ingest)


def ingest(
    what: Annotated[
        list[str] | None, typer.Argument(metavar="[CORPUS] [FILE]...", help="Files, and the corpus.")
    ] = None,
    corpus: Option = None,
    schema: Annotated[str | None, typer.Option(help="Kind of record; default: the one that fits the columns.")] = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FIELD=EXPR", help="EXPR: a column, a template '{a}\\n{b}', or a list [A,B,C]."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            help="Columns that identify a row, by commas; default: the whole row. Frozen at the first ingest."
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--source", help="Logical name of the source; default: the file's name.")
    ] = None,
    reader: Annotated[str | None, typer.Option(help="Reader to use instead of the detected one.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Encoding to use instead of the detected one.")] = None,
    header: Annotated[
        bool | None,
        typer.Option("--header/--no-header", help="CSV: whether the first row names the columns."),
    ] = None,
    chunk: Annotated[int | None, typer.Option(min=100, help="Plain text: wanted characters a passage.")] = None,
    where: Annotated[str | None, typer.Option(help="SQL condition over the raw columns.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Read only the first N rows.")] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="Read N rows drawn at random with --seed.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of --sample.")] = None,
    side: Annotated[
        str | None,
        typer.Option("--split", help="Side the source was delivered for: train, validation, test."),
    ] = None,
    license: Annotated[
        str | None,
        typer.Option(help="Licence of these files, as the Hub names it; of the whole corpus where it has no others."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read all rows and tell what would become of them; write nothing.")
    ] = False,
    engine: OnEngine = EngineName.local,
    workers: Workers = None,
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """Take files into a corpus; without a file, take in every source that corpus.yaml declares.

    Every row read is kept, merged (already here, unchanged) or quarantined with its reason and its bytes.

    \b
    Examples:
      workbench ingest quiz.json --corpus quiz
      workbench ingest alpaca.json --corpus alpaca --schema instruction --limit 1000
      workbench ingest faq.csv --corpus faq --dry-run
      workbench ingest faq.csv --corpus faq --map question=prompt --map 'answer={short}\\n{long}'
      workbench ingest crawl.jsonl --corpus crawl --engine daft
    """
    given = {
        "map": _pairs(mapping), "key": tuple(key.split(",")) if key else None, "name": name, "reader": reader,
        "encoding": encoding, "header": header, "chunk": chunk, "where": where, "limit": limit, "sample": sample,
        "seed": seed, "split": side,
    }  # fmt: skip
    settings = {option: value for option, value in given.items() if value is not None}
    with opened(workspace) as store:
        from workbench.services.intake.ingest import Order, rehearse
        from workbench.services.intake.ingest import ingest as take_in

        named, files = _parted(what or [], corpus, store)
        if name and len(files) > 1:
            raise UsageError("--source names one file, but several are given", "ingest them one by one")
        order = Order(named, tuple(files), schema, license, settings)
        with engine_of(store, engine, workers) as spread:
            deliveries = (rehearse if dry_run else take_in)(store, order, progress, spread)
    told = _SHOWN if dry_run else (*_SHOWN, *_LOGGED)
    facts: dict[str, Any] = {"corpus": named, "sources": [{key: getattr(d, key) for key in told} for d in deliveries]}
    lines = _lines(named, deliveries, is_kept=not dry_run)
    if dry_run:
        lines.append("nothing was written: that was a dry run")
        facts["dry_run"] = True
    result(facts, lines, as_json=as_json)


def _pairs(mapping: list[str] | None) -> dict[str, str] | None:
    if mapping is None:
        return None
    for pair in mapping:
        if "=" not in pair:
            raise UsageError(f"--map {pair!r} is no FIELD=EXPR", "for example: --map question=prompt")
    return {name.strip(): text.strip() for name, _, text in (pair.partition("=") for pair in mapping)}


def _parted(what: list[str], corpus: str | None, store: Store) -> tuple[str, list[Path]]:
    """Part the arguments: the first one is the corpus where it is no file, the others are files."""
    files, named = list(what), None
    if files and (len(files) > 1 or not corpus) and _names_no_file(files[0]):
        named = files.pop(0)
    for file in files:
        if not Path(file).exists():
            raise UsageError(f"no file {file!r}", _where_it_is(file, files))
    if files and not (named or corpus) and not store.corpora():
        return Path(files[0]).stem.replace(" ", "-"), [Path(file).resolve() for file in files]
    choice = _WHERE_TO if files else "one of: {known}"
    return new_corpus_name(store, named, corpus, choice=choice), [Path(file).resolve() for file in files]


def _where_it_is(missing: str, files: list[str]) -> str:
    """Return what to do about a file that is not there: it may be a corpus that is named behind its files."""
    if missing == files[-1] and missing != files[0] and _names_no_file(missing):
        return f"a corpus comes first, or behind --corpus: workbench ingest {missing} {files[0]}"
    return "check the path; it is read from the folder you stand in"


def _names_no_file(text: str) -> bool:
    return not Path(text).exists() and "/" not in text and "." not in text


def _lines(corpus: str, deliveries: list[Delivery], *, is_kept: bool) -> list[str]:
    out: list[str] = []
    for d in deliveries:
        out.append(f"{corpus}: {d.name} ({d.schema} records; {d.reader}, {d.encoding}, sha256 {d.digest[:12]})")
        out.append(f"  read {d.read:,} = kept {d.kept:,} + merged {d.merged:,} + quarantined {d.quarantined:,}")
        out += [f"  guess: {guess}" for guess in d.guesses]
        out += ["  a guess that is wrong: say it with --encoding, --reader, --header, --map"] if d.guesses else []
        out += [f"    {line}" for line in _reasons(d.reasons)]
        told = {
            f"how to bring a row back: workbench show {corpus} --quarantine": d.quarantined * is_kept,
            f"{counted(d.repairs, 'repair')}, each an edit that can be undone": d.repairs,
            f"{counted(d.matched, 'changed row')} matched to the records they were": d.matched,
            f"gone from the corpus: {counted(d.left, 'record')} that {d.name} held before and holds no more": d.left,
            f"the same bytes as {', '.join(d.same_as)}": len(d.same_as),
            f"{counted(d.conflicts, 'edit')} no longer fitting: workbench show {corpus} --conflicts": d.conflicts,
        }
        out += [f"  {line}" for line, count in told.items() if count]
        out.append("  mapping: " + ", ".join(f"{f} <- {e}" if f != e else f for f, e in d.mapping.items()))
        out += [f"    {line}" for line in _preview(d.preview)]
        out += [f"  {d.left_over}"] if d.left_over else []
    return out


def _reasons(reasons: dict[str, int]) -> list[str]:
    lines = [f"{counted(rows, 'row')}: {reason}" for reason, rows in islice(reasons.items(), _REASONS)]
    more = len(reasons) - _REASONS
    return [*lines, f"and {counted(more, 'other reason')}"] if more > 0 else lines


def _preview(rows: tuple[dict[str, Any], ...]) -> list[str]:
    if not rows:
        return []
    names = list(rows[0])
    return fitted([[shown(row[name], limit=28) for name in names] for row in rows], names)
