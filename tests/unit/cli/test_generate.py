"""Facts about asking: either prompts or fields, and what belongs to one is refused beside the other."""

from __future__ import annotations

import pytest

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
