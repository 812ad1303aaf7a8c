"""Facts about several processes that train one model: the same curve as one process, one writer, one stop."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerControl, TrainerState

from tests.unit.training.test_qlora import StopAfter
from workbench.errors import UsageError
from workbench.recipe import Recipe, with_overrides
from workbench.training import together as several
from workbench.training.carry import CARRIED, Carry
from workbench.training.environment import for_training
from workbench.training.plan import shared
from workbench.training.process import Account
from workbench.training.qlora import train
from workbench.training.runs import RunFolder
from workbench.training.signals import StopRequest
from workbench.training.together import SharedStop, Witness, check_gpus, smallest

Prepared = Callable[..., RunFolder]


def curve(run: RunFolder, key: str) -> list[float]:
    return [line[key] for line in run.metrics() if key in line]


def together(run: RunFolder, *arguments: str) -> None:
    done = led("-m", "workbench.training.process", str(run.path), "--led", *arguments)
    assert done.returncode == 0, done.stderr[-2000:]


def led(*program: str) -> subprocess.CompletedProcess[str]:
    """Run a program in two processes."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = for_training({**os.environ, "OMP_NUM_THREADS": "1"}, gpus=2)
    return subprocess.run([*launcher, *program], env=environment, capture_output=True, text=True, check=False)


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


@pytest.mark.slow
def test_a_run_of_one_process_is_resumed_by_two_and_goes_on_as_it_was(prepared: Prepared) -> None:
    settings = ("train.logging_steps=3", "train.eval_steps=null")
    alone, both = prepared("alone", *settings), prepared("both", *settings)
    train(alone, StopRequest())
    train(both, StopAfter(5))
    assert both.status() == "stopped"
    together(both, "--resume")
    assert both.status() == "finished"
    assert [line["step"] for line in both.metrics()] == [line["step"] for line in alone.metrics()]
    assert curve(both, "loss") == pytest.approx(curve(alone, "loss"), rel=1e-2)
    assert curve(both, "tokens_seen") == curve(alone, "tokens_seen")


@pytest.mark.slow
def test_a_failure_of_the_second_process_is_what_the_run_says(prepared: Prepared, tmp_path: Path) -> None:
    run = prepared("run")
    program = tmp_path / "program.py"
    program.write_text(
        "import sys\n"
        "from workbench.training.trainer import Trainer\n"
        "from workbench.training.process import main\n"
        "from workbench.training.together import rank\n"
        "from workbench.errors import DataError\n"
        "right = Trainer.training_step\n"
        "def broken(self, *given):\n"
        "    if rank() == 1 and self.state.global_step == 1:\n"
        "        raise DataError('the loss of the second is not a number', '')\n"
        "    return right(self, *given)\n"
        "Trainer.training_step = broken\n"
        "main(sys.argv[1:])\n"
    )
    run.set_state("running")
    assert led(str(program), str(run.path), "--led").returncode != 0
    assert (run.state()["state"], "of the second" in run.state()["reason"]) == ("failed", True)


@pytest.mark.thorough
def test_all_processes_are_given_the_smallest_number_of_any(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "from trl import SFTConfig\n"
        "from workbench.training.together import rank, smallest\n"
        "found = smallest(10 - 3 * rank())\n"
        "args = SFTConfig(output_dir='unused', use_cpu=True, bf16=False)\n"
        "open(f'{__file__}.{rank()}', 'w').write(f'{found} {args.world_size}')\n"
    )
    done = led(str(program))
    assert done.returncode == 0, done.stderr[-2000:]
    assert {(tmp_path / f"program.py.{place}").read_text() for place in (0, 1)} == {"7 2"}


def test_one_process_alone_is_given_its_own_number() -> None:
    assert smallest(5) == 5


def test_more_gpus_than_there_are_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(several, "gpus_in_sight", lambda: 2)
    check_gpus(1)
    check_gpus(2)
    with pytest.raises(UsageError) as caught:
        check_gpus(3)
    assert (caught.value.what, "--gpus" in caught.value.hint) == (
        "3 GPUs were asked for and this machine shows 2",
        True,
    )


@pytest.mark.parametrize(("code", "said", "count"), [(0, "a note\n4\n", 4), (0, "0\n", 0), (1, "", 0)])
def test_the_gpus_in_sight_are_those_that_torch_sees(
    monkeypatch: pytest.MonkeyPatch, code: int, said: str, count: int
) -> None:
    answer = SimpleNamespace(returncode=code, stdout=said)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: answer)
    assert several.gpus_in_sight.__wrapped__() == count


@pytest.mark.parametrize("error", [RuntimeError("connection closed by peer"), SystemExit(0)])
def test_what_a_failure_does_to_the_first_process_does_not_hide_it(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    run = prepared("run")
    run.set_state("running")
    with pytest.raises(type(error)), Account(run):
        Witness(run.path).set_state("failed", "the GPU was lost")
        raise error
    assert (run.state()["state"], run.state()["reason"]) == ("failed", "the GPU was lost")


def test_a_failure_before_the_first_process_is_there_is_kept(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    run = prepared("run")
    run.set_state("running")
    Witness(run.path).set_state("failed", "2 GPUs were asked for and 1 are there")
    with Account(run):
        pass
    assert run.state()["reason"].startswith("2 GPUs")


def test_the_loss_that_is_carried_over_a_stop_is_that_of_all_processes(tmp_path: Path) -> None:
    def mean(loss: torch.Tensor, how: str) -> torch.Tensor:
        return (loss + 5.0) / 2 if how == "mean" else loss

    sums = {"_tr_loss": torch.tensor(3.0), "_globalstep_last_logged": 2, "_total_train_tokens": 70}
    trainer = SimpleNamespace(accelerator=SimpleNamespace(reduce=mean), **sums)
    (tmp_path / "checkpoint-3").mkdir()
    place = {"args": SimpleNamespace(output_dir=str(tmp_path)), "control": TrainerControl()}
    Carry(trainer).on_save(**place, state=TrainerState(global_step=3))  # type: ignore[arg-type]
    assert json.loads((tmp_path / "checkpoint-3" / CARRIED).read_text())["loss"] == 4.0


def test_a_witness_keeps_nothing_of_its_look_at_the_base(prepared: Prepared, base: Path) -> None:
    run = prepared("run")
    run.note("base", {**run.facts()["base"], "files": {}})
    before = run.facts_file.read_bytes()
    Witness(run.path).check_base()
    assert run.facts_file.read_bytes() == before
    run.check_base()
    assert run.facts_file.read_bytes() != before


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


def test_a_witness_tells_what_it_refused(prepared: Prepared) -> None:
    run = prepared("run")
    run.set_state("running")
    Witness(run.path).set_state("refused", "lora-nothing")
    assert (run.state()["state"], run.state()["reason"]) == ("refused", "lora-nothing")


def test_a_stop_of_one_process_alone_needs_no_others() -> None:
    stop = SharedStop()
    stop.in_loop = True
    assert not stop.requested and not torch.distributed.is_initialized()
    stop.requested = True
    assert stop.requested
