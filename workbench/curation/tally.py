"""Count what a description tells, part by part: the counts of two parts added are the counts of both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from workbench.curation import describe as columns
from workbench.curation import measures
from workbench.curation.balance import Balance, Letters, balance_of, letters_in
from workbench.curation.describe import FEW, Gaps
from workbench.curation.measures import Absent, Shares, Spread, Vocabulary
from workbench.schema import Schema

TALLY = {
    "what": pl.String,
    "field": pl.String,
    "value": pl.String,
    "number": pl.Int64,
    "split": pl.String,
    "count": pl.Int64,
}
"""How often a value or a number was found for what is counted, in a field and a split where there are such."""
UNSURE, OTHER = "unsure", "(other)"
"""Stand for a language that is not sure, and for an answer outside the closed set."""
LETTER = "letter"
"""The category of the right options' letters."""
_KEY = [name for name in TALLY if name != "count"]
_WORD = "word"
_NONE = pl.DataFrame(schema=TALLY)
CountTokens = Callable[[pl.Series], pl.Series]
"""Returns the tokens of each text."""


@dataclass(frozen=True)
class Look:
    """What is read closely: the records up to the id `last`, and how their tokens are counted, if at all."""

    last: str | None = None
    tokens: CountTokens | None = None


def tally_of(derived: pl.DataFrame, schema: Schema, look: Look) -> pl.DataFrame:
    """Return the counts of some records of a derived frame, with their `split` where they have one."""
    splits = derived["split"] if "split" in derived.columns else None
    parts = [
        _total("records", derived.height) if splits is None else _counted("records", split=splits),
        _counted("source", value=derived["source"], split=splits),
        *lengths(columns.text_fields(derived, schema)),
        *_drawn(derived if look.last is None else derived.filter(pl.col("id") <= look.last), schema, look),
        *_answers(derived, schema, splits),
        *_turns(derived, schema),
        *_gaps(derived, schema),
        *(_few("category", name, values, splits) for name, values in columns.categories(derived, schema).items()),
    ]
    return added(parts)


def lengths(texts: dict[str, pl.Series]) -> Iterator[pl.DataFrame]:
    """Yield how long the texts of each field are, in characters and in words."""
    for name, held in texts.items():
        yield _counted("characters", name, number=measures.characters(held))
        yield _counted("words", name, number=measures.word_counts(held))


def words_of(texts: dict[str, pl.Series]) -> Iterator[pl.DataFrame]:
    """Yield how often each word of each field stands there; `without_words` makes few rows of these many."""
    for name, held in texts.items():
        yield _counted(_WORD, name, value=measures.words(held))


def without_words(tally: pl.DataFrame) -> pl.DataFrame:
    """Return a tally with two numbers for all words of a field: the running and the different ones."""
    words = tally.filter(pl.col("what") == _WORD).group_by("field").agg(pl.col("count").sum(), different=pl.len())
    numbers = [vocabulary_rows(name, running, different) for name, running, different in words.iter_rows()]
    return added([tally.filter(pl.col("what") != _WORD), *numbers])


def in_buckets(tally: pl.DataFrame, buckets: int) -> pl.DataFrame:
    """Return a tally with the `bucket` in which all counts of the same thing meet, to be added there."""
    return tally.with_columns(bucket=(pl.struct(_KEY).hash() % buckets).cast(pl.Int64))


def of_bucket(tally: pl.DataFrame) -> pl.DataFrame:
    """Return the sum of what met in a bucket."""
    return without_words(added([tally.select(*TALLY)]))


def vocabulary_rows(field: str, running: int, different: int) -> pl.DataFrame:
    """Return the counts of a field's words."""
    return pl.concat([_total("running words", running, field), _total("different words", different, field)])


def added(tallies: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Return several tallies as one, in the order of what they count."""
    return pl.concat([_NONE, *tallies]).group_by(_KEY).agg(pl.col("count").sum()).sort(_KEY).select(*TALLY)


def _drawn(few: pl.DataFrame, schema: Schema, look: Look) -> Iterator[pl.DataFrame]:
    """Yield languages and tokens of the records that are read closely; balance is told of the first field alone."""
    yield _total("drawn", few.height)
    for number, (name, texts) in enumerate(columns.text_fields(few, schema).items()):
        spoken = columns.spoken(texts).fill_null(UNSURE)
        yield _counted("language", name, value=spoken.filter(texts.is_not_null()))
        if number == 0 and "split" in few.columns:
            yield _counted("first language", value=spoken, split=few["split"])
        if look.tokens is not None:
            yield _counted("tokens", name, number=look.tokens(texts))


def _answers(derived: pl.DataFrame, schema: Schema, splits: pl.Series | None) -> Iterator[pl.DataFrame]:
    said, chosen = columns.answers(derived, schema), columns.letters(derived, schema)
    if said is not None:
        yield _few("short answer", "", columns.short_answers(said), splits)
        yield _counted("known answer", value=columns.known_answers(said), split=splits)
    if chosen is not None:
        yield _counted("letter", value=chosen["letter"], number=chosen["options"], split=splits)


def _turns(derived: pl.DataFrame, schema: Schema) -> Iterator[pl.DataFrame]:
    found = columns.turns(derived, schema)
    if found is not None:
        yield _counted("turns", number=found[0])
        yield _counted("role", value=found[1])


def _gaps(derived: pl.DataFrame, schema: Schema) -> Iterator[pl.DataFrame]:
    for name in schema.columns:
        yield _total("missing", derived[name].null_count(), name)
        yield _total("blank", columns.blank(derived[name]), name)


def _few(what: str, field: str, values: pl.Series, splits: pl.Series | None) -> pl.DataFrame:
    """Return the counts of values that count only while they are few; of many, only that they are."""
    if values.drop_nulls().n_unique() > FEW:
        return _total(_many(what), 1, field)
    return _counted(what, field, value=values, split=splits)


def _many(what: str) -> str:
    return f"many of {what}"


def _total(what: str, count: int, field: str = "") -> pl.DataFrame:
    return _shaped(pl.DataFrame({"count": [count]}), what, field)


def _counted(
    what: str,
    field: str = "",
    *,
    value: pl.Series | None = None,
    number: pl.Series | None = None,
    split: pl.Series | None = None,
) -> pl.DataFrame:
    """Return how often values, numbers and splits stand together, record by record."""
    held = {"value": value, "number": number, "split": split}
    known = [series.cast(TALLY[name]).alias(name) for name, series in held.items() if series is not None]
    return _shaped(pl.DataFrame(known).group_by(pl.all()).agg(count=pl.len()), what, field)


def _shaped(counts: pl.DataFrame, what: str, field: str) -> pl.DataFrame:
    absent = [pl.lit(None).alias(name) for name in TALLY if name not in counts.columns]
    named = counts.with_columns(absent).with_columns(what=pl.lit(what), field=pl.lit(field))
    return named.select(pl.col(name).cast(kind) for name, kind in TALLY.items())


@dataclass(frozen=True)
class Tally:
    """What the counts of a whole corpus say."""

    counts: pl.DataFrame

    def of(self, what: str, field: str = "") -> pl.DataFrame:
        """Return the counts of one thing."""
        return self.counts.filter(pl.col("what") == what, pl.col("field") == field)

    def total(self, what: str, field: str = "") -> int:
        """Return how often one thing was found."""
        return int(self.of(what, field)["count"].sum())

    def spread(self, what: str, field: str = "") -> Spread | Absent:
        """Return how numbers are spread."""
        return measures.spread_of(self.of(what, field))

    def shares(self, what: str, field: str = "") -> Shares:
        """Return the shares of values."""
        return measures.shares_of(self.of(what, field))

    def vocabulary(self, field: str) -> Vocabulary:
        """Return the words of a field."""
        return measures.vocabulary_of(self.total("running words", field), self.total("different words", field))

    def splits(self) -> dict[str, int]:
        """Return the number of records of each split."""
        return dict(self.of("records").select("split", "count").iter_rows())

    def letters(self) -> Letters:
        """Return how the letters of the right options are spread."""
        return letters_in(self.of("letter").rename({"value": "letter", "number": "options"}))

    def gaps(self, schema: Schema) -> tuple[Gaps, ...]:
        """Return what each field of the schema lacks."""
        n = self.total("records")
        return tuple(Gaps(name, n, self.total("missing", name), self.total("blank", name)) for name in schema.columns)

    def closed_answers(self) -> pl.DataFrame | None:
        """Return the answers of a closed set with OTHER for those outside; None where there is no such set.

        Short answers are a closed set if few of them are different and they repeat; else true/false, yes/no and their
        French counterparts alone are looked for.
        """
        short = self.of("short answer").drop_nulls("value")
        kinds, found = short["value"].n_unique(), int(short["count"].sum())
        if self.total(_many("short answer")) or kinds > FEW or found < 2 * kinds:
            short = self.of("known answer").drop_nulls("value")
        if short.is_empty():
            return None
        rest = (
            pl.concat([self.of("records"), short.with_columns(-pl.col("count"))])
            .group_by("split")
            .agg(pl.col("count").sum())
        )
        others = rest.filter(pl.col("count") > 0).select(pl.lit(OTHER).alias("value"), "split", "count")
        return pl.concat([short.select("value", "split", "count"), others])

    def balances(self, schema: Schema) -> Iterator[Balance]:
        """Yield every category over the splits."""
        yield balance_of("language", self.of("first language"))
        if schema.declared.choices is not None:
            yield balance_of(LETTER, self.of("letter").drop_nulls("value"))
        closed = self.closed_answers()
        if closed is not None:
            yield balance_of("answer", closed)
        yield balance_of("source", self.of("source"))
        for name in columns.categories(schema.derived(schema.table([])), schema):
            found = self.of("category", name)
            if not self.total(_many("category"), name) and 0 < found["value"].drop_nulls().n_unique() <= FEW:
                yield balance_of(name, found)
