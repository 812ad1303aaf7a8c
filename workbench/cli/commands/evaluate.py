"""`workbench evaluate` and `generate`: measure a run, and hear base and tuned side by side."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from workbench.cli.options import AsJson, In, opened
from workbench.cli.output import result, say, table
from workbench.errors import UsageError

Run = Annotated[str, typer.Argument(metavar="[RUN]", help="Run, a unique prefix of one, or latest.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("evaluate")(evaluate)
    app.command("generate")(generate)


def evaluate(
    run: Run = "latest",
    split: Annotated[str, typer.Option(help="Side to measure on: test, validation or train.")] = "test",
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """Measure base and tuned on held-out records: same precision, template and decoding, one score table.

    \b
    Example: workbench evaluate latest
    """
    with opened(workspace) as store:
        from workbench.services import evaluate as service
        from workbench.services.train import found

        numbers = service.evaluate(store, found(store.workspace, run), split, say)
    names = list(numbers["base"])
    rows = [[name, _shown(numbers["base"][name]), _shown(numbers["tuned"][name])] for name in names]
    result(numbers, [f"{numbers['run']} on {split}", *table(rows, ["", "base", "tuned"])], as_json=as_json)


def _shown(value: Any) -> str:  # noqa: ANN401 - a number or a reason
    if isinstance(value, dict):
        return f"n/a ({value['reason']})"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def generate(
    run: Run = "latest",
    prompts: Annotated[
        list[str] | None, typer.Option("--prompt", help="What to ask; may be given several times.")
    ] = None,
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """Ask base and tuned the same prompts.

    \b
    Example: workbench generate latest --prompt "What is a KPI?"
    """
    if not prompts:
        raise UsageError("nothing to ask", "give at least one --prompt TEXT")
    with opened(workspace) as store:
        from workbench.services import evaluate as service
        from workbench.services.train import found

        chosen = found(store.workspace, run)
        answers = service.generate(chosen, prompts, say)
    lines = [line for a in answers for line in (f"> {a['prompt']}", f"  base : {a['base']}", f"  tuned: {a['tuned']}")]
    result({"run": chosen.name, "answers": answers}, lines, as_json=as_json)
