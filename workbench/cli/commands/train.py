"""`workbench train`: start a training, or go on with one, and follow it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.options import AsJson, In, Option, opened, reference
from workbench.cli.output import progress, result, say
from workbench.errors import ExitCode, UsageError
from workbench.services.progress import span

if TYPE_CHECKING:
    from workbench.store.store import Store
    from workbench.training.launch import Progress
    from workbench.training.runs import RunFolder


_FIRST_RECIPE = "tiny"
"""What is trained where no recipe is named."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("train")(train)


def train(
    what: Annotated[
        str | None,
        typer.Argument(metavar="[CORPUS[@VERSION]]", help="Version to train on; default: the newest."),
    ] = None,
    option: Option = None,
    recipe: Annotated[
        str | None, typer.Option(help="Recipe, by the name of its file.", show_default=_FIRST_RECIPE)
    ] = None,
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
        from workbench.services.training import train as service

        if resume:
            fixed = {"--recipe": recipe, "--set": overrides, "--allow": allow, "--name": name, "--plan": plan}
            _check_resumed({"a version": what or option, **fixed, "--preflight": preflight})
            run = service.resume(store.workspace, resume, step_down=step_down, gpus=gpus)
        else:
            corpus, version = reference(store, what, option)
            settings = (*(overrides or ()), *(("train.step_down=true",) if step_down else ()))
            settings += (f"train.plan={plan}",) if plan else ()
            named = recipe or _FIRST_RECIPE
            if preflight:
                _fly(store, (corpus, version, named), (settings, tuple(allow or ()), gpus or 1), as_json=as_json)
                return
            asked = service.Training(corpus, version, named, settings, tuple(allow or ()), name, gpus or 1)
            run = service.start(store, asked, progress)
    say(f"run {run.name}")
    state = "running" if detach else _followed(run)
    lines = [f"{run.name}: {state}", f"  {run.path}"]
    lines += [f"  next: {step}"] if (step := service.next_step(run, state)) else []
    result({"run": run.name, "state": state, "folder": str(run.path)}, lines, as_json=as_json)


def _check_resumed(said: dict[str, object]) -> None:
    """Refuse what a run that goes on cannot take: it is trained as it was prepared."""
    named = ", ".join(option for option, value in said.items() if value)
    if named:
        hint = "leave that out, or start a new run without --resume"
        raise UsageError(f"--resume goes on with a run as it was prepared, and not with {named}", hint)


def _fly(
    store: Store,
    wanted: tuple[str, str, str],
    wish: tuple[tuple[str, ...], tuple[str, ...], int],
    *,
    as_json: bool,
) -> None:
    """Tell a pre-flight; it ends with 1 where something stands in the way."""
    from workbench.cli.preflight import facts_of, lines_of
    from workbench.services.training.preflight import Wish, with_xray

    found, xray = with_xray(store, *wanted, Wish(*wish), progress)
    result(facts_of(found, xray), lines_of(found), as_json=as_json)
    if not found.is_green:
        raise typer.Exit(int(ExitCode.DATA))


def _followed(run: RunFolder) -> str:
    from workbench.services.training.train import watch

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
    rest = f"  {span(progress.eta_seconds)} to go" if progress.eta_seconds else ""
    say(f"step {progress.step:,} of {progress.total:,}{loss}{rest}")
