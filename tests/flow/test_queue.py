"""From wrong answers to the queue that finds them: a corpus is spoiled, trained, scored and looked at again."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
import pytest

from workbench.services.evaluation.evaluate import evaluate
from workbench.services.evaluation.hardest import hardest
from workbench.services.evaluation.scored import records
from workbench.services.records.editing import edit
from workbench.services.training.train import Training, start, watch
from workbench.services.versions.build import build
from workbench.services.versions.split import Request, split
from workbench.store.store import Store
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow

CORPUS, SHARE, LIFT = "domain-qa", 0.05, 4.0


def spoiled(store: Store) -> set[str]:
    """Give one in twenty of the trained records the answer of another one of its language, and cut a version."""
    _, version = build(store, CORPUS)
    trained = records(store, version).filter(pl.col("split") == "train").sort("id")
    wrong = random.Random(0).sample(range(trained.height), round(SHARE * trained.height))
    for place in wrong:
        row = trained.row(place, named=True)
        others = trained.filter((pl.col("lang") == row["lang"]) & (pl.col("answer") != row["answer"]))
        answer = others["answer"][place % others.height]
        edit(store, CORPUS, row["id"], {"answer": answer}, reason="spoiled on purpose")
    split(store, Request(CORPUS, store.corpus(CORPUS).split))
    return set(trained["id"].gather(wrong))


def test_the_queue_finds_wrong_answers_far_above_chance(tmp_path: Path) -> None:
    with Store(Workspace.create(tmp_path / "w")) as store:
        wrong = spoiled(store)
        run = start(store, Training(CORPUS, overrides=("train.epochs=6",)))
        assert watch(run, lambda _: None) == "finished"
        evaluate(store, run, "train")
        found = {}
        for by in ("loss", "gap"):
            queue = hardest(store, run, by, len(wrong))
            found[by] = sum(entry["record"] in wrong for entry in queue["records"]) / len(wrong)
        chance = len(wrong) / queue["scored"]
    assert found["loss"] >= LIFT * chance, f"precision at {len(wrong)}: {found}, chance {chance:.3f}"
