"""Facts about rows of a fixed length: every token of every record once, at its own place, and padding that is none."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from workbench.lm.template import NOT_LEARNED
from workbench.training.fast.rows import PADDING, OneRow, frame, rounded

PAD = 0
PADDED = DataCollatorForLanguageModeling(pad_token_id=PAD)
PACKED = DataCollatorForLanguageModeling(pad_token_id=PAD, padding_free=True)
LENGTHS = st.lists(st.integers(1, 700), min_size=1, max_size=8)


def records(lengths: list[int]) -> list[dict[str, Any]]:
    """Records whose tokens tell them apart; each learns all of itself."""
    ids = [[100 * place + token % 90 + 5 for token in range(length)] for place, length in enumerate(lengths)]
    return [{"input_ids": each, "labels": list(each)} for each in ids]


@pytest.mark.parametrize("collator", [PADDED, PACKED], ids=["padded", "packed"])
@given(lengths=LENGTHS)
def test_every_record_stands_in_the_row_once_between_its_own_bounds(collator: Any, lengths: list[int]) -> None:
    made = records(lengths)
    batch = OneRow(collator, frame(lengths, len(lengths)))(made)
    bounds = batch["cu_seq_lens_q"].tolist()
    for (start, end), record in zip(pairwise(bounds), made, strict=False):
        assert batch["input_ids"][0, start:end].tolist() == record["input_ids"]
        assert batch["position_ids"][0, start:end].tolist() == list(range(end - start))
        # A record's first token is predicted by nothing of its own, and not by the record before it.
        assert batch["labels"][0, start:end].tolist() == [NOT_LEARNED, *record["labels"][1:]]


@given(LENGTHS, st.integers(1, 8))
def test_a_row_is_full_of_records_and_padding_that_nothing_learns_from(lengths: list[int], rows: int) -> None:
    known = frame(lengths, rows)
    batch = OneRow(PADDED, known)(records(lengths[:rows]))
    tokens, length = sum(lengths[:rows]), batch["input_ids"].shape[1]
    assert length in known.lengths and length % 256 == 0 and batch[PADDING] == length - tokens >= 0
    assert {batch[key].shape for key in ("input_ids", "labels", "position_ids")} == {(1, length)}
    assert set(batch["labels"][0, tokens:].tolist()) <= {NOT_LEARNED}
    bounds = batch["cu_seq_lens_q"]
    assert torch.equal(bounds, batch["cu_seq_lens_k"]) and bounds.dtype == torch.int32
    assert (bounds[0], bounds[-1]) == (0, length) and len(bounds) == known.bounds(length)
    widths = bounds.diff()
    assert widths.min() >= 0 and widths.max() <= batch["max_length_q"] == batch["max_length_k"] == max(lengths)


@given(LENGTHS, st.integers(1, 8))
def test_the_last_batch_with_fewer_records_has_a_length_and_bounds_that_others_have(
    lengths: list[int], rows: int
) -> None:
    known = frame(lengths, rows)
    few, many = (OneRow(PADDED, known)(records(lengths[:count])) for count in (1, rows))
    assert few["input_ids"].shape[1] in known.lengths
    if few["input_ids"].shape == many["input_ids"].shape:
        assert few["cu_seq_lens_q"].shape == many["cu_seq_lens_q"].shape


def test_packed_rows_have_one_length_and_longer_ones_than_known_the_next() -> None:
    known = frame([100, 300], 2, largest=1000)
    assert known.lengths == (1024,) and known.length(5) == 1024
    assert known.length(1025) == 1280 == rounded(1025)


def test_the_fuller_batches_share_few_lengths() -> None:
    known = frame([10] * 900 + [2000] * 8, 8)
    assert known.lengths[-1] == rounded(16_000) and len(known.lengths) < 24
    assert list(known.lengths) == sorted(set(known.lengths))
