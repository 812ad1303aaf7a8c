"""What an engine finds is kept part by part, for itself and for this machine alone."""

from __future__ import annotations

import polars as pl
import pytest

from tests.unit.scale.test_near import drawn
from workbench.curation.nearness import near_pairs
from workbench.scale import shards
from workbench.services.duplicates import kept_pairs
from workbench.services.duplicates.kept_pairs import near_texts, near_texts_by

TEXTS = drawn(90)
Pair = tuple[int, int, float]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "PART", 10)


def pairs(*parts) -> list[Pair]:
    """Return the pairs of some parts, of which none holds many."""
    assert max(len(part.one) for part in parts) <= 10 or len(parts) == 1
    return sorted(pair for part in parts for pair in zip(part.one, part.other, part.jaccard, strict=True))


def by_engine(engine, store, texts: pl.Series) -> list[Pair]:
    return pairs(*near_texts_by(engine, store.workspace, "c", texts, 5))


def kept(store, what: str):
    return sorted(store.workspace.cache.glob(f"near-*/{what}"))


def test_what_an_engine_found_is_found_once_for_it_and_for_this_machine(engine, told, store, monkeypatch):
    alone = pairs(near_pairs(TEXTS, 5))
    assert len(alone) > 20 and by_engine(engine, store, TEXTS) == alone
    assert told and len(kept(store, "pairs-*")) > 2
    told.clear()
    assert by_engine(engine, store, TEXTS) == alone
    monkeypatch.setattr(kept_pairs, "signed", lambda *_: pytest.fail("texts were signed again"))
    assert pairs(near_texts(store.workspace, "c", TEXTS, 5)) == alone
    assert not told


def test_an_engine_takes_up_what_this_machine_found_also_of_fewer_texts(engine, told, store):
    near_texts(store.workspace, "c", TEXTS, 5)
    assert by_engine(engine, store, TEXTS[5:]) == pairs(near_pairs(TEXTS[5:], 5))
    assert not told


@pytest.mark.parametrize("torn", [b"", b"torn"])
def test_an_engine_looks_again_where_kept_pairs_are_torn(engine, told, store, torn):
    by_engine(engine, store, TEXTS)
    told.clear()
    kept(store, "pairs-*")[1].write_bytes(torn)
    assert by_engine(engine, store, TEXTS) == pairs(near_pairs(TEXTS, 5))
    assert told


def test_pairs_of_before_are_not_left_behind(engine, store):
    by_engine(engine, store, TEXTS)
    before = kept(store, "pairs-*")
    by_engine(engine, store, pl.concat([TEXTS, drawn(3, "other ")]))
    assert kept(store, "pairs-*") and not set(before) & set(kept(store, "pairs-*"))


def test_no_texts_have_no_pairs(engine, store):
    assert not by_engine(engine, store, TEXTS[:0]) and not by_engine(engine, store, TEXTS[:0])
