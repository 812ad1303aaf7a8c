"""`workbench evaluate`: measure a run, base and tuned."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.numbers import measured
from workbench.cli.options import AsJson, In, opened
from workbench.cli.output import progress, result

Run = Annotated[str, typer.Argument(metavar="[RUN]", help="Run, a unique prefix of one, or latest.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("evaluate")(evaluate)


def evaluate(
    run: Run = "latest",
    split: Annotated[str, typer.Option(help="Side to measure on: test, validation or train.")] = "test",
    latency: Annotated[
        int, typer.Option(min=0, metavar="PROMPTS", help="Measure the waiting times of so many prompts, one by one.")
    ] = 0,
    gpus: Annotated[int, typer.Option(min=1, metavar="N", help="Share the records among so many GPUs.")] = 1,
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """Measure base and tuned on held-out records: same precision, template and decoding, one score table.

    Each difference comes with its 95 % interval and a verdict: better, worse or cannot tell.

    \b
    Examples:
      workbench evaluate latest
      workbench evaluate latest --split train
      workbench evaluate latest --latency 50
      workbench evaluate latest --gpus 2
    """
    with opened(workspace) as store:
        from workbench.services.evaluation import evaluate as service
        from workbench.services.training.train import found

        numbers = service.evaluate(store, found(store.workspace, run), split, progress, latency=latency, gpus=gpus)
    result(numbers, [f"{numbers['run']} on {numbers['split']}", *measured(numbers)], as_json=as_json)
