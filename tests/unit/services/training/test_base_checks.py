"""Facts about a recipe on its base before anything is loaded: each planted fault is named by its code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bases import write_base
from tests.plants import plants
from workbench.errors import UsageError
from workbench.lm import load
from workbench.recipe import Recipe, with_overrides
from workbench.services.training.base_checks import arithmetic, base_checks, memory, modules_of, stored, targets
from workbench.services.training.device import Gpu

GIB = 2**30
GPU = Gpu(0, "card", 0.0, 0, 24 * GIB)
LAYERS = tuple(f"model.layers.0.{part}" for part in ("self_attn.q_proj", "self_attn.v_proj", "mlp.up_proj"))


def recipe(*overrides: str) -> Recipe:
    return with_overrides(Recipe(name="a", base="tiny"), overrides)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_base(tmp_path_factory.mktemp("base"), ["some words to begin with"] * 5)


def test_the_layers_of_a_base_are_read_from_its_files(base):
    modules = modules_of(base)
    assert "model.layers.0.self_attn.q_proj" in modules and "model.layers.0.mlp.down_proj" in modules


def test_a_good_recipe_passes(base):
    assert [check.verdict for check in base_checks(recipe(), base, (GPU,))] == ["ok"] * 4
    wide = targets(recipe("lora.target_modules=[q_proj, up_proj]"), LAYERS)
    assert wide.verdict == "ok" and "2 modules" in wide.said


@plants("target-absent")
def test_a_module_that_the_base_lacks_stands_in_the_way_and_those_it_has_are_named():
    found = targets(recipe("lora.target_modules=[q_proj, query]"), LAYERS)
    assert (found.verdict, found.code) == ("no", "target-absent")
    assert "called query;" in found.said and "q_proj, up_proj, v_proj" in found.said


@plants("attention-only")
def test_attention_alone_is_worth_a_look():
    found = targets(recipe("lora.target_modules=[q_proj, v_proj]"), LAYERS)
    assert (found.verdict, found.code) == ("look", "attention-only")


@plants("slow-arithmetic")
def test_four_bits_computed_in_float32_are_worth_a_look():
    assert arithmetic(recipe("quantization.compute_dtype=float32"), ()).code == "slow-arithmetic"
    plain = recipe("quantization.compute_dtype=float32", "quantization.kind=none")
    assert arithmetic(plain, ()).verdict == "ok"


@plants("float16")
@pytest.mark.parametrize("setting", ["quantization.compute_dtype=float16", "train.precision=float16"])
def test_float16_is_worth_a_look_on_a_gpu_and_never_runs_on_a_cpu(setting):
    assert arithmetic(recipe(setting), (GPU,)).code == "float16"
    assert arithmetic(recipe(setting), ()).verdict == "ok"


@plants("device-memory")
def test_a_base_beyond_the_memory_of_the_card_stands_in_the_way_with_both_numbers(tmp_path):
    large = {"hidden_size": 8192, "num_hidden_layers": 80, "intermediate_size": 28672, "num_attention_heads": 64}
    (tmp_path / "config.json").write_text(json.dumps(large | {"vocab_size": 32000}))
    found = memory(recipe(), tmp_path, [Gpu(0, "card", 0.0, 4 * GIB, 24 * GIB)])
    assert (found.verdict, found.code) == ("no", "device-memory")
    assert "of 20.0 GiB" in found.said


def test_of_several_gpus_the_fullest_decides(tmp_path):
    large = {"hidden_size": 4096, "num_hidden_layers": 32, "intermediate_size": 14336, "num_attention_heads": 32}
    (tmp_path / "config.json").write_text(json.dumps(large | {"vocab_size": 32000}))
    cards = (GPU, Gpu(1, "card", 0.0, 23 * GIB, 24 * GIB))
    assert [check.code for check in base_checks(recipe("lora.target_modules=all-linear"), tmp_path, cards)][3] == (
        "device-memory"
    )


def stored_by(method: str, folder: Path) -> Path:
    (folder / "config.json").write_text(json.dumps({"quantization_config": {"quant_method": method}} if method else {}))
    return folder


@plants("stored-otherwise")
@pytest.mark.parametrize(
    ("method", "kind", "said", "fix"),
    [
        ("gptq", "nf4", "is stored quantised by gptq", "quantization.kind=gptq"),
        ("awq", "nf4", "is stored quantised by awq", "full precision"),
        ("bitsandbytes", "nf4", "is stored quantised by bitsandbytes", "full precision"),
        ("", "gptq", "is not quantised", "quantization.kind=nf4"),
    ],
)
def test_a_base_in_another_form_than_the_recipes_stands_in_the_way_with_its_cure(tmp_path, method, kind, said, fix):
    asked = recipe("lora.target_modules=[q_proj]", f"quantization.kind={kind}")
    found = stored(asked, stored_by(method, tmp_path))
    assert (found.verdict, found.code) == ("no", "stored-otherwise")
    assert said in found.said and fix in found.fix


@plants("gptq-package")
def test_a_gptq_base_without_its_package_stands_in_the_way(tmp_path, monkeypatch):
    asked = recipe("lora.target_modules=[q_proj]", "quantization.kind=gptq")
    monkeypatch.setattr(load, "find_spec", lambda _: None)
    found = stored(asked, stored_by("gptq", tmp_path))
    assert (found.verdict, found.code) == ("no", "gptq-package") and "workbench[gptq]" in found.fix
    monkeypatch.setattr(load, "find_spec", lambda _: object())
    assert stored(asked, stored_by("gptq", tmp_path)).verdict == "ok"


@pytest.mark.parametrize(
    "text", ["{torn", "[1]", '"gptq"', "\xff", "[" * 100_000, '{"quantization_config": "gptq"}', '{"text_config": [1]}']
)
def test_a_damaged_configuration_is_named_and_is_no_bug(tmp_path, text):
    (tmp_path / "config.json").write_bytes(text.encode("latin-1"))
    for look in (lambda: stored(recipe(), tmp_path), lambda: memory(recipe(), tmp_path, [GPU])):
        with pytest.raises(UsageError, match=r"does not load: config\.json"):
            look()


@pytest.mark.parametrize(("key", "value"), [("num_attention_heads", 0), ("head_dim", "wide"), ("vocab_size", -1)])
def test_sizes_that_cannot_be_are_not_estimated(base, tmp_path, key, value):
    config = json.loads((base / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {key: value}))
    found = memory(recipe(), tmp_path, [GPU])
    assert found.verdict == "ok" and key in found.said


def test_an_architecture_without_known_sizes_is_not_estimated(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    found = memory(recipe(), tmp_path, [GPU])
    assert found.verdict == "ok" and "hidden_size" in found.said


def test_a_torn_file_of_weights_is_named(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"\x08\0")
    with pytest.raises(UsageError, match=r"model\.safetensors.*cannot be read"):
        modules_of(tmp_path)
