"""Facts about recipes: reading, refusing, overriding and writing them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from workbench.errors import UsageError
from workbench.recipe import Recipe, cautions, dump, keys, load_recipe, with_overrides

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
MINIMAL = "base: tiny\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_recipe_in_the_repository_reads_and_survives_a_round_trip(path: Path, tmp_path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    assert load_recipe(written(tmp_path, dump(recipe))) == recipe


def test_a_learning_rate_that_yaml_reads_as_text_becomes_a_number(tmp_path: Path) -> None:
    recipe = load_recipe(written(tmp_path, MINIMAL + "train: {learning_rate: 2e-4}\n"))
    assert recipe.train.learning_rate == 0.0002


def test_an_unknown_key_is_answered_with_the_file_and_the_nearest_key(tmp_path: Path) -> None:
    path = written(tmp_path, MINIMAL + "train: {learning_rat: 1}\n")
    with pytest.raises(UsageError) as caught:
        load_recipe(path)
    assert str(path) in caught.value.what and "train.learning_rat" in caught.value.what
    assert "'train.learning_rate'" in caught.value.hint


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("train: {batch_size: 0}", "train.batch_size"),
        ("train: {learning_rate: .nan}", "train.learning_rate"),
        ("lora: {dropout: 1}", "lora.dropout"),
        ("quantization: {kind: int4}", "quantization.kind"),
    ],
)
def test_a_value_out_of_range_names_its_key(tmp_path: Path, line: str, key: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_recipe(written(tmp_path, MINIMAL + line + "\n"))
    assert key in caught.value.what


@pytest.mark.parametrize("text", ["- a\n", "a: [\n", ""])
def test_a_file_that_is_no_recipe_is_a_usage_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError):
        load_recipe(written(tmp_path, text))


def test_a_missing_recipe_is_answered_with_those_that_exist(tmp_path: Path) -> None:
    written(tmp_path, MINIMAL)
    with pytest.raises(UsageError) as caught:
        load_recipe(tmp_path / "mime.yaml")
    assert "'mine'" in caught.value.hint


def test_overrides_change_only_what_they_name() -> None:
    recipe = Recipe(name="a", base="tiny")
    wanted = ["train.learning_rate=1e-4", "train.max_steps=7", "lora.target_modules=[q_proj, v_proj]"]
    changed = with_overrides(recipe, [*wanted, "name=b"])
    assert (changed.train.learning_rate, changed.train.max_steps) == (1e-4, 7)
    assert (changed.lora.target_modules, changed.name) == (("q_proj", "v_proj"), "b")
    assert with_overrides(changed, ["train.max_steps=null"]).train.max_steps is None
    assert recipe == Recipe(name="a", base="tiny")


@pytest.mark.parametrize("override", ["learning_rate=1", "train=1", "train.learning_rate", "train.epochs=x"])
def test_an_override_that_cannot_be_applied_is_refused(override: str) -> None:
    with pytest.raises(UsageError):
        with_overrides(Recipe(name="a", base="tiny"), [override])


def test_a_short_override_is_answered_with_the_full_key() -> None:
    with pytest.raises(UsageError) as caught:
        with_overrides(Recipe(name="a", base="tiny"), ["learning_rate=1"])
    assert "'train.learning_rate'" in caught.value.hint


def test_a_value_that_does_not_fit_is_named_without_a_file() -> None:
    with pytest.raises(UsageError, match=r"^the recipe as set: 'train.epochs' must be a number, got 'x'"):
        with_overrides(Recipe(name="a", base="tiny"), ["train.epochs=x"])


def test_every_key_can_be_overridden_with_its_own_value() -> None:
    recipe = Recipe(name="a", base="tiny")
    data = recipe.model_dump(mode="json")
    for key in keys():
        value: object = data
        for step in key.split("."):
            assert isinstance(value, dict)
            value = value[step]
        assert with_overrides(recipe, [f"{key}={'null' if value is None else value}"]) == recipe


@pytest.mark.parametrize(
    ("override", "word"),
    [
        ("lora.r=256", "lora.r=256"),
        ("lora.alpha=2", "scales the adapter by 0.125"),
        ("train.scheduler=constant", "ignores train.warmup"),
        ("train.epochs=50", "train.epochs=50"),
    ],
)
def test_a_setting_that_works_against_its_user_is_warned_of(override: str, word: str) -> None:
    assert cautions(Recipe(name="a", base="tiny")) == []
    assert any(word in sentence for sentence in cautions(with_overrides(Recipe(name="a", base="tiny"), [override])))


def test_a_rank_stabilised_adapter_keeps_its_scale() -> None:
    large = with_overrides(Recipe(name="a", base="tiny"), ["lora.r=64", "lora.alpha=16"])
    assert (large.lora.scale, with_overrides(large, ["lora.use_rslora=true"]).lora.scale) == (0.25, 2.0)


def test_a_gptq_base_needs_its_modules_named(tmp_path: Path) -> None:
    text = MINIMAL + "quantization: {kind: gptq}\n"
    with pytest.raises(UsageError, match="all-linear finds no layer"):
        load_recipe(written(tmp_path, text))
    named = load_recipe(written(tmp_path, text + "lora: {target_modules: [q_proj]}\n"))
    assert named.lora.target_modules == ("q_proj",)


def test_recipes_load_without_torch() -> None:
    code = "import sys, workbench.recipe; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("plan", "asked", "recomputes"),
    [("auto", "true", True), ("auto", "false", False), ("none", "true", False), ("full", "false", True)],
)
def test_a_named_plan_wins_over_gradient_checkpointing(plan: str, asked: str, recomputes: bool) -> None:
    settings = [f"train.plan={plan}", f"train.gradient_checkpointing={asked}"]
    recipe = with_overrides(Recipe(name="a", base="tiny"), settings)
    assert recipe.train.recomputes is recomputes
    assert any("train.plan=none wins" in said for said in cautions(recipe)) == ((plan, asked) == ("none", "true"))


@pytest.mark.parametrize(("kind", "shares"), [("nf4", True), ("none", True), ("gptq", False)])
def test_of_a_gptq_base_nothing_is_shared_and_that_is_said(kind: str, shares: bool) -> None:
    settings = ["train.shard_base=true", f"quantization.kind={kind}", "lora.target_modules=[q_proj]"]
    recipe = with_overrides(Recipe(name="a", base="tiny"), settings)
    assert recipe.shares_base is shares
    assert any("shares nothing of a GPTQ base" in said for said in cautions(recipe)) is not shares
