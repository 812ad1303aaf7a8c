"""A value of another shape than its field never enters the log."""

from __future__ import annotations

import json

import pytest

from tests.corpora import deliver, ids
from workbench.errors import UsageError
from workbench.services.records.editing import edit

QUESTION = {"question": "Which?", "options": ["a", "b"], "correct_option_index": 0}


@pytest.mark.parametrize(
    ("field", "value"),
    [("options", "abc"), ("options", {"no": "list"}), ("options", 3), ("correct_option_index", "2"),
     ("correct_option_index", True), ("correct_option_index", 1.5), ("question", 7), ("question", ["a"])],
)  # fmt: skip
def test_a_value_of_another_shape_is_refused(store, field, value):
    deliver(store, [QUESTION], schema="mcq")
    with pytest.raises(UsageError, match="does not fit"):
        edit(store, "facts", ids(store)[0], {field: value})


def test_lists_and_numbers_and_nothing_are_taken(store):
    deliver(store, [QUESTION], schema="mcq")
    values = {"options": ["x", "y", "z"], "correct_option_index": 2, "explanation": None, "topic": json.dumps("t")}
    assert edit(store, "facts", ids(store)[0], values) == 3
