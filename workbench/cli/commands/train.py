"""`workbench train`, `runs`, `base` and `recipe`: start a training and look after it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.numbers import is_missing, shown
from workbench.cli.options import AsJson, In, Option, opened, reference
from workbench.cli.output import indented, progress, result, say, table
from workbench.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from workbench.store.store import Store
    from workbench.training.launch import Progress
    from workbench.training.runs import RunFolder


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("train")(train)
    app.command("runs")(runs)
    app.command("base")(base)
    app.command("recipe")(recipe)


def train(
    what: Annotated[
        str | None,
        typer.Argument(metavar="[CORPUS[@VERSION]]", help="Version to train on; default: the newest."),
    ] = None,
    option: Option = None,
    recipe: Annotated[str, typer.Option(help="Recipe, by the name of its file.")] = "tiny",
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Set a recipe key for this run, for example train.epochs=2."),
    ] = None,
    allow: Annotated[
        list[str] | None, typer.Option(metavar="FLAG", help="Train in spite of an X-ray flag, named.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the run.")] = None,
    preflight: Annotated[
        bool, typer.Option("--preflight", help="Only look: version, recipe, base, X-ray, memory, disk.")
    ] = False,
    step_down: Annotated[
        bool, typer.Option("--step-down", help="Where the memory is full, go on in less of it: train.step_down=true.")
    ] = False,
    plan: Annotated[
        str | None,
        typer.Option(help="Memory plan: auto, none, selective, full, offload; sets train.plan.", show_default="auto"),
    ] = None,
    gpus: Annotated[
        int | None, typer.Option(min=1, help="GPUs that share the rows of each step.", show_default="1")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return at once; the run goes on.")] = False,
    resume: Annotated[
        str | None, typer.Option(metavar="RUN", help="Go on with a stopped run from its last checkpoint.")
    ] = None,
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """Train an adapter on a version, in a process of its own; ctrl-c asks whether it shall go on.

    Every record goes through the tokenizer, template and collator first; what they flag is refused by name.

    \b
    Examples:
      workbench train domain-qa@latest --recipe tiny
      workbench train domain-qa@latest --recipe tiny --preflight
      workbench train --resume domain-qa-v1-tiny-1
      workbench train --resume domain-qa-v1-tiny-1 --step-down
    """
    with opened(workspace) as store:
        from workbench.services import train as service

        if resume:
            fixed = {"--set": overrides, "--allow": allow, "--name": name, "--plan": plan, "--preflight": preflight}
            _check_resumed({"a version": what or option, **fixed})
            run = service.resume(store.workspace, resume, step_down=step_down, gpus=gpus)
        else:
            corpus, version = reference(store, what, option)
            settings = (*(overrides or ()), *(("train.step_down=true",) if step_down else ()))
            settings += (f"train.plan={plan}",) if plan else ()
            if preflight:
                _fly(store, (corpus, version, recipe), (settings, tuple(allow or ())), as_json=as_json)
                return
            asked = service.Training(corpus, version, recipe, settings, tuple(allow or ()), name, gpus or 1)
            run = service.start(store, asked, progress)
    say(f"run {run.name}")
    state = "running" if detach else _followed(run)
    result(
        {"run": run.name, "state": state, "folder": str(run.path)},
        [f"{run.name}: {state}", f"  {run.path}"],
        as_json=as_json,
    )


def _check_resumed(said: dict[str, object]) -> None:
    """Refuse what a run that goes on cannot take: it is trained as it was prepared."""
    named = ", ".join(option for option, value in said.items() if value)
    if named:
        hint = "leave that out, or start a new run without --resume"
        raise UsageError(f"--resume goes on with a run as it was prepared, and not with {named}", hint)


def _fly(
    store: Store, wanted: tuple[str, str, str], wish: tuple[tuple[str, ...], tuple[str, ...]], *, as_json: bool
) -> None:
    """Tell a pre-flight; it ends with 1 where something stands in the way."""
    from workbench.cli.preflight import facts_of, lines_of
    from workbench.services.preflight import Wish, with_xray

    found, xray = with_xray(store, *wanted, Wish(*wish), progress)
    result(facts_of(found, xray), lines_of(found), as_json=as_json)
    if not found.is_green:
        raise typer.Exit(int(ExitCode.DATA))


def _followed(run: RunFolder) -> str:
    from workbench.services.train import watch

    while True:
        try:
            return watch(run, _told)
        except KeyboardInterrupt:
            if not _keep_following(run):
                raise


def _keep_following(run: RunFolder) -> bool:
    """Ask what ctrl-c meant; without a terminal to ask, the run is left running."""
    from workbench.training.launch import stop

    if not sys.stdin.isatty():
        say(f"{run.name} goes on; watch it with: workbench runs {run.name}")
        return False
    answer = typer.prompt("[l]eave it running, [s]top at a checkpoint, or [w]atch on", default="l", err=True)
    if answer.startswith("s"):
        say(f"{run.name}: {stop(run)}; go on with: workbench train --resume {run.name}")
        return False
    if not answer.startswith("w"):
        say(f"{run.name} goes on; watch it with: workbench runs {run.name}")
    return bool(answer.startswith("w"))


def _told(progress: Progress) -> None:
    """Tell the progress: live on a terminal, about ten lines in a file."""
    every = 1 if sys.stderr.isatty() else max(progress.total // 10, 1)
    if not progress.total or (progress.step % every and progress.step != progress.total):
        return
    loss = f"  loss {progress.loss:.4f}" if progress.loss is not None else ""
    rest = f"  {progress.eta_seconds:.0f} s to go" if progress.eta_seconds else ""
    say(f"step {progress.step:,} of {progress.total:,}{loss}{rest}")


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
        from workbench.services import evaluate
        from workbench.services import train as service

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


def base(
    action: Annotated[str, typer.Argument(metavar="build|fetch|merge|list")] = "list",
    name: Annotated[
        str, typer.Argument(help="Base to build, Hub id to fetch (owner/name[@revision]), or run to merge.")
    ] = "tiny",
    out: Annotated[Path | None, typer.Option(help="Folder of a merged base; default: exports/RUN-merged.")] = None,
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """Build the tiny base, fetch one from the Hub, merge a run's adapter into its base, or list those built here.

    A Hub id is fetched with your login (`hf auth login`, or HF_TOKEN); a run pins the commit it was trained on.
    A merged base is kept only where it finds the records as likely as base and adapter did.

    \b
    Examples:
      workbench base build tiny
      workbench base fetch mistralai/Mistral-7B-v0.1
      workbench base merge domain-qa-v1-tiny-1
    """
    with opened(workspace) as store:
        from workbench.services import bases

        if action not in _ACTIONS:
            raise UsageError(f"no action {action!r}", f"known: {', '.join(_ACTIONS)}")
        if action == "fetch":
            snapshot = bases.fetch(name, progress)
            fetched = bases.pinned(name, snapshot)
            result({"base": fetched, "folder": str(snapshot)}, [fetched, f"  {snapshot}"], as_json=as_json)
        elif action == "build":
            folder = bases.build(store.workspace, name, progress)
            result({"base": name, "folder": str(folder)}, [str(folder)], as_json=as_json)
        elif action == "merge":
            _merge(store, name, out, as_json=as_json)
        else:
            known = bases.listing(store.workspace)
            lines = [row["folder"] for row in known] or ["none yet: workbench base build tiny"]
            result({"bases": known}, lines, as_json=as_json)


_ACTIONS = ("build", "fetch", "merge", "list")


def _merge(store: Store, name: str, out: Path | None, *, as_json: bool) -> None:
    from workbench.services.merge import merge
    from workbench.services.train import found

    run = found(store.workspace, name)
    folder = out.resolve() if out else store.workspace.export_folder(f"{run.name}-merged")
    done = merge(run, folder, progress)
    worst = done.worst
    facts: dict[str, Any] = {"run": run.name, "folder": str(folder), "records": len(done.drifts)}
    facts |= {"before": done.before, "after": done.after}
    facts["worst"] = {
        "record": worst.record,
        "before": worst.before,
        "after": worst.after,
        "difference": worst.difference,
    }
    lines = [
        str(folder),
        f"  nats a token with the adapter and merged, over {len(done.drifts):,} records: "
        f"{done.before:.4f}, {done.after:.4f}",
        f"  record {worst.record[:12]} changed most: {worst.before:.4f}, {worst.after:.4f}",
    ]
    result(facts, lines, as_json=as_json)


def recipe(
    action: Annotated[str, typer.Argument(metavar="show|list")] = "list",
    name: Annotated[str | None, typer.Argument(help="Recipe to show.")] = None,
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """List the recipes, or show one as it resolves, with what to mind before it is trained.

    \b
    Example: workbench recipe show quiz-mistral
    """
    with opened(workspace) as store:
        from workbench.recipe import cautions, dump, load_recipe

        if action == "list":
            names = store.workspace.named("recipes")
            lines = table([[each, _described(store.workspace.recipe_file(each))] for each in names])
            result({"recipes": names}, lines, as_json=as_json)
            return
        if action != "show" or name is None:
            raise UsageError(f"no action {action!r}" if name else "which recipe?", "workbench recipe show NAME")
        found = load_recipe(store.workspace.recipe_file(name))
    warned = cautions(found)
    lines = [*indented(dump(found), ""), *(f"mind: {caution}" for caution in warned)]
    result(found.model_dump(mode="json") | {"cautions": warned}, lines, as_json=as_json)


def _described(path: Path) -> str:
    """Return what a recipe says of itself; one that cannot be read is listed too, with why."""
    from workbench.recipe import load_recipe

    try:
        return load_recipe(path).description
    except UsageError as error:
        return error.what
