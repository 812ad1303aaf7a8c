"""Facts about a base that several processes share: each holds a part of it, and they learn what whole ones do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import MistralConfig, MistralForCausalLM
from trl import SFTConfig

from tests.unit.training.test_together import curve, led, together
from workbench.training.qlora import build_trainer, read_material
from workbench.training.runs import RunFolder

Prepared = Callable[..., RunFolder]

PROGRAM = """
import json, sys
from workbench.training import qlora
from workbench.training.process import main
from workbench.training.together import rank

def held(model):
    weights = list(model.get_base_model().model.layers.parameters())
    frozen = [each for each in weights if not each.requires_grad]
    here = [each.to_local() if hasattr(each, "to_local") else each for each in frozen]
    return {"whole": sum(map(len, frozen)), "here": sum(map(len, here))}

def told(run, name, said):
    open(f"{run.path}/{name}-{rank()}.json", "w").write(json.dumps(said))

probe = qlora._probe
def probed(run, trainer, material):
    told(run, "held", held(trainer.model))
    forward = trainer.compute_loss
    def passed(*given, **more):
        loss = forward(*given, **more)
        told(run, "passed", held(trainer.model))
        return loss
    trainer.compute_loss = passed
    probe(run, trainer, material)
qlora._probe = probed
main(sys.argv[1:])
"""


STOPPED = """
import sys
from workbench.training import process
from workbench.training.together import SharedStop, rank

class Stop(SharedStop):
    asked = 0

    @property
    def requested(self):
        self.asked += self.in_loop
        self._asked = rank() == 1 and self.asked == 5
        return super().requested

    @requested.setter
    def requested(self, value):
        self._asked = value

process.SharedStop = Stop
process.main(sys.argv[1:])
"""


GATHERED = """
import json, sys
import torch
from workbench.fingerprint import digest_bytes
from workbench.training import qlora
from workbench.training.process import main
from workbench.training.together import rank

def digests(layer):
    frozen = {name: each.detach().clone() for name, each in layer.named_parameters() if not each.requires_grad}
    return {name: digest_bytes(each.view(torch.uint8).cpu().numpy().tobytes()) for name, each in frozen.items()}

right = qlora.shard
def shard(model, device):
    first = model.get_base_model().model.layers[0]
    first.mlp.up_proj.weight.data.view(torch.uint8).fill_(0xFF)  # a NaN in every number format
    before = digests(first)
    right(model, device)
    first.unshard()
    after = digests(first)
    first.reshard()
    json.dump([before, after], open(f"{sys.argv[1]}/bytes-{rank()}.json", "w"))
qlora.shard = shard
main(sys.argv[1:])
"""


def check_bytes(run: RunFolder, program: Path) -> None:
    """Train a run of a shared base; raises AssertionError where a process was lent other bytes than were shared out."""
    program.write_text(GATHERED)
    done = led(str(program), str(run.path), "--led")
    assert done.returncode == 0, done.stderr[-3000:]
    for place in (0, 1):
        before, after = json.loads((run.path / f"bytes-{place}.json").read_text())
        assert len(before) == 9 and after == before


@pytest.mark.thorough
def test_a_process_is_lent_the_bytes_that_were_shared_out(prepared: Prepared, tmp_path: Path) -> None:
    check_bytes(prepared("run", "train.shard_base=true", "train.max_steps=1"), tmp_path / "program.py")


@pytest.mark.parametrize(
    "form",
    [
        pytest.param((), marks=pytest.mark.thorough),
        pytest.param(("train.plan=full", "train.packing=true", "train.max_length=64"), marks=pytest.mark.slow),
        pytest.param(("quantization.kind=none", "train.batch_size=2"), marks=pytest.mark.slow),
        pytest.param(("lora.use_dora=true", "train.gradient_accumulation=4"), marks=pytest.mark.slow),
    ],
    ids=["padded", "packed and recomputed", "not quantised, one batch of the held-out rows less", "DoRA, accumulated"],
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
    for when in ("held", "passed"):
        held = [json.loads((parts.path / f"{when}-{place}.json").read_text()) for place in (0, 1)]
        assert sum(each["here"] for each in held) == held[0]["whole"] == held[1]["whole"] > held[0]["here"]
    for key in ("loss", "eval_loss", "tokens_seen"):
        assert curve(parts, key) == curve(whole, key)
    assert_equal(parts, whole)


def assert_equal(run: RunFolder, other: RunFolder) -> None:
    """Compare two adapters bit for bit."""
    got, expected = (load_file(each.adapter / "adapter_model.safetensors") for each in (run, other))
    assert all(torch.equal(expected[name], got[name]) for name in expected.keys() | got.keys())


@pytest.fixture
def deeper(base: Path, tmp_path: Path) -> Path:
    """A base of three layers whose embedding is its head."""
    folder = shutil.copytree(base, tmp_path / "deeper")
    config = MistralConfig.from_pretrained(base, num_hidden_layers=3, tie_word_embeddings=True)
    torch.manual_seed(0)
    MistralForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.mark.slow
def test_a_run_on_a_shared_base_goes_on_from_its_checkpoint_bit_for_bit(
    prepared: Prepared, deeper: Path, tmp_path: Path
) -> None:
    program = tmp_path / "program.py"
    program.write_text(STOPPED)
    settings = ("train.shard_base=true", "train.batch_size=2", "train.gradient_accumulation=4", "lora.dropout=0.1")
    whole, parts = prepared("whole", *settings, on=deeper), prepared("parts", *settings, on=deeper)
    together(whole)
    done = led(str(program), str(parts.path), "--led")
    assert done.returncode == 0, done.stderr[-3000:]
    assert (parts.status(), parts.state()["step"]) == ("stopped", 5)
    together(parts, "--resume")
    for key in ("loss", "eval_loss", "tokens_seen"):
        assert curve(parts, key) == curve(whole, key)
    assert_equal(parts, whole)


def test_a_base_that_waits_on_the_host_to_be_shared_out_is_not_moved_whole(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = SFTConfig.device.fget
    # Stands for a GPU that has no room for it.
    monkeypatch.setattr(SFTConfig, "device", property(lambda args: torch.device("meta", found(args).index)))
    run = prepared("run", "quantization.kind=none", "train.shard_base=true")
    model = build_trainer(read_material(run), run.checkpoints).model
    assert {weight.device.type for weight in model.parameters()} == {"cpu"}


@pytest.mark.slow
def test_the_adapter_of_a_shared_base_is_a_plain_one(prepared: Prepared, base: Path) -> None:
    from peft import PeftModel

    run = prepared("run", "train.shard_base=true", "train.max_steps=2", "train.save_steps=1", "train.eval_steps=null")
    assert led("-m", "workbench.training.process", str(run.path), "--led").returncode == 0
    PeftModel.from_pretrained(MistralForCausalLM.from_pretrained(base), run.adapter)
