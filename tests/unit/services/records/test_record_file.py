"""Records go to an editor as one file and come back as they were, whatever characters they hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.corpora import deliver, facts, ids, state
from workbench.errors import UsageError
from workbench.services.records.record_file import changed, entries, written
from workbench.text import show

ODD = st.text(st.sampled_from("a b\n\t:#-'\"|>\\é\x1b\u202e\u2028\x85\ufeff\r\x00[]{}?!&*%@`,1yesnull~"))
TEXT = st.one_of(ODD, st.text(st.characters(exclude_categories=["Cs"])))
TURNS = st.lists(st.fixed_dictionaries({"role": ODD, "content": TEXT}), max_size=2)
VALUE = st.one_of(TEXT, st.none(), st.integers(), st.booleans(), st.lists(TEXT, max_size=3), TURNS)
ROWS = st.dictionaries(st.from_regex("[a-f0-9]{8}", fullmatch=True), st.dictionaries(TEXT, VALUE), max_size=3)


@pytest.fixture
def schema(store):
    deliver(store, facts(1))
    return state(store).schema


@given(ROWS)
def test_nothing_in_the_file_steers_a_terminal_and_nothing_is_lost(rows):
    text = written("facts", rows)
    assert show(text, lines=True) == text
    assert {entry.pop("record_id"): entry for entry in entries(text)} == rows


def test_only_what_was_changed_comes_back(schema):
    before = {"aa": {"question": "q?\nsecond line", "answer": "a"}, "bb": {"question": "r?", "answer": None}}
    text = written("facts", before)
    assert changed(text, before, schema) == {}
    assert changed(text.replace("second line", "another"), before, schema) == {"aa": {"question": "q?\nanother"}}


def test_a_record_taken_out_of_the_file_stays_as_it_is(schema):
    before = {"aa": {"answer": "a"}, "bb": {"answer": "b"}}
    text = written("facts", {"bb": {"answer": "new"}})
    assert changed(text, before, schema) == {"bb": {"answer": "new"}}
    assert changed("", before, schema) == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- record_id: aa\n  answer: [", "no YAML.*line"),
        ("answer: a", "no list of records"),
        ("- answer: a", "entry 1 names no record"),
        ("- record_id: cc", "entry 1 names no record"),
        ("- record_id: aa\n- record_id: aa", "entry 2 names no record"),
        ("- record_id: aa\n  answer: 7", "does not fit the field 'answer'"),
        ("- record_id: aa\n  nothing: x", "no field named 'nothing'"),
        ("- !!python/object/apply:os.system ['true']", "no YAML"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(schema, text, told):
    with pytest.raises(UsageError, match=told):
        changed(text, {"aa": {"answer": "a"}}, schema)


def test_a_file_of_real_records_comes_back_unchanged(store, schema):
    rows = {row.pop("id"): row for row in state(store).records.select("id", *schema.columns).to_dicts()}
    assert set(rows) == set(ids(store))
    assert changed(written("facts", rows), rows, schema) == {}
