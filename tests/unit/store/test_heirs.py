"""Each vanished record has one heir at most, and each newcomer stands for one at most, the nearest first."""

from __future__ import annotations

from tests.corpora import by_question, deliver, long_fact, near, state


def test_of_two_that_vanished_the_nearer_one_has_the_heir(store):
    old = long_fact(1)
    far, close = near(near(near(old, "three"), "more"), "words"), near(old, "one")
    deliver(store, [far, long_fact(2), close, long_fact(3)])
    before = by_question(store)
    deliver(store, [long_fact(2), long_fact(3), old])
    heir = by_question(store)[old["question"]]
    matched = {record: heir for record, (heir, by) in state(store).heirs.items() if by == "near"}
    assert matched == {before[close["question"]]: heir}
