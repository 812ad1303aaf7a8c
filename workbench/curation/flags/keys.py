"""Flags for keys of multiple-choice questions that disagree with their raw row, their source or another record."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import polars as pl

from workbench.curation.fixes import of_field
from workbench.curation.flags.registry import Flag, Issue, of_corpus, of_record
from workbench.curation.flags.view import ROW, View, keyed
from workbench.text import folded

KEY_TEXT = Flag(
    "key-text",
    "warning",
    "the source names another right answer than the index does",
    "compare both with the options and set the index to the right one",
)
BASE = Flag(
    "index-base",
    "warning",
    "the keys of this source count from 1: they run from 1 to the number of options and are never 0",
    "apply the fix: it takes 1 from every key of the source",
)
CONTRADICTING = Flag(
    "contradicting-key",
    "warning",
    "another record has the same question and options, and another option is right there",
    "one of the two is wrong: correct its index, or drop it",
)
"""A warning: as an error it would keep the right one of the two out of every split as well."""
_FEWEST = 5


@of_record(KEY_TEXT)
def key_texts(view: View) -> Iterator[Issue]:
    """Flag records whose raw row holds another column with the right answer, as a letter or a text, that disagrees."""
    choices = view.schema.declared.choices
    if not choices or "extra" not in view.frame.columns:
        return
    names = (choices.key, *view.schema.declared.aliases.get(choices.key, ()))
    rows = view.frame.filter(keyed(choices) & (pl.col("extra") != "{}"))
    for record, extra, options, key in rows.select("id", "extra", choices.options, choices.key).iter_rows():
        raw = json.loads(extra)
        said = [raw[name] for name in names if isinstance(raw.get(name), str)]
        other = next((text for text in said if _disagrees(text, options, key)), None)
        if other is not None:
            yield KEY_TEXT.issue(record, choices.key, other)


def _disagrees(said: str, options: list[str | None], key: int) -> bool:
    """Return whether a right answer given as text or letter is another option than the key's."""
    texts = [folded(option or "") for option in options]
    if folded(said) in texts:
        return texts[key] != folded(said)
    letter = re.fullmatch(r"\W?([A-Za-z])\W?", said.strip())
    return letter is not None and ord(letter[1].upper()) - ord("A") != key


@of_corpus(BASE)
def index_base(view: View) -> Iterator[Issue]:
    """Flag every key of a source that counts from 1."""
    choices = view.schema.declared.choices
    if not choices:
        return
    key, count = pl.col(choices.key), pl.col("_count")
    options = pl.col(choices.options).list.len().cast(pl.Int64).alias("_count")
    counted = view.frame.select("id", "source", choices.key, options)
    keyed = counted.filter(key.is_not_null() & (count > 0))
    # All numbers from 1 to the number of options, so one key is as large as that: counted from 0 it would be nothing.
    from_one = (key.min() == 1) & (key <= count).all() & (key.n_unique() == count.max())
    sources = (
        keyed.group_by("source").agg(from_one=from_one, n=pl.len()).filter(pl.col("from_one"), pl.col("n") >= _FEWEST)
    )
    for record, value in (
        keyed.join(sources, on="source", how="semi", maintain_order="left").select("id", choices.key).iter_rows()
    ):
        yield BASE.issue(record, choices.key, str(value), of_field(value - 1))


@of_corpus(CONTRADICTING)
def contradicting_keys(view: View) -> Iterator[Issue]:
    """Flag records with one question and one set of options of which different options are right."""
    choices = view.schema.declared.choices
    if not choices:
        return
    options = pl.col(f"{choices.options}_folded")
    stem = pl.col(choices.stem).str.to_lowercase().str.strip_chars().str.replace_all(r"\s+", " ")
    right = pl.when(pl.col(choices.key) >= 0).then(options.list.get(pl.col(choices.key), null_on_oob=True))
    asked = [stem.alias("stem"), options.list.sort().list.join("\n").alias("options"), right.alias("right")]
    hashed = pl.struct(asked[:2]).hash().alias("hash")
    seen = view.measured(hashed, where=right.is_not_null() & (stem != ""))
    # Who asks the same has the same hash: only these questions are held, and compared as they stand.
    several = seen.filter(pl.col("hash").is_duplicated())[ROW]
    if not len(several):
        return
    alike = pl.concat(view.picked(several, "id", choices.key, *asked))
    apart = alike.filter(pl.col("right").n_unique().over("stem", "options") > 1)
    for record, value in apart.select("id", choices.key).iter_rows():
        yield CONTRADICTING.issue(record, choices.key, str(value))
