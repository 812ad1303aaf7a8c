"""Flags for texts that stand far from the other texts of their source, in length or in what they are made of."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from workbench.curation.flags.registry import Flag, Issue, of_corpus
from workbench.curation.flags.view import ROW, View

LENGTH = Flag(
    "length-outlier",
    "info",
    "far longer or far shorter than the other texts of its source",
    "look whether two records were joined, or one was cut",
)
SYMBOLS = Flag(
    "symbol-share",
    "info",
    "mostly digits and signs, unlike the other texts of its source",
    "look whether a table, a listing or a dump stands where words should",
)
_FEWEST = 50
"""Records a source must have before its middle says anything."""
_FAR = 6.0
_NORMAL = 1.4826
"""Turns a median absolute deviation into the standard deviation of a normal distribution (Hampel 1974)."""
_NARROWEST = 0.15
"""Smallest spread of log lengths: in sources of texts all alike, a few words more are no outlier."""
_MOSTLY = 0.6
_FEWEST_CHARACTERS = 40


@of_corpus(LENGTH, SYMBOLS)
def outliers(view: View) -> Iterator[Issue]:
    """Flag texts by the robust distance (median and MAD) of their log length, and by their share of other signs."""
    texts = [name for name in view.schema.declared.texts if name in view.frame.columns]
    field = next((name for name in texts if name in view.fields), view.fields[0])
    text = pl.concat_str(texts, separator="\n", ignore_nulls=True)
    bare = text.str.replace_all(r"\s+", "")
    signs = bare.str.replace_all(r"\p{L}+", "").str.len_chars()
    length = text.str.len_chars().alias("length")
    share = (signs / bare.str.len_chars()).alias("signs")
    measured = view.measured(pl.col("source"), length, share)
    known = measured.filter((pl.col("length") > 0) & (pl.len().over("source") >= _FEWEST))
    distance = _distance(pl.col("length").log(), _NARROWEST)
    # Passages of running text have headings among them.
    far = known.filter((distance if view.schema.declared.order else distance.abs()) > _FAR)
    for record, value, count in _with_text(view, text, far.select(ROW, "length")):
        yield LENGTH.issue(record, field, f"{count:,} characters: {value}")
    odd = (pl.col("signs") > _MOSTLY) & (pl.col("length") >= _FEWEST_CHARACTERS)
    odd &= _distance(pl.col("signs"), 0.01) > _FAR
    for record, value, part in _with_text(view, text, known.filter(odd).select(ROW, "signs")):
        yield SYMBOLS.issue(record, field, f"{part:.0%} no letters: {value}")


def _with_text(view: View, text: pl.Expr, found: pl.DataFrame) -> Iterator[tuple[str, str, float]]:
    """Yield record, text and number of some rows (ROW and the number)."""
    for part in view.picked(found[ROW], "id", text.alias("text")):
        yield from part.join(found, on=ROW, maintain_order="left").drop(ROW).iter_rows()


def _distance(value: pl.Expr, narrowest: float) -> pl.Expr:
    """Return how many standard deviations a value lies from the median of its source."""
    middle = value.median().over("source")
    spread = _NORMAL * (value - middle).abs().median().over("source")
    return (value - middle) / pl.max_horizontal(spread, pl.lit(narrowest))
