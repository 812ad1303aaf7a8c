"""Any sequence of commands leaves the store as a plain dict says it must be, with every old version unchanged."""

from __future__ import annotations

import shutil
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.corpora import cut, deliver, fact, rows_of, scratch, state
from workbench.errors import DataError
from workbench.services.build import build, save
from workbench.services.records import drop, edit, undo
from workbench.services.verify import verify
from workbench.store.store import Store
from workbench.store.versions import versions

KEYS = st.integers(0, 9)
TEXTS = st.sampled_from(["", "a", "b", "\u2028", "\x1b[2J", "é"])


class Life(RuleBasedStateMachine):
    """A keyed corpus: the model is key -> [delivered answer, edits of it, dropped]."""

    @initialize(count=st.integers(1, 8))
    def begin(self, count: int) -> None:
        self.opened = ExitStack()
        self.store = self.opened.enter_context(scratch())
        self.source = {key: f"answer {key}" for key in range(count)}
        self.now = dict(self.source)
        self.dropped: set[int] = set()
        self.done: list[tuple[int, object, object]] = []
        self.sealed: dict[str, dict[str, str]] = {}
        self._deliver()

    def _deliver(self) -> None:
        deliver(self.store, [fact(key, key=key) | {"answer": said} for key, said in self.source.items()], key=("key",))

    def _record(self, key: int) -> str:
        question = fact(key)["question"]
        return str(state(self.store).delivered.filter(question=question)["id"][0])

    @rule(keys=st.sets(KEYS, max_size=3))
    def grow(self, keys: set[int]) -> None:
        new = {key: f"answer {key}" for key in keys if key not in self.source}
        self.source |= new
        self.now |= new
        self._deliver()

    @rule(key=KEYS, said=TEXTS)
    def edit(self, key: int, said: str) -> None:
        if key in self.source:
            made = edit(self.store, "facts", self._record(key), {"answer": said})
            assert made == (self.now[key] != said)
            if made:
                self.done.append((key, "answer", self.now[key]))
            self.now[key] = said

    @rule(key=KEYS, back=st.booleans())
    def drop(self, key: int, back: bool) -> None:
        if key in self.source:
            made = drop(self.store, "facts", [self._record(key)], back=back)
            assert made == ((key in self.dropped) == back)
            if made:
                self.done.append((key, "dropped", back))
            (self.dropped.discard if back else self.dropped.add)(key)

    @rule(count=st.integers(1, 3))
    def undo(self, count: int) -> None:
        assert len(undo(self.store, "facts", count)) == min(count, len(self.done))
        for _ in range(min(count, len(self.done))):
            key, what, before = self.done.pop()
            if what == "answer":
                self.now[key] = str(before)
            else:
                (self.dropped.add if before else self.dropped.discard)(key)

    @precondition(lambda self: set(self.source) - self.dropped)
    @rule()
    def split(self) -> None:
        version = cut(self.store)
        self.sealed[version.id] = self._answers()
        assert cut(self.store).id == version.id

    @precondition(lambda self: not set(self.source) - self.dropped)
    @rule()
    def split_of_nothing(self) -> None:
        with pytest.raises(DataError):
            cut(self.store)

    @rule()
    def deliver_again(self) -> None:
        log = len(self.store.catalogue.rows())
        self._deliver()
        assert len(self.store.catalogue.rows()) == log

    @rule()
    def reopen(self) -> None:
        self.store.catalogue.close()
        self.store = Store(self.store.workspace)

    @precondition(lambda self: self.sealed and set(self.source) - self.dropped)
    @rule()
    def build_elsewhere(self) -> None:
        newest = cut(self.store)
        self.sealed[newest.id] = self._answers()
        save(self.store, "facts")
        with scratch() as other:
            shutil.copytree(self.store.workspace.corpus_folder("facts"), other.workspace.corpus_folder("facts"))
            assert build(other, "facts")[1].id == newest.id
            assert len(undo(other, "facts", 2)) == min(2, len(self.done))

    def _answers(self) -> dict[str, str]:
        return {fact(key)["question"]: said for key, said in self.now.items() if key not in self.dropped}

    @invariant()
    def the_current_records_are_the_models(self) -> None:
        if hasattr(self, "store"):
            assert dict(state(self.store).records.select("question", "answer").iter_rows()) == self._answers()

    def teardown(self) -> None:
        if hasattr(self, "store"):
            for version in versions(self.store.catalogue, "facts"):
                assert (
                    dict(rows_of(self.store, version).select("question", "answer").iter_rows())
                    == self.sealed[version.id]
                )
            assert verify(self.store) == []
            self.store.catalogue.close()
            self.opened.close()


class LongLife(Life):
    """The same, at length."""


_EASY = {"deadline": None, "suppress_health_check": list(HealthCheck)}
TestLife = Life.TestCase
TestLife.settings = settings(max_examples=5, stateful_step_count=10, **_EASY)
TestLongLife = pytest.mark.slow(LongLife.TestCase)
TestLongLife.settings = settings(max_examples=100, stateful_step_count=30, **_EASY)
