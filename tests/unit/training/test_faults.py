"""Facts about what goes wrong on the way: the last whole checkpoint stays, and one line says what to do."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers
from safetensors import SafetensorError
from transformers import TrainerControl, TrainerState, TrainingArguments

from workbench.errors import ExitCode, OutsideError, RefusedError
from workbench.lm.load import MemoryFullError
from workbench.services.training.train import RunFailedError, noticed, watch
from workbench.training import stepdown
from workbench.training.callbacks import Logbook
from workbench.training.checkpoints import COMPLETE, drop_unfinished, last_checkpoint
from workbench.training.faults import explained
from workbench.training.finite import NonFiniteError
from workbench.training.plan import Descent, Plan, planned
from workbench.training.process import Account, main
from workbench.training.qlora import Trainer, train
from workbench.training.runs import RunFolder, State
from workbench.training.signals import StopRequest
from workbench.training.stepdown import with_steps_down
from workbench.workspace import out_of_space

Prepared = Callable[..., RunFolder]

SHORT = ("train.max_steps=4", "train.save_steps=2", "train.eval_steps=null")


def full() -> Exception:
    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def at_step(step: int, error: Callable[[], Exception], *, only: Callable[[Any], bool] = lambda _: True) -> Any:
    """Return a training step that fails once so many steps are done."""
    right = Trainer.training_step

    def failing(self: Any, *given: Any, **more: Any) -> Any:
        if self.state.global_step >= step and only(self):
            raise error()
        return right(self, *given, **more)

    return failing


def failed(run: RunFolder) -> str:
    """Train as the process does, to a failure, and return the one line that it left."""
    with pytest.raises(OutsideError), Account(run):
        train(run, StopRequest())
    assert run.state()["state"] == "failed"
    return str(run.state()["reason"])


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (torch.AcceleratorError("CUDA error: unspecified launch failure"), "the GPU was lost: CUDA error: unspecified"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED\nmore"), "the GPU was lost: cuDNN error: CUDNN"),
        (OSError(errno.ENOSPC, "No space left on device"), "cannot write into"),
        (SafetensorError("I/O error: No space left on device (os error 28)"), "cannot write into"),
        (RuntimeError("PytorchStreamWriter failed writing file data/7: file write failed"), "cannot write into"),
        (MemoryError(), "too little device memory"),
        (torch.OutOfMemoryError("CUDA out of memory"), "too little device memory"),
        (torch.AcceleratorError("CUDA error: out of memory"), "too little device memory"),
    ],
    ids=[
        "lost",
        "library",
        "full",
        "full while safetensors write",
        "full while torch writes",
        "memory",
        "gpu memory",
        "driver memory",
    ],
)
def test_a_fault_outside_is_told_with_what_to_do(run: RunFolder, error: Exception, said: str) -> None:
    with pytest.raises(OutsideError) as caught, explained(run):
        raise error
    assert said in caught.value.what and caught.value.hint


def test_a_full_memory_of_several_gpus_names_no_step_down_which_they_cannot_make(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for processes, is_named in (("1", True), ("2", False)):
        monkeypatch.setenv("WORLD_SIZE", processes)
        with pytest.raises(MemoryFullError) as caught, explained(run):
            raise full()
        assert ("--step-down" in caught.value.hint) == is_named


@pytest.fixture
def run(tmp_path: Any) -> RunFolder:
    return RunFolder.create(tmp_path / "run")


def test_a_disk_that_fills_while_a_number_is_logged_gives_up_a_torn_checkpoint_too(run: RunFolder) -> None:
    (run.checkpoints / "checkpoint-2").mkdir()
    with pytest.raises(OutsideError, match="cannot write"), explained(run), out_of_space(run.metrics_file):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(run.checkpoints.iterdir()) == []


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("shapes differ"),
        OSError(errno.ENOENT, "no such file"),
        torch.AcceleratorError("CUDA error: device-side assert triggered"),  # an id out of range: no fault of the GPU
    ],
    ids=str,
)
def test_a_fault_of_another_kind_goes_through_as_it_is(run: RunFolder, error: Exception) -> None:
    with pytest.raises(type(error)) as caught, explained(run):
        raise error
    assert caught.value is error


def test_unfinished_checkpoints_are_dropped_and_whole_ones_stay(run: RunFolder) -> None:
    for step in (2, 4):
        (run.checkpoints / f"checkpoint-{step}").mkdir()
    (run.checkpoints / "checkpoint-2" / COMPLETE).touch()
    drop_unfinished(run)
    assert [path.name for path in run.checkpoints.iterdir()] == ["checkpoint-2"]


def test_a_lost_gpu_keeps_the_last_checkpoint_and_says_how_to_go_on(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = at_step(3, lambda: torch.AcceleratorError("CUDA error: an illegal memory access was encountered"))
    monkeypatch.setattr(Trainer, "training_step", lost)
    run = prepared("run", *SHORT)
    reason = failed(run)
    assert "the GPU was lost" in reason and reason.endswith("Step 2 is kept: workbench train --resume run")
    assert last_checkpoint(run) == run.checkpoints / "checkpoint-2"


def test_a_disk_that_fills_while_saving_keeps_the_checkpoint_before(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Trainer._save_optimizer_and_scheduler

    def filling(self: Any, folder: str) -> None:
        if folder.endswith("-4"):
            raise RuntimeError("PytorchStreamWriter failed writing file data/3: file write failed")
        right(self, folder)

    monkeypatch.setattr(Trainer, "_save_optimizer_and_scheduler", filling)
    run = prepared("run", *SHORT)
    reason = failed(run)
    assert "free some room" in reason and "Step 2 is kept" in reason and "\n" not in reason
    assert [path.name for path in run.checkpoints.glob("checkpoint-*")] == ["checkpoint-2"]


@pytest.mark.slow
def test_sigterm_between_two_steps_saves_a_checkpoint_and_stops(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Trainer.training_step

    def asked(self: Any, *given: Any, **more: Any) -> Any:
        if self.state.global_step == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return right(self, *given, **more)

    monkeypatch.setattr(Trainer, "training_step", asked)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    run, stop = prepared("run", *SHORT), StopRequest()
    stop.listen()
    try:
        train(run, stop)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert (run.state()["state"], run.state()["step"]) == ("stopped", 3)
    assert last_checkpoint(run) == run.checkpoints / "checkpoint-3"


@pytest.mark.slow
def test_a_full_memory_ends_the_run_and_names_the_setting_to_change(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trainer, "training_step", at_step(2, full))
    reason = failed(prepared("run", *SHORT))
    assert "--step-down" in reason and "train.batch_size" in reason and "Step 2 is kept" in reason


@pytest.mark.thorough
def test_a_full_memory_goes_on_one_step_lower_where_that_was_asked(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, run = prepared("whole", *SHORT), prepared("run", *SHORT, "train.step_down=true")
    train(whole, StopRequest())
    too_much = at_step(3, full, only=lambda trainer: not trainer.args.gradient_checkpointing)
    monkeypatch.setattr(Trainer, "training_step", too_much)
    train(run, StopRequest())
    assert run.status() == "finished"
    [down] = run.facts()["steps_down"]
    assert (down["step"], down["from"]["checkpointing"], down["to"]["checkpointing"]) == (2, "none", "selective")
    assert noticed(run) == [
        f"from step 2 on in less memory (selective, {down['to']['tokens']} tokens at once): {down['reason']}"
    ]
    lines, expected = run.metrics(), whole.metrics()
    assert [line["step"] for line in lines] == [1, 2, 3, 4]
    assert [line["loss"] for line in lines] == pytest.approx([line["loss"] for line in expected], rel=1e-3)


def down_from(run: RunFolder, first: Plan, longest: int = 256) -> Descent:
    return Descent(first, run.recipe(), longest)


def test_the_plans_go_down_until_there_is_none(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stepdown, "_free_memory", lambda: None)  # nothing was loaded
    run, tried = prepared("run", "train.step_down=true"), []

    def attempt(plan: Plan | None, _checkpoint: object) -> None:
        tried.append(plan)
        raise MemoryFullError("too little device memory", "")

    with pytest.raises(MemoryFullError):
        with_steps_down(run, down_from(run, Plan("full", 1024)), attempt, None)
    assert tried == [None, Plan("offload", 1024), Plan("offload", 512), Plan("offload", 256)]
    assert len(run.facts()["steps_down"]) == 3


def test_what_was_compiled_is_forgotten_before_the_next_try(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.compiler, "reset", lambda: done.append("graphs"))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: done.append("memory"))
    stepdown._free_memory()
    assert done == ["graphs", "memory"]


def test_a_run_that_is_resumed_with_step_down_is_allowed_what_its_recipe_is_not(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stepdown, "_free_memory", lambda: None)  # nothing was loaded
    run, tried = prepared("run"), []
    run.note("step_down", True)

    def attempt(plan: Plan | None, _checkpoint: object) -> None:
        tried.append(plan)
        if plan is None:
            raise MemoryFullError("too little device memory", "")

    with_steps_down(run, down_from(run, Plan("none", 512)), attempt, None)
    assert tried == [None, Plan("selective", 512)]


def test_a_resumed_run_begins_with_the_plan_it_went_down_to(prepared: Prepared) -> None:
    run, tried = prepared("run", "train.step_down=true"), []
    down = {"step": 2, "from": {}, "to": {"checkpointing": "full", "tokens": 512}, "reason": "full"}
    run.note("steps_down", [down])
    with_steps_down(run, down_from(run, Plan("none", 512)), lambda plan, _: tried.append(plan), None)
    assert tried == [Plan("full", 512)]


def test_a_plan_changes_the_micro_batches_and_not_the_rows_of_a_step(prepared: Prepared) -> None:
    recipe = prepared("run", "train.batch_size=8", "train.gradient_accumulation=2").recipe()
    lowered = planned(recipe, Plan("full", 1024), 256).train
    assert (lowered.batch_size, lowered.gradient_accumulation) == (4, 4)
    assert lowered.recomputes and planned(recipe, None, 256) is recipe


def test_a_base_that_does_not_fit_is_loaded_once_and_takes_no_step_down(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, tried = prepared("run", "train.step_down=true"), []

    def too_large(*_: object, **__: object) -> None:
        tried.append(1)
        raise full()

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", too_large)
    assert "too little device memory for the base" in failed(run)
    assert len(tried) == 1 and "steps_down" not in run.facts()


def test_a_crashs_leftover_is_gone_before_it_can_push_out_the_whole_checkpoint(run: RunFolder) -> None:
    for step in (4, 6):
        (run.checkpoints / f"checkpoint-{step}").mkdir()
    (run.checkpoints / "checkpoint-4" / COMPLETE).touch()
    run.set_state("running")
    Logbook(run, StopRequest()).on_train_begin(TrainingArguments(), TrainerState(), TrainerControl())
    assert [path.name for path in run.checkpoints.iterdir()] == ["checkpoint-4"]


def ended(run: RunFolder, error: BaseException) -> str:
    with pytest.raises(type(error)), Account(run):
        raise error
    return str(run.state()["state"])


def test_what_is_refused_before_the_first_step_is_refused_and_not_a_fault_of_the_outside(run: RunFolder) -> None:
    assert ended(run, RefusedError("lora-nothing: no weight is trained", "set lora.target_modules")) == "refused"
    with pytest.raises(RefusedError, match=r"lora-nothing.*set lora\.target_modules"):
        watch(run, lambda _: None)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (NonFiniteError(3, "loss", ("r1",)), ExitCode.DATA, "the loss of step 3 is not a number; records of the batch"),
        (OutsideError("the GPU was lost", "look at the driver"), ExitCode.OUTSIDE, "the GPU was lost"),
        (OSError(errno.EROFS, "Read-only file system"), ExitCode.OUTSIDE, "Read-only file system"),
        (RuntimeError("shapes differ"), ExitCode.BUG, "RuntimeError: shapes differ"),
    ],
    ids=["broken number", "outside", "disk", "unforeseen"],
)
def test_a_failure_ends_with_the_exit_code_of_what_caused_it(
    run: RunFolder, error: Exception, code: ExitCode, said: str
) -> None:
    assert ended(run, error) == "failed"
    with pytest.raises(RunFailedError, match=said) as caught:
        watch(run, lambda _: None)
    assert caught.value.exit_code == code
    # The same numbers would break again.
    assert ("workbench train --resume" in caught.value.hint) == (code == ExitCode.OUTSIDE)


def test_a_process_that_was_killed_is_a_matter_of_the_outside(run: RunFolder) -> None:
    run.set_state("running")
    with pytest.raises(RunFailedError, match="is lost: its process is gone") as caught:
        watch(run, lambda _: None)
    assert caught.value.exit_code == ExitCode.OUTSIDE


def test_a_run_with_a_checkpoint_is_never_refused_for_good(run: RunFolder) -> None:
    (run.checkpoints / "checkpoint-4").mkdir()
    (run.checkpoints / "checkpoint-4" / COMPLETE).touch()
    assert ended(run, RefusedError("wrong-gradient: 0.2", "use the pinned version")) == "failed"
    assert "Step 4 is kept" in run.state()["reason"]


@pytest.mark.parametrize(
    ("state", "resume", "said"),
    [
        ("refused", False, "prepare a new run"),
        ("refused", True, "prepare a new run"),
        ("finished", True, "prepare a new run"),
        ("stopped", False, "--resume"),
        ("failed", False, "--resume"),
    ],
)
def test_the_process_started_by_hand_trains_nothing_that_launch_would_not(
    run: RunFolder, state: State, resume: bool, said: str
) -> None:
    run.set_state(state, "double-bos")
    before = run.state_file.read_bytes()
    with pytest.raises(SystemExit, match=said):
        main([str(run.path), *(["--resume"] if resume else [])])
    assert run.state_file.read_bytes() == before and not run.pid_file.exists()
