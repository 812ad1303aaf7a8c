"""Facts about asking: either prompts or fields, and what belongs to one is refused beside the other."""

from __future__ import annotations

import pytest

from tests.cli import called as workbench
from tests.corpora import cut, deliver, facts
from tests.runs import scored_run
from workbench.cli.commands.generate import _lines, generate
from workbench.errors import UsageError
from workbench.recipe import Generate
from workbench.services.evaluation.generated import Generated, Wanted
from workbench.services.evaluation.written import Written


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"prompts": ["a"], "settings": ["topic=b"]},
        {"prompts": ["a"], "count": 2},
        {"prompts": ["a"], "seed": 0},
        {"prompts": ["a"], "accept": "quiz"},
        {"prompts": ["a"], "split": "test"},
        {"split": "test", "settings": ["topic=b"]},
        {"split": "test", "seed": 0},
        {"split": "test", "accept": "quiz"},
    ],
)
def test_what_cannot_go_together_is_refused_before_a_model_is_loaded(asked):
    with pytest.raises(UsageError):
        generate(**asked)


def test_each_answer_is_told_with_its_verdict_and_the_counts_come_last():
    answers = (Written("Question: a", {"question": "a"}), Written("no", reasons=("unreadable",)))
    lines = _lines(Generated("run", "mcq", {}, Wanted({}, 2), Generate(), answers))
    assert lines[:4] == ["1. valid", "    Question: a", "2. unreadable", "    no"]
    assert "valid: 1" in lines and "reasons: unreadable 1" in lines
    assert "on_topic: n/a (no topic was asked for)" in lines


def test_held_out_records_are_told_with_what_stands_there(store, monkeypatch):
    deliver(store, facts(*range(8)))
    scored_run(store, cut(store), "one", [])
    said = {"record": "0" * 32, "prompt": "Where?", "base": "no", "tuned": "here", "reference": "there"}
    monkeypatch.setattr(
        "workbench.services.evaluation.asked.answers", lambda *_: {"answers": [said], "left_out": [long]}
    )
    long = {"record": "1" * 32, "prompt": "And?", "reason": "the prompt is 9 tokens longer"}
    asked = ("generate", "one", "--split", "test", "-n", "3")
    found = workbench(*asked, "--json", cwd=store.workspace.root)
    assert found.json == {"run": "one", "split": "test", "answers": [said], "left_out": [long]}
    told = "111111111111  left out: the prompt is 9 tokens longer"
    read = workbench(*asked, cwd=store.workspace.root).out.splitlines()
    assert read == ["000000000000  > Where?", "  base : no", "  tuned: here", "  there: there", told]
