"""An engine finds the near pairs that this machine finds, to the last bit, whatever the shards are."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.curation import nearness
from workbench.curation.nearness import Near
from workbench.errors import OutsideError
from workbench.scale import near, shards
from workbench.scale.engine import Engine

TEXTS = st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=12).map(" ".join), max_size=24)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make shards of seven texts, and buckets of more than nine crowded: both are met by few texts then."""
    monkeypatch.setattr(near, "SHARD", 7)
    monkeypatch.setattr(shards, "SHARD", 7)
    monkeypatch.setattr(near, "CROWDED", 9)
    monkeypatch.setattr(nearness, "CROWDED", 9)


def said(*parts: Near) -> tuple[list[tuple[int, int, float]], int]:
    pairs = [
        pair
        for part in parts
        for pair in zip(part.one.tolist(), part.other.tolist(), part.jaccard.tolist(), strict=True)
    ]
    return sorted(pairs), sum(part.left_out for part in parts)


def drawn(count: int, begin: str = "") -> pl.Series:
    """Return texts of which a third are copies with a few other words."""
    chance = random.Random(0)
    texts: list[list[str]] = []
    for number in range(count):
        words = [f"w{chance.randrange(400)}" for _ in range(40)]
        if number % 3 == 0 and texts:
            words = list(chance.choice(texts))
            words[chance.randrange(40)] = f"new{number}"
        texts.append(words)
    return pl.Series([begin + " ".join(words) for words in texts])


@pytest.mark.usefixtures("small")
@given(TEXTS, st.integers(1, 3), st.sampled_from([0.3, 0.6]))
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_texts_give_the_pairs_that_one_machine_gives(engine, texts, ngram, floor):
    column = pl.Series(texts, dtype=pl.String)
    sides = (1 << np.arange(len(texts)) % 3).astype(np.uint8)
    for standing in (None, sides):
        alone = nearness.near_pairs(column, ngram, floor=floor, sides=standing)
        assert said(*near.near_parts(engine, column, ngram, floor=floor, sides=standing)) == said(alone)


@pytest.mark.usefixtures("small")
def test_crowded_buckets_leave_out_what_one_machine_leaves_out(engine):
    texts = drawn(300, begin="".join(f"word{number} " for number in range(30)))
    alone = nearness.near_pairs(texts, 2)
    assert alone.left_out > 0 and len(alone.one) > 10
    assert said(*near.near_parts(engine, texts, 2)) == said(alone)


def test_shards_as_they_are_give_the_pairs_that_one_machine_gives(engine, told):
    texts = drawn(600)
    alone = nearness.near_pairs(texts, 5)
    assert len(alone.one) > 100 and said(*near.near_parts(engine, texts, 5)) == said(alone)
    assert told == ["looking for texts that share a band", "comparing signatures", "comparing texts"]


@pytest.mark.usefixtures("small")
def test_a_bad_shard_names_itself_and_nothing_is_left_behind(engine, tmp_path: Path):
    def spoil(line: str, done: int = 0, total: int = 0) -> None:
        if line == "comparing signatures" and not total:
            (shard,) = tmp_path.glob("scale-*/texts-000001.parquet")
            shard.chmod(0o600)
            shard.write_bytes(b"torn")

    with pytest.raises(OutsideError, match=r"texts-000001\.parquet cannot be read"):
        near.near_parts(Engine(tmp_path, spoil), drawn(60), 2)
    assert not list(tmp_path.iterdir())
