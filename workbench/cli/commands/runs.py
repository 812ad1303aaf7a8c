"""`workbench runs`: list the runs, look into one, stop one."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from workbench.cli.numbers import is_missing, shown
from workbench.cli.options import AsJson, In, opened
from workbench.cli.output import result, say, table


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
        from workbench.services.evaluation import evaluate
        from workbench.services.training import train as service

        if name is None:
            rows = [service.summary(run) for run in service.runs(store.workspace)]
            shown = [{**row, "version": str(row["version"])[:12]} for row in rows]
            result(
                {"runs": rows},
                table([list(r.values()) for r in shown], list(rows[0]) if rows else ()) or ["no runs yet"],
                as_json=as_json,
            )
            return
        run = service.found(store.workspace, name)
        if stop:
            from workbench.training.launch import stop as end

            say(f"{run.name}: {end(run)}")
        facts: dict[str, Any] = service.summary(run) | {
            "folder": str(run.path),
            "noticed": service.noticed(run),
            "metrics": list(run.recent_metrics()[-5:]),
        }
        facts["evaluation"] = evaluate.evaluated(run)
    plain = [f"{key}: {value}" for key, value in facts.items() if not isinstance(value, (list, dict))]
    plain += facts["noticed"]
    result(
        facts,
        [*plain, *(json.dumps(line) for line in facts["metrics"]), *_numbers(facts["evaluation"])],
        as_json=as_json,
    )


def _numbers(evaluation: dict[str, Any] | None) -> list[str]:
    if evaluation is None:
        return ["not evaluated yet: workbench evaluate"]
    base, tuned = evaluation["base"], evaluation["tuned"]
    rows = [[name, shown(base[name]), shown(tuned[name])] for name in base if not is_missing(tuned[name])]
    return table(rows, ["", "base", "tuned"])
