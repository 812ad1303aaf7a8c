"""Flags for text that belongs to a source's edition and not to its records."""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl

from workbench.curation.fixes import DROP, of_field
from workbench.curation.flags.registry import Flag, Issue, of_corpus
from workbench.curation.flags.view import View

EDITION = Flag("boilerplate", "error", "licence text or contents of an e-text", "apply the fix: drop it")
LINE = Flag(
    "repeated-line",
    "warning",
    "the first or last line stands in many records of the source, like a header or a footer",
    "apply the fix: it takes the line away",
)
_START = re.compile(r"^\s*\*{3} ?START OF ", re.MULTILINE)
_END = re.compile(r"^\s*\*{3} ?END OF ", re.MULTILINE)
_FEWEST = 5
_SHARE = 0.02
"""A line is boilerplate where it opens or closes at least five records and two in a hundred of its source."""
_SHORTEST = 20
"""Shorter lines (a salutation, a heading, a bracket of code) recur by themselves."""


@of_corpus(EDITION)
def editions(view: View) -> Iterator[Issue]:
    """Flag the passages up to an e-text's START line and from its END line on, source by source."""
    if not view.schema.declared.order:
        return
    field = view.schema.declared.texts[0]
    for _, passages in view.frame.sort("source", "position").group_by("source", maintain_order=True):
        texts = passages[field].fill_null("").to_list()
        start = max((i for i, text in enumerate(texts) if _START.search(text)), default=-1)
        end = min((i for i, text in enumerate(texts) if _END.search(text)), default=len(texts))
        for i, (record, text) in enumerate(zip(passages["id"], texts, strict=True)):
            if i <= start or i >= end:
                yield EDITION.issue(record, field, text, DROP)


@of_corpus(LINE)
def repeated_lines(view: View) -> Iterator[Issue]:
    """Flag first and last lines that many records of a source share."""
    for field in view.text_fields:
        text = pl.col(field).str.strip_chars()
        several = view.frame.filter(text.str.contains("\n", literal=True))
        lines = several.select("id", "source", field, first=text.str.extract(r"^(.*)"), last=text.str.extract(r"(.*)$"))
        enough = view.frame.group_by("source").agg(need=pl.len() * _SHARE)
        lines = lines.join(enough, on="source", maintain_order="left")
        opens, closes = _is_shared("first"), _is_shared("last")
        for record, value, first, last in (
            lines.filter(opens | closes)
            .select("id", field, pl.when(opens).then("first"), pl.when(closes).then("last"))
            .iter_rows()
        ):
            yield LINE.issue(record, field, first or last, of_field(_without(value, first, last)))


def _is_shared(end: str) -> pl.Expr:
    long = pl.col(end).str.len_chars() >= _SHORTEST
    count = pl.len().over("source", end)
    return (long & (count >= _FEWEST) & (count >= pl.col("need"))).fill_null(value=False)


def _without(value: str, first: str | None, last: str | None) -> str:
    """Return the text without the lines named, and without the white space that stood around them."""
    text = value.strip()
    text = text.removeprefix(first).lstrip() if first else text
    return text.removesuffix(last).rstrip() if last else text
