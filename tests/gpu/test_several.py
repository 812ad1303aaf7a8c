"""Facts about two GPUs: a run goes on after a failure, a base that they share is trained alike, scores are the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.unit.training.test_sharded import check_bytes
from tests.unit.training.test_together import curve, led
from workbench.evaluation.score import Wanted
from workbench.services.evaluation.sharing import score_on
from workbench.services.progress import silent
from workbench.training.runs import RunFolder

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")]
Prepared = Callable[..., RunFolder]
FORMS = [("train.packing=false",), ("train.packing=true", "train.max_length=64")]

FAILING = """
import sys
from workbench.training.trainer import Trainer
from workbench.training.process import main
from workbench.training.together import rank
from workbench.errors import DataError
right = Trainer.training_step
def broken(self, *given):
    if rank() == 1 and self.state.global_step == 5:
        raise DataError('the second one fails', '')
    return right(self, *given)
Trainer.training_step = broken
main(sys.argv[1:])
"""


def trained(run: RunFolder, *arguments: str) -> RunFolder:
    done = led("-m", "workbench.training.process", str(run.path), "--led", *arguments)
    assert done.returncode == 0, done.stderr[-3000:]
    return run


@pytest.mark.parametrize("form", FORMS, ids=["padded", "packed"])
def test_a_run_on_two_gpus_goes_on_from_its_checkpoint(
    prepared: Prepared, tmp_path: Path, form: tuple[str, ...]
) -> None:
    program = tmp_path / "program.py"
    program.write_text(FAILING)
    settings = ("train.save_steps=4", "train.eval_steps=null", *form)
    whole, run = trained(prepared("whole", *settings)), prepared("run", *settings)
    assert led(str(program), str(run.path), "--led").returncode != 0
    assert run.state()["state"] == "failed" and "Step 4 is kept" in run.state()["reason"]
    trained(run, "--resume")
    assert curve(run, "loss") == pytest.approx(curve(whole, "loss"), rel=2e-2)
    assert curve(run, "tokens_seen") == curve(whole, "tokens_seen")


def test_a_shared_base_is_trained_as_a_whole_one(prepared: Prepared) -> None:
    whole = trained(prepared("whole", "train.kernels=plain"))
    parts = trained(prepared("parts", "train.shard_base=true"))
    assert curve(parts, "loss") == pytest.approx(curve(whole, "loss"), rel=1e-3)
    assert curve(parts, "eval_loss") == pytest.approx(curve(whole, "eval_loss"), rel=1e-3)


def test_a_gpu_is_lent_the_bytes_that_were_shared_out(prepared: Prepared, tmp_path: Path) -> None:
    check_bytes(prepared("run", "train.shard_base=true", "train.max_steps=1"), tmp_path / "program.py")


def test_two_gpus_come_to_the_scores_of_one(prepared: Prepared) -> None:
    run = trained(prepared("run", "generate.max_new_tokens=6"))
    one, two = (score_on(run, Wanted("validation"), gpus, silent) for gpus in (1, 2))
    assert two["record"].equals(one["record"]) and two["model"].equals(one["model"])
    assert two["nll"].to_pylist() == pytest.approx(one["nll"].to_pylist(), rel=3e-2)
