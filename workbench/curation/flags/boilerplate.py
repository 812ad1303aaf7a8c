"""Flags for text that belongs to a source's edition and not to its records."""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl

from workbench.curation.fixes import DROP, of_field
from workbench.curation.flags.registry import Flag, Issue, of_corpus
from workbench.curation.flags.view import ROW, View

EDITION = Flag("boilerplate", "error", "licence text or contents of an e-text", "apply the fix: drop it")
LINE = Flag(
    "repeated-line",
    "warning",
    "the first or last line stands in many records of the source, like a header or a footer",
    "apply the fix: it takes the line away",
)
_LINES = {what: re.compile(rf"^\s*\*{{3}} ?{what} OF ", re.MULTILINE) for what in ("START", "END")}
_FEWEST = 5
_SHARE = 0.02
"""A line is boilerplate where it opens or closes at least five records and two in a hundred of its source."""
_NO_LINES = pl.DataFrame(schema={ROW: pl.UInt32, "source": pl.String, "first": pl.String, "last": pl.String})
_SHORTEST = 20
"""Shorter lines (a salutation, a heading, a bracket of code) recur by themselves."""


@of_corpus(EDITION)
def editions(view: View) -> Iterator[Issue]:
    """Flag the passages up to an e-text's START line and from its END line on, source by source."""
    if not view.schema.declared.order:
        return
    field = view.schema.declared.texts[0]
    said = {what: pl.col(field).str.contains(f"{what} OF ", literal=True).alias(what) for what in _LINES}
    passages = view.measured(pl.col("source"), pl.col("position"), *said.values())
    passages = _checked(view, field, passages).sort("source", "position", maintain_order=True)
    place = pl.int_range(pl.len()).over("source")
    last_start = pl.when("START").then(place).max().over("source").fill_null(-1)
    first_end = pl.when("END").then(place).min().over("source").fill_null(pl.len().over("source"))
    outside = passages.filter((place <= last_start) | (place >= first_end))[ROW]
    for part in view.picked(outside, "id", pl.col(field).fill_null("")):
        yield from (EDITION.issue(record, field, text, DROP) for _, record, text in part.iter_rows())


def _checked(view: View, field: str, passages: pl.DataFrame) -> pl.DataFrame:
    """Return which passages hold the very lines, of those that hold some words of them."""
    seen = passages.filter(pl.any_horizontal(*_LINES))[ROW]
    texts = (text for part in view.picked(seen, field) for text in part[field])
    found = [[line.search(text) is not None for line in _LINES.values()] for text in texts]
    lines = pl.DataFrame(found, schema=dict.fromkeys(_LINES, pl.Boolean), orient="row").with_columns(seen)
    return passages.drop(_LINES).join(lines, on=ROW, how="left", maintain_order="left")


@of_corpus(LINE)
def repeated_lines(view: View) -> Iterator[Issue]:
    """Flag first and last lines that many records of a source share."""
    needed = view.frame.group_by("source").agg(need=pl.len() * _SHARE)
    for field in view.text_fields:
        for record, value, first, last in _shared_lines(view, field, needed):
            yield LINE.issue(record, field, first or last or "", of_field(_without(value, first, last)))


def _shared_lines(view: View, field: str, needed: pl.DataFrame) -> Iterator[tuple[str, str, str | None, str | None]]:
    """Yield record, text, and the first and last line of it where many records of the source share them."""
    text = pl.col(field).str.strip_chars()
    ends = [text.str.extract(r"^(.*)").alias("first"), text.str.extract(r"(.*)$").alias("last")]
    hashes = [pl.when(end.str.len_chars() >= _SHORTEST).then(end.hash()).alias(end.meta.output_name()) for end in ends]
    seen = view.measured(pl.col("source"), *hashes, where=text.str.contains("\n", literal=True))
    # Whoever shares a line shares its hash: these lines alone are held, and counted as they stand.
    maybe = seen.filter(_is_frequent("first") | _is_frequent("last"))[ROW]
    lines = pl.concat([_NO_LINES, *view.picked(maybe, "source", *ends)]).join(
        needed, on="source", maintain_order="left"
    )
    told = [pl.when(_is_shared(end)).then(end).alias(end) for end in ("first", "last")]
    lines = lines.select(ROW, *told).filter(pl.col("first").is_not_null() | pl.col("last").is_not_null())
    for part in view.picked(lines[ROW], "id", field):
        yield from part.join(lines, on=ROW, maintain_order="left").drop(ROW).iter_rows()


def _is_frequent(end: str) -> pl.Expr:
    return pl.col(end).is_not_null() & (pl.len().over("source", end) >= _FEWEST)


def _is_shared(end: str) -> pl.Expr:
    long = pl.col(end).str.len_chars() >= _SHORTEST
    return (long & _is_frequent(end) & (pl.len().over("source", end) >= pl.col("need"))).fill_null(value=False)


def _without(value: str, first: str | None, last: str | None) -> str:
    """Return the text without the lines named, and without the white space that stood around them."""
    text = value.strip()
    text = text.removeprefix(first).lstrip() if first else text
    return text.removesuffix(last).rstrip() if last else text
