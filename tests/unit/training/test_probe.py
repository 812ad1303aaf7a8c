"""Facts about the probe: every planted fault of a loaded trainer is named, a good one passes and is left as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.plants import plants
from workbench.errors import RefusedError
from workbench.lm.xray import build_collator
from workbench.training import probe as probed
from workbench.training.probe import PROBES, REMEDIES, Finding, probe, try_longest
from workbench.training.qlora import Material, Trainer, build_trainer, read_material

PACKED = ("train.packing=true", "train.max_length=64")


@pytest.fixture(scope="module")
def loaded(base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Trainer, Material]:
    """One packed trainer for all of these facts; whatever is planted in it is taken out again."""
    from tests.unit.training.conftest import examples
    from workbench.recipe import Recipe, with_overrides
    from workbench.training.prepare import prepare
    from workbench.training.runs import RunFolder

    run = RunFolder(tmp_path_factory.mktemp("probe") / "run")
    wanted = [*PACKED, "train.gradient_accumulation=2", "train.eval_steps=null"]
    recipe = with_overrides(Recipe(name="short", base="small"), wanted)
    prepare(run, recipe, {"base_path": str(base)}, examples())
    material = read_material(run)
    return build_trainer(material, run.checkpoints), material


def codes(trainer: Any, material: Material) -> list[str]:
    return [finding.code for finding in probed._findings(trainer, material.recipe, material.train)]


@contextmanager
def planted(holder: Any, name: str, value: Any) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(holder, name, value)
        yield


def test_a_good_trainer_passes_and_is_left_as_it_was(loaded: tuple[Trainer, Material]) -> None:
    trainer, material = loaded
    before, mode = torch.get_rng_state(), trainer.model.training
    assert probe(trainer, material.recipe, material.train) == []
    assert torch.equal(torch.get_rng_state(), before) and trainer.model.training == mode
    assert all(weight.grad is None for weight in trainer.model.parameters())


@plants("lora-nothing")
def test_frozen_weights_are_an_adapter_that_changes_nothing(loaded: tuple[Trainer, Material]) -> None:
    trainer, _ = loaded
    frozen = torch.nn.Linear(2, 2).requires_grad_(False)
    assert [finding.code for finding in probed.trained_weights(frozen)] == ["lora-nothing"]
    assert list(probed.trained_weights(trainer.model)) == []


@plants("lora-not-float32")
def test_adapter_weights_in_sixteen_bits_are_found() -> None:
    assert [finding.code for finding in probed.trained_weights(torch.nn.Linear(2, 2).bfloat16())] == [
        "lora-not-float32"
    ]


@plants("accumulation-uneven")
def test_a_loss_averaged_over_micro_batches_is_found(loaded: tuple[Trainer, Material]) -> None:
    trainer, material = loaded
    with planted(trainer, "model_accepts_loss_kwargs", False):
        assert codes(trainer, material) == ["accumulation-uneven"]


@plants("quantization-differs")
def test_a_base_that_is_not_in_the_four_bits_asked_for_is_found(loaded: tuple[Trainer, Material]) -> None:
    trainer, material = loaded
    assert [f.code for f in probed.quantized(torch.nn.Linear(2, 2), material.recipe)] == ["quantization-differs"]
    layer = probed.four_bit_layers(trainer.model)[0]
    with planted(layer.quant_state, "quant_type", "fp4"):
        assert codes(trainer, material) == ["quantization-differs"]


@plants("wrong-gradient")
def test_a_layer_whose_gradient_is_lost_is_found(loaded: tuple[Trainer, Material]) -> None:
    trainer, material = loaded
    layer = probed.four_bit_layers(trainer.model)[0]
    right = layer.forward

    def lossy(given: torch.Tensor) -> torch.Tensor:
        """Hand on the right numbers and half of the gradient."""
        out: torch.Tensor = right(given.detach()) + 0 * given[..., :1] + given.roll(1, -1).sum() * 0
        return out

    with planted(layer, "forward", lossy):
        assert codes(trainer, material) == ["wrong-gradient"]


@plants("untrained-mark")
def test_a_special_token_without_an_embedding_is_a_warning(loaded: tuple[Trainer, Material]) -> None:
    trainer, material = loaded
    weights = trainer.model.get_input_embeddings().weight
    token = material.train["input_ids"][0].as_py()[0]
    kept = weights.data[token].clone()
    weights.data[token] = 1e-6
    try:
        [finding] = probe(trainer, material.recipe, material.train)
    finally:
        weights.data[token] = kept
    assert finding.code == "untrained-mark" and str(token) in finding.said


@plants("first-loss")
def test_records_with_a_loss_that_is_no_number_are_named(loaded: tuple[Trainer, Material]) -> None:
    trainer, material = loaded
    head = trainer.model.get_output_embeddings()
    kept = head.weight.data.clone()
    head.weight.data.fill_(torch.nan)
    try:
        with pytest.raises(RefusedError, match="first-loss: of the records r0, r1, r2, r3") as caught:
            probe(trainer, material.recipe, material.train)
    finally:
        head.weight.data.copy_(kept)
    assert "compute_dtype" in caught.value.hint


@plants("first-loss-high")
def test_a_base_that_is_surer_of_other_tokens_is_a_warning(loaded: tuple[Trainer, Material]) -> None:
    trainer, material = loaded
    head = trainer.model.get_output_embeddings()
    kept = head.weight.data.clone()
    head.weight.data.mul_(400)
    try:
        assert codes(trainer, material) == ["first-loss-high"]
    finally:
        head.weight.data.copy_(kept)


@plants("attention-leaks")
def test_a_packed_row_whose_records_read_each_other_is_found(loaded: tuple[Trainer, Material]) -> None:
    trainer, material = loaded
    right = trainer.data_collator

    def running_on(features: list[dict[str, Any]]) -> dict[str, Any]:
        """Number the tokens of a row through, as if it were one record."""
        batch = right(features)
        ids = batch["input_ids"]
        return {"input_ids": ids, "labels": batch["labels"], "position_ids": torch.arange(ids.shape[1])[None]}

    with planted(trainer, "data_collator", running_on):
        assert codes(trainer, material) == ["attention-leaks"]


def test_a_record_behind_another_gets_the_logits_that_it_gets_alone(loaded: tuple[Trainer, Material]) -> None:
    trainer, material = loaded
    features = probed._features(material.train, 3)
    with probed._evaluating(trainer.model):
        packed = probed._logits(trainer, trainer.data_collator(features))[0]
        alone = [probed._logits(trainer, trainer.data_collator([feature]))[0] for feature in features]
    assert (packed - torch.cat(alone)).abs().max() < 1e-2 * packed.abs().max()


def test_a_packed_row_with_a_mask_is_found_without_a_forward_pass(loaded: tuple[Trainer, Material]) -> None:
    trainer, material = loaded
    from workbench.recipe import with_overrides

    padding = build_collator(material.tokenizer, with_overrides(material.recipe, ["train.packing=false"]))
    with planted(trainer, "data_collator", padding):
        assert codes(trainer, material) == ["attention-leaks"]


def test_the_longest_rows_are_tried_first_and_leave_nothing(loaded: tuple[Trainer, Material]) -> None:
    trainer, material = loaded
    seen: list[int] = []
    right = trainer.data_collator

    def counting(features: list[dict[str, Any]]) -> dict[str, Any]:
        seen.extend(len(feature["input_ids"]) for feature in features)
        return right(features)

    before = torch.get_rng_state()
    with planted(trainer, "data_collator", counting):
        try_longest(trainer, material.train, 2)
    lengths = sorted((len(row) for row in material.train["input_ids"].to_pylist()), reverse=True)
    assert seen == lengths[:2]
    assert torch.equal(torch.get_rng_state(), before)
    assert all(weight.grad is None for weight in trainer.model.parameters())


def test_every_finding_says_what_to_do() -> None:
    assert PROBES.keys() == REMEDIES.keys()
    assert Finding("first-loss", "x").code in PROBES
