"""Facts about a base that several processes share: each holds a part of it, and they learn what whole ones do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import MistralForCausalLM

from tests.unit.training.test_together import curve, led
from workbench.training.runs import RunFolder

Prepared = Callable[..., RunFolder]

PROGRAM = """
import json, sys
from workbench.training import qlora
from workbench.training.process import main
from workbench.training.together import rank

right = qlora._probe
def told(run, trainer, material):
    weights = list(trainer.model.get_base_model().model.layers.parameters())
    frozen = [each for each in weights if not each.requires_grad]
    here = [each.to_local() if hasattr(each, "to_local") else each for each in frozen]
    said = {"whole": sum(map(len, frozen)), "here": sum(map(len, here))}
    open(f"{run.path}/held-{rank()}.json", "w").write(json.dumps(said))
    right(run, trainer, material)
qlora._probe = told
main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    "form",
    [
        pytest.param((), marks=pytest.mark.thorough),
        pytest.param(("train.plan=full", "train.packing=true", "train.max_length=64"), marks=pytest.mark.slow),
        pytest.param(("quantization.kind=none", "train.batch_size=2"), marks=pytest.mark.slow),
    ],
    ids=["padded", "packed and recomputed", "not quantised, one batch of the held-out rows less"],
)
def test_a_shared_base_is_held_in_parts_and_trained_on_bit_for_bit(
    prepared: Prepared, tmp_path: Path, form: tuple[str, ...]
) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    whole, parts = prepared("whole", *form), prepared("parts", *form, "train.shard_base=true")
    for run in (whole, parts):
        done = led(str(program), str(run.path), "--led")
        assert done.returncode == 0, done.stderr[-3000:]
    held = [json.loads((parts.path / f"held-{place}.json").read_text()) for place in (0, 1)]
    assert sum(each["here"] for each in held) == held[0]["whole"] == held[1]["whole"] > held[0]["here"]
    for key in ("loss", "eval_loss", "tokens_seen"):
        assert curve(parts, key) == curve(whole, key)
    got, expected = (load_file(run.adapter / "adapter_model.safetensors") for run in (parts, whole))
    assert all(torch.equal(expected[name], got[name]) for name in expected.keys() | got.keys())


@pytest.mark.slow
def test_the_adapter_of_a_shared_base_is_a_plain_one(prepared: Prepared, base: Path) -> None:
    from peft import PeftModel

    run = prepared("run", "train.shard_base=true", "train.max_steps=2", "train.save_steps=1", "train.eval_steps=null")
    assert led("-m", "workbench.training.process", str(run.path), "--led").returncode == 0
    PeftModel.from_pretrained(MistralForCausalLM.from_pretrained(base), run.adapter)
