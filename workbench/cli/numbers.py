"""How numbers of an evaluation are shown to a person: values, intervals, verdicts, and what could not be computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.cli.output import table

_LARGE, _HUGE = 10_000, 1e9


def shown(value: Any) -> str:  # noqa: ANN401 - a number or a reason
    """Return a number for people, or n/a with its reason."""
    if is_missing(value):
        return f"n/a ({value['reason']})"
    return decimal(value) if isinstance(value, float) else str(value)


def decimal(value: float, sign: str = "") -> str:
    """Return a number with four decimals, a large one without any and a huge one by its power; `sign` "+" shows both.

    A perplexity far from its text runs to any size, and no decimal of it means anything.
    """
    size = abs(value)
    form = ".4f" if size < _LARGE else ",.0f" if size < _HUGE else ".3e"
    return format(value, f"{sign}{form}")


def is_missing(value: Any) -> bool:  # noqa: ANN401 - a number or a reason
    """Return whether a value could not be computed."""
    return isinstance(value, dict) and value.get("value") is None


def measured(numbers: Mapping[str, Any]) -> list[str]:
    """Return an evaluation as lines: a table of what was computed, then why no verdict or no number was possible."""
    base, tuned = numbers["base"], numbers["tuned"]
    rows = [
        [name, shown(base[name]), shown(tuned[name]), *difference(numbers["difference"].get(name)), count]
        for name, count in numbers["counts"].items()
        if not (is_missing(base[name]) and is_missing(tuned[name]))
    ]
    header = ["", "base", "tuned", "difference", "95 % interval", "tuned is", "n"]
    return [*table(rows, header), *undecided(numbers["difference"]), *reasons(tuned)]


def difference(found: Mapping[str, Any] | None) -> list[str]:
    """Return a difference as cells: the value, its interval, the verdict."""
    if not found or is_missing(found):
        return ["", "", ""]
    interval = found["interval"]
    bounds = " to ".join(decimal(bound, "+") for bound in interval or ())
    return [decimal(found["value"], "+"), bounds, found["verdict"] if interval else ""]


def undecided(differences: Mapping[str, Any]) -> list[str]:
    """Return one line a reason why no verdict was possible, whatever the numbers."""
    found = [found["reason"] for found in differences.values() if found.get("interval") and found.get("reason")]
    return [f"cannot tell: {reason}" for reason in dict.fromkeys(found)]


def reasons(values: Mapping[str, Any]) -> list[str]:
    """Return one line a reason with the metrics that could not be computed for it."""
    found: dict[str, list[str]] = {}
    for name, value in values.items():
        if is_missing(value):
            found.setdefault(str(value["reason"]), []).append(name)
    return [f"n/a: {', '.join(names)} ({reason})" for reason, names in found.items()]
