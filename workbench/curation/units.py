"""Records of one compared text, answer and language are one unit: exact duplicates of each other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from workbench.curation.minhash import digests_of
from workbench.curation.slices import Keep, by_slices, held
from workbench.curation.templates import Template, stripped, templates_of
from workbench.schema import Schema
from workbench.sql import expression

_FRAME = {
    "name": pl.String,
    "text": pl.Int64,
    "question": pl.String,
    "answer": pl.String,
    "language": pl.String,
    "question_key": pl.Binary,
    "answer_key": pl.Binary,
}


@dataclass(frozen=True)
class Units:
    """The units of a corpus, in the order of their names; a unit's number is its row."""

    frame: pl.DataFrame
    """Columns of _FRAME: `name` is the smallest record id, so that it does not depend on order; `text` the number of
    the compared text; `question` and `answer` as they stand, with a digest of how they read (null for none)."""
    members: pl.DataFrame
    """`id` and `unit` of every record, sorted by both."""
    texts: pl.Series
    """The distinct compared texts, without their templates."""
    templates: tuple[Template, ...] = ()
    """What was left out of the compared texts."""

    def __len__(self) -> int:
        """Return the number of units."""
        return self.frame.height

    @property
    def records(self) -> list[list[str]]:
        """Return each unit's record ids, sorted."""
        grouped = self.members.group_by("unit", maintain_order=True).agg("id")
        return grouped["id"].to_list()


def units(
    derived: pl.DataFrame, schema: Schema, templates: tuple[Template, ...] | None = None, keep: Keep = held
) -> Units:
    """Gather a derived frame's records into units of equal text (case, accents' form and blanks folded).

    Equal is the whole text; what is compared for nearness is the text without the templates that many share: those
    given, as a part of a corpus is compared like the whole, else those that these records have. `keep` lays down
    what texts are turned into.
    """
    compared = by_slices(derived, partial(_keyed, schema=schema))
    if templates is None:
        different = compared.to_struct().is_first_distinct()
        columns = list(_columns(derived, _compared(schema)).values())
        templates = templates_of(pl.DataFrame(columns).filter(different)) if columns else ()
    rows = by_slices(derived, partial(_rows, schema=schema, templates=templates), keep)
    return _gathered(rows.with_columns(compared), templates, keep)


def _compared(schema: Schema) -> tuple[str, ...]:
    return (*schema.declared.duplicates.text, *schema.declared.duplicates.question)


def _keyed(derived: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Return the keys of each record's whole text and of its question."""
    declared = schema.declared.duplicates
    whole, asked = (_joined(derived, _columns(derived, names)) for names in (declared.text, declared.question))
    return pl.DataFrame({"whole": _key(whole), "question_key": _key(asked)})


def _rows(derived: pl.DataFrame, schema: Schema, templates: tuple[Template, ...]) -> pl.DataFrame:
    """Return what is compared of each record, without templates, and what it answers in which language."""
    declared = schema.declared
    texts = _columns(derived, _compared(schema))
    cut = {name: stripped(column, templates) for name, column in texts.items()}
    whole, asked = (
        {name: texts[name] for name in names} for names in (declared.duplicates.text, declared.duplicates.question)
    )
    answer = _answers(derived, schema)
    spoken = derived[declared.language] if declared.language else _repeated(None, derived.height)
    return pl.DataFrame(
        {
            "id": derived["id"],
            "compared": _without(derived, whole, cut),
            "question": _without(derived, asked, cut),
            "answer": answer,
            "answer_key": _key(answer),
            "language": spoken.cast(pl.String),
        }
    )


def compared_text(derived: pl.DataFrame, schema: Schema) -> pl.Series:
    """Return the whole compared text of each record, templates included."""
    return _joined(derived, _columns(derived, schema.declared.duplicates.text))


def _columns(derived: pl.DataFrame, names: tuple[str, ...]) -> dict[str, pl.Series]:
    """Return the compared columns as texts; of a list column the sorted entries."""
    parts = {name: f"{name}_text" if isinstance(derived.schema[name], pl.List) else name for name in names}
    return {name: derived[part].fill_null("").alias(name) for name, part in parts.items()}


def _joined(derived: pl.DataFrame, columns: dict[str, pl.Series]) -> pl.Series:
    if len(columns) == 1:
        return next(iter(columns.values()))
    if not columns:
        return _repeated("", derived.height)
    return pl.DataFrame(list(columns.values())).select(pl.concat_str(pl.all(), separator="\n")).to_series()


def _without(derived: pl.DataFrame, whole: dict[str, pl.Series], cut: dict[str, pl.Series]) -> pl.Series:
    """Return the joined texts without templates; one that is nothing but template stays whole."""
    left = _joined(derived, {name: cut[name] for name in whole})
    if all(cut[name] is whole[name] for name in whole):
        return left
    both = pl.DataFrame({"left": left, "whole": _joined(derived, whole)})
    return both.select(pl.when(pl.col("left").str.strip_chars() == "").then("whole").otherwise("left")).to_series()


def _repeated(text: str | None, times: int) -> pl.Series:
    return pl.Series([text], dtype=pl.String).new_from_index(0, times)


def _answers(derived: pl.DataFrame, schema: Schema) -> pl.Series:
    if schema.declared.answer is None:
        return _repeated(None, derived.height)
    said = derived.select(expression(schema.declared.answer).alias("answer"))["answer"]
    return said.cast(pl.String)


def _key(texts: pl.Series) -> pl.Series:
    """Return 16 bytes a text, the same for all that read the same, null for null."""
    import pyarrow as pa

    if texts.null_count() == len(texts):
        return pl.Series([None], dtype=pl.Binary).new_from_index(0, len(texts))
    written = pa.py_buffer(digests_of(texts).tobytes())
    keys = pl.Series(pa.Array.from_buffers(pa.binary(16), len(texts), [None, written]), dtype=pl.Binary)
    return keys.to_frame("key").select(pl.when(texts.is_not_null()).then("key"))["key"]


def key_of(text: str) -> bytes:
    """Return the key of one text, see Units."""
    return bytes(_key(pl.Series([text])).item())


def _gathered(rows: pl.DataFrame, templates: tuple[Template, ...], keep: Keep) -> Units:
    empty, rows = key_of(""), rows if rows["id"].is_sorted() else _in_order(rows, keep)
    # Empty texts say nothing, so they are nobody's duplicates.
    alone = pl.when(pl.col("whole") == empty).then("id").alias("alone")
    first = _first_alike(rows.select("whole", "question_key", "answer_key", "language", alone))
    is_first = first == np.arange(len(first))
    unit = (np.cumsum(is_first) - 1)[first]
    order = np.argsort(unit, kind="stable")
    members = pl.DataFrame({"id": rows["id"].gather(order), "unit": unit[order]})
    frame = rows.filter(pl.Series(is_first, dtype=pl.Boolean)).rename({"id": "name"})
    compared = _key(frame["compared"]) if templates else frame["whole"]
    first = _first_alike(pl.DataFrame({"key": compared}))
    is_first = first == np.arange(len(first))
    texts = frame["compared"].filter(pl.Series(is_first, dtype=pl.Boolean))
    asked = pl.when(pl.col("question_key") != empty).then("question_key").alias("question_key")
    frame = frame.with_columns(asked, text=pl.Series((np.cumsum(is_first) - 1)[first], dtype=pl.Int64))
    return Units(frame.select(*_FRAME), members, texts, templates)


def _in_order(rows: pl.DataFrame, keep: Keep) -> pl.DataFrame:
    """Return rows in the order of their ids."""
    if keep is held:
        return rows.sort("id")
    order = rows["id"].arg_sort().to_frame("row")
    return by_slices(order, lambda part: rows[part["row"]], keep)


def _first_alike(rows: pl.DataFrame) -> NDArray[np.int64]:
    """Return for each row the first one that is equal to it; the first column holds keys, which hardly any share.

    Only rows that share eight bytes of a key are compared whole: to compare all takes five times as long.
    """
    lead = rows.to_series().bin.slice(0, 8).bin.reinterpret(dtype=pl.UInt64, endianness="little")
    shared = lead.is_duplicated().arg_true().to_numpy()
    first = np.arange(rows.height)
    alike = rows[shared].with_columns(row=shared)
    first[shared] = alike.select(pl.col("row").first().over(rows.columns)).to_series().to_numpy()
    return first
