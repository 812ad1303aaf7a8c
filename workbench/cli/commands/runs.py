"""`workbench runs`: list the runs, look into one, stop one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.numbers import is_missing, shown
from workbench.cli.options import ID, AsJson, In, opened
from workbench.cli.output import result, say, table

if TYPE_CHECKING:
    from workbench.workspace import Workspace


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("runs")(runs)


def runs(
    name: Annotated[str | None, typer.Argument(metavar="[RUN]", help="Run to show in full.")] = None,
    stop: Annotated[bool, typer.Option("--stop", help="Save a checkpoint and stop the run.")] = False,
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """List the runs, or show one with its state, numbers and last metrics.

    \b
    Examples:
      workbench runs
      workbench runs domain-qa-v1-tiny-1 --stop
    """
    with opened(workspace) as store:
        facts, lines = _listed(store.workspace) if name is None else _looked(store.workspace, name, stop=stop)
    result(facts, lines, as_json=as_json)


def _listed(workspace: Workspace) -> tuple[dict[str, Any], list[str]]:
    from workbench.services.training import train as service

    rows = [service.summary(run) for run in service.runs(workspace)]
    cells = [[*({**row, "version": str(row["version"])[:ID]}).values()] for row in rows]
    return {"runs": rows}, table(cells, list(rows[0])) if rows else ["no runs yet"]


def _looked(workspace: Workspace, name: str, *, stop: bool) -> tuple[dict[str, Any], list[str]]:
    from workbench.services.evaluation import evaluate
    from workbench.services.training import train as service

    run = service.found(workspace, name)
    if stop:
        from workbench.training.launch import stop as end

        say(f"{run.name}: {end(run)}")
    facts: dict[str, Any] = service.summary(run) | {
        "folder": str(run.path),
        "reason": run.state().get("reason", ""),
        "start": service.started(run),
        "noticed": service.noticed(run),
        "metrics": list(run.recent_metrics()[-_NEWEST:]),
        "evaluation": evaluate.evaluated(run),
    }
    told = {
        key: value for key, value in facts.items() if value not in (None, "") and not isinstance(value, (list, dict))
    }
    plain = [f"{key}: {value}" for key, value in told.items()]
    step = service.next_step(run, facts["state"]) if facts["evaluation"] is None else ""
    lines = [*plain, *facts["noticed"], *_metrics(facts["metrics"]), *_numbers(facts["evaluation"])]
    return facts, [*lines, *([f"next: {step}"] if step else [])]


_NEWEST = 5
"""Lines of metrics.jsonl that are shown."""


def _metrics(metrics: list[dict[str, Any]]) -> list[str]:
    """Return the logged numbers as a table: a training loss and a validation loss have lines of their own."""
    columns = [name for name in _SHOWN if any(name in line for line in metrics)]
    rows = [[_SHOWN[name].format(line[name]) if name in line else "" for name in columns] for line in metrics]
    return table(rows, [name.replace("_", " ") for name in columns]) if rows else []


_SHOWN = {
    "step": "{:,}",
    "epoch": "{:.2f}",
    "loss": "{:.4f}",
    "eval_loss": "{:.4f}",
    "learning_rate": "{:.2e}",
    "grad_norm": "{:.3f}",
    "tokens_per_s": "{:,.0f}",
    "eta_s": "{:,.0f}",
    "vram_mb": "{:,}",
}
"""The numbers that are shown of a logged line, and how."""


def _numbers(evaluation: dict[str, Any] | None) -> list[str]:
    if evaluation is None:
        return []
    base, tuned = evaluation["base"], evaluation["tuned"]
    rows = [[name, shown(base[name]), shown(tuned[name])] for name in base if not is_missing(tuned[name])]
    return table(rows, ["", "base", "tuned"])
