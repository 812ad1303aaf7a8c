"""The page of the five systems: what it says of the settings that run is what the recipes resolve to."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.lm import precision
from workbench.recipe import ALL_LINEAR, Generate, Recipe, load_recipe
from workbench.training.memory import Shape, adapter_weights
from workbench.workspace import samples

PAGE = Path(__file__).parents[2] / "docs" / "systems.md"
MISTRAL = Shape(4096, 32, 14336, 32, 8, 128, 32000, tied=False, family="mistral")
NAMES = sorted(path.stem for path in (samples() / "recipes").glob("*.yaml") if path.stem != "tiny")


def row(name: str, recipe: Recipe) -> str:
    """Return the line of the page's table for a resolved recipe."""
    cells = (f"`{name}`", _stored(recipe), _adapter(recipe), _loop(recipe), _learning(recipe), _rows(recipe))
    return f"| {' | '.join(cells)} | {_decoding(recipe.generate)} |"


def _stored(recipe: Recipe) -> str:
    bits = recipe.quantization
    kind = f"{bits.kind}, double" if bits.kind == "nf4" and bits.double_quant else bits.kind
    here = [precision.run_precision(recipe, device).compute for device in ("cuda:0", "cpu")]
    return f"{kind}; {' / '.join(here)}"


def _adapter(recipe: Recipe) -> str:
    lora = recipe.lora
    modules = "every linear layer" if lora.target_modules == ALL_LINEAR else f"{len(lora.target_modules)} modules"
    weights = adapter_weights(MISTRAL, recipe) / 1e6
    return f"r {lora.r}, alpha {lora.alpha}, dropout {lora.dropout:g}, {modules}: {weights:.1f} M"


def _loop(recipe: Recipe) -> str:
    train = recipe.train
    return f"{train.epochs:g} x ({train.batch_size} x {train.gradient_accumulation})"


def _learning(recipe: Recipe) -> str:
    train = recipe.train
    return f"{train.learning_rate:g} {train.scheduler}, warm-up {train.warmup:g}, {train.optimizer}"


def _rows(recipe: Recipe) -> str:
    train = recipe.train
    learned = "answers" if train.completion_only else "all"
    return f"{train.max_length:,}{', packed' if train.packing else ''}, {learned}"


def _decoding(generate: Generate) -> str:
    if not generate.do_sample:
        return f"greedy, {generate.max_new_tokens}"
    top_k = f", top-k {generate.top_k}" if generate.top_k else ""
    return f"T {generate.temperature:g}, top-p {generate.top_p:g}{top_k}, {generate.max_new_tokens}"


@pytest.mark.parametrize("name", NAMES)
def test_the_page_tells_the_settings_that_a_recipe_resolves_to(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_has_bfloat16", lambda: True)
    recipe = load_recipe(samples() / "recipes" / f"{name}.yaml")
    assert row(name, recipe) in PAGE.read_text(encoding="utf-8")
