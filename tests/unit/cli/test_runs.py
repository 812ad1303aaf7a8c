"""`runs` as a script meets it, and as a person reads it."""

from __future__ import annotations

import json

import pytest

from tests.cli import called as workbench
from tests.corpora import cut, deliver, facts
from tests.runs import scored_run
from workbench.store.store import Store
from workbench.training.runs import RunFolder

LOGGED = (
    {"step": 10, "epoch": 0.5, "loss": 2.25, "learning_rate": 2e-4, "tokens_per_s": 1234.5, "eta_s": 61.0},
    {"step": 10, "epoch": 0.5, "eval_loss": 2.5},
)


@pytest.fixture
def run(store: Store) -> RunFolder:
    """A run with two logged lines."""
    deliver(store, facts(*range(20)))
    made = scored_run(store, cut(store), "one", [])
    made.metrics_file.write_text("".join(json.dumps(line) + "\n" for line in LOGGED))
    return made


def test_a_run_is_told_with_its_numbers_in_columns(store: Store, run: RunFolder) -> None:
    said = workbench("runs", "one", cwd=store.workspace.root)
    assert said.code == 0, said.talk
    head, first, second = (line.split() for line in said.out.splitlines()[-4:-1])
    assert head == ["step", "epoch", "loss", "eval", "loss", "learning", "rate", "tokens", "per", "s", "eta", "s"]
    assert first == ["10", "0.50", "2.2500", "2.00e-04", "1,234", "61"] and second == ["10", "0.50", "2.5000"]
    assert "{" not in said.out and "state: finished" in said.out
    found = workbench("runs", "one", "--json", cwd=store.workspace.root).json
    assert found["metrics"] == list(LOGGED) and found["evaluation"] is None


def test_why_a_run_failed_is_told(store: Store, run: RunFolder) -> None:
    run.set_state("failed", "the loss of step 3 is not a number", code=1)
    assert "reason: the loss of step 3 is not a number" in workbench("runs", "one", cwd=store.workspace.root).out


def test_runs_are_listed_and_a_damaged_one_hides_no_other(store: Store, run: RunFolder) -> None:
    damaged = RunFolder.create(store.workspace.run_folder("torn"))
    damaged.state_file.write_text("{")
    said = workbench("runs", cwd=store.workspace.root)
    assert [line.split()[:2] for line in said.out.splitlines()[1:]] == [["one", "finished"], ["torn", "damaged"]]


def test_a_workspace_without_runs_says_so(store: Store) -> None:
    assert workbench("runs", cwd=store.workspace.root).out == "no runs yet\n"
