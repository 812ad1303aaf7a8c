"""The ledger of tests: a record that ever stood in test never trains, nor does its text, whatever is drawn anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from workbench.curation.minhash import digests_of
from workbench.curation.units import compared_text, key_of
from workbench.schema import Schema
from workbench.store.state import State
from workbench.store.store import Store
from workbench.store.versions import Version, versions


@dataclass(frozen=True)
class Ledger:
    """What was ever tested, by record and by text."""

    numbers: dict[str, int] = field(default_factory=dict)
    """Record -> number of the first version it stood in test of."""
    texts: dict[str, str] = field(default_factory=dict)
    """Record -> keys of the texts it was tested with, sorted and joined by blanks."""

    def merged(self, other: Ledger) -> Ledger:
        """Return what either ledger holds, with the lowest number of each record."""
        numbers, texts = dict(self.numbers), dict(self.texts)
        for record, number in other.numbers.items():
            numbers[record] = min(number, numbers.get(record, number))
        for record, keys in other.texts.items():
            texts[record] = _joined(keys, texts.get(record, ""))
        return Ledger(numbers, texts)

    def bound(self, keys: Mapping[str, str]) -> Ledger:
        """Return the ledger with every record whose text, named by its key, was tested in another record."""
        first: dict[str, int] = {}
        for record, texts in self.texts.items():
            for key in texts.split():
                first[key] = min(self.numbers[record], first.get(key, self.numbers[record]))
        return self.merged(Ledger({record: first[key] for record, key in keys.items() if key in first}))

    def with_texts(self, keys: Mapping[str, str]) -> Ledger:
        """Return the ledger with the texts that its records have now."""
        return self.merged(Ledger(texts={record: keys[record] for record in self.numbers if record in keys}))


def _joined(keys: str, others: str) -> str:
    return " ".join(sorted({*keys.split(), *others.split()}))


def text_keys(records: pl.DataFrame, schema: Schema) -> dict[str, str]:
    """Return the key of each record's whole compared text, in hex; an empty text has none: it says nothing."""
    written = digests_of(compared_text(schema.derived(records), schema)).astype("<u8").tobytes().hex()
    size, empty = 2 * len(key_of("")), key_of("").hex()
    keys = {record: written[i * size : (i + 1) * size] for i, record in enumerate(records["id"])}
    return {record: key for record, key in keys.items() if key != empty}


def once_tested(store: Store, state: State, corpus: str) -> Ledger:
    """Return what the log knows to have stood in test, heirs and all they stand for.

    The newest version's assignment holds the whole ledger; of versions made before there was one, each is read.
    """
    known = versions(store.catalogue, corpus)
    if not known:
        return Ledger()
    last = store.objects.table(known[-1].assignment)
    if "tested" in last.columns:
        texts = dict(last.select("id", "texts").drop_nulls().iter_rows()) if "texts" in last.columns else {}
        return with_heirs(Ledger(dict(last.select("id", "tested").drop_nulls().iter_rows()), texts), state)
    out: dict[str, int] = {}
    for version in known:
        out = dict.fromkeys(_tested_by(store, version), version.number) | out
    return with_heirs(Ledger(out), state)


def _tested_by(store: Store, version: Version) -> list[str]:
    assignment = store.objects.table(version.assignment)
    return assignment.filter((pl.col("split") == "test") | (pl.col("prior") == "test"))["id"].to_list()


def with_heirs(tested: Ledger, state: State) -> Ledger:
    """Return the ledger with the records that stand today for vanished ones; the vanished may come back and stay."""
    heirs: dict[str, int] = {}
    for record in state.heirs.keys() & tested.numbers.keys():
        heir = state.today(record)
        heirs[heir] = min(tested.numbers[record], heirs.get(heir, tested.numbers[record]))
    return tested.merged(Ledger(heirs))
