"""Facts about several processes that train one model: the same curve as one process, one writer, one stop."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from safetensors.torch import load_file

from workbench.errors import UsageError
from workbench.recipe import Recipe, with_overrides
from workbench.training.environment import for_training
from workbench.training.plan import shared
from workbench.training.qlora import train
from workbench.training.runs import RunFolder
from workbench.training.signals import StopRequest
from workbench.training.together import SharedStop, Witness

Prepared = Callable[..., RunFolder]


def curve(run: RunFolder, key: str) -> list[float]:
    return [line[key] for line in run.metrics() if key in line]


def together(run: RunFolder, *arguments: str) -> None:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    training = ["-m", "workbench.training.process", str(run.path), "--led", *arguments]
    environment = for_training({**os.environ, "OMP_NUM_THREADS": "1"}, gpus=2)
    done = subprocess.run([*launcher, *training], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.thorough
def test_two_processes_train_what_one_does(prepared: Prepared) -> None:
    alone, both = prepared("alone"), prepared("both")
    train(alone, StopRequest())
    together(both)
    assert both.status() == "finished"
    assert curve(both, "tokens_seen") == curve(alone, "tokens_seen")
    assert curve(both, "loss") == pytest.approx(curve(alone, "loss"), rel=1e-2)
    assert curve(both, "eval_loss") == pytest.approx(curve(alone, "eval_loss"), rel=1e-2)
    got, expected = (load_file(run.adapter / "adapter_model.safetensors") for run in (both, alone))
    assert got.keys() == expected.keys()


def test_the_rows_of_a_step_are_shared_evenly_or_not_at_all() -> None:
    recipe = with_overrides(Recipe(name="r", base="b"), ["train.batch_size=6", "train.gradient_accumulation=4"])
    for processes in (1, 2, 4, 8, 24):
        mine = shared(recipe, processes).train
        assert mine.batch_size * mine.gradient_accumulation * processes == 24
    with pytest.raises(UsageError, match="24 rows of a step"):
        shared(recipe, 5)


def test_a_witness_writes_nothing_but_its_own_failure(prepared: Prepared) -> None:
    run = prepared("run")
    run.set_state("running")
    before = run.facts()
    witness = Witness(run.path)
    witness.note("plan", {"checkpointing": "none"})
    witness.set_process(1)
    witness.set_state("finished")
    assert run.facts() == before and not run.pid_file.exists() and run.state()["state"] == "running"
    witness.set_state("failed", "the GPU was lost")
    witness.set_state("failed", "the connection was lost")
    assert json.loads(run.state_file.read_text())["reason"] == "the GPU was lost"


def test_a_stop_of_one_process_alone_needs_no_others() -> None:
    stop = SharedStop()
    stop.in_loop = True
    assert not stop.requested and not torch.distributed.is_initialized()
    stop.requested = True
    assert stop.requested
