"""Facts about refusing a training: which flags, which splits, and what the refusal says."""

from __future__ import annotations

import pyarrow as pa
import pytest

from workbench.errors import UsageError
from workbench.lm.xray import XRAY
from workbench.recipe import Recipe, with_overrides
from workbench.training.preflight import check_allowed, find_refusal, warnings_of

RECIPE = Recipe(name="a", base="tiny")
NONE: frozenset[str] = frozenset()


def seen(*rows: tuple[str, list[str]], validation: bool = True) -> pa.Table:
    whole = [*rows, ("validation", [])] if validation else rows
    pairs = enumerate(whole)
    rows_of = [{"record": f"r{place}", "split": split, "flags": flags} for place, (split, flags) in pairs]
    return pa.Table.from_pylist(rows_of, XRAY)


def test_clean_records_may_train() -> None:
    assert find_refusal(seen(("train", [])), RECIPE, NONE) is None


def test_truncation_warns_and_does_not_refuse() -> None:
    table = seen(("train", ["truncated"]))
    assert find_refusal(table, RECIPE, NONE) is None
    assert warnings_of(table) == {"truncated": 1}


@pytest.mark.parametrize(
    "code", ["double-bos", "literal-mark", "no-eos", "no-label", "out-of-range", "prompt-not-prefix", "not-encodable"]
)
def test_every_error_refuses_unless_it_is_allowed_by_name(code: str) -> None:
    table = seen(("train", []), ("test", [code]))
    refusal = find_refusal(table, RECIPE, NONE)
    assert refusal is not None and f"r1 ({code})" in refusal.what and f"--allow {code}" in refusal.hint
    assert find_refusal(table, RECIPE, frozenset({code})) is None


def test_allowing_one_flag_does_not_allow_another() -> None:
    refusal = find_refusal(seen(("train", ["double-bos", "no-eos"])), RECIPE, frozenset({"no-eos"}))
    assert refusal is not None and "(double-bos)" in refusal.what


@pytest.mark.parametrize("code", ["double-bos", "literal-mark"])
def test_a_literal_mark_is_answered_with_the_edit_that_repairs_it(code: str) -> None:
    refusal = find_refusal(seen(("train", [code])), RECIPE, NONE)
    assert refusal is not None and "workbench edit CORPUS --fix literal-marker" in refusal.hint


def test_a_refusal_names_five_records_and_counts_the_rest() -> None:
    refusal = find_refusal(seen(*[("train", ["no-eos"])] * 7), RECIPE, NONE)
    assert refusal is not None
    assert "7 of 8" in refusal.what and "r4 (" in refusal.what and "r5 (" not in refusal.what
    assert "2 more" in refusal.what


def test_a_refusal_says_why_the_first_record_became_no_tokens() -> None:
    table = seen(*[("train", ["not-encodable"])] * 3)
    told = table.set_column(table.schema.get_field_index("reason"), "reason", pa.array([None, "two users", "x", None]))
    refusal = find_refusal(told, RECIPE, NONE)
    assert refusal is not None and refusal.what.endswith(". r1: two users")


def test_an_empty_train_split_refuses() -> None:
    assert find_refusal(seen(("test", [])), RECIPE, NONE) is not None


def test_rows_without_anything_to_learn_do_not_fill_the_train_split() -> None:
    assert find_refusal(seen(("train", ["no-label"])), RECIPE, frozenset({"no-label"})) is not None


def test_an_empty_validation_split_refuses_only_where_it_would_be_measured() -> None:
    table = seen(("train", []), validation=False)
    assert find_refusal(table, RECIPE, NONE) is not None
    assert find_refusal(table, with_overrides(RECIPE, ["train.eval_steps=null"]), NONE) is None


def test_a_record_beyond_the_context_of_the_base_is_refused_with_both_numbers() -> None:
    table = seen(("train", [])).set_column(2, "tokens", pa.array([700, 90], pa.int32()))
    refusal = find_refusal(table, with_overrides(RECIPE, ["train.max_length=1024"]), NONE, context=512)
    assert refusal is not None and "1024" in refusal.what and "512" in refusal.what
    assert "train.max_length=512" in refusal.hint


@pytest.mark.parametrize(("asked", "tokens"), [(512, 700), (1024, 512)], ids=["cut to fit", "all short"])
def test_records_within_the_context_may_train(asked: int, tokens: int) -> None:
    table = seen(("train", [])).set_column(2, "tokens", pa.array([tokens, 90], pa.int32()))
    recipe = with_overrides(RECIPE, [f"train.max_length={asked}"])
    assert find_refusal(table, recipe, NONE, context=512) is None


def test_an_unknown_flag_cannot_be_allowed() -> None:
    with pytest.raises(UsageError) as caught:
        check_allowed(["double_bos"])
    assert "'double-bos'" in caught.value.hint
