"""Facts about the exposure ledger: it follows the very order in which the trainer draws."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow.parquet as pq
import pytest

from workbench.recipe import Train
from workbench.training.exposure import batches_of, exposure, steps_of
from workbench.training.qlora import build_trainer, read_material
from workbench.training.runs import RunFolder

Prepared = Callable[..., RunFolder]


def test_the_order_is_the_trainers_own(prepared: Prepared) -> None:
    run = prepared("order", "train.max_steps=null", "train.epochs=3", "train.seed=7", "train.gradient_accumulation=2")
    material = read_material(run)
    trainer = build_trainer(material, run.checkpoints)
    ids = {tuple(row): place for place, row in enumerate(material.train["input_ids"].to_pylist())}
    loader = trainer.get_train_dataloader()
    expected = batches_of(run.recipe().train, len(ids))
    for number in range(2):
        loader.set_epoch(number)
        drawn = [
            ids[tuple(row[mask.bool()].tolist())]
            for batch in loader
            for row, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True)
        ]
        assert drawn == [*next(expected), *next(expected)]


def finished(run: RunFolder, step: int, total: int) -> RunFolder:
    run.set_state("finished", step=step, total=total)
    return run


def test_every_record_is_seen_once_a_pass_and_its_learned_tokens_are_counted(prepared: Prepared) -> None:
    run = finished(prepared("whole", "train.max_steps=null", "train.epochs=3"), 12, 12)
    found = exposure(run)
    assert (found.by, found.step, found.reason) == ("order", 12, "")
    assert set(found.ledger["times"].to_pylist()) == {3}
    cached = [row for row in pq.read_table(run.tokens).to_pylist() if row["split"] == "train"]
    assert found.ledger["record"].to_pylist() == [row["record"] for row in cached]
    learned = [3 * sum(label != -100 for label in row["labels"]) for row in cached]
    assert found.ledger["learned_tokens"].to_pylist() == learned
    steps = [step for steps in found.ledger["steps"].to_pylist() for step in steps]
    assert sorted(steps) == [step for step in range(1, 13) for _ in range(4)]


def test_a_stopped_run_saw_only_what_came_before(prepared: Prepared) -> None:
    found = exposure(finished(prepared("part", "train.max_steps=8"), 2, 8))
    assert sorted(found.ledger["times"].to_pylist()) == [0] * 8 + [1] * 8


def test_where_the_order_is_not_known_whole_passes_are_told_and_why(prepared: Prepared) -> None:
    packed = exposure(
        finished(prepared("packed", "train.packing=true", "train.max_steps=null", "train.epochs=3"), 3, 3)
    )
    assert packed.by == "passes" and "packed" in packed.reason
    assert set(packed.ledger["times"].to_pylist()) == {3} and packed.ledger["steps"].null_count == 16
    shared = exposure(finished(prepared("shared", "train.max_steps=null", "train.epochs=2"), 4, 4))
    assert "one process" in shared.reason and set(shared.ledger["times"].to_pylist()) == {2}


def test_rows_that_several_processes_shared_are_not_counted_one_by_one(prepared: Prepared) -> None:
    # Of 16 rows in steps of 6 the last step of a pass takes two of them twice, and the number of steps is the same.
    run = prepared("both", "train.max_steps=null", "train.epochs=2", "train.batch_size=6")
    run.note("gpus", 2)
    found = exposure(finished(run, 6, 6))
    assert found.by == "passes" and "several shared the records" in found.reason


@pytest.mark.parametrize(("rows", "accumulation", "steps"), [(16, 1, 8), (16, 3, 4), (17, 1, 10), (1, 1, 2)])
def test_the_last_step_of_a_pass_takes_what_is_left(rows: int, accumulation: int, steps: int) -> None:
    assert steps_of(Train(epochs=2, batch_size=4, gradient_accumulation=accumulation), rows) == steps


@pytest.mark.parametrize("form", ["train.packing=true", "train.sampling=group_by_length"])
def test_a_run_of_so_many_steps_tells_the_passes_that_were_logged(prepared: Prepared, form: str) -> None:
    run = finished(prepared("steps", form, "train.max_steps=8"), 8, 8)
    assert set(exposure(run).ledger["times"].to_pylist()) == {0}
    run.metrics_file.write_text('{"step": 5, "epoch": 1.25}\n{"step": 8, "epoch": 2.0}\n')
    found = exposure(run)
    assert found.by == "passes" and set(found.ledger["times"].to_pylist()) == {2}
