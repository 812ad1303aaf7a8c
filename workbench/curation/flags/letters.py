"""Whether the right answers are spread evenly over the letters, and the order of options that makes them so."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from workbench.curation.balance import letters_of
from workbench.curation.fixes import of_fields
from workbench.curation.flags.options import ORDER_BOUND
from workbench.curation.flags.registry import Flag, Issue, of_corpus
from workbench.curation.flags.view import ROW, View, keyed
from workbench.curation.measures import Absent
from workbench.schema import Schema

LETTER = Flag(
    "answer-letter",
    "info",
    "the right answers of this corpus are spread unevenly over the letters",
    "apply the fix: it puts the options of every record into an order drawn from its id",
)
LEVEL = 0.01
FEWEST = 50
"""A corpus is called unbalanced where chance alone gives such letters less than once in a hundred."""
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BOUND = re.compile(ORDER_BOUND)
_SPEAKS_OF_PLACES = (
    r"\b(?i:option|choice|answer|letter|réponse|lettre|choix|proposition)s? \(?(?:[A-H]|\d)\)?(?:\W|$)|\([A-H]\)"
    r"|\b(?i:first|second|third|fourth|last) (?i:option|choice|answer)"
    r"|\b(?i:première|deuxième|troisième|quatrième|dernière) (?i:réponse|option|proposition)"
)


@dataclass(frozen=True)
class Spread:
    """How often each letter is right, and how likely chance alone gives letters as uneven or more so."""

    letters: dict[str, int]
    chi2: float
    p: float
    n: int

    @property
    def uneven(self) -> bool:
        """Return whether chance is no good explanation."""
        return self.n >= FEWEST and self.p < LEVEL


def spread(frame: pl.DataFrame, schema: Schema) -> Spread | None:
    """Return the letters of the right answers with the test of `letters_of`; None where there are too few to test."""
    choices = schema.declared.choices
    if not choices:
        return None
    count = pl.col(choices.options).list.len().cast(pl.Int64)
    is_known = keyed(choices) & count.is_between(2, len(_ALPHABET))
    places = frame.select(key=pl.col(choices.key), options=count, known=is_known).filter("known")
    found = letters_of(places.select("options", letter=pl.col("key").cast(pl.String)))
    if isinstance(found.even, Absent):
        return None
    right = dict(places.group_by("key").len().iter_rows())
    letters = {letter: right.get(i, 0) for i, letter in enumerate(_ALPHABET[: max(places["options"])])}
    return Spread(letters, found.even.chi_square, found.even.p, places.height)


def rebalanced(record: str, options: Sequence[str], index: int) -> tuple[list[str], int]:
    """Return options and key in the order drawn from the record id, or as they are where the order carries meaning.

    Options are sorted by the SHA-256 of record id and text, so the result does not depend on their order now, a
    second time changes nothing, and over many records every letter is right equally often.
    """
    if any(_BOUND.search(option) for option in options):
        return list(options), index
    drawn = [hashlib.sha256(f"{record}\n{option}".encode()).digest() for option in options]
    order = sorted(range(len(options)), key=drawn.__getitem__)
    return [options[i] for i in order], order.index(index)


@of_corpus(LETTER)
def answer_letters(view: View) -> Iterator[Issue]:
    """Offer another order of options to the records of an unbalanced corpus, but for those that speak of places."""
    found = spread(view.frame, view.schema)
    choices = view.schema.declared.choices
    if not choices or not found or not found.uneven:
        return
    said = pl.concat_str(choices.stem, choices.explanation, separator="\n", ignore_nulls=True)
    whole = ~pl.col(choices.options).list.contains(None)
    free = keyed(choices) & whole & ~said.str.contains(_SPEAKS_OF_PLACES).fill_null(value=False)
    for part in view.picked(view.measured(where=free)[ROW], "id", choices.options, choices.key):
        for _, record, options, key in part.iter_rows():
            new, index = rebalanced(record, options, key)
            if new != options:
                fix = of_fields({choices.options: new, choices.key: index})
                yield LETTER.issue(record, choices.options, f"{_ALPHABET[key]}: {options[key]}", fix)
