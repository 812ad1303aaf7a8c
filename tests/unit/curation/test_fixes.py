"""The form of a suggested fix."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workbench.curation.fixes import DROP, changes, of_field, of_fields

VALUES = st.none() | st.integers() | st.text() | st.lists(st.text())


@given(VALUES)
def test_a_fix_of_the_field_names_its_new_value(value):
    assert changes("answer", of_field(value)) == {"answer": value}


@given(st.dictionaries(st.text(), VALUES))
def test_a_fix_of_several_fields_names_them_all(values):
    assert changes("answer", of_fields(values)) == values


def test_a_fix_may_ask_to_drop_the_record():
    assert changes("answer", DROP) is None
