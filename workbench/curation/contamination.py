"""Find the records that repeat another text: a test, a benchmark, another corpus.

Runs of 13 words as in Brown et al. 2020 (GPT-3, appendix C), of 8 words as in Chowdhery et al. 2022 (PaLM) for
shorter texts, still shorter ones by the whole text. A question with options is known in any order of its options.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl
import xxhash

from workbench.curation.flags.credentials import masked
from workbench.curation.flags.registry import VALUE_LENGTH
from workbench.curation.shingling import words
from workbench.curation.validate import DROP, ISSUES
from workbench.schema import Schema
from workbench.text import folded

CONTAMINATED = "contaminated"
LONG, SHORT = 13, 8
"""Words a run: of texts that have so many, and of shorter ones."""
FEWEST = 4
"""A text of fewer words, as "True" or "What is shown here?" without its picture, is in many places by chance."""
STOCK = 8
"""A run that more texts of the other side hold than this is a phrase of their template, which says nothing."""


@dataclass(frozen=True)
class Text:
    """One text of the other side: where it stands, what it says, and its options if it has any."""

    place: str
    text: str
    options: tuple[str | None, ...] = ()


@dataclass
class Known:
    """What the other side says, by digests of runs of words: the first place of each, and how many texts hold it."""

    runs: dict[int, str] = field(default_factory=dict)
    short: dict[int, str] = field(default_factory=dict)
    """Runs of SHORT words of texts that have no LONG ones."""
    texts: int = 0
    """Texts that are long enough to be known again."""
    too_short: int = 0
    """Texts that are not, and not empty either."""
    counts: Counter[int] = field(default_factory=Counter)
    """How many different texts hold each run: a passage that many questions of a test are about is one text."""
    whole: set[int] = field(default_factory=set)
    """Digests of the texts that were counted."""
    questions: dict[str, str] = field(default_factory=dict)
    """Questions with options, whatever the order of these."""

    def add(self, text: Text) -> None:
        """Take note of one text."""
        found = words(text.text)
        self.texts += len(found) >= FEWEST
        self.too_short += 0 < len(found) < FEWEST
        runs = {run for length in {LONG, SHORT, len(found)} for run, _ in _runs(found, length)}
        digest = xxhash.xxh3_64_intdigest(" ".join(found).encode())
        if digest not in self.whole:
            self.whole.add(digest)
            self.counts.update(runs)
        self.runs |= {run: text.place for run in runs if run not in self.runs}
        if len(found) < LONG:
            for run, _ in _runs(found, SHORT):
                self.short.setdefault(run, text.place)
        if text.options:
            self.questions.setdefault(fingerprint(text.text, text.options), text.place)


@dataclass(frozen=True)
class Hit:
    """A text of a record that the other side holds too."""

    record: str
    field: str
    place: str
    shared: str
    run: int
    text: str
    """The record's whole text."""


def fingerprint(question: str, options: Iterable[str | None]) -> str:
    """Return what a question with options is known by: its words and those of its options, in no order."""
    return "\n".join([folded(question), *sorted(folded(option or "") for option in options)])


def contaminated(derived: pl.DataFrame, schema: Schema, known: Known) -> tuple[pl.DataFrame, int]:
    """Return an issue for each record that repeats a known text, and the number of runs taken for a template."""
    first: dict[str, Hit] = {}
    stock = set()
    for hit in _hits(derived, schema, known):
        if known.counts[hit.run] > STOCK:
            stock.add(hit.run)
        else:
            first.setdefault(hit.record, hit)
    return pl.DataFrame([_issue(hit) for hit in first.values()], schema=ISSUES, orient="row"), len(stock)


def _hits(derived: pl.DataFrame, schema: Schema, known: Known) -> Iterator[Hit]:
    choices = schema.declared.choices
    if choices:
        rows = derived.select("id", choices.stem, choices.options).iter_rows()
        yield from _asked_alike(rows, known.questions, choices.stem)
    for column in schema.declared.texts:
        for record, text in derived.select("id", column).iter_rows():
            for run, place, shared in _repeated(words(text or ""), known):
                yield Hit(record, column, place, shared, run, text)


def _repeated(found: list[str], known: Known) -> Iterator[tuple[int, str, str]]:
    """Yield each known run of a text with its place and words: LONG words, or SHORT ones where one side is short."""
    long = len(found) >= LONG
    length = LONG if long else min(SHORT, len(found))
    looks = [(length, known.runs), *([(SHORT, known.short)] if long else [])]
    for size, runs in looks:
        for run, at in _runs(found, size):
            if run in runs:
                yield run, runs[run], " ".join(found[at : at + size])


def _asked_alike(
    rows: Iterable[tuple[str, str, Sequence[str | None]]], known: Mapping[str, str], stem: str
) -> Iterator[Hit]:
    for record, question, options in rows:
        place = known.get(fingerprint(question or "", options or ()))
        if place is not None:
            yield Hit(record, stem, place, question, 0, question)


def _runs(found: list[str], length: int) -> Iterator[tuple[int, int]]:
    """Yield the digest and the place of each run of so many words."""
    if length >= FEWEST:
        for at in range(len(found) - length + 1):
            yield xxhash.xxh3_64_intdigest(" ".join(found[at : at + length]).encode()), at


def _issue(hit: Hit) -> tuple[str | None, ...]:
    message = f"stands in {hit.place} too" if hit.run else f"is the question {hit.place} with the same options"
    hint = "drop it, or do not measure with that text"
    told = masked(hit.text)  # the words that are shared have no signs left by which a secret could be told
    value = (hit.shared if told == hit.text else told)[:VALUE_LENGTH]
    return (hit.record, CONTAMINATED, hit.field, value, "error", message, hint, DROP)
