"""`workbench generate`: ask base and tuned the same, or let the tuned model write records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.options import ID, AsJson, In, opened
from workbench.cli.output import indented, progress, result
from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.services.evaluation.generated import Generated
    from workbench.store.store import Store
    from workbench.training.runs import RunFolder

Run = Annotated[str, typer.Argument(metavar="[RUN]", help="Run, a unique prefix of one, or latest.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("generate")(generate)


def generate(
    run: Run = "latest",
    prompts: Annotated[
        list[str] | None, typer.Option("--prompt", help="What to ask both models; may be given several times.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Field of the record to write (topic=..), or decoding (generate.top_p=..).",
        ),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Ask what records of this split ask, or continue where their text begins.")
    ] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many records to write or to ask.")] = 1,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of what is drawn; default: the recipe's.")] = None,
    accept: Annotated[
        str | None, typer.Option(metavar="CORPUS", help="Take the valid records in as a source marked generated.")
    ] = None,
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """Ask base and tuned the same, in your words or a held-out record's, or let tuned write records of its corpus.

    With --set the prompt is made from the corpus' own template. Multiple-choice questions are read back and checked:
    how many are valid, known already, and on topic. Accepted ones stand in train or nowhere, never in test.

    \b
    Examples:
      workbench generate latest --prompt "What is a KPI?"
      workbench generate latest --split test -n 3
      workbench generate latest --set topic=Optimizers --set difficulty=easy -n 20 --accept quiz
    """
    if [bool(prompts), bool(settings), bool(split)].count(True) != 1:
        hint = "give --prompt TEXT, --split SPLIT, or --set FIELD=VALUE"
        raise UsageError("nothing to ask, or two things at once", hint)
    if not settings and (seed is not None or accept):
        raise UsageError("--seed and --accept go with --set", "leave them out, or ask by --set FIELD=VALUE")
    if prompts and count > 1:
        raise UsageError("-n goes with --set and --split", "give --prompt several times")
    with opened(workspace) as store:
        from workbench.services.training.train import found

        chosen = found(store.workspace, run)
        if prompts:
            facts, lines = _answers(chosen, prompts)
        elif split:
            facts, lines = _held_out(store, chosen, split, count)
        else:
            facts, lines = _records(store, chosen, (settings or [], count, seed), accept)
    result(facts, lines, as_json=as_json)


def _answers(run: RunFolder, prompts: list[str]) -> tuple[dict[str, Any], list[str]]:
    from workbench.services.evaluation import evaluate as service

    said = service.generate(run, prompts, progress)
    lines = []
    for one in said["answers"]:
        lines += [f"> {one['prompt']}", f"  base : {one['base']}", f"  tuned: {one['tuned']}"]
    lines += [f"prompt {one['number']} left out: {one['reason']}" for one in said["left_out"]]
    return {"run": run.name, **said}, lines


def _held_out(store: Store, run: RunFolder, split: str, count: int) -> tuple[dict[str, Any], list[str]]:
    from workbench.services.evaluation import asked as service

    said = service.answers(store, run, split, count, progress)
    told = {"base ": "base", "tuned": "tuned", "there": "reference"}
    lines = []
    for one in said["answers"]:
        lines += [f"{one['record'][:ID]}  > {one['prompt']}", *(f"  {name}: {one[key]}" for name, key in told.items())]
    lines += [f"{one['record'][:ID]}  left out: {one['reason']}" for one in said["left_out"]]
    return {"run": run.name, "split": split, **said}, lines


def _records(
    store: Store, run: RunFolder, asked: tuple[list[str], int, int | None], corpus: str | None
) -> tuple[dict[str, Any], list[str]]:
    from workbench.services.evaluation import generated as service

    settings, count, seed = asked
    fields, decoding = service.split_settings(settings)
    written = service.write_records(store, run, service.Wanted(fields, count, seed, decoding, corpus), progress)
    facts, lines = written.facts(), _lines(written)
    if corpus is not None:
        taken = service.accept(store, corpus, written, progress)
        counts = {"corpus": corpus, "source": taken.name, "kept": taken.kept, "merged": taken.merged}
        facts["accepted"] = counts
        lines.append(f"accepted into {corpus} as {taken.name}: {taken.kept} kept, {taken.merged} already there")
    return facts, lines


def _lines(written: Generated) -> list[str]:
    lines: list[str] = []
    for place, answer in enumerate(written.written, start=1):
        told = "valid" if answer.is_valid else ", ".join(answer.reasons) or "text"
        lines += [f"{place}. {told}", *indented(answer.text)]
    return lines + [f"{name}: {_shown(value)}" for name, value in written.counts().items()]


def _shown(value: Any) -> str:  # noqa: ANN401 - a number, a reason, or counts by reason
    if isinstance(value, dict):
        if "reason" in value:
            return f"n/a ({value['reason']})"
        return ", ".join(f"{name} {count}" for name, count in value.items()) or "none"
    return f"{value:.3f}" if isinstance(value, float) else "n/a" if value is None else str(value)
