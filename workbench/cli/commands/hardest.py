"""`workbench hardest`: the records that a run found hardest, improved least or learned by heart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from workbench.cli.options import AsJson, In, opened
from workbench.cli.output import fitted, result
from workbench.text import show

Run = Annotated[str, typer.Argument(metavar="[RUN]", help="Run, a unique prefix of one, or latest.")]
_SHOWN = 80
"""Characters of a field."""
_UNCOUNTED = 100
"""Deviations from which on their number says no more."""
_WHAT = {
    "loss": "highest loss, for their length",
    "gap": "least improved, for their length",
    "memorised": "given word for word, cheapest first",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("hardest")(hardest)


def hardest(
    run: Run = "latest",
    by: Annotated[str, typer.Option(help="loss, gap or memorised.")] = "loss",
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help="Records to list.")] = 20,
    split: Annotated[str, typer.Option(help="Side to look at: train, validation or test.")] = "train",
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """List the records to look at again: where the loss stays high, or hardly fell, or the answer was memorised.

    Wrong answers tend to stand first. It reads the scores of `workbench evaluate RUN --split train`.

    \b
    Examples:
      workbench hardest latest
      workbench hardest latest --by gap -n 50
    """
    with opened(workspace) as store:
        from workbench.services.evaluation.hardest import hardest as service
        from workbench.services.training.train import found

        facts = service(store, found(store.workspace, run), by, limit, split)
    result(facts, _lines(facts), as_json=as_json)


def _lines(facts: Mapping[str, Any]) -> list[str]:
    is_compared = facts["by"] != "memorised"
    rows = [
        [
            place,
            row["record"][:12],
            row["source"] or "",
            f"{row['base']:.3f}",
            f"{row['tuned']:.3f}",
            *([f"{row['usual']:.3f}"] if is_compared else []),
            _score(row["score"]),
            row["now"],
            _text(row),
        ]
        for place, row in enumerate(facts["records"], 1)
    ]
    usual = [f"usual {facts['by']}"] if is_compared else []
    header = ["", "record", "source", "base", "tuned", *usual, "score", "is now", "fields"]
    head = f"{facts['run']}: {_WHAT[facts['by']]} ({facts['scored']:,} records of {facts['split']}, nats a token)"
    if not rows:
        return [head, "  no record"]
    return [head, *fitted(rows, header), f"change one: workbench edit {facts['corpus']} RECORD --set FIELD=VALUE"]


def _score(score: float) -> str:
    """Return a score; where all others are learned by heart, the number of deviations says no more than its size."""
    return f"{score:+.2f}" if abs(score) < _UNCOUNTED else f"over {score / abs(score) * _UNCOUNTED:+.0f}"


def _text(row: Mapping[str, Any]) -> str:
    fields = row["fields"] or {"wanted": row["reference"]}
    return " | ".join(show(value, limit=_SHOWN) for value in fields.values() if isinstance(value, str))
