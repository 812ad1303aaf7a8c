"""A redo repeats what an undo took back, as a further action; after any other change there is nothing to repeat."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.corpora import deliver, facts, ids, scratch, state
from workbench.services.duplicates.verdicts import judge_pairs, set_threshold, verdicts_of
from workbench.services.records.bulk import edit_all
from workbench.services.records.editing import drop, edit
from workbench.services.records.redo import redo
from workbench.services.records.undo import undo

QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def held(store) -> list[dict[str, object]]:
    return state(store).records.drop("edited").to_dicts()


@given(st.lists(st.sampled_from(["one", "other", "both", "drop"]), min_size=1, max_size=6), st.data())
@QUICK
def test_taking_back_and_repeating_walk_the_same_way(changes, data):
    with scratch() as store:
        deliver(store, facts(1, 2, 3))
        first, second, _ = ids(store)
        steps = [held(store)]
        for number, change in enumerate(changes):
            if change == "drop":
                drop(store, "facts", [first], back=first not in set(state(store).records["id"]))
            elif change == "both":
                edit_all(store, "facts", {first: {"answer": f"both {number}"}, second: {"answer": f"both {number}"}})
            else:
                edit(store, "facts", first if change == "one" else second, {"answer": f"{change} {number}"})
            steps.append(held(store))
        at = len(changes)
        for back in data.draw(st.lists(st.booleans(), max_size=12)):
            done = undo(store, "facts") if back else redo(store, "facts")
            assert bool(done) == (at > 0 if back else at < len(changes))
            at += (-1 if back else 1) * bool(done)
            assert held(store) == steps[at]


def test_a_new_change_leaves_nothing_to_repeat(store):
    deliver(store, facts(1, 2))
    record, other = ids(store)
    edit(store, "facts", record, {"answer": "first"})
    undo(store, "facts")
    edit(store, "facts", other, {"answer": "else"})
    assert redo(store, "facts") == []


def test_several_actions_are_repeated_at_once(store):
    deliver(store, facts(1))
    (record,) = ids(store)
    for answer in ("a", "b", "c"):
        edit(store, "facts", record, {"answer": answer})
    undo(store, "facts", 3)
    assert [row["value"] for row in redo(store, "facts", 2)] == ["a", "b"]
    assert state(store).records["answer"].to_list() == ["b"]


def test_a_verdict_and_a_threshold_are_repeated_too(store):
    deliver(store, facts(1, 2))
    one, other = ids(store)
    judge_pairs(store, "facts", [(one, other)], "different")
    set_threshold(store, "facts", 0.7)
    assert [row["value"] for _ in range(2) for row in undo(store, "facts")][1:] == ["open"]
    assert not verdicts_of(state(store)).apart and store.corpus("facts").duplicates.threshold != 0.7
    assert [row["value"] for row in redo(store, "facts", 2)] == ["different", 0.7]
    assert verdicts_of(state(store)).apart == {frozenset((one, other))}
    assert store.corpus("facts").duplicates.threshold == 0.7


def test_what_vanished_is_not_repeated(store):
    deliver(store, facts(1, 2))
    gone = ids(store)[0]
    edit(store, "facts", gone, {"answer": "changed"})
    undo(store, "facts")
    kept = state(store).records.filter(id=ids(store)[1]).select("question", "answer").to_dicts()
    deliver(store, kept)
    assert redo(store, "facts") == []
