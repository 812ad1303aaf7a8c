"""What differs between two states of a corpus: records added, removed, edited and moved; differences compose."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any

import polars as pl

from workbench.curation.flags.credentials import masked
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
_NEW, _DIFFERS = "_new_", "_differs_"
"""What the columns of the newer state, and of which fields differ, begin with while two states are compared."""
_AROUND = 3
"""Unchanged words that are shown beside a change."""
_LONGEST = 2000
"""Words beyond which the rest between the first and the last change is not compared: what is shown is far shorter."""
Step = tuple[list[str], list[str]]
"""A stretch of two lists of words, as it stands in each."""


def difference(before: pl.DataFrame, after: pl.DataFrame, fields: Sequence[str]) -> pl.DataFrame:
    """Return a DIFFERENCE, in id order, between two frames of `id`, `split`, `_stratum` and fields.

    A field that one frame lacks, or has in another type, counts as edited wherever its JSON differs. No field begins
    with an underscore (the schema sees to it), so the columns made here have names of their own.
    """
    old, new = (_with_fields(frame, fields) for frame in (before, after))
    both = old.join(new.rename(lambda name: name if name == "id" else _NEW + name), on="id", how="full", coalesce=True)
    changed = [_differs(both, name).alias(_DIFFERS + name) for name in fields]
    absent = pl.col("split").is_null() | pl.col(f"{_NEW}split").is_null()
    moved = pl.col("split") != pl.col(f"{_NEW}split")
    touched = both.with_columns(changed).filter(
        absent | moved | pl.any_horizontal([_DIFFERS + name for name in fields] or [pl.lit(value=False)])
    )
    rows = [_row(row, fields) for row in touched.iter_rows(named=True)]
    return pl.DataFrame(rows, schema=DIFFERENCE, orient="row").sort("id")


def _with_fields(frame: pl.DataFrame, fields: Iterable[str]) -> pl.DataFrame:
    missing = [pl.lit(None).alias(name) for name in fields if name not in frame.columns]
    return frame.select("id", "split", "_stratum", *[n for n in fields if n in frame.columns], *missing)


def _differs(both: pl.DataFrame, name: str) -> pl.Expr:
    one, other = pl.col(name), pl.col(_NEW + name)
    kinds = both.schema[name], both.schema[_NEW + name]
    if kinds[0] == kinds[1] or pl.Null in kinds:
        return one.ne_missing(other)
    return _encoded(one) != _encoded(other)


def _encoded(value: pl.Expr) -> pl.Expr:
    return pl.struct(value.alias("value")).struct.json_encode()


def _row(row: Mapping[str, Any], fields: Sequence[str]) -> tuple[str | None, ...]:
    was, now = row["split"], row[f"{_NEW}split"]
    changed = [name for name in fields if row[_DIFFERS + name]] if was and now else []
    return (
        row["id"],
        was,
        now,
        row["_stratum"],
        row[f"{_NEW}_stratum"],
        _json({name: row[name] for name in changed}),
        _json({name: row[_NEW + name] for name in changed}),
        digest({name: row[name] for name in fields}) if was and not now else None,
        digest({name: row[_NEW + name] for name in fields}) if now and not was else None,
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
    """Return what changed between two values, word by word: `[-gone-] {+come+}` amid a few words around it.

    Secrets are masked: the edit that takes one out is no occasion to print it.
    """
    if _words(before) == _words(after):
        return "(white space alone)"
    old, new = masked(_text(before)).split(), masked(_text(after)).split()
    shown = " ".join(filter(None, _marked(old, new)))
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def windows(one: str, other: str, width: int) -> tuple[str, str]:
    """Return the same stretch of two texts, so many characters wide, with what differs in its middle.

    Equal texts are shown from their beginning.
    """
    head = _alike(one, other)
    longest = max(len(one), len(other))
    changed = longest - head - _alike(one[head:][::-1], other[head:][::-1])
    start = 0 if one == other else max(min(head - max(width - changed, width // 4) // 2, longest - width), 0)
    return _stretch(one, start, width), _stretch(other, start, width)


def _stretch(text: str, start: int, width: int) -> str:
    part = text[start : start + width]
    part = "…" + part[1:] if start and part else part
    return part[:-1] + "…" if start + width < len(text) else part


def word_steps(old: list[str], new: list[str]) -> Iterator[Step]:
    """Yield the stretches of two lists of words in turn, as they stand in each: two equal lists where nothing changed.

    What both begin and end with is set aside first; of what lies between, _LONGEST words of each are looked at.
    """
    head = _alike(old, new)
    tail = _alike(old[head:][::-1], new[head:][::-1])
    one, other = (words[head : len(words) - tail][:_LONGEST] for words in (old, new))
    if head:
        yield old[:head], new[:head]
    for _, a, b, c, d in difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        yield one[a:b], other[c:d]
    if tail:
        yield old[-tail:], new[-tail:]


def field_steps(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, list[Step]]:
    """Return the stretches of each field of two records, those that differ first; see `word_steps`."""
    found = {name: list(word_steps(_words(before.get(name)), _words(value))) for name, value in after.items()}
    return dict(sorted(found.items(), key=lambda item: all(old == new for old, new in item[1])))


def _alike(old: Sequence[str], new: Sequence[str]) -> int:
    """Return how many first words, or letters of a text, are the same."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))


def _words(value: object) -> list[str]:
    return _text(value).split()


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else _json(value)


def _marked(old: list[str], new: list[str]) -> Iterator[str]:
    steps = list(word_steps(old, new))
    for at, (gone, come) in enumerate(steps):
        if gone == come:
            yield _short(gone, first=at == len(steps) - 1, last=at == 0)
            continue
        if gone:
            yield f"[-{' '.join(gone)}-]"
        if come:
            yield f"{{+{' '.join(come)}+}}"


def _short(words: list[str], *, first: bool, last: bool) -> str:
    """Return unchanged words, shortened to those beside a change: their first or last ones, or both."""
    kept = [words[:_AROUND]] * (not last) + [words[-_AROUND:]] * (not first)
    if len(words) <= sum(map(len, kept)):
        return " ".join(words)
    parts = [" ".join(part) for part in kept]
    return " … ".join([""] * last + parts + [""] * first).strip()
