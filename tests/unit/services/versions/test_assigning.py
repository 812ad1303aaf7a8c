"""What it takes to say where records stand: columns of numbers, however many the records are."""

from __future__ import annotations

import tracemalloc
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.corpus import SplitSettings
from workbench.curation.sides import Stood
from workbench.curation.units import units
from workbench.curation.validate import ISSUES
from workbench.schema import load_schema
from workbench.services.versions.assign import Before, assign
from workbench.services.versions.ledger import Ledger
from workbench.workspace import samples

RECORDS = 20_000


def looked_at(kind: str) -> SimpleNamespace:
    """Return many records of one kind as `curate` looks at them, every tenth a duplicate of the one before."""
    schema = load_schema(samples() / "schemas" / f"{kind}.yaml")
    names = schema.declared.texts
    rows = (dict.fromkeys(schema.columns) | {name: f"{name}{number}" for name in names} for number in range(RECORDS))
    ids = pl.Series("id", [f"{number:032x}" for number in range(RECORDS)])
    records = schema.table(rows).with_columns(ids, source=pl.lit("one"), position=pl.int_range(RECORDS))
    found = units(schema.derived(records), schema)
    component = np.arange(len(found))
    component[9::10] -= 1
    removed = pl.DataFrame({"id": ids[9::10], "kept": ids[8::10]})
    return SimpleNamespace(
        schema=schema,
        records=records,
        state=SimpleNamespace(records=records, deliveries={}),
        issues=pl.DataFrame(schema=ISSUES),
        units=found,
        pairs=SimpleNamespace(component=component),
        judgement=SimpleNamespace(removed=removed),
    )


@pytest.mark.parametrize("kind", ["qa", "prose"])
def test_columns_hold_less_than_250_bytes_a_record_while_records_are_assigned(kind):
    curated = looked_at(kind)
    first = assign(curated, SplitSettings(), Before(Stood())).frame
    stood, tested = first.select("id", side="prior").drop_nulls(), first.select("id", "tested", "texts").drop_nulls()
    tracemalloc.start()
    try:
        again = assign(curated, SplitSettings(), Before(Stood(stood), Ledger(tested), 2)).frame
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert again.select("id", "split").equals(first.select("id", "split"))
    assert peak < 250 * RECORDS


NUMBERS = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 3))
TEXTS = st.dictionaries(st.sampled_from("abcdef"), st.sets(st.sampled_from("xyz"), min_size=1))


@given(NUMBERS, NUMBERS, TEXTS, TEXTS)
@settings(max_examples=60, deadline=None)
def test_two_ledgers_say_together_the_first_test_of_each_record_and_all_its_texts(one, other, ones, others):
    both = ledger(one, ones).merged(ledger(other, others))
    numbers = {record: min(held[record] for held in (one, other) if record in held) for record in one | other}
    texts = {record: ones.get(record, set()) if record in one else set() for record in numbers}
    texts = {record: held | (others.get(record, set()) if record in other else set()) for record, held in texts.items()}
    assert both == ledger(numbers, texts)


def ledger(numbers: dict[str, int], texts: dict[str, set[str]]) -> Ledger:
    return Ledger.of(numbers, {record: " ".join(sorted(held)) for record, held in texts.items() if held})
