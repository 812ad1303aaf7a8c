"""Facts about what the prompt page holds in memory: two runs at most, and of one base never two."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from workbench.evaluation import bench
from workbench.services.evaluation.playground import Loaded
from workbench.training.runs import RunFolder


@dataclass(frozen=True)
class Held:
    """Stands for a loaded pair: the model is the base's, with the adapters on it."""

    run: str
    model: list[str] = field(compare=False)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Load runs called `BASE-NUMBER` without a model, and tell what is done."""
    done: list[str] = []

    def load(run: RunFolder, beside: Held | None = None) -> Held:
        base = run.name.partition("-")[0]
        shared = beside is not None and beside.run.startswith(base)
        done.append(f"{'add' if shared else 'load'} {run.name}")
        model = beside.model if beside is not None and shared else []
        model.append(run.name)
        return Held(run.name, model)

    def drop(held: Held) -> None:
        held.model.remove(held.run)
        done.append(f"drop {held.run}")

    monkeypatch.setattr(bench, "load_bench", load)
    monkeypatch.setattr(bench, "drop_adapter", drop)
    return done


def ask(loaded: Loaded, *names: str) -> list[Held]:
    return [loaded.bench(RunFolder(Path(name))) for name in names]  # type: ignore[misc]


def test_what_was_loaded_for_a_prompt_is_there_for_the_next(told: list[str]) -> None:
    loaded = Loaded()
    assert ask(loaded, "mistral-1", "mistral-1", "tiny-1") == ask(loaded, "mistral-1", "mistral-1", "tiny-1")
    assert told == ["load mistral-1", "load tiny-1"]


def test_a_base_is_loaded_once_for_two_runs(told: list[str]) -> None:
    first, second = ask(Loaded(), "mistral-1", "mistral-2")
    assert first.model is second.model
    assert told == ["load mistral-1", "add mistral-2"]


def test_a_third_run_takes_the_place_of_the_one_asked_longest_ago(told: list[str]) -> None:
    loaded = Loaded()
    ask(loaded, "mistral-1", "mistral-2", "mistral-1", "mistral-3")
    assert told == ["load mistral-1", "add mistral-2", "drop mistral-2", "add mistral-3"]
    ask(loaded, "tiny-1", "mistral-3")
    assert told[4:] == ["drop mistral-1", "load tiny-1"]
