"""Nothing is lost: every row read is kept, merged or quarantined, and a vanished one is matched to its heir."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.corpora import by_question, deliver, fact, facts, ids, long_fact, near, scratch, state
from workbench.services.intake.ingest import Order, ingest
from workbench.services.intake.quarantine import readmit
from workbench.services.records.editing import drop
from workbench.services.verify import verify

QUICK = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
LONG = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
LINES = st.one_of(
    st.builds(lambda q, a: json.dumps({"question": q, "answer": a}).encode(), st.text(max_size=5), st.text(max_size=5)),
    st.sampled_from(
        [b"{}", b"[]", b"null", b'{"question": 1, "answer": [2]}', b'{"question": "a", "answer": {"x": 1}}']
    ),
    st.sampled_from(
        [b'{"question": "torn', b"\xff\xfe", b'{"question": NaN}', b"[" * 300, b'{"answer": "only"}', b"\x00"]
    ),
    st.binary(max_size=12).map(lambda b: bytes(byte for byte in b if 0x20 <= byte < 0x7F or byte >= 0xA0)),
)
GOOD = b'{"question": "first", "answer": "good"}\n'


def keeps_count(lines: list[bytes]) -> None:
    with scratch() as store:
        path = store.workspace.root.parent / "rows.jsonl"
        path.write_bytes(GOOD + b"\n".join(lines) + b"\n")
        order = Order("facts", (path,), schema="qa", settings={"name": "rows", "reader": "jsonl", "encoding": "utf-8"})
        told, again = ingest(store, order)[0], ingest(store, order)[0]
        assert told.read == told.kept + told.merged + told.quarantined
        assert told.read == 1 + sum(bool(line.strip()) for line in b"\n".join(lines).split(b"\n"))
        assert (again.kept, again.merged, again.quarantined) == (0, told.kept, told.quarantined)
        assert state(store).rejects.height == told.quarantined
        assert state(store).records.height == told.kept
        assert verify(store) == []


@given(st.lists(LINES, max_size=10))
@QUICK
def test_every_row_read_is_kept_merged_or_quarantined(lines):
    keeps_count(lines)


@pytest.mark.slow
@given(st.lists(LINES, max_size=30))
@LONG
def test_every_row_read_is_kept_merged_or_quarantined_at_length(lines):
    keeps_count(lines)


def test_the_same_file_again_keeps_nothing_and_writes_nothing(store):
    rows = [*facts(1, 2, 3), fact(3)]
    deliver(store, rows)
    log = store.catalogue.rows()
    told = deliver(store, rows)
    assert (told.read, told.kept, told.merged) == (4, 0, 4)
    assert store.catalogue.rows() == log


def test_the_bytes_of_a_quarantined_row_are_kept(store):
    path = store.workspace.root.parent / "rows.jsonl"
    path.write_bytes(GOOD + b'{"question": "torn\n')
    ingest(store, Order("facts", (path,), schema="qa"))
    assert state(store).rejects["raw"].to_list() == [b'{"question": "torn']


def test_the_raw_file_is_kept_byte_for_byte(store):
    told = deliver(store, facts(1))
    path = store.workspace.root.parent / "rows.jsonl"
    assert store.objects.path(f"{told.digest}.raw").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("depth", [100, 300, 600, 900, 5000])
def test_a_row_nested_deeply_is_kept_or_quarantined_and_never_a_crash(store, depth):
    path = store.workspace.root.parent / "rows.jsonl"
    deep = b'{"question": "q", "answer": "a", "x": ' + b"[" * depth + b"]" * depth + b"}"
    path.write_bytes(GOOD + deep + b"\n")
    told = ingest(store, Order("facts", (path,), schema="qa"))[0]
    assert told.read == told.kept + told.quarantined == 2


def test_a_longer_delivery_merges_what_is_here_and_keeps_the_rest(store):
    deliver(store, facts(*range(10)))
    before = set(ids(store))
    told = deliver(store, facts(*range(12))[::-1])
    assert (told.kept, told.merged, told.matched) == (2, 10, 0)
    assert before < set(ids(store))


def test_a_row_that_comes_back_is_the_record_it_was(store):
    deliver(store, facts(1, 2))
    before = ids(store)
    deliver(store, facts(1))
    assert len(ids(store)) == 1
    told = deliver(store, facts(1, 2))
    assert (told.kept, told.merged) == (0, 2)
    assert ids(store) == before


def test_a_shorter_delivery_says_how_many_records_it_holds_no_more(store):
    deliver(store, [long_fact(i) for i in range(6)])
    gone, changed = long_fact(0)["question"], long_fact(1)
    drop(store, "facts", [by_question(store)[gone]])
    rest = [near(changed, "more"), long_fact(2), fact(9)]
    told = deliver(store, rest)
    assert (told.kept, told.merged, told.matched, told.left) == (2, 1, 1, 3)  # the dropped one was gone before
    assert deliver(store, rest).left == 0


def test_a_slightly_changed_row_is_the_heir_of_the_vanished_one(store):
    rows = [long_fact(i) for i in range(4)]
    deliver(store, rows)
    old = by_question(store)[rows[1]["question"]]
    changed = near(rows[1], "more")
    told = deliver(store, [*facts(8, 9), changed, rows[3], rows[2], rows[0]])
    assert told.matched == 1
    assert state(store).today(old) == by_question(store)[changed["question"]]


def test_a_row_between_the_same_neighbours_is_the_heir_where_no_text_is_near(store):
    deliver(store, facts(1, 2, 3))
    old = by_question(store)[fact(2)["question"]]
    deliver(store, facts(1, 9, 3))
    assert state(store).today(old) == by_question(store)[fact(9)["question"]]


def test_each_heir_has_one_ancestor_of_a_delivery(store):
    rows = [long_fact(1, note=i) for i in range(3)]
    deliver(store, rows)
    deliver(store, [near(long_fact(1, note=9), "x")])
    heirs = [row.subject for row in state(store).of("match")]
    assert len(heirs) == len(set(heirs)) == 1


def test_heirs_are_followed_over_several_deliveries_and_no_cycle_hangs(store):
    one, two = long_fact(1), near(long_fact(1), "x")
    deliver(store, [one])
    first = ids(store)[0]
    for row in (two, one, two, near(two, "y")):
        deliver(store, [row])
        assert state(store).today(first) == ids(store)[0]


def test_a_readmitted_row_is_a_record_with_its_place(store):
    path = store.workspace.root.parent / "rows.jsonl"
    path.write_bytes(GOOD + b'{"question": "torn\n')
    ingest(store, Order("facts", (path,), schema="qa"))
    record = readmit(store, "facts", "rows.jsonl", 1, {"question": "whole", "answer": "again"})
    assert by_question(store)["whole"] == record
    assert state(store).rejects.is_empty()
    assert state(store).records.filter(id=record)["position"].to_list() == [1]
    assert verify(store) == []


def test_a_readmitted_row_outlives_a_delivery_in_which_its_unit_is_still_torn(store):
    path = store.workspace.root.parent / "rows.jsonl"
    path.write_bytes(GOOD + b'{"question": "torn\n')
    ingest(store, Order("facts", (path,), schema="qa"))
    record = readmit(store, "facts", "rows.jsonl", 1, {"question": "whole", "answer": "again"})
    path.write_bytes(b'{"question": "new", "answer": "row"}\n' + GOOD + b'{"question": "torn\n')
    ingest(store, Order("facts", (path,), schema="qa"))
    assert record in ids(store)


def test_a_readmitted_row_whose_key_is_taken_is_another_record(store):
    path = store.workspace.root.parent / "rows.jsonl"
    path.write_bytes(b'{"question": "q", "answer": "a", "key": 1}\n{"question": "torn\n')
    ingest(store, Order("facts", (path,), schema="qa", settings={"key": ("key",)}))
    readmit(store, "facts", "rows.jsonl", 1, {"question": "other", "answer": "b", "key": 1})
    assert len(set(ids(store))) == 2


def test_rows_ingested_after_a_readmission_have_numbers_of_their_own(store):
    path = store.workspace.root.parent / "rows.jsonl"
    path.write_bytes(GOOD + b'{"question": "torn\n')
    ingest(store, Order("facts", (path,), schema="qa"))
    readmit(store, "facts", "rows.jsonl", 1, {"question": "whole", "answer": "again"})
    deliver(store, facts(1, 2, 3), name="other")
    assert state(store).stored["rid"].to_list() == list(range(5))
    assert state(store).records.height == 5


@pytest.mark.parametrize("content", [b"{", b"[]"])
def test_a_delivery_of_nothing_but_torn_units_empties_the_source_and_counts_them(store, content):
    deliver(store, facts(1, 2))
    path = store.workspace.root.parent / "empty.jsonl"
    path.write_bytes(content)
    settings_ = {"name": "rows", "reader": "jsonl", "encoding": "utf-8"}
    told = ingest(store, Order("facts", (path,), schema="qa", settings=settings_))[0]
    assert (told.read, told.kept, told.merged, told.quarantined) == (1, 0, 0, 1)
    assert ids(store) == []
