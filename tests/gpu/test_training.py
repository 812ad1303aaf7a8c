"""Facts about a training on a GPU: it resumes, goes one step lower where memory is full, and notices broken numbers."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from tests.unit.training.conftest import Prepared
from tests.unit.training.test_qlora import StopAfter
from workbench.training.finite import Finite, NonFiniteError
from workbench.training.qlora import Trainer, train
from workbench.training.signals import StopRequest

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
FORMS = [("train.packing=false",), ("train.packing=true", "train.max_length=64")]


def losses(run: Any) -> list[float]:
    return [line["loss"] for line in run.metrics() if "loss" in line]


@pytest.mark.parametrize("form", FORMS, ids=["padded", "packed"])
def test_a_stopped_and_resumed_run_follows_an_uninterrupted_one(prepared: Prepared, form: tuple[str, ...]) -> None:
    whole, parts = prepared("whole", *form), prepared("parts", *form)
    train(whole, StopRequest())
    train(parts, StopAfter(5))
    assert (parts.status(), parts.state()["step"]) == ("stopped", 5)
    train(parts, StopRequest(), resume=True)
    assert parts.status() == whole.status() == "finished"
    assert losses(parts) == pytest.approx(losses(whole), rel=2e-2)


def test_a_full_memory_goes_on_one_step_lower_from_the_last_checkpoint(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = ("train.save_steps=2", "train.plan=none")
    whole, run = prepared("whole", *form), prepared("run", *form, "train.step_down=true")
    train(whole, StopRequest())
    right, tries = Trainer.training_step, []

    def greedy(self: Trainer, *given: Any, **more: Any) -> torch.Tensor:
        if self.state.global_step == 3 and not tries:
            tries.append(torch.cuda.memory_allocated())
            torch.empty(1 << 45, dtype=torch.uint8, device="cuda")
        return right(self, *given, **more)

    monkeypatch.setattr(Trainer, "training_step", greedy)
    train(run, StopRequest())
    [down] = run.facts()["steps_down"]
    assert (down["step"], down["from"]["checkpointing"], down["to"]["checkpointing"]) == (2, "none", "selective")
    assert "memory" in down["reason"] and run.status() == "finished"
    assert losses(run) == pytest.approx(losses(whole), rel=2e-2)


def test_a_number_is_looked_at_after_the_next_step_was_sent() -> None:
    finite = Finite()
    finite.note(torch.tensor(1.0, device="cuda"), 1, "loss", ())
    finite.note(torch.tensor(math.nan, device="cuda"), 2, "gradient", [{"input_ids": 7}])
    finite.look(before=2)
    with pytest.raises(NonFiniteError, match="the gradient of step 2") as caught:
        finite.look()
    assert caught.value.batches == ({"input_ids": 7},)
