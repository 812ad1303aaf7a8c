"""What differs between two states of a corpus: records added, removed, edited and moved; differences compose."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any

import polars as pl

from workbench.fingerprint import digest

DIFFERENCE = {
    "id": pl.String,
    "was": pl.String,
    "now": pl.String,
    "stratum_was": pl.String,
    "stratum": pl.String,
    "before": pl.String,
    "after": pl.String,
    "digest_was": pl.String,
    "digest": pl.String,
}
"""One row a record that differs. `was` and `now`: where it stood and stands, null where it is absent; `before` and
`after`: JSON of the fields that were edited; the digests are of all fields, of a record that one side lacks."""
KINDS = ("added", "removed", "edited", "moved")
IS = {
    "added": pl.col("was").is_null(),
    "removed": pl.col("now").is_null(),
    "edited": pl.col("after") != "{}",
    "moved": pl.col("was") != pl.col("now"),
}
"""What makes a row of a difference one of each kind; a record may be edited and moved."""
_UNKNOWN = ""
"""The digest of a record that was edited between being added, or going, and the end of the steps looked at."""
_UNEDITED = {"before": "{}", "after": "{}"}
_AROUND = 3
"""Unchanged words that are shown beside a change."""
_LONGEST = 2000
"""Words beyond which the rest of a changed stretch is not compared: what is shown is far shorter."""


def difference(before: pl.DataFrame, after: pl.DataFrame, fields: Sequence[str]) -> pl.DataFrame:
    """Return a DIFFERENCE, in id order, between two frames of `id`, `split`, `stratum` and fields.

    A field that one frame lacks, or has in another type, counts as edited wherever its JSON differs.
    """
    old, new = (_with_fields(frame, fields) for frame in (before, after))
    both = old.join(new, on="id", how="full", suffix="_new", coalesce=True)
    edited = [name for name in fields if name in both.columns]
    changed = [_differs(both, name).alias(f"{name}_differs") for name in edited]
    absent = pl.col("split").is_null() | pl.col("split_new").is_null()
    moved = pl.col("split") != pl.col("split_new")
    touched = both.with_columns(changed).filter(
        absent | moved | pl.any_horizontal([f"{name}_differs" for name in edited] or [pl.lit(value=False)])
    )
    rows = [_row(row, edited) for row in touched.iter_rows(named=True)]
    return pl.DataFrame(rows, schema=DIFFERENCE, orient="row").sort("id")


def _with_fields(frame: pl.DataFrame, fields: Iterable[str]) -> pl.DataFrame:
    missing = [pl.lit(None).alias(name) for name in fields if name not in frame.columns]
    return frame.select("id", "split", "stratum", *[n for n in fields if n in frame.columns], *missing)


def _differs(both: pl.DataFrame, name: str) -> pl.Expr:
    one, other = pl.col(name), pl.col(f"{name}_new")
    kinds = both.schema[name], both.schema[f"{name}_new"]
    if kinds[0] == kinds[1] or pl.Null in kinds:
        return one.ne_missing(other)
    return _encoded(one) != _encoded(other)


def _encoded(value: pl.Expr) -> pl.Expr:
    return pl.struct(value.alias("value")).struct.json_encode()


def _row(row: Mapping[str, Any], fields: Sequence[str]) -> tuple[str | None, ...]:
    was, now = row["split"], row["split_new"]
    changed = [name for name in fields if row[f"{name}_differs"]] if was and now else []
    return (
        row["id"],
        was,
        now,
        row["stratum"],
        row["stratum_new"],
        _json({name: row[name] for name in changed}),
        _json({name: row[f"{name}_new"] for name in changed}),
        digest({name: row[name] for name in fields}) if was and not now else None,
        digest({name: row[f"{name}_new"] for name in fields}) if now and not was else None,
    )


def _json(value: Any) -> str:  # noqa: ANN401 - a JSON value
    return json.dumps(value, ensure_ascii=False, default=str, sort_keys=True)


def composed(parts: Iterable[pl.DataFrame]) -> pl.DataFrame | None:
    """Return the difference over several steps, oldest first, from those of the single steps.

    None where the steps alone cannot tell: a record that went, and came back with other fields.
    """
    whole: dict[str, dict[str, Any]] = {}
    for part in parts:
        for row in part.iter_rows(named=True):
            known = whole.get(row["id"])
            joined = _joined(known, row) if known else row
            if joined is None:
                return None
            whole[row["id"]] = joined
    rows = [row for row in whole.values() if row["was"] != row["now"] or row["after"] != "{}"]
    return pl.DataFrame(rows, schema=DIFFERENCE, orient="row").sort("id")


def _joined(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any] | None:
    """Return two steps of one record as one, None where what it held cannot be told."""
    out = {**second, "was": first["was"], "stratum_was": first["stratum_was"], "digest_was": None, "digest": None}
    if first["was"] is None:
        digest_now = second["digest"] or (first["digest"] if second["after"] == "{}" else _UNKNOWN)
        return out | _UNEDITED | {"digest": digest_now if second["now"] else None}
    if second["now"] is None:
        return out | _UNEDITED | {"digest_was": second["digest_was"] if first["after"] == "{}" else _UNKNOWN}
    if first["now"] is None:
        same = first["digest_was"] == second["digest"] != _UNKNOWN
        return out if same else None
    return out | _net(json.loads(first["before"]), json.loads(first["after"]), second)


def _net(before: dict[str, Any], after: dict[str, Any], second: dict[str, Any]) -> dict[str, str]:
    was, now = json.loads(second["before"]) | before, after | json.loads(second["after"])
    changed = [name for name in now if was[name] != now[name]]
    return {"before": _json({n: was[n] for n in changed}), "after": _json({n: now[n] for n in changed})}


def inverted(part: pl.DataFrame) -> pl.DataFrame:
    """Return the difference as seen from the other side."""
    pairs = {"was": "now", "stratum_was": "stratum", "before": "after", "digest_was": "digest"}
    names = pairs | {new: old for old, new in pairs.items()}
    return part.rename(names).select(list(DIFFERENCE))


def changed_words(before: object, after: object, limit: int = 160) -> str:
    """Return what changed between two values, word by word: `[-gone-] {+come+}` amid a few words around it."""
    old, new = _words(before), _words(after)
    if old == new:
        return "(white space alone)"
    head = _alike(old, new)
    tail = _alike(old[head:][::-1], new[head:][::-1])
    middle = _marked(old[head : len(old) - tail][:_LONGEST], new[head : len(new) - tail][:_LONGEST])
    around = [_short(old[:head], last=True), *middle, _short(old[len(old) - tail :], first=True)]
    shown = " ".join(filter(None, around))
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _alike(old: list[str], new: list[str]) -> int:
    """Return how many first words are the same."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))


def _words(value: object) -> list[str]:
    text = value if isinstance(value, str) else "" if value is None else _json(value)
    return text.split()


def _short(words: list[str], *, first: bool = False, last: bool = False) -> str:
    """Return unchanged words, shortened to those beside a change: their first or last ones, or both."""
    kept = [words[:_AROUND]] * (not last) + [words[-_AROUND:]] * (not first)
    if len(words) <= sum(map(len, kept)):
        return " ".join(words)
    parts = [" ".join(part) for part in kept]
    return " … ".join([""] * last + parts + [""] * first).strip()


def _marked(old: list[str], new: list[str]) -> Iterator[str]:
    for kind, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            yield _short(old[a:b])
            continue
        if a < b:
            yield f"[-{' '.join(old[a:b])}-]"
        if c < d:
            yield f"{{+{' '.join(new[c:d])}+}}"
