"""Facts about memory plans: they fit what they are chosen for, go down to nothing, and keep the rows of a step."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.recipe import Recipe, with_overrides
from workbench.training.memory import Shape, choose, estimate
from workbench.training.plan import CHECKPOINTING, Descent, Plan, lower, planned, rows_at_once

MISTRAL = Shape(4096, 32, 14336, 32, 8, 128, 32000, tied=False, family="mistral")
GIB = 2**30


def recipe(*overrides: str) -> Recipe:
    return with_overrides(Recipe(name="r", base="b"), ["train.batch_size=8", *overrides])


@pytest.mark.parametrize(
    ("plan", "measured"),
    [
        (Plan("none", 16_384), 80.63),
        (Plan("selective", 16_384), 52.51),
        (Plan("full", 8_192), 8.32),
        (Plan("full", 16_384), 11.70),
        (Plan("offload", 2_048), 5.54),
        (Plan("selective", 4_096), 16.90),
        (Plan("none", 8_192), 42.94),
    ],
)
def test_the_estimate_is_what_was_measured_on_an_h200(plan: Plan, measured: float) -> None:
    assert estimate(MISTRAL, recipe(), plan).total / GIB == pytest.approx(measured, rel=0.15)


@given(st.integers(6, 140))
def test_a_chosen_plan_fits(gib: int) -> None:
    asked = recipe()
    assert estimate(MISTRAL, asked, choose(MISTRAL, asked, gib * GIB)).total <= gib * GIB


def test_a_named_plan_is_never_left() -> None:
    for kind in CHECKPOINTING:
        assert choose(MISTRAL, recipe(f"train.plan={kind}"), 10 * GIB).checkpointing == kind
    assert choose(MISTRAL, recipe("train.gradient_checkpointing=true"), 140 * GIB).checkpointing == "full"


def chain(first: Plan, following: Callable[[Plan], Plan | None]) -> list[Plan]:
    seen, plan = [first], following(first)
    while plan is not None:
        seen.append(plan)
        plan = following(plan)
    return seen


def test_lowering_ends() -> None:
    seen = chain(Plan("none", 2_048), lower)
    assert len(seen) == len(set(seen)) and seen[-1].checkpointing == "offload"


@given(st.integers(1, 32), st.integers(256, 20_000), st.integers(1, 4_096))
def test_every_step_down_lays_a_step_out_otherwise(batch: int, tokens: int, longest: int) -> None:
    descent = Descent(Plan("none", tokens), recipe(f"train.batch_size={batch}"), longest)
    layouts = [planned(descent.recipe, plan, longest) for plan in chain(descent.first, descent.below)]
    assert all(one != other for one, other in itertools.pairwise(layouts))
    every = [planned(descent.recipe, plan, longest) for plan in chain(descent.first, lower)]
    assert [layout for layout, _ in itertools.groupby(every)] == layouts


def test_a_step_down_never_takes_as_many_rows_at_once_as_before() -> None:
    descent = Descent(Plan("offload", 8_192), recipe(), 2_048)
    assert descent.below(Plan("offload", 8_192)) == Plan("offload", 4_096)
    assert descent.below(Plan("offload", 2_048)) is None  # one row at once already


@given(st.integers(1, 32), st.integers(1, 8), st.integers(256, 20_000), st.integers(1, 4_096))
def test_the_rows_of_a_step_stay(batch: int, parts: int, tokens: int, longest: int) -> None:
    asked = recipe(f"train.batch_size={batch}", f"train.gradient_accumulation={parts}")
    at_once, turns = rows_at_once(asked, Plan("none", tokens), longest)
    assert at_once * turns == batch * parts
    assert at_once == 1 or at_once * longest <= tokens


def test_a_base_that_gpus_share_weighs_less_on_each_and_never_less_than_two_layers() -> None:
    shared, plan = recipe("train.shard_base=true"), Plan("full", 4096)
    alone, two, many = (estimate(MISTRAL, shared, plan, gpus).weights for gpus in (1, 2, 1000))
    assert alone == estimate(MISTRAL, recipe(), plan, 2).weights
    assert 0.5 * alone < two < 0.7 * alone and many > MISTRAL.embedding_weights * 2
    packed = recipe("train.shard_base=true", "quantization.kind=gptq", "lora.target_modules=[q_proj]")
    assert estimate(MISTRAL, packed, plan, 2).weights == estimate(MISTRAL, packed, plan, 1).weights
