"""Facts about a sweep: its values are read by the recipe's own rules, and what is not measured says so."""

from __future__ import annotations

import pytest

from tests.corpora import CORPUS, cut, deliver, facts
from tests.runs import scored_run
from workbench.errors import UsageError
from workbench.recipe import Recipe, with_overrides
from workbench.services.training.sweep import (
    COST,
    QUALITY,
    Axis,
    Sweep,
    Variant,
    _known,
    lacks_latency,
    parse_axis,
    rows_of,
    sweep,
    variants,
)
from workbench.services.training.train import Training
from workbench.store.store import Store

RANKS, ALPHAS = Axis("lora.r", ("8", "16", "32")), Axis("lora.alpha", ("16", "32", "64"))
NUMBERS = {"n": 5, "em": 0.2, "f1": 0.5, "languages": {"fr": {"em": 0.0, "f1": 0.4, "n": 3}}}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("lora.r=8,16,32", ("8", "16", "32")),
        ("train.learning_rate=1e-4, 2e-4", ("1e-4", "2e-4")),
        ("lora.target_modules=[q_proj, v_proj],all-linear", ('["q_proj", "v_proj"]', "all-linear")),
        ("train.eval_steps=null,10", ("null", "10")),
        ("lora.use_dora=true,false", ("true", "false")),
    ],
)
def test_values_are_read_as_a_recipe_reads_them(text, values):
    axis = parse_axis(text)
    assert axis.values == values
    assert len({with_overrides(Recipe(name="a", base="b"), [setting]) for setting in axis.settings()}) == len(values)


@pytest.mark.parametrize(("text", "word"), [("rank=8", "lora.r"), ("lora.r", "lora.r=8"), ("lora.r=[", "lora.r=8")])
def test_an_axis_that_cannot_be_read_is_answered_with_how_to_write_it(text, word):
    with pytest.raises(UsageError) as caught:
        parse_axis(text)
    assert word in caught.value.hint


def test_all_combinations_are_trained_or_the_axes_side_by_side():
    assert len(variants([RANKS, ALPHAS], is_zipped=False)) == 9
    assert variants([RANKS, ALPHAS], is_zipped=True) == [
        ("lora.r=8", "lora.alpha=16"),
        ("lora.r=16", "lora.alpha=32"),
        ("lora.r=32", "lora.alpha=64"),
    ]


@pytest.mark.parametrize("axes", [[RANKS, Axis("lora.alpha", ("16",))], [RANKS, RANKS]])
def test_axes_that_do_not_fit_each_other_are_refused(axes):
    with pytest.raises(UsageError):
        variants(axes, is_zipped=True)


def test_a_base_that_answers_alike_has_one_row_and_another_one_its_own():
    same = [Variant((f"lora.r={r}",), f"run-{r}", "finished", base=NUMBERS, tuned=NUMBERS) for r in (8, 16)]
    other = Variant(("quantization.kind=none",), "run-n", "finished", base=NUMBERS | {"f1": 0.6}, tuned=NUMBERS)
    named = [row["variant"] for row in rows_of([*same, other])]
    assert named == [
        "baseline",
        "baseline of quantization.kind=none",
        "lora.r=8",
        "lora.r=16",
        "quantization.kind=none",
    ]


def test_a_variant_that_did_not_finish_has_a_row_with_its_reason_and_no_number():
    [row] = rows_of([Variant(("lora.r=8",), "run", "failed", "the device is full")])
    assert (row["state"], row["reason"]) == ("failed", "the device is full")
    assert all(row[name]["value"] is None and row[name]["reason"] for name in (*QUALITY, *COST))


def test_what_was_not_measured_says_so_in_a_finished_row():
    [_, row] = rows_of([Variant(("lora.r=8",), "run", "finished", base=NUMBERS, tuned=NUMBERS)])
    assert row["f1"] == 0.5 and row["languages"]["fr"]["n"] == 3
    assert all(row[name]["value"] is None for name in COST)


def test_a_wrong_value_is_refused_before_anything_is_trained(store: Store):
    from workbench.workspace import samples

    deliver(store, facts(*range(10)))
    cut(store)
    recipe = (samples() / "recipes" / "tiny.yaml").read_text(encoding="utf-8")
    store.workspace.recipe_file("tiny").write_text(recipe, encoding="utf-8")
    with pytest.raises(UsageError, match=r"lora\.r"):
        sweep(store, Sweep(Training(CORPUS), (Axis("lora.r", ("8", "0")),)))
    assert not list(store.workspace.runs.glob("*"))


def test_plain_text_is_not_measured_again_for_waiting_times_that_it_cannot_have():
    missing = {"value": None, "reason": "not measured"}
    assert lacks_latency({"em": 0.5, "first_token_p50": missing}) and lacks_latency({"em": 0.5})
    assert not lacks_latency({"em": missing, "first_token_p50": missing})
    assert not lacks_latency({"em": 0.5, "first_token_p50": 0.1})


@pytest.mark.parametrize("file", ["run.json", "state.json", "recipe.yaml"])
def test_a_damaged_run_is_none_of_a_sweeps_and_hides_no_other(store: Store, file: str):
    deliver(store, facts(*range(10)))
    version = cut(store)
    recipe = Recipe(name="none", base="none")
    for name in ("damaged", "whole"):
        scored_run(store, version, name, [])
    (store.workspace.run_folder("damaged") / file).write_text("{")
    found = _known(store, version, recipe)
    assert found is not None and found.name == "whole"
