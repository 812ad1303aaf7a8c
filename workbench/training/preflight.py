"""The checks between the token X-ray and the training: what must be so before a step is worth taking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from workbench.errors import RefusedError, unknown
from workbench.lm.xray import FIXES, FLAGS, UNREAD, WARNINGS, errors_of
from workbench.recipe import Recipe
from workbench.text import counted

_NAMED = 5
"""How many records a refusal names."""


def check_allowed(allow: Iterable[str]) -> frozenset[str]:
    """Return the flags to let pass; raises UsageError for a name that is no flag."""
    allowed = frozenset(allow)
    for name in allowed - FLAGS.keys():
        raise unknown("flag", name, FLAGS)
    return allowed


def find_refusal(
    xray: pa.Table, recipe: Recipe, allow: frozenset[str], *, context: int | None = None
) -> RefusedError | None:
    """Return why this training must not start, or None; `allow` names the flags to let pass.

    `context` is the number of positions that the base knows, in tokens, where it is known.
    """
    return _flagged(xray, allow) or _beyond(xray, recipe, context) or _empty(xray, recipe)


def _beyond(xray: pa.Table, recipe: Recipe, context: int | None) -> RefusedError | None:
    """Refuse records at positions that the base was never trained on."""
    asked, longest = recipe.train.max_length, pc.max(xray["tokens"]).as_py() or 0
    if context is None or asked <= context or longest <= context:
        return None
    what = f"train.max_length is {asked}, the base reads {context} tokens, and a record has {longest}"
    return RefusedError(what, f"cut or drop longer records: --set train.max_length={context}")


def _flagged(xray: pa.Table, allow: frozenset[str]) -> RefusedError | None:
    bad = errors_of(xray, allow)
    if not bad:
        return None
    counts = Counter(code for _, codes in bad for code in codes)
    named = "; ".join(f"{record} ({', '.join(codes)})" for record, codes in bad[:_NAMED])
    more = f"; and {len(bad) - _NAMED} more" if len(bad) > _NAMED else ""
    what = f"the token X-ray flags {len(bad)} of {counted(xray.num_rows, 'record')}: {named}{more}"
    return RefusedError(what + _first_reason(xray, {record for record, _ in bad}), _advice(counts))


def _first_reason(xray: pa.Table, bad: set[str]) -> str:
    """Return why the first of some records became no tokens; nothing where all of them did."""
    reasons = zip(xray["record"].to_pylist(), xray["reason"].to_pylist(), strict=True)
    return next((f". {record}: {reason}" for record, reason in reasons if reason and record in bad), "")


def _advice(counts: Counter[str]) -> str:
    fixes = "; ".join(f"{code} = {FLAGS[code]}: {FIXES[code]}" for code in counts)
    flags = " ".join(f"--allow {code}" for code in counts)
    return f"{fixes}. To train all the same: {flags}"


def _empty(xray: pa.Table, recipe: Recipe) -> RefusedError | None:
    rows = Counter(
        split
        for split, flags in zip(xray["split"].to_pylist(), xray["flags"].to_pylist(), strict=True)
        if UNREAD.union(("no-label",)).isdisjoint(flags)
    )
    if not rows["train"]:
        return RefusedError("the train split has no row to learn from", "cut a version: `workbench split`")
    if recipe.train.eval_steps is not None and not rows["validation"]:
        hint = "cut a version with a validation split, or train without: --set train.eval_steps=null"
        return RefusedError("the validation split is empty", hint)
    return None


def warnings_of(xray: pa.Table) -> dict[str, int]:
    """Return how many records carry each warning, for a person to read before the training starts."""
    counts = Counter(code for flags in xray["flags"].to_pylist() for code in flags if code in WARNINGS)
    return dict(counts)
