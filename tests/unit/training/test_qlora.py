"""Facts about the training itself: exact resume, loss by token, broken numbers, a clean adapter."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerControl, TrainerState

from workbench.errors import CorruptionError, OutsideError, RefusedError
from workbench.lm.template import NOT_LEARNED
from workbench.lm.xray import Example
from workbench.training import packing
from workbench.training.beginning import START
from workbench.training.callbacks import Logbook, rewind_metrics
from workbench.training.checkpoints import COMPLETE, last_checkpoint
from workbench.training.finite import NonFiniteError
from workbench.training.packing import PACKED_ROWS, keep_rows
from workbench.training.process import one_line
from workbench.training.qlora import Trainer, build_trainer, read_material, save_adapter, train
from workbench.training.runs import RunFolder, as_json, replace
from workbench.training.signals import StopRequest

Prepared = Callable[..., RunFolder]

TIMED = ("eta_s", "tokens_per_s")


def test_a_run_tells_what_passed_before_its_second_step(prepared: Prepared, capsys: pytest.CaptureFixture[str]) -> None:
    run = prepared("run", "train.max_steps=2")
    run.note(START, {"xray_s": 3.0})
    train(run, StopRequest())
    seconds = run.facts()[START]
    assert list(seconds) == ["xray_s", "load_s", "look_s", "first_step_s", "second_step_s"]
    assert seconds["xray_s"] == 3 and all(each >= 0 for each in seconds.values())
    [told] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("records to tokens 3.0 s, ")]
    assert told.endswith(f"second step {seconds['second_step_s']:.1f} s")


class StopAfter(StopRequest):
    """A stop request that arrives after some steps; the loop asks once a step."""

    def __init__(self, steps: int) -> None:
        self.left = steps
        super().__init__()

    @property
    def requested(self) -> bool:
        """Count a question, and say yes to the last."""
        self.left -= 1
        return self.left < 1

    @requested.setter
    def requested(self, _value: bool) -> None:
        pass


def weights(run: RunFolder) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = load_file(run.adapter / "adapter_model.safetensors")
    return found


def numbers(run: RunFolder) -> list[dict[str, Any]]:
    return [{key: value for key, value in line.items() if key not in TIMED} for line in run.metrics()]


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param(("train.packing=false", "lora.dropout=0.1"), marks=pytest.mark.thorough),
        pytest.param(
            ("train.packing=true", "train.max_length=64", "train.batch_size=1", "train.gradient_accumulation=2"),
            marks=pytest.mark.thorough,
        ),
        ("train.sampling=group_by_length", "train.logging_steps=3"),
    ],
    ids=["padded with dropout", "packed with accumulation", "drawn by length, stopped between two logged steps"],
)
def test_a_stopped_and_resumed_run_equals_an_uninterrupted_one_bit_for_bit(
    prepared: Prepared, shape: tuple[str, ...]
) -> None:
    whole, parts = prepared("whole", *shape), prepared("parts", *shape)
    train(whole, StopRequest())
    train(parts, StopAfter(5))
    assert (parts.status(), parts.state()["step"]) == ("stopped", 5)
    assert not parts.adapter.exists()
    train(parts, StopRequest(), resume=True)
    assert parts.status() == whole.status() == "finished"
    expected, got = weights(whole), weights(parts)
    assert expected.keys() == got.keys()
    assert all(torch.equal(expected[name], got[name]) for name in expected)
    assert numbers(parts) == numbers(whole)


PACKED = ("train.packing=true", "train.max_length=64", "train.max_steps=2", "train.eval_steps=null")


def test_a_packed_run_goes_on_with_the_rows_it_was_begun_on_and_no_others(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = prepared("run", *PACKED)
    rows = build_trainer(read_material(run), run.checkpoints).train_dataset
    checkpoint = run.checkpoints / "checkpoint-3"
    keep_rows(run, rows, None)
    keep_rows(run, rows, checkpoint)
    monkeypatch.setattr(packing, "_PACKED_AT_ONCE", 3)  # as another release may pack
    other = build_trainer(read_material(run), run.checkpoints).train_dataset
    assert len(other) > len(rows)
    said = f"not packed as they were at step 3: then {len(rows)} rows, now {len(other)} rows"
    with pytest.raises(RefusedError, match=said) as caught:
        keep_rows(run, other, checkpoint)
    assert "checkpoint-3 keeps what was learned" in caught.value.hint
    with pytest.raises(RefusedError, match="not packed as they were"):
        keep_rows(run, rows.select(range(len(rows))[::-1]), checkpoint)  # as many, in another order
    keep_rows(run, other, None)
    keep_rows(run, other, checkpoint)


def test_a_packed_run_begun_before_its_rows_were_noted_is_not_gone_on_with(prepared: Prepared) -> None:
    run = prepared("run", *PACKED)
    train(run, StopAfter(1))
    replace(run.facts_file, as_json({key: fact for key, fact in run.facts().items() if key != PACKED_ROWS}))
    before = run.metrics()
    with pytest.raises(RefusedError, match=r"of which run\.json holds no note"):
        train(run, StopRequest(), resume=True)
    assert run.metrics() == before and last_checkpoint(run) == run.checkpoints / "checkpoint-1"


@pytest.fixture
def finished(prepared: Prepared) -> RunFolder:
    run = prepared("run")
    train(run, StopRequest())
    return run


def test_a_training_learns_and_logs_every_step(finished: RunFolder) -> None:
    lines = [line for line in finished.metrics() if "loss" in line]
    assert [line["step"] for line in lines] == list(range(1, 9))
    assert lines[-1]["loss"] < lines[0]["loss"]
    wanted = {"step", "epoch", "loss", "learning_rate", "grad_norm", "tokens_seen", "tokens_per_s", "eta_s"}
    assert all(wanted <= line.keys() for line in lines)
    assert [line["step"] for line in finished.metrics() if "eval_loss" in line] == [4, 8]


def test_the_adapter_is_float32_and_names_no_path_of_this_machine(finished: RunFolder, base: Path) -> None:
    assert {tensor.dtype for tensor in weights(finished).values()} == {torch.float32}
    config = json.loads((finished.adapter / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "small"
    said = b"".join(path.read_bytes() for path in finished.adapter.iterdir())
    assert str(base).encode() not in said and str(finished.path).encode() not in said
    names = {path.name for path in finished.adapter.iterdir()}
    assert not {"README.md", "training_args.bin"} & names


def test_the_validation_loss_is_weighted_by_token(prepared: Prepared) -> None:
    run = prepared("run", "train.batch_size=2", "quantization.kind=none")
    trainer = build_trainer(read_material(run), run.checkpoints)
    nll, tokens = 0.0, 0
    for row in trainer.eval_dataset:
        labels = torch.tensor([row["labels"]])[:, 1:]
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            logits = trainer.model(input_ids=torch.tensor([row["input_ids"]])).logits[:, :-1]
        each = torch.nn.functional.cross_entropy(
            logits.float().flatten(0, 1), labels.flatten(), ignore_index=NOT_LEARNED, reduction="sum"
        )
        nll, tokens = nll + each.item(), tokens + int((labels != NOT_LEARNED).sum())
    assert trainer.evaluate()["eval_loss"] == pytest.approx(nll / tokens, rel=2e-3)


def poisoned(base: Path, folder: Path, token: int) -> Path:
    """Copy a base with one embedding row that is not a number."""
    folder = folder / "broken"
    folder.mkdir()
    for path in base.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    tensors = load_file(base / "model.safetensors")
    tensors["model.embed_tokens.weight"][token] = math.nan
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.mark.parametrize(
    ("shape", "batch"),
    [
        (("train.packing=false",), "culprit"),
        (("train.packing=true", "train.max_length=64"), "r0, r1, r2, r3, culprit"),
    ],
    ids=["padded", "packed together"],
)
def test_a_loss_that_is_not_a_number_stops_the_run_and_names_the_record(
    prepared: Prepared, base: Path, tmp_path: Path, shape: tuple[str, ...], batch: str
) -> None:
    broken = poisoned(base, tmp_path, token=4)
    good = {"prompt": "Where? ", "completion": "Brest"}
    rows = [Example(f"r{place}", "train", good) for place in range(4)]  # as many as the probe looks at
    culprit = Example("culprit", "train", {"prompt": "[INST] Where?", "completion": "Brest Nîmes"})
    small = ("train.eval_steps=null", "train.batch_size=1")
    run = prepared("run", *shape, *small, rows=[*rows, culprit], on=broken)
    with pytest.raises(NonFiniteError) as caught:
        train(run, StopRequest())
    assert caught.value.what.endswith(f"records of the batch: {batch}")


def test_a_gradient_that_is_not_a_number_never_reaches_the_weights(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, seen = Trainer.training_step, []

    def overflowing(self: Trainer, *given: Any, **more: Any) -> torch.Tensor:
        loss = right(self, *given, **more)
        if self.state.global_step == 2:
            seen.append(self)
            next(weight for weight in self.model.parameters() if weight.requires_grad).grad[0, 0] = math.inf
        return loss

    monkeypatch.setattr(Trainer, "training_step", overflowing)
    with pytest.raises(
        NonFiniteError, match="the gradient of step 3 is not a number; records of the batch: "
    ) as caught:
        train(prepared("run"), StopRequest())
    assert caught.value.step == 3
    assert all(weight.isfinite().all() for weight in seen[0].model.parameters())


def test_an_overflow_of_scaled_float16_gradients_is_left_to_the_scaler(prepared: Prepared) -> None:
    run = prepared("run")
    trainer = build_trainer(read_material(run), run.checkpoints)
    for is_scaled in (True, False):
        trainer.args.fp16 = is_scaled
        with nullcontext() if is_scaled else pytest.raises(NonFiniteError):
            trainer._get_grad_norm(trainer.model, torch.tensor(math.inf))
            trainer.finite.look()


@pytest.mark.parametrize("control", ["should_log", "should_evaluate", "should_save"])
def test_nothing_is_said_or_kept_of_a_step_that_a_gpu_was_not_asked_about_yet(prepared: Prepared, control: str) -> None:
    run = prepared("run")
    trainer = build_trainer(read_material(run), run.checkpoints)
    trainer.finite.note(torch.tensor(math.nan), 1, "loss", ())
    trainer.finite.look(before=1)
    setattr(trainer.control, control, True)
    with pytest.raises(NonFiniteError):
        trainer._maybe_log_save_evaluate(torch.tensor(0.0), None, trainer.model, None, 0.0, None, 0.0)
    assert not list(run.checkpoints.iterdir()) and not trainer.state.log_history


def test_records_of_every_thousand_are_packed_together(prepared: Prepared) -> None:
    many = [Example(f"r{place}", "train", {"prompt": "Where? ", "completion": "Brest"}) for place in range(1500)]
    run = prepared("run", "train.packing=true", "train.max_length=64", "train.eval_steps=null", rows=many)
    material = read_material(run)
    trainer = build_trainer(material, run.checkpoints)
    counts = [len(row["seq_lengths"]) for row in trainer.train_dataset]
    assert sum(counts) == 1500
    assert set(counts[:-1]) == {64 // len(material.train["input_ids"][0])}, "only the last row has room left"


def test_a_number_that_is_not_finite_is_left_out_of_the_metrics_and_said_in_the_log(
    prepared: Prepared, capsys: pytest.CaptureFixture[str]
) -> None:
    run = prepared("run")
    logs = {"loss": 1.5, "learning_rate": 0.0002, "grad_norm": math.inf}
    Logbook(run, StopRequest()).on_log(
        SimpleNamespace(),  # type: ignore[arg-type]
        TrainerState(global_step=1, max_steps=2),
        TrainerControl(),
        logs,
    )
    [line] = run.metrics()
    assert line["loss"] == 1.5 and "grad_norm" not in line and "NaN" not in run.metrics_file.read_text()
    assert capsys.readouterr().out == "step 1/2  loss 1.5000  rate 2.00e-04  gradient inf  0 tokens/s\n"


def test_a_validation_loss_is_said_in_the_log(prepared: Prepared, capsys: pytest.CaptureFixture[str]) -> None:
    state = TrainerState(global_step=1200, max_steps=4000)
    Logbook(prepared("run"), StopRequest()).on_log(SimpleNamespace(), state, TrainerControl(), {"eval_loss": 0.138})  # type: ignore[arg-type]
    assert capsys.readouterr().out == "step 1,200/4,000  validation loss 0.1380\n"


def test_what_a_recipe_asks_of_the_loop_reaches_the_trainer(prepared: Prepared) -> None:
    asked = ["scheduler=constant", "sampling=group_by_length", "weight_decay=0.001", "max_grad_norm=0.3"]
    asked += ["optimizer=paged_adamw_32bit", "precision=float32", "warmup=0", "gradient_accumulation=2"]
    run = prepared("run", *(f"train.{setting}" for setting in asked), "lora.use_rslora=true", "lora.r=4")
    trainer = build_trainer(read_material(run), run.checkpoints)
    args, lora = trainer.args, trainer.model.peft_config["default"]
    assert (args.lr_scheduler_type, args.train_sampling_strategy) == ("constant", "group_by_length")
    assert (args.weight_decay, args.max_grad_norm, args.optim) == (0.001, 0.3, "paged_adamw_32bit")
    assert (args.bf16, args.fp16, args.gradient_accumulation_steps, args.warmup_steps) == (False, False, 2, 0)
    assert (lora.r, lora.use_rslora, lora.use_dora) == (4, True, False)


def test_a_run_says_which_number_format_was_asked_for_and_which_ran(prepared: Prepared) -> None:
    asked = ["train.max_steps=1", "train.eval_steps=null", "train.scheduler=constant", "lora.use_dora=true"]
    run = prepared("run", "quantization.compute_dtype=float16", *asked)
    train(run, StopRequest())
    assert run.status() == "finished"
    assert {which: said["compute"] for which, said in run.facts()["precision"].items()} == {
        "asked": "float16",
        "runs": "bfloat16",
    }


def test_a_base_that_changed_since_the_xray_is_not_trained(prepared: Prepared, base: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(base, copy)
    run = prepared("run", on=copy)
    read_material(run)
    config = copy / "config.json"
    config.write_text(config.read_text() + " ")
    with pytest.raises(CorruptionError, match="'small'"):
        read_material(run)


def test_an_adapter_on_a_folder_names_the_folder_and_not_the_way_to_it(
    prepared: Prepared, base: Path, tmp_path: Path
) -> None:
    run = prepared("run", f"base={base}")
    material = read_material(run)
    save_adapter(build_trainer(material, run.checkpoints), material, run.adapter)
    config = json.loads((run.adapter / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == base.name


def test_a_training_without_memory_says_what_to_change(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Trainer, "training_step", full)
    with pytest.raises(OutsideError) as caught:
        train(prepared("run"), StopRequest())
    assert "train.batch_size" in caught.value.hint


def test_the_first_lora_weights_follow_from_the_seed_alone(prepared: Prepared) -> None:
    first, same, other = prepared("first"), prepared("same"), prepared("other", "train.seed=1")
    torch.manual_seed(7)
    drawn = [drawn_weight(run) for run in (first, same, other)]
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])


def drawn_weight(run: RunFolder) -> torch.Tensor:
    trainer = build_trainer(read_material(run), run.checkpoints)
    return next(value for name, value in trainer.model.named_parameters() if "lora_A" in name)


def test_tokens_changed_after_the_xray_are_not_trained(prepared: Prepared) -> None:
    run = prepared("run")
    run.tokens.write_bytes(run.tokens.read_bytes() + b"\0")
    with pytest.raises(CorruptionError):
        read_material(run)


def test_a_half_written_checkpoint_is_passed_over(prepared: Prepared) -> None:
    run = prepared("run")
    assert last_checkpoint(run) is None
    for step in (9, 10, 11):
        (run.checkpoints / f"checkpoint-{step}").mkdir()
    for step in (9, 10):
        (run.checkpoints / f"checkpoint-{step}" / COMPLETE).touch()
    assert last_checkpoint(run) == run.checkpoints / "checkpoint-10"


def test_a_resume_drops_the_lines_that_will_be_written_again(prepared: Prepared) -> None:
    run = prepared("run")
    run.metrics_file.write_text('{"step": 1, "tokens_seen": 7}\n{"step": 2, "tokens_seen": 9}\n{"st')
    rewind_metrics(run, 1)
    assert [line["step"] for line in run.metrics()] == [1]


def test_an_error_is_told_in_one_line() -> None:
    assert one_line(RuntimeError("\n\nout of memory\nat 0x1")) == "RuntimeError: out of memory"
    assert one_line(MemoryError()) == "MemoryError"
    assert "train.learning_rate" in one_line(NonFiniteError(3, "loss", ("r1",)))
