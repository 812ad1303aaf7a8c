"""A line that one look tells to be whole is what the strict parser makes of it; any other goes to that parser."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.readers.json_values import checked_object, object_from, plain_object

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ['":', '" :', 'a": "b', ":", "\\"]
)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
)
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(TEXTS, SCALARS, max_size=2)
SPACES = st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", "\t:  ")])


@given(st.dictionaries(TEXTS, VALUES, max_size=4), SPACES, st.booleans())
def test_any_object_is_read_as_the_strict_parser_reads_it(row, separators, ascii_only):
    text = json.dumps(row, separators=separators, ensure_ascii=ascii_only)
    assert object_from(text) == checked_object(text) == row
    assert plain_object(text.encode()) in (None, row)


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), TEXTS), min_size=1, max_size=4), SPACES)
def test_a_key_that_stands_twice_is_never_plain(pairs, separators):
    comma, colon = separators
    text = "{" + comma.join(json.dumps(key) + colon + json.dumps(value) for key, value in pairs) + "}"
    names = [key for key, _ in pairs]
    if len(set(names)) == len(names):
        assert object_from(text) == dict(pairs)
        return
    assert plain_object(text.encode()) is None
    with pytest.raises(ValueError, match="stands twice"):
        object_from(text)


@given(st.binary(max_size=40))
def test_bytes_that_are_no_object_are_not_plain(line):
    found = plain_object(line)
    assert found is None or found == checked_object(line.decode())
