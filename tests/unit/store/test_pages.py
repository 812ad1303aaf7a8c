"""Screens read a corpus page by page from a mapped view: it shows what the segments and the edits say, and no more."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.corpora import deliver, fact, facts, ids, scratch, state
from workbench.services.intake.quarantine import readmit
from workbench.services.looking.listing import holding, listing
from workbench.services.records.editing import drop, edit, show_record
from workbench.services.records.undo import undo
from workbench.store.pages import Pages

QUICK = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


def pages(store) -> Pages:
    return Pages(store.desk(store.corpus("facts")))


def views(store) -> list[str]:
    return sorted(path.name for path in store.workspace.cache.glob("view-*"))


@given(st.lists(st.tuples(st.integers(0, 11), st.sampled_from(["a", "b", "drop", "back"])), max_size=8))
@QUICK
def test_all_pages_together_are_the_records(changes):
    with scratch() as store:
        deliver(store, facts(*range(12)))
        known = ids(store)
        for number, what in changes:
            if what in ("drop", "back"):
                drop(store, "facts", [known[number]], back=what == "back")
            else:
                edit(store, "facts", known[number], {"answer": what})
        shown = pages(store)
        parts = [shown.page(shown.standing[start : start + 5]) for start in range(0, 12, 5)]
        rows = [row for part in parts for row in part.to_dicts()]
        assert rows == state(store).records.drop("edited").to_dicts()


def test_a_record_is_found_by_any_prefix_of_its_id(store):
    deliver(store, facts(*range(300)))
    desk = store.desk(store.corpus("facts"))
    for record in ids(store)[::17]:
        assert desk.found(record) == [record]
        assert sorted(desk.found(record[:2])) == [other for other in ids(store) if other.startswith(record[:2])]
    assert desk.found("") == desk.found("z") == desk.found(record + "0") == []


def test_a_narrow_desk_shows_one_record_as_the_whole_store_does(store):
    deliver(store, facts(1, 2, 3))
    record, other = ids(store)[:2]
    edit(store, "facts", record, {"answer": "changed"})
    edit(store, "facts", other, {"answer": "elsewhere"})
    narrow = store.desk(store.corpus("facts"), [record])
    assert [row.subject for row in narrow.of("edit")] == [record]
    assert narrow.present([record]) == state(store).present([record])


def test_the_edits_of_a_vanished_record_are_seen_through_its_heir(store):
    deliver(store, facts(1, 2, 3))
    old = dict(state(store).records.select("question", "id").iter_rows())[fact(2)["question"]]
    edit(store, "facts", old, {"question": "mended"})
    deliver(store, [fact(1), fact(2) | {"answer": "another"}, fact(3)])
    heir = state(store).today(old)
    assert heir != old
    assert [row["value"] for row in show_record(store, "facts", heir).edits] == ["mended"]
    assert show_record(store, "facts", heir).fields["question"] == "mended"


def test_a_view_is_made_once_and_replaced_when_a_delivery_changes_the_records(store):
    deliver(store, facts(1, 2))
    listing(store, "facts", 5)
    first = views(store)
    edit(store, "facts", ids(store)[0], {"answer": "x"})
    listing(store, "facts", 5)
    assert views(store) == first
    deliver(store, facts(1, 2, 3))
    assert listing(store, "facts", 5)["total"] == 3
    assert len(views(store)) == len(first) == 2
    assert views(store) != first


@pytest.mark.parametrize("content", [b"", b"ARROW1", b"half"])
def test_a_torn_view_is_made_again(store, content):
    deliver(store, facts(1, 2))
    whole = listing(store, "facts", 5)
    for path in store.workspace.cache.glob("view-*"):
        for torn in (content, path.read_bytes()[:-30]):
            path.write_bytes(torn)
            assert listing(store, "facts", 5) == whole


def test_a_readmitted_unit_is_on_its_page(store):
    path = store.workspace.root.parent / "rows.jsonl"
    path.write_text('{"question": "first", "answer": "good"}\n{"question": "torn\n')
    deliver(store, facts(5), name="other", file="other.jsonl")
    from workbench.services.intake.ingest import Order, ingest

    ingest(store, Order("facts", (path,), schema="qa"))
    assert listing(store, "facts", 9)["total"] == 2
    readmit(store, "facts", "rows.jsonl", 1, {"question": "whole", "answer": "again"})
    assert "whole" in [row["question"] for row in listing(store, "facts", 9)["rows"]]


def test_a_search_finds_text_of_any_case_in_fields_edits_ids_and_sources(store):
    deliver(store, [fact(1), fact(2) | {"answer": "Élan vital"}, fact(3)])
    record = ids(store)[0]
    edit(store, "facts", record, {"answer": "Needle"})
    assert [row["id"] for row in holding(store, "facts", "nEEdle", 5)["rows"]] == [record]
    assert holding(store, "facts", "élan", 5)["total"] == 1
    assert holding(store, "facts", record, 5)["total"] == 1
    assert holding(store, "facts", "ROWS", 5)["total"] == 3
    assert holding(store, "facts", "nowhere", 5) == {"what": "records that hold 'nowhere'", "total": 0, "rows": []}
    drop(store, "facts", [record])
    assert holding(store, "facts", "needle", 5)["total"] == 0


def test_a_search_cut_short_claims_no_total(store):
    deliver(store, facts(*range(9)))
    found = holding(store, "facts", "rows", 4)
    assert (len(found["rows"]), found["total"]) == (4, None)


def test_a_thousand_edits_are_undone_in_one_go(store):
    deliver(store, facts(1, 2))
    record = ids(store)[0]
    before = state(store).records
    rows = [("edit", "facts", record, body) for body in _chain(before.filter(id=record)["answer"][0], 1000)]
    store.catalogue.append(*rows)
    assert len(undo(store, "facts", 1000)) == 1000
    assert state(store).records.drop("edited").equals(before.drop("edited"))
    assert undo(store, "facts", 5) == []


def _chain(value: str, length: int) -> list[dict[str, object]]:
    from workbench.store.edits import body_of

    values = [value, *(f"said {number}" for number in range(length))]
    return [body_of("answer", one, other, "test") for one, other in pairwise(values)]


def test_rows_of_a_view_are_numbers_that_can_be_sorted_and_sliced(store):
    deliver(store, facts(*range(6)))
    shown = pages(store)
    turned = shown.page(shown.standing[::-1])
    assert turned["position"].to_list() == [5, 4, 3, 2, 1, 0]
    assert shown.page(np.array([], dtype=np.int64)).height == 0
