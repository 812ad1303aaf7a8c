"""`workbench review`: the records to look at first, each with why; accept the ones that are right as they stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.options import ID, AsJson, In, Named, Option, corpus_name, opened
from workbench.cli.output import fitted, progress, result
from workbench.text import counted

if TYPE_CHECKING:
    from workbench.services.checking.review import Queue
    from workbench.store.store import Store


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("review")(review)


def review(
    corpus: Named = None,
    option: Option = None,
    run: Annotated[
        str | None, typer.Option(help="Whose losses count; default: the newest run with scores of the split.")
    ] = None,
    split: Annotated[str, typer.Option(help="Side whose losses count: train, validation or test.")] = "train",
    by: Annotated[
        str | None, typer.Option(help="Order by a loss alone: loss, gap (least improved) or memorised.")
    ] = None,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help="Records to list.")] = 20,
    accept: Annotated[
        list[str] | None, typer.Option(metavar="RECORD", help="Right as it stands; may be given several times.")
    ] = None,
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """List the records to look at first: severity of the issue x gap of the loss x size of the duplicate cluster.

    An accepted record stays out until it changes. `workbench edit` changes or drops one, and takes any of it back.

    \b
    Examples:
      workbench review quiz
      workbench review quiz --run latest -n 50
      workbench review quiz --by memorised
      workbench review quiz --accept 3f9a
    """
    with opened(workspace) as store:
        name = corpus_name(store, corpus or (None if option else _plain(store, run)), option)
        facts, lines = _accepted(store, name, accept) if accept else _queue(store, name, (run, split, by), limit)
    result(facts, lines, as_json=as_json)


def _plain(store: Store, run: str | None) -> str | None:
    """Return the corpus that needs no naming: that of the run, else the only one that anything was ingested into."""
    if run is not None:
        from workbench.services.training.train import found

        return found(store.workspace, run).facts().get("corpus")
    known = store.corpora()
    filled = {row.corpus for row in store.catalogue.rows(kinds=("delivery",)) if row.corpus in known}
    return filled.pop() if len(filled) == 1 else None


def _accepted(store: Store, corpus: str, records: list[str]) -> tuple[dict[str, Any], list[str]]:
    from workbench.services.checking.review import accept_all

    done = accept_all(store, corpus, records)
    lines = [f"accepted {counted(len(done), 'record')}; take one back: workbench edit {corpus} --undo 1"]
    return {"corpus": corpus, "accepted": done}, lines


def _queue(
    store: Store, corpus: str, asked: tuple[str | None, str, str | None], limit: int
) -> tuple[dict[str, Any], list[str]]:
    from workbench.services.checking.review import queue

    run, split, by = asked
    found = queue(store, corpus, run, split, progress, by=by)
    return found.plain(limit), _lines(found, limit)


def _lines(found: Queue, limit: int) -> list[str]:
    unmeasured = f"no run was measured on {found.split}: only issues count"
    measured = f"losses of {found.run} on {found.split}" if found.run else unmeasured
    asking = f", {_BY[found.by]}" if found.by else " ask for a look"
    head = f"{found.corpus}: {found.rows.height:,} of {counted(found.records, 'record')}{asking} ({measured})"
    beside = {"accepted before": found.accepted, "leave as duplicates": found.leaving, "edited since": found.stale}
    said = [f"{count:,} {what}" for what, count in beside.items() if count]
    rows = [_row(place, row) for place, row in enumerate(found.rows.head(limit).iter_rows(named=True), 1)]
    header = ["", "record", "score", "severity", "loss", "cluster", "because"]
    return [head, *(["  " + ", ".join(said)] if said else []), *(fitted(rows, header) if rows else [])]


_BY = {"loss": "highest loss first", "gap": "least improved first", "memorised": "learned by heart, cheapest first"}
"""What a queue that goes by a loss alone is called."""


def _row(place: int, row: Mapping[str, Any]) -> list[object]:
    from workbench.services.checking.review import reasons

    weights = [f"{row[name]:.1f}" for name in ("score", "severity_weight", "loss_weight", "cluster_weight")]
    return [place, row["record"][:ID], *weights, "; ".join(reasons(row))]
