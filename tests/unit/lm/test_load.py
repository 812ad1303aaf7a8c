"""Facts about loading: 4 bits as asked, a frozen base, true gradients on a CPU, errors that name the base."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import bitsandbytes
import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file
from transformers import MistralConfig, MistralForCausalLM

from workbench.errors import OutsideError, UsageError
from workbench.lm.load import attach_adapter, base_folder, check_stored, device, fix_bnb_cpu, load_base, to_float32

IDS = torch.arange(4, 36).reshape(2, 16)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    torch.manual_seed(0)
    shape = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 1, "vocab_size": 64}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "sliding_window": None}
    MistralForCausalLM(MistralConfig(**shape, **heads, tie_word_embeddings=True)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an adapter whose effect is not zero."""
    folder = tmp_path_factory.mktemp("adapter")
    tuned = get_peft_model(load_base(base, device="cpu"), LoraConfig(r=4, target_modules="all-linear"))
    torch.manual_seed(1)
    for name, parameter in tuned.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.1)
    tuned.save_pretrained(folder)
    return folder


def _four_bit(model: torch.nn.Module) -> list[bitsandbytes.nn.Linear4bit]:
    return [module for module in model.modules() if isinstance(module, bitsandbytes.nn.Linear4bit)]


def test_nf4_holds_the_projections_in_four_bits_and_the_rest_in_the_compute_dtype(base: Path) -> None:
    model = load_base(base, device="cpu")
    layers = _four_bit(model)
    assert len(layers) == 7
    assert {layer.weight.quant_state.quant_type for layer in layers} == {"nf4"}
    assert {layer.compute_dtype for layer in layers} == {torch.bfloat16}
    assert all(layer.weight.quant_state.nested for layer in layers)
    assert model.get_input_embeddings().weight.dtype == torch.bfloat16
    assert {p.dtype for name, p in model.named_parameters() if "norm" in name} == {torch.bfloat16}


def test_a_format_that_the_device_lacks_is_loaded_in_its_nearest(base: Path) -> None:
    layers = _four_bit(load_base(base, compute_dtype="float16", device="cpu"))
    assert {layer.compute_dtype for layer in layers} == {torch.bfloat16}


def test_a_base_that_goes_to_gpus_by_way_of_the_host_keeps_their_format(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.lm.load._own_device", lambda: "cuda:0")
    model = load_base(base, compute_dtype="float16", device="cpu", divisible=True)
    assert {layer.compute_dtype for layer in _four_bit(model)} == {torch.float16}
    assert model.get_input_embeddings().weight.dtype == torch.float16


def test_a_base_is_loaded_in_the_form_it_is_stored_in_and_no_other(base: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not quantised, and the recipe says gptq"):
        load_base(base, quantization="gptq", device="cpu")
    stored = shutil.copytree(base, tmp_path / "gptq")
    config = json.loads((stored / "config.json").read_text(encoding="utf-8"))
    config["quantization_config"] = {"quant_method": "gptq", "bits": 4}
    (stored / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(UsageError, match="stored quantised by gptq, and the recipe says nf4") as caught:
        load_base(stored, device="cpu")
    assert "quantization.kind=gptq" in caught.value.hint


@pytest.mark.skipif(find_spec("gptqmodel") is not None, reason="the extra gptq is installed")
def test_without_its_extra_a_gptq_base_says_how_to_install_it(base: Path, tmp_path: Path) -> None:
    stored = shutil.copytree(base, tmp_path / "gptq")
    (stored / "config.json").write_text('{"quantization_config": {"quant_method": "gptq"}}', encoding="utf-8")
    with pytest.raises(UsageError, match="gptqmodel") as caught:
        load_base(stored, quantization="gptq", device="cpu")
    assert "workbench[gptq]" in caught.value.hint


def test_double_quantisation_can_be_left_out(base: Path) -> None:
    layers = _four_bit(load_base(base, double_quant=False, device="cpu"))
    assert not any(layer.weight.quant_state.nested for layer in layers)


def test_without_quantisation_the_weights_are_those_on_disk(base: Path) -> None:
    model = load_base(base, quantization="none", compute_dtype="float32", device="cpu")
    stored = load_file(base / "model.safetensors")
    assert not _four_bit(model)
    assert all(torch.equal(model.get_parameter(name), tensor) for name, tensor in stored.items())


@pytest.mark.parametrize("quantization", ["nf4", "none"])
def test_a_loaded_base_has_nothing_to_learn(base: Path, quantization: str) -> None:
    model = load_base(base, quantization=quantization, device="cpu")
    assert not any(parameter.requires_grad for parameter in model.parameters())


def _input_gradient(model: MistralForCausalLM) -> torch.Tensor:
    """Return the gradient of the loss at the embeddings: it passes every projection."""
    embedded = model.get_input_embeddings()(IDS).detach().requires_grad_(True)
    logits = model(inputs_embeds=embedded, use_cache=False).logits.float()
    torch.nn.functional.cross_entropy(logits.flatten(0, 1), IDS.flatten()).backward()
    assert embedded.grad is not None
    return embedded.grad.flatten().float()


def test_gradients_stay_true_after_a_forward_in_eval_mode(base: Path) -> None:
    model = load_base(base, compute_dtype="float32", device="cpu")
    with torch.no_grad():
        model.eval()(IDS)
    gradient = _input_gradient(model.train())
    plain = _input_gradient(load_base(base, compute_dtype="float32", device="cpu").dequantize())
    assert torch.nn.functional.cosine_similarity(gradient, plain, dim=0) > 0.999


def test_the_cpu_packing_is_off_after_every_kind_of_load(base: Path, adapter: Path) -> None:
    model = load_base(base, device="cpu")
    assert [layer.support_avx512bf16_for_cpu for layer in _four_bit(model)] == [False] * 7
    for layer in _four_bit(model):
        layer.support_avx512bf16_for_cpu = True
    tuned = attach_adapter(model, adapter)
    assert [layer.support_avx512bf16_for_cpu for layer in _four_bit(tuned)] == [False] * 7


def test_fixing_a_model_without_four_bit_layers_changes_nothing() -> None:
    layer = torch.nn.Linear(2, 2)
    fix_bnb_cpu(layer)
    assert not hasattr(layer, "support_avx512bf16_for_cpu")


def test_an_adapter_changes_the_answer_and_is_held_in_float32(base: Path, adapter: Path) -> None:
    tuned = attach_adapter(load_base(base, device="cpu"), adapter).eval()
    with torch.no_grad():
        changed = tuned(IDS).logits
        with tuned.disable_adapter():
            plain = tuned(IDS).logits
    assert not torch.equal(changed, plain)
    assert {p.dtype for name, p in tuned.named_parameters() if "lora_" in name} == {torch.float32}
    stored = load_file(adapter / "adapter_model.safetensors")
    loaded = dict(tuned.named_parameters())
    assert stored
    for name, tensor in stored.items():
        assert torch.equal(loaded[name.replace(".weight", ".default.weight")], tensor.float())


def test_an_adapter_learns_only_when_asked_to(base: Path, adapter: Path) -> None:
    still = attach_adapter(load_base(base, device="cpu"), adapter)
    assert not any(parameter.requires_grad for parameter in still.parameters())
    moving = attach_adapter(load_base(base, device="cpu"), adapter, trainable=True)
    assert {name.split(".")[-3] for name, p in moving.named_parameters() if p.requires_grad} == {
        "lora_A",
        "lora_B",
    }


def test_only_the_adapter_is_cast_to_float32(base: Path) -> None:
    tuned = get_peft_model(load_base(base, device="cpu"), LoraConfig(r=4, target_modules="all-linear"))
    tuned.to(torch.bfloat16)
    to_float32(tuned)
    kinds = {
        "lora_" in name: parameter.dtype
        for name, parameter in tuned.named_parameters()
        if "norm" in name or "lora_" in name
    }
    assert kinds == {True: torch.float32, False: torch.bfloat16}


def test_a_folder_without_adapter_names_what_is_missing(base: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"adapter_config\.json is missing"):
        attach_adapter(load_base(base, device="cpu"), tmp_path)


def test_a_hub_id_that_is_not_on_this_machine_is_an_outside_error() -> None:
    with pytest.raises(OutsideError, match="'nobody-here/no-such-base' is not on this machine") as caught:
        load_base("nobody-here/no-such-base")
    assert "workbench base fetch nobody-here/no-such-base" in caught.value.hint


@pytest.mark.parametrize("name", ["./absent", "/absent/base", "a/b/c", Path("absent"), "not a name!"])
def test_a_path_that_is_not_there_is_a_usage_error(name: str | Path) -> None:
    with pytest.raises(UsageError) as caught:
        base_folder(name)
    assert str(name) in caught.value.what
    assert caught.value.hint


@pytest.mark.parametrize(
    ("option", "what"),
    [
        ({"quantization": "nf5"}, "no quantization named 'nf5'"),
        ({"compute_dtype": "half"}, "no compute dtype named"),
    ],
)
def test_unknown_settings_are_answered_with_the_known_ones(base: Path, option: dict[str, str], what: str) -> None:
    with pytest.raises(UsageError, match=what) as caught:
        load_base(base, device="cpu", **option)
    assert "known:" in caught.value.hint


def _damage(base: Path, folder: Path, name: str, text: str | None) -> Path:
    for path in base.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    if text is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("config.json", None),
        ("config.json", "{torn"),
        ("config.json", '{"model_type": "nobody"}'),
        ("config.json", '{"model_type": "nobody", "auto_map": {"AutoModelForCausalLM": "code.Model"}}'),
        ("model.safetensors", None),
        ("model.safetensors", "not weights"),
    ],
)
def test_a_damaged_base_is_named(base: Path, tmp_path: Path, name: str, text: str | None) -> None:
    folder = _damage(base, tmp_path, name, text)
    with pytest.raises(UsageError, match="does not load") as caught:
        load_base(folder, device="cpu")
    assert str(folder) in caught.value.what


def test_the_device_is_this_process_own_gpu_or_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "3")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device() == "cuda:3"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device() == "cpu"


def test_a_config_that_names_no_quantisation_is_of_a_plain_base(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"quantization_config": null}')
    check_stored(tmp_path, "nf4")
