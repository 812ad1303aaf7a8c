"""Choose what of a corpus is measured: its texts, letters, short answers, turns and categories."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from workbench.curation.measures import WORD
from workbench.schema import Schema
from workbench.sql import expression

DRAWN = 20_000
"""Records that slow readings (language, tokens) are taken from, where there are more."""
FEW = 30
"""A column with at most this many different values is a category."""
ANSWER = "(answer)"
"""Names the schema's answer where it is none of the texts; in brackets, as no column of a schema is."""
_SHORT_ANSWER = 3
"""Words of the longest answer that counts as one of a closed set."""
_CLOSED = frozenset({"true", "false", "yes", "no", "vrai", "faux", "oui", "non"})
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Gaps:
    """What a field lacks, of `n` records: no value, and a value without anything in it (blank text, empty list)."""

    field: str
    n: int
    missing: int
    blank: int


def blank(values: pl.Series) -> int:
    """Return how many values have nothing in them."""
    if values.dtype == pl.String:
        return int((values.str.strip_chars() == "").sum())
    return int((values.list.len() == 0).sum()) if isinstance(values.dtype, pl.List) else 0


def last_drawn(ids: pl.Series, count: int = DRAWN) -> str | None:
    """Return the largest id of those that are drawn: that many records, always the same ones; None of no records.

    A record id is a hash of what the record is, so the smallest ids are a draw that looks at nothing else.
    """
    return ids.bottom_k(count).max() if len(ids) else None  # type: ignore[return-value]


def text_fields(derived: pl.DataFrame, schema: Schema) -> dict[str, pl.Series]:
    """Return the texts of a derived frame by field: the schema's texts, and its answer where it is none of them."""
    texts = {name: derived[name] for name in schema.declared.texts}
    said = answers(derived, schema)
    if said is not None and schema.declared.answer not in texts:
        texts[ANSWER] = said
    return texts


def answers(derived: pl.DataFrame, schema: Schema) -> pl.Series | None:
    """Return the answer of each record of a derived frame, or None where the schema has no answers."""
    if schema.declared.answer is None:
        return None
    return derived.select(expression(schema.declared.answer).cast(pl.String).alias(ANSWER)).to_series()


def letters(derived: pl.DataFrame, schema: Schema) -> pl.DataFrame | None:
    """Return `letter` and `options` (their number) of each record, or None where the schema declares no choices.

    A record without an index, or with one that points outside its options, has no letter.
    """
    choices = schema.declared.choices
    if choices is None:
        return None
    index, count = pl.col(choices.key), pl.col(choices.options).list.len().cast(pl.Int64)
    inside = index.is_between(0, len(_LETTERS) - 1) & (index < count)
    names = pl.Series(list(_LETTERS))
    letter = pl.when(inside).then(index.replace_strict(range(len(names)), names, default=None))
    return derived.select(letter.alias("letter"), count.alias("options"))


def short_answers(said: pl.Series) -> pl.Series:
    """Return each short answer, folded, and null for the others."""
    folded = _folded(said)
    return folded.set(~folded.str.count_matches(WORD).is_between(1, _SHORT_ANSWER).fill_null(value=False), None)


def known_answers(said: pl.Series) -> pl.Series:
    """Return each answer that is true or false, yes or no, or French for it, folded, and null for the others."""
    folded = _folded(said)
    return folded.set(~folded.is_in(list(_CLOSED)).fill_null(value=False), None)


def _folded(said: pl.Series) -> pl.Series:
    return said.str.to_lowercase().str.strip_chars(" \t\r\n.!?")


def turns(derived: pl.DataFrame, schema: Schema) -> tuple[pl.Series, pl.Series] | None:
    """Return the number of turns of each record and the role of every turn, or None where records have no turns."""
    for name, kind in schema.types.items():
        if isinstance(kind, pl.List) and isinstance(kind.inner, pl.Struct):
            counts = derived[name].list.len().cast(pl.Int64)
            spoken = derived[name].drop_nulls().explode().drop_nulls()
            return counts, spoken.struct.field("role")
    return None


def categories(derived: pl.DataFrame, schema: Schema) -> dict[str, pl.Series]:
    """Return the schema's strata and every other text column that is no text to be read."""
    read = {*schema.declared.texts, schema.declared.answer}
    plain = [name for name, kind in schema.types.items() if kind == pl.String and name not in read]
    return {name: derived[name].cast(pl.String) for name in dict.fromkeys((*schema.declared.strata, *plain))}


def spoken(texts: pl.Series) -> pl.Series:
    """Return the language of each text as the quality flags know it; null where it is not sure."""
    from workbench.curation.quality import language

    return pl.Series([language(text) for text in texts.to_list()], dtype=pl.String)
