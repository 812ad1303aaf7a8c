"""What the comparison says: its tables, and what stands beside the line under the cursor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from workbench.services.looking.column import Column
from workbench.text import counted, show

if TYPE_CHECKING:
    from workbench.services.evaluation.comparison import Comparison, Pair, Wanted
    from workbench.services.evaluation.judgements import Tally

Piece = str | tuple[str, str]
METRIC_COLUMNS = (
    Column("", 1),
    Column("metric", 19),
    Column("first", 8),
    Column("second", 8),
    Column("95 % interval", 18),
    Column("second is", 11),
)
SOURCE_COLUMNS = (Column("", 1), Column("source", 20), Column("records", 7), *METRIC_COLUMNS[1:])
PAIR_COLUMNS = (Column("", 1), Column("asked", 28), Column("wanted", 17), Column("bits", 7))
_SIGNS = {"better": "+", "worse": "-", "cannot tell": "?"}
_COLOURS = {"better": "$text-success", "worse": "$text-error"}
_LONGEST = 4000


def side_name(side: tuple[str, str]) -> str:
    """Return a run and its model in words."""
    return f"{side[0]} {side[1]}"


def sides_name(wanted: Wanted) -> str:
    """Return what is compared in words; a run that stands at both sides is named once."""
    (one, first), (other, second) = wanted.sides
    pair = f"{one}: {first} -> {second}" if one == other else f"{one} {first} -> {other} {second}"
    return f"{pair} on {wanted.split}"


def metric_rows(metrics: Mapping[str, Any], *before: object) -> list[tuple[object, ...]]:
    """Return a line a metric that could be compared: sign, name, both numbers, interval, verdict."""
    rows: list[tuple[object, ...]] = []
    for name, found in metrics.items():
        difference = found["difference"]
        if difference.get("value") is None:
            continue
        bounds = difference.get("interval")
        interval = f"{bounds[0]:+.3g} to {bounds[1]:+.3g}" if bounds else "none"
        verdict = difference["verdict"]
        numbers = (_number(found["one"]), _number(found["other"]))
        rows.append((_SIGNS[verdict], *before, name, *numbers, interval, verdict))
    return rows


def _number(value: Any) -> str:  # noqa: ANN401 - a number or a reason
    return f"{value:.4g}" if isinstance(value, float) else "n/a" if isinstance(value, dict) else str(value)


def metric_pieces(comparison: Comparison, name: str) -> Iterator[Piece]:
    """Yield what stands behind one metric, and then behind all of them."""
    found = comparison.facts["metrics"].get(name)
    if found is not None:
        yield f"{name}\n", "bold"
        yield from _difference(found["difference"])
        yield "\n"
    yield from about(comparison)


def _difference(found: Mapping[str, Any]) -> Iterator[Piece]:
    verdict = found["verdict"]
    yield f"{_SIGNS[verdict]} {verdict}", _COLOURS.get(verdict, "")
    yield f"  {found['value']:+.4f}"
    if found.get("interval"):
        low, high = found["interval"]
        yield f", 95 % between {low:+.4f} and {high:+.4f}\n"
        yield f"{counted(found['records'], 'record')} in {counted(found['groups'], 'group')}, p {found['p']:.4f}\n"
    else:
        yield "\n"
    if found.get("mcnemar"):
        test = found["mcnemar"]
        yield f"right in the first alone {test['only_one']:,}, in the second alone {test['only_other']:,}, "
        yield f"McNemar p {test['p']:.4f}\n"
    if found.get("reason"):
        yield f"{found['reason']}\n", "$text-warning"


def about(comparison: Comparison) -> Iterator[Piece]:
    """Yield which records were compared, what their data and recipes differ in, and what could not be computed."""
    facts = comparison.facts
    records, data = facts["records"], facts["data"]
    yield "records\n", "bold"
    yield f"{records['compared']:,} compared, {records['only_one']:,} only in the first, "
    yield f"{records['only_other']:,} only in the second, {records['edited']:,} edited between\n"
    yield "\ndata\n", "bold"
    yield from _data(data)
    if facts["settings"]:
        yield "\nrecipe\n", "bold"
        for name, (one, other) in facts["settings"].items():
            yield f"{show(name)} {show(one)} -> {show(other)}\n"
    yield from _missing(facts["metrics"])
    yield f"\n{facts['how']['intervals']}", "$foreground-muted"


def _data(data: Mapping[str, Any]) -> Iterator[Piece]:
    if data["counts"] is None:
        yield "the same version\n" if data["same"] else f"n/a ({show(data['reason'])})\n"
        return
    yield ", ".join(f"{count:,} {kind}" for kind, count in data["counts"].items())
    train = ", ".join(f"{count:,} {kind}" for kind, count in data["train"].items() if count)
    yield f"\nof these in train: {train or 'none'}\n"


def _missing(metrics: Mapping[str, Any]) -> Iterator[Piece]:
    reasons: dict[str, list[str]] = {}
    for name, found in metrics.items():
        if found["difference"].get("value") is None:
            reasons.setdefault(str(found["difference"]["reason"]), []).append(name)
    for reason, names in reasons.items():
        yield f"\nn/a: {', '.join(names)} ({show(reason)})\n", "$foreground-muted"


def pair_row(pair: Pair, verdict: str, *, hidden: bool) -> tuple[object, ...]:
    """Return the line of a pair; what would tell the two apart is left out where their names are hidden."""
    sign = ("=" if verdict else "") if hidden else pair_sign(pair, verdict)
    bits = "" if hidden or not pair.record else f"{pair.bits:+.3f}"
    return sign, " ".join(pair.text.split())[:240], " ".join((pair.reference or "").split())[:240], bits


def pair_sign(pair: Pair, verdict: str) -> str:
    """Return the mark of a pair: judged, lost or won."""
    if verdict:
        return {"one": "[", "other": "]", "tie": "="}[verdict]
    return {(True, False): "-", (False, True): "+"}.get(pair.right, "")


def asked_pieces(pair: Pair, verdict: str) -> Iterator[Piece]:
    """Yield the prompt, what is wanted, and the verdict on the answers to it."""
    yield "asked\n" if pair.prompt is not None else "text\n", "bold"
    yield f"{_text(pair.text)}\n"
    if pair.reference is not None:
        yield "\nwanted\n", "bold"
        yield f"{_text(pair.reference)}\n"
    if pair.record:
        yield f"\nrecord {show(pair.record[:12])}  {show(pair.source or '')}", "$foreground-muted"
    if verdict:
        yield f"\njudged: {verdict}", "$text-accent"


def answer_pieces(name: str, text: str, reference: str | None, *, is_right: bool) -> Iterator[Piece]:
    """Yield one answer below the name of who gave it."""
    yield f"{show(name)}\n", "bold"
    yield _text(text) or "(nothing)"
    if reference is not None and is_right:
        yield "\n\nright, word for word", "$text-success"


def _text(text: str) -> str:
    return show(text, lines=True, limit=_LONGEST)


def verdict_pieces(found: Tally, wanted: Wanted) -> Iterator[Piece]:
    """Yield how often each side was found better, and what that says."""
    first, second = (show(side_name(side)) for side in wanted.sides)
    yield f"{counted(found.judged, 'verdict')}, {found.blind:,} of them blind\n\n", "bold"
    for name, count in ((first, found.one), (second, found.other), ("neither", found.tie)):
        yield f"{count:>6,}  {name} is better\n" if name != "neither" else f"{count:>6,}  ties\n"
    told = "nobody can tell which is better" if found.verdict == "cannot tell" else f"{second} is {found.verdict}"
    yield f"\n{told}", "bold $text-accent"
    yield f"  (sign test, p {found.p:.3f})\n\nThey are kept: workbench compare {show(wanted.run)} --judgements"


def empty_note(corpus: str, finished: int) -> str:
    """Return what to do where nothing was measured."""
    if finished:
        return f"No run of {corpus} was measured yet.\n\nm measures the newest one on its test split."
    return f"No run of {corpus} has finished.\n\nT trains the newest version."
