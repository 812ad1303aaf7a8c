"""`runs` as a script meets it, and as a person reads it."""

from __future__ import annotations

import json
import os

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


def test_what_goes_on_from_a_run_is_told_and_nothing_while_it_works(store: Store, run: RunFolder) -> None:
    def told() -> str:
        return workbench("runs", "one", cwd=store.workspace.root).out

    assert told().endswith("next: workbench evaluate one\n")
    for state in ("stopped", "running"):
        run.set_state(state)
        assert told().endswith("next: workbench train --resume one\n"), "it says running, and its process is gone"
    run.set_process(os.getpid())
    assert "next:" not in told() and "evaluate" not in told()


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


def test_a_prefix_of_several_runs_names_them_newest_first(store: Store, run: RunFolder) -> None:
    for number in range(1, 8):
        other = RunFolder.create(store.workspace.run_folder(f"one-{number}"))
        other.set_state("finished")
        os.utime(other.state_file, (number, number))
    said = workbench("runs", "one-", cwd=store.workspace.root)
    assert said.code == 2 and "7 runs start with 'one-'" in said.talk
    assert "type more of one, newest first: one-7, one-6, one-5, one-4, one-3 and 2 more" in said.talk
    assert workbench("runs", "one", cwd=store.workspace.root).code == 0, "a whole name is no prefix"
    assert "no run named 'two'" in workbench("runs", "two", cwd=store.workspace.root).talk
