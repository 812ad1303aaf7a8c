"""A proof says the same where its pairs come part by part."""

from __future__ import annotations

from functools import partial

import polars as pl
import pytest

from tests.unit.curation.texts import PROSE, frame_of, numbered
from tests.unit.scale.test_near import drawn
from workbench.curation.proof import LISTED, prove
from workbench.scale import near, shards


@pytest.mark.parametrize("leaks", [True, False])
def test_pairs_in_parts_prove_what_all_pairs_at_once_prove(engine, monkeypatch, leaks):
    monkeypatch.setattr(shards, "PART", 4)
    close = [numbered(8 * i, 8 * i + 30) for i in range(60)]  # each with the next one at a Jaccard of 0.53
    texts = [*close, *(close if leaks else []), *(drawn(40) if leaks else [])]
    sides = [("train", "validation", "test")[number % 3] for number in range(len(texts))]
    frame = frame_of(PROSE, ({"text": text} for text in texts)).with_columns(
        source=pl.lit("s"), position=pl.int_range(pl.len()) * 2, split=pl.Series(sides)
    )
    alone = prove(frame, PROSE)
    assert prove(frame, PROSE, look=partial(near.near_parts, engine)) == alone
    assert alone.clean is not leaks and len(alone.closest) == LISTED
