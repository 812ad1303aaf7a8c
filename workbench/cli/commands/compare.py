"""`workbench compare`: two runs, or base and tuned of one, metric by metric and record by record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from workbench.cli.numbers import difference, is_missing, reasons, shown, undecided
from workbench.cli.options import AsJson, In, opened
from workbench.cli.output import fitted, result, table
from workbench.errors import UsageError

One = Annotated[str, typer.Argument(metavar="RUN", help="Run, a unique prefix of one, or latest.")]
Other = Annotated[
    str | None, typer.Argument(metavar="[RUN]", help="The run to compare it with; without it, base and tuned of one.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("compare")(compare)


def compare(
    one: One,
    other: Other = None,
    split: Annotated[str, typer.Option(help="Side to compare on: test, validation or train.")] = "test",
    limit: Annotated[int, typer.Option("-n", "--limit", min=0, help="Records that got worst to list.")] = 10,
    judgements: Annotated[
        bool, typer.Option("--judgements", help="List the verdicts that people gave on the two, and count them.")
    ] = False,
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """Compare two evaluated runs on the records they share: differences with intervals and verdicts, and their data.

    A difference is the second minus the first; records that were edited between the two versions are left out.

    \b
    Examples:
      workbench compare quiz-v1-tiny-1 quiz-v2-tiny-1
      workbench compare latest
      workbench compare latest --judgements
    """
    with opened(workspace) as store:
        from workbench.services.evaluation.compare import Asked
        from workbench.services.evaluation.compare import compare as service
        from workbench.services.training.train import found

        runs = found(store.workspace, one), found(store.workspace, other) if other else None
        if runs[1] is not None and runs[0].name == runs[1].name:
            hint = f"name another run, or none to compare it with its base: workbench compare {runs[0].name}"
            raise UsageError(f"{runs[0].name!r} is compared with itself", hint)
        if judgements:
            from workbench.services.evaluation.comparison import judged

            facts = judged(store, *runs)
            lines = _judgement_lines(facts)
        else:
            facts = service(store, Asked(*runs, split=split, limit=limit))
            lines = _lines(facts)
    result(facts, lines, as_json=as_json)


def _judgement_lines(facts: Mapping[str, Any]) -> list[str]:
    one, other = (_name(facts[key]) for key in ("one", "other"))
    counts = f"{one} better {facts['counts']['one']}, {other} better {facts['counts']['other']}"
    told = facts["verdict"] if facts["verdict"] == "cannot tell" else f"{other} is {facts['verdict']}"
    given = f"{facts['blind']} of {sum(facts['counts'].values())} verdicts were given blind"
    test = f"{told} (sign test, p {facts['p']:.4f}; {given})"
    return [f"{counts}, ties {facts['counts']['tie']}: {test}", *_each(facts)]


def _each(facts: Mapping[str, Any]) -> list[str]:
    cells = [
        [
            "tie" if each["better"] == "tie" else _name(each[each["better"]]),
            "" if each["seed"] is None else "blind",
            each["record"][:12],
            *_asked(each),
        ]
        for each in facts["judgements"]
    ]
    return fitted(cells, ["better", "", "record", "asked", "one", "other"]) if cells else []


def _name(said: Mapping[str, Any]) -> str:
    return f"{said['run']} {said['model']}"


def _asked(each: Mapping[str, Any]) -> list[str]:
    from workbench.services.evaluation.judgements import turns

    return [turns(each["prompt"])[-1]["content"], each["one"]["text"], each["other"]["text"]]


def _lines(facts: Mapping[str, Any]) -> list[str]:
    names = [f"{side['run']} {side['model']}" for side in (facts["one"], facts["other"])]
    records = facts["records"]
    counts = ", ".join(
        f"{records[key]:,} {key.replace('_', ' the ')}" for key in ("compared", "only_one", "only_other")
    )
    out = [
        f"{names[0]} -> {names[1]} on {facts['split']}",
        f"  records: {counts}, {records['edited']:,} edited between",
    ]
    out += [*_data(facts["data"]), *_settings(facts["settings"]), *_metrics(facts["metrics"])]
    for source, found in facts["sources"].items() if len(facts["sources"]) > 1 else ():
        out += [f"{source} ({found['records']:,} records)", *_metrics(found["metrics"])]
    return out + _worst(facts["worst"])


def _data(data: Mapping[str, Any]) -> list[str]:
    if data["counts"] is None:
        return ["  data: the same version"] if data["same"] else [f"  data: n/a ({data['reason']})"]
    parts = ", ".join(f"{count:,} {kind}" for kind, count in data["counts"].items())
    train = ", ".join(f"{count:,} {kind}" for kind, count in data["train"].items() if count)
    return [f"  data: {parts}; of these in train: {train or 'none'}"]


def _settings(settings: Mapping[str, list[Any]]) -> list[str]:
    parts = ", ".join(f"{name} {one} -> {other}" for name, (one, other) in settings.items())
    return [f"  recipe: {parts}"] if parts else []


def _metrics(metrics: Mapping[str, Any]) -> list[str]:
    rows = [
        [name, shown(found["one"]), shown(found["other"]), *difference(found["difference"])]
        for name, found in metrics.items()
        if not is_missing(found["difference"])
    ]
    header = ["", "first", "second", "difference", "95 % interval", "second is"]
    differences = {name: found["difference"] for name, found in metrics.items()}
    return [*table(rows, header), *undecided(differences), *reasons(differences)]


def _worst(rows: list[dict[str, Any]]) -> list[str]:
    cells = [
        [
            row["record"][:12],
            "lost" if row["lost"] else "",
            f"{row['bits_per_byte']:+.3f}",
            row["reference"],
            row["other"],
        ]
        for row in rows
    ]
    return ["worst records:", *fitted(cells, ["record", "", "bits/byte", "wanted", "second says"])] if cells else []
