"""What differs between versions: the same from the log as from the tables, forwards and backwards, and against now."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.corpora import CORPUS, cut, deliver, ids, long_fact, scratch, sides, words
from workbench.errors import UsageError
from workbench.services.records.editing import drop, edit
from workbench.services.verify import verify
from workbench.services.versions import diff as service
from workbench.services.versions.diff import Diff, diff, ends
from workbench.store.store import Store
from workbench.store.versions import versions

QUICK = settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
STEPS = st.lists(
    st.lists(st.tuples(st.sampled_from(["edit", "drop", "back", "grow"]), st.integers(0, 99)), max_size=4),
    min_size=2,
    max_size=3,
)
SHOWN = ["id", "was", "now", "stratum_was", "stratum", "before", "after"]


def between(store: Store, old: str | None, new: str) -> Diff:
    return diff(store, *ends(store, CORPUS, old, new))


def from_tables(store: Store, old: str, new: str) -> pl.DataFrame:
    one, other = ends(store, CORPUS, old, new)
    schema = store.schema(store.corpus(CORPUS))
    return service.difference(*service._frames(store, one, other), schema.columns)


@given(STEPS)
@QUICK
def test_the_log_tells_what_the_tables_tell(steps):
    rows = [long_fact(i, lang="en" if i % 2 else "fr") for i in range(12)]
    with scratch() as store:
        deliver(store, rows)
        cut(store)
        for step in steps:
            for what, number in step:
                act(store, rows, what, number)
            cut(store)
        known = [version.name for version in versions(store.catalogue, CORPUS)]
        for old in known:
            for new in known:
                found = between(store, old, new).rows.select(SHOWN)
                assert found.equals(from_tables(store, old, new).select(SHOWN)), (old, new)
        assert verify(store) == []


def act(store: Store, rows: list, what: str, number: int) -> None:
    if what == "grow":
        rows.append(long_fact(100 + number))
        deliver(store, rows)
    elif what == "back":
        gone = store.state(store.corpus(CORPUS)).dropped["id"].sort().head(1)
        drop(store, CORPUS, gone, back=True)
    elif what == "drop" and len(ids(store)) > 5:
        drop(store, CORPUS, [ids(store)[number % 5]])
    elif what == "edit":
        edit(store, CORPUS, ids(store)[number % 5], {"answer": words(number, 3)})


def test_a_neighbouring_difference_reads_no_table_of_records(store, monkeypatch):
    deliver(store, [long_fact(i) for i in range(20)])
    cut(store)
    record = ids(store)[3]
    edit(store, CORPUS, record, {"answer": "mended"})
    cut(store)
    monkeypatch.setattr(service, "_frames", None)
    found = between(store, None, "latest")
    assert (found.by, found.counts()) == ("log", {"added": 0, "removed": 0, "edited": 1, "moved": 0})
    assert found.rows["after"].to_list() == ['{"answer": "mended"}']


def test_counts_stand_per_split_and_stratum_with_the_texts_of_each(store):
    rows = [long_fact(i, lang="en" if i % 2 else "fr") for i in range(20)]
    deliver(store, rows)
    first = cut(store)
    dropped = min(record for record, side in sides(store, first).items() if side == "test")
    drop(store, CORPUS, [dropped])
    deliver(store, [*rows, *(long_fact(i, lang="en") for i in range(50, 60))])
    second = cut(store)
    found = between(store, "v1", "v2")
    per_split, per_stratum = found.per("now"), found.per("stratum")
    assert per_split["test"]["removed"] == 1
    assert sum(part["added"] for part in per_split.values()) == 10
    assert per_stratum["en"]["added"] == 10
    before, after = found.texts
    assert after["train"]["records"] == second.counts["train"]
    assert before["train"]["words"] == 43 * first.counts["train"]


def test_a_moved_record_is_listed_with_both_sides(store):
    deliver(store, [long_fact(i, key=i) for i in range(30)], key=("key",))
    where = sides(store, cut(store))
    test, train = (min(r for r, side in where.items() if side == name) for name in ("test", "train"))
    for record in (test, train):
        edit(store, CORPUS, record, {"concept": "same"})
    cut(store)
    found = between(store, None, "v2")
    assert found.moves() == [{"from": "train", "to": "excluded", "records": 1}]
    assert found.per("now")["excluded"]["moved_in"] == found.per("now")["train"]["moved_out"] == 1


def test_now_is_what_no_version_holds_yet(store):
    deliver(store, [long_fact(i) for i in range(10)])
    cut(store)
    edit(store, CORPUS, ids(store)[0], {"answer": "x"})
    deliver(store, [long_fact(i) for i in range(12)])
    found = between(store, None, "now")
    assert found.counts() == {"added": 2, "removed": 0, "edited": 1, "moved": 0}
    assert found.per("now")["unsplit"]["added"] == 2
    assert between(store, "now", "v1").counts()["removed"] == 2
    assert between(store, "now", "now").rows.is_empty()


def test_a_version_of_an_older_store_is_compared_by_its_tables(store):
    deliver(store, [long_fact(i) for i in range(10)])
    cut(store)
    edit(store, CORPUS, ids(store)[0], {"answer": "x"})
    cut(store)
    row = store.catalogue.rows(CORPUS, kinds=("version",))[-1]
    body = {name: value for name, value in row.body.items() if name not in ("difference", "report")}
    store.catalogue.append(("version", CORPUS, "e" * 64, body | {"number": 3}))
    found = between(store, "v1", "v3")
    assert (found.by, found.counts()["edited"]) == ("tables", 1)


def test_a_first_version_has_nothing_to_differ_from(store):
    deliver(store, [long_fact(i) for i in range(10)])
    cut(store)
    with pytest.raises(UsageError, match="first version"):
        between(store, None, "v1")
