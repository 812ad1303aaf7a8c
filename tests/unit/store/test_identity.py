"""Identity follows from content: no order, layout, number form or file name changes a record's id."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.corpora import by_question, deliver, fact, facts, ids, scratch, state, write
from workbench.errors import UsageError
from workbench.services.intake.ingest import Order, ingest

QUICK = settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
LONG = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
EXTRA = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | TEXT | st.lists(st.integers(0, 3), max_size=2)
ROWS = st.lists(
    st.fixed_dictionaries({"question": TEXT, "answer": TEXT}, optional={"note": EXTRA, "more": EXTRA}),
    min_size=1,
    max_size=12,
)


def fresh_ids(rows, **how) -> list[str]:
    with scratch() as store:
        deliver(store, rows, **how)
        return ids(store)


def same_in_any_order(data, rows) -> None:
    turned = data.draw(st.permutations(rows))
    mixed = [dict(data.draw(st.permutations(list(row.items())))) for row in turned]
    assert fresh_ids(rows) == fresh_ids(mixed) == fresh_ids(mixed, file="other.json")


@given(st.data(), ROWS)
@QUICK
def test_order_of_rows_and_keys_and_layout_change_no_id(data, rows):
    same_in_any_order(data, rows)


@pytest.mark.slow
@given(st.data(), ROWS)
@LONG
def test_order_of_rows_and_keys_and_layout_change_no_id_at_length(data, rows):
    same_in_any_order(data, rows)


@given(ROWS)
@QUICK
def test_each_row_has_one_id_and_only_identical_rows_are_numbered(rows):
    with scratch() as store:
        told = deliver(store, [*rows, *rows])
        assert told.kept == 2 * len(rows)
        assert len(set(ids(store))) == 2 * len(rows)
        single = fresh_ids(rows)
        assert set(single) <= set(ids(store))


def test_the_form_of_a_number_changes_no_id():
    assert fresh_ids([fact(1, size=1)]) == fresh_ids([fact(1, size=1.0)]) != fresh_ids([fact(1, size="1")])


def test_the_order_of_files_changes_no_id():
    one, other = facts(1, 2), facts(3, 4)
    with scratch() as first, scratch() as second:
        deliver(first, one, name="one")
        deliver(first, other, name="other")
        deliver(second, other, name="other")
        deliver(second, one, name="one")
        assert ids(first) == ids(second)


def test_the_same_row_in_two_sources_is_two_records():
    with scratch() as store:
        deliver(store, facts(1), name="one")
        deliver(store, facts(1), name="other")
        assert len(set(ids(store))) == 2


def test_a_row_that_stands_once_more_gets_one_more_id():
    with scratch() as store:
        deliver(store, facts(1, 2))
        before = set(ids(store))
        told = deliver(store, facts(1, 1, 2))
        assert (told.kept, told.merged) == (1, 2)
        assert before < set(ids(store))


def test_a_key_column_holds_the_id_while_the_text_changes():
    with scratch() as store:
        deliver(store, [fact(1, key="a"), fact(2, key="b")], key=("key",))
        before = by_question(store)
        deliver(store, [fact(3, key="a"), fact(2, key="b")], key=("key",))
        assert by_question(store)[fact(3)["question"]] == before[fact(1)["question"]]


def test_rows_of_one_key_get_ids_of_their_own_whatever_their_order():
    rows = [fact(1, key="a"), fact(2, key="a"), fact(2, key="a"), fact(3, key="b")]
    one = fresh_ids(rows, key=("key",))
    assert len(set(one)) == 4
    assert fresh_ids(rows[::-1], key=("key",)) == one


def test_a_row_of_a_shared_key_is_followed_when_the_others_come_and_go():
    rows = [fact(i, key="a") for i in range(4)]
    with scratch() as store:
        seen: dict[str, str] = {}
        for present in (rows[:2], rows, rows[:1], rows[:3], rows):
            deliver(store, present, key=("key",))
            now = by_question(store)
            assert len(set(now.values())) == len(present)
            assert all(state(store).today(seen[question]) == now[question] for question in now if question in seen)
            seen |= now


def test_ids_of_a_shared_key_do_not_depend_on_what_came_before():
    rows = [fact(i, key="a") for i in range(3)]
    with scratch() as grown, scratch() as fresh:
        deliver(grown, rows[:1], key=("key",))
        deliver(grown, rows, key=("key",))
        deliver(fresh, rows, key=("key",))
        assert by_question(grown) == by_question(fresh)


def test_a_key_that_is_missing_in_a_row_still_identifies_it():
    assert len(set(fresh_ids([fact(1, key=None), fact(2), fact(3, key="a")], key=("key",)))) == 3


@pytest.mark.parametrize(("first", "later"), [((), ("key",)), (("key",), ()), (("key",), ("question",))])
def test_the_key_is_frozen_at_the_first_ingest(store, first, later):
    deliver(store, [fact(1, key="a")], key=first)
    with pytest.raises(UsageError, match="frozen"):
        deliver(store, [fact(1, key="a")], key=later)


def test_two_files_of_one_source_name_in_one_order_are_refused(store):
    # The second would count as a new delivery of the first, whose records would all vanish.
    files = (write(store, facts(1), "a.jsonl"), write(store, facts(2), "b.jsonl"))
    with pytest.raises(UsageError, match="rows"):
        ingest(store, Order("facts", files, schema="qa", settings={"name": "rows"}))


def test_rows_beyond_the_first_ones_may_have_further_columns(store):
    rows = [*facts(*range(300)), fact(300, lang="en")]
    deliver(store, rows)
    assert state(store).records["lang"].to_list()[-1] == "en"
    deliver(store, rows[::-1])
    assert state(store).records["lang"].null_count() == 300


def test_a_second_delivery_may_lack_a_column_that_need_not_be_there(store):
    deliver(store, [fact(1, lang="en"), fact(2, lang="en")])
    assert deliver(store, facts(1, 2, 3)).read == 3


def test_the_columns_no_field_takes_are_kept(store):
    deliver(store, [fact(1, page=7, tags=["x"])])
    assert json.loads(state(store).records["extra"][0]) == {"page": 7, "tags": ["x"]}
