"""A state some log rows later is the same whether all edits are replayed or only those of the records they touch."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.corpora import deliver, fact, facts, ids, scratch, state
from workbench.services import purge
from workbench.services.records.editing import drop, edit
from workbench.services.records.undo import undo
from workbench.store import state as state_module
from workbench.store.edits import body_of
from workbench.store.pages import Pages
from workbench.store.state import State
from workbench.store.store import Store

QUICK = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
CHANGES = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(["a", "b", "drop", "back", "misfit", "undo"])), max_size=8
)


def desk(store):
    return store.desk(store.corpus("facts"))


def change(store, record: str, what: str) -> None:
    if what == "undo":
        undo(store, "facts")
    elif what == "misfit":
        store.catalogue.append(("edit", "facts", record, body_of("answer", "never there", "wanted", "")))
    elif what in ("drop", "back"):
        drop(store, "facts", [record], back=what == "back")
    else:
        edit(store, "facts", record, {"answer": what})


def replayed(state):
    found = state.replayed
    return {record: dict(values) for record, values in found.values.items() if values}, found.conflicts, found.applied


@given(CHANGES, st.integers(0, 8))
@QUICK
def test_going_ahead_is_replaying_from_the_start(changes, seen):
    with scratch() as store:
        deliver(store, facts(*range(6)))
        known = ids(store)
        for number, what in changes[:seen]:
            change(store, known[number], what)
        early = desk(store)
        assert early.replayed is early.replayed
        for number, what in changes[seen:]:
            change(store, known[number], what)
        whole = desk(store)
        later = early.ahead(whole.rows[len(early.rows) :])
        assert replayed(later) == replayed(whole)
        assert Pages(later).page(Pages(later).standing).equals(Pages(whole).page(Pages(whole).standing))


def test_after_a_delivery_all_is_read_anew(store):
    deliver(store, facts(1, 2))
    edit(store, "facts", ids(store)[0], {"answer": "mine"})
    early = desk(store)
    assert early.replayed.values
    deliver(store, [fact(1) | {"answer": "theirs"}, fact(2), fact(3)])
    whole = desk(store)
    later = early.ahead(whole.rows[len(early.rows) :])
    assert later.view_name == whole.view_name != early.view_name
    assert replayed(later) == replayed(whole)


def test_a_page_of_few_rows_shows_its_edits_among_many(store):
    deliver(store, facts(*range(8)))
    for number, record in enumerate(ids(store)):
        edit(store, "facts", record, {"answer": f"new {number}"})
    shown = Pages(desk(store))
    for row in range(8):
        assert shown.page(shown.standing[row : row + 1])["answer"][0].startswith("new ")


def test_many_records_are_found_in_one_look(store):
    deliver(store, facts(*range(600)))
    view = desk(store).view
    known = view.frame["id"].to_list()
    assert sorted(view.rows(known).tolist()) == list(range(600))
    assert sorted(view.rows([*known[:3], "f" * 32, "short"]).tolist()) == [0, 1, 2]


def test_an_edit_opens_the_view_once(store, monkeypatch):
    deliver(store, facts(*range(4)))
    record = ids(store)[0]
    edit(store, "facts", record, {"answer": "first"})
    seen, whole = [], state_module.opened
    monkeypatch.setattr(state_module, "opened", lambda *given: seen.append(given) or whole(*given))
    edit(store, "facts", record, {"answer": "second"}, seen={"answer": "first"})
    assert len(seen) == 1


def test_a_state_with_edits_is_the_one_of_all_rows(store):
    deliver(store, facts(*range(4)))
    for number, record in enumerate(ids(store)[:2]):
        edit(store, "facts", record, {"answer": f"new {number}"})
    whole = state(store)
    assert whole.current.height == len(whole.view.frame) == 4
    bare = State(tuple(row for row in whole.rows if row.kind != "edit"), whole.objects, whole.schema)
    assert bare.records.height == 4
    both = bare.edited_by(row for row in whole.rows if row.kind == "edit")
    assert both.rows == whole.rows and both.records.equals(whole.records)
    assert not bare.records.equals(whole.records)


def test_objects_are_called_what_their_files_are_called_also_after_a_purge_elsewhere(store):
    deliver(store, [fact(1), fact(2) | {"answer": "a secret text"}])
    segments = state(store).segments
    assert store.objects.names(segments) == segments
    with Store(store.workspace) as other:
        purge.purged(other, purge.planned(other, "facts", ["a secret text"]))
    after = store.objects.names(segments)
    assert after == [store.objects.path(name).name for name in segments] != segments
