"""`workbench split`: cut a version."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.engines import EngineName, OnEngine, Workers, engine_of
from workbench.cli.options import AsJson, In, Named, Option, corpus_name, opened
from workbench.cli.output import progress, result, say, table
from workbench.curation.split import SPLITS, by_side
from workbench.errors import ExitCode, UsageError
from workbench.text import counted

if TYPE_CHECKING:
    from workbench.curation.outcome import Missed
    from workbench.services.versions.shuffle import Shuffled
    from workbench.store.versions import Version


_STRATA = 12
"""Strata and reasons that a person is shown; all stand in the JSON."""


class Strategy(StrEnum):
    """How records are put on sides."""

    groups = "groups"
    random = "random"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("split")(split)


def split(
    corpus: Named = None,
    option: Option = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the draw; default 42.")] = None,
    ratios: Annotated[str | None, typer.Option(help="Shares of train/validation/test, for example 80/10/10.")] = None,
    counts: Annotated[
        str | None,
        typer.Option(help="Exact numbers of records, for example 20/5/5; the surplus is excluded."),
    ] = None,
    keep_source_split: Annotated[
        bool | None,
        typer.Option(
            "--keep-source-split/--no-keep-source-split",
            help="Keep the sides the sources came with; explicit ratios or counts end it.",
        ),
    ] = None,
    strategy: Annotated[
        Strategy, typer.Option(help="groups, or random: a plain shuffle, for comparison only; it makes no version.")
    ] = Strategy.groups,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Draw anew; what was ever tested stays in test or out.")
    ] = False,
    forget_tested: Annotated[
        bool,
        typer.Option("--forget-tested", help="Let records train that earlier versions tested; it is written down."),
    ] = False,
    note: Annotated[str, typer.Option(help="A line for the history.")] = "",
    engine: OnEngine = EngineName.local,
    workers: Workers = None,
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """Cut an immutable version: leakage-safe, proved, and nobody moves when records are added.

    Counts that cannot be met make a version all the same, and a warning that says how many each side got and why.

    \b
    Examples:
      workbench split --seed 42
      workbench split quiz --counts 150/20/20
      workbench split quiz --strategy random
    """
    if strategy is Strategy.random and (fresh or forget_tested or note):
        raise UsageError(
            "--strategy random makes no version: there is nothing to draw anew, to forget or to note",
            "leave --fresh, --forget-tested and --note out",
        )
    if strategy is Strategy.random and engine is not EngineName.local:
        raise UsageError("--strategy random is drawn by this machine alone", "leave --engine out")
    with opened(workspace) as store:
        from workbench.services.versions.split import Request, requested
        from workbench.services.versions.split import split as cut

        name = corpus_name(store, corpus, option)
        settings = requested(
            store,
            name,
            seed=seed,
            ratios=_three(ratios, float),
            counts=_three(counts, int),
            keep=keep_source_split,
        )
        if strategy is Strategy.random:
            from workbench.services.versions.shuffle import shuffle

            shuffled = shuffle(store, name, settings, progress)
            result(_compared(shuffled), _compared_lines(shuffled), as_json=as_json)
            raise typer.Exit(int(ExitCode.OK if shuffled.proof.clean else ExitCode.DATA))
        asked = Request(name, settings, fresh, note, forget_tested)
        with engine_of(store, engine, workers) as spread:
            version = cut(store, asked, report=progress, engine=spread)
    warn(version)
    result(facts(version), lines(version), as_json=as_json)


def warn(version: Version) -> None:
    """Say by what a version misses the exact counts it was asked for."""
    from workbench.services.versions.split import missed

    off = missed(version)
    if off is not None:
        sides = ", ".join(f"{side} {got:,} of {wanted:,}" for side, (wanted, got) in off.sides.items())
        say(f"warning: {version.name} does not hold the counts asked for: {sides}; {_why(off)}")


def _why(off: Missed) -> str:
    if off.lacking:
        return f"{counted(off.lacking, 'record is', 'records are')} wanting"
    if not off.torn:
        return "records that were assigned before stay where they are"
    return f"{counted(off.left, 'record is', 'records are')} left over, of groups that must not be torn"


def _three(text: str | None, kind: Any) -> Any:  # noqa: ANN401 - float or int
    if text is None:
        return None
    try:
        one, two, three = (kind(part) for part in text.replace(",", "/").split("/"))
    except ValueError as error:
        raise UsageError(
            f"{text!r} is not three numbers", "write train/validation/test, for example 80/10/10"
        ) from error
    return one, two, three


def _compared(shuffled: Shuffled) -> dict[str, Any]:
    """Return what a shuffle would give, in the shape of a version that there is none of."""
    return {
        "version": None,
        "name": None,
        "corpus": shuffled.corpus,
        "parent": None,
        "strategy": Strategy.random.value,
        "splits": shuffled.counts,
        "removed": 0,
        "proof": shuffled.proof.sheet(),
    }


def _compared_lines(shuffled: Shuffled) -> list[str]:
    from workbench.services.versions.shuffle import ONLY

    counts = table([[f"{count:,}", side] for side, count in shuffled.counts.items()])
    head = f"{shuffled.corpus}  a plain shuffle of all current records, {ONLY}"
    return [head, *(f"  {line}" for line in counts), *_proof_lines(shuffled.proof.sheet())]


def facts(version: Version) -> dict[str, Any]:
    """Return a version as the contract prints it."""
    sides = {side: count for side, count in version.counts.items() if side != "removed"}
    report = {key: by_side(told) if key in ("splits", "texts") else told for key, told in version.report.items()}
    asked = report.get("splits", {})
    return {
        "version": version.id,
        "name": version.name,
        "corpus": version.corpus,
        "parent": version.parent,
        "splits": sides,
        "wanted": {side: asked[side]["wanted"] for side in SPLITS if side in asked},
        "removed": version.counts["removed"],
        "proof": version.proof,
        "strata": report.get("strata", {}),
        "report": {key: value for key, value in report.items() if key != "strata"},
    }


def lines(version: Version) -> list[str]:
    """Return a version, how it came out and its proof sheet for a person."""
    out = [f"{version.corpus}@{version.name}  {version.id[:12]}"]
    out += [f"  {line}" for line in table([[f"{count:,}", side] for side, count in version.counts.items()])]
    return [*out, *_report_lines(version.report), *_proof_lines(version.proof)]


def _report_lines(report: dict[str, Any]) -> list[str]:
    """Return what a person should know of how the split came out; versions of older stores have no report."""
    if not report:
        return []
    rows = [
        [name, *(_wanted_and_got(sides[side]) for side in SPLITS)]
        for name, sides in {"all": report["splits"], **report["strata"]}.items()
    ]
    out = [f"  {line}" for line in table(rows[:_STRATA], ("got of wanted", *SPLITS))]
    out += [f"  ... and {len(rows) - _STRATA:,} more strata: --json"] if len(rows) > _STRATA else []
    largest = report["largest_group"]
    out.append(f"  placed by {report['method']}; the largest group holds {largest['share']:.1%} of the records")
    too_big = counted(report["too_big"], "group is", "groups are")
    out += [f"  {too_big} too big for any side's share"] if report["too_big"] else []
    reasons = sorted(report["excluded"].items(), key=lambda item: -item[1])
    out += [f"  excluded {count:,}: {reason}" for reason, count in reasons[:_STRATA]]
    out += [f"  dropped by hand {report['dropped']:,}"] if report["dropped"] else []
    if "tested_now_trained" in report:
        out.append(f"  records that an earlier version tested and that train now: {report['tested_now_trained']:,}")
    return out


def _wanted_and_got(side: dict[str, Any]) -> str:
    return f"{side['got']:,}" if side["wanted"] is None else f"{side['got']:,} of {side['wanted']:,g}"


def _proof_lines(proof: dict[str, Any]) -> list[str]:
    leaks = ", ".join(f"{proof[leak]} {leak}" for leak in ("exact", "near", "neighbour", "group"))
    out = [f"  proof: {leaks} leaks; max Jaccard {proof['max_jaccard']}"]
    closest = proof.get("closest") or []  # older versions list none
    out += [
        f"  closest: {a[:12]} ({one}) and {b[:12]} ({other}), Jaccard {j:.3f}" for a, b, j, one, other in closest[:3]
    ]
    if giant := proof.get("giant"):
        held = ", ".join(f"{count:,} by {what}" for what, count in giant["links"].items())
        most = giant["most"]
        named = most.get("value") or " and ".join(record[:12] for record in most["pair"])
        out.append(f"  one group holds {giant['share']:.0%} of the records, linked {held}; most of all: {named}")
    return out + [f"  not checked: {line}" for line in proof["unchecked"]]
