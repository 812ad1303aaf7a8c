"""Any sequence of commands leaves the store as a plain model says it must be, with every old version unchanged."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.corpora import CORPUS, cut, fact, rows_of, scratch, state, write
from workbench.errors import DataError, UsageError
from workbench.services.duplicates.verdicts import set_apart
from workbench.services.intake.ingest import Order, ingest
from workbench.services.intake.quarantine import readmit
from workbench.services.records.editing import drop, edit
from workbench.services.records.undo import undo
from workbench.services.verify import verify
from workbench.services.versions.build import build, save
from workbench.services.versions.refs import label
from workbench.store.pages import Pages
from workbench.store.store import Store
from workbench.store.versions import versions

KEYS = st.integers(0, 9)
TEXTS = st.sampled_from(["", "a", "b", "\u2028", "\x1b[2J", "é"])
TORN = 100
"""Key of the row that a person makes of the torn unit that every delivery ends with."""
DROPPED, VERDICT = "dropped", "verdict"
Key = int | tuple[int, int]
"""A record, or two of them that were judged."""


class Model:
    """What the corpus must be: delivered answers by key, and the edits made, each (key, field, before, after, undo)."""

    def __init__(self) -> None:
        self.source: dict[int, str] = {}
        self.edits: list[tuple[Key, str, Any, Any, bool]] = []

    def replayed(self) -> tuple[dict[Key, dict[str, Any]], list[int]]:
        """Return every delivered record's answer and whether it is dropped, and the numbers of the edits in force.

        A verdict stands whatever becomes of its records.
        """
        values: dict[Key, dict[str, Any]] = {
            key: {"answer": answer, DROPPED: False} for key, answer in self.source.items()
        }
        values |= {key: {VERDICT: False} for key, field, *_ in self.edits if field == VERDICT}
        applied = []
        for number, (key, field, before, after, _) in enumerate(self.edits):
            if key in values and values[key][field] == before:
                values[key][field] = after
                applied.append(number)
        return values, applied

    def set(self, key: Key, field: str, value: Any, *, undone: bool = False) -> bool:
        before = self.replayed()[0].get(key, {VERDICT: False})[field]
        if before != value:
            self.edits.append((key, field, before, value, undone))
        return before != value

    def open(self) -> list[int]:
        """Return the numbers of the edits that can be taken back, oldest first."""
        standing: dict[tuple[Key, str], list[int]] = {}
        for number, (key, field, _, _, undone) in enumerate(self.edits):
            before = standing.setdefault((key, field), [])
            if not undone:
                before.append(number)
            elif before:
                before.pop()
        applied = set(self.replayed()[1])
        return sorted(number for left in standing.values() for number in left if number in applied)

    def undo(self, count: int) -> int:
        taken = self.open()[-count:]
        for number in reversed(taken):
            key, field, before, _, _ = self.edits[number]
            self.set(key, field, before, undone=True)
        return len(taken)

    def answers(self) -> dict[str, str]:
        """Return the answer of each standing record by its question."""
        values = self.replayed()[0]
        return {fact(key)["question"]: row["answer"] for key, row in values.items() if not row.get(DROPPED, True)}


class Life(RuleBasedStateMachine):
    """A keyed corpus of one source, changed in every way there is."""

    @initialize(count=st.integers(1, 8))
    def begin(self, count: int) -> None:
        self.opened = ExitStack()
        self.store = self.opened.enter_context(scratch())
        self.model = Model()
        self.model.source = {key: f"answer {key}" for key in range(count)}
        self.sealed: dict[str, dict[str, str]] = {}
        self.tags: dict[str, str] = {}
        self._deliver()

    def _deliver(self) -> None:
        rows = [fact(key, key=key, answer=said) for key, said in self.model.source.items() if key != TORN]
        path = write(self.store, rows)
        path.write_bytes(path.read_bytes() + b'{"question": "torn\n')
        ingest(self.store, Order(CORPUS, (path,), schema="qa", settings={"name": "rows", "key": ("key",)}))

    def _record(self, key: int) -> str:
        question = fact(key)["question"]
        return str(state(self.store).delivered.filter(question=question)["id"][0])

    @rule(keys=st.sets(KEYS, max_size=3))
    def grow(self, keys: set[int]) -> None:
        self.model.source |= {key: f"answer {key}" for key in keys if key not in self.model.source}
        self._deliver()

    @rule(keys=st.sets(KEYS, max_size=3))
    def shrink(self, keys: set[int]) -> None:
        left = {key: said for key, said in self.model.source.items() if key not in keys}
        if set(left) - {TORN}:
            self.model.source = left
            self._deliver()

    @rule(key=KEYS, said=TEXTS)
    def change_the_source(self, key: int, said: str) -> None:
        if key in self.model.source:
            self.model.source[key] = said
            self._deliver()

    @rule()
    def deliver_again(self) -> None:
        log = len(self.store.catalogue.rows())
        self._deliver()
        assert len(self.store.catalogue.rows()) == log

    @rule()
    def readmit_the_torn_unit(self) -> None:
        row = fact(TORN, key=TORN, answer="whole")
        position = len(self.model.source)
        if TORN in self.model.source:
            with pytest.raises(UsageError):
                readmit(self.store, CORPUS, "rows", position - 1, row)
            return
        readmit(self.store, CORPUS, "rows", position, row)
        self.model.source[TORN] = "whole"

    @rule(key=st.one_of(KEYS, st.just(TORN)), said=TEXTS)
    def edit(self, key: int, said: str) -> None:
        if key in self.model.source:
            record = self._record(key)
            assert edit(self.store, CORPUS, record, {"answer": said}) == self.model.set(key, "answer", said)

    @rule(key=st.one_of(KEYS, st.just(TORN)), back=st.booleans())
    def drop(self, key: int, back: bool) -> None:
        if key in self.model.source:
            record = self._record(key)
            assert drop(self.store, CORPUS, [record], back=back) == self.model.set(key, DROPPED, not back)

    @rule(count=st.integers(1, 3))
    def undo(self, count: int) -> None:
        assert len(undo(self.store, CORPUS, count)) == self.model.undo(count)

    @rule(one=KEYS, other=KEYS)
    def judge(self, one: int, other: int) -> None:
        if one != other and {one, other} <= self.model.source.keys():
            set_apart(self.store, CORPUS, (self._record(one), self._record(other)))
            self.model.set((min(one, other), max(one, other)), VERDICT, True)

    @precondition(lambda self: self.model.answers())
    @rule()
    def split(self) -> None:
        version = cut(self.store)
        self.sealed[version.id] = self.model.answers()
        assert cut(self.store).id == version.id

    @precondition(lambda self: not self.model.answers())
    @rule()
    def split_of_nothing(self) -> None:
        with pytest.raises(DataError):
            cut(self.store)

    @precondition(lambda self: self.sealed)
    @rule(name=st.sampled_from(["good", "paper"]), number=st.integers(0, 3))
    def tag(self, name: str, number: int) -> None:
        version = list(self.sealed)[number % len(self.sealed)]
        label(self.store, self.store.version(CORPUS, version), tag=name, note=f"named {name}")
        self.tags[name] = version

    @rule()
    def reopen(self) -> None:
        self.store.catalogue.close()
        self.store = Store(self.store.workspace)

    @precondition(lambda self: self.sealed and self.model.answers())
    @rule()
    def build_elsewhere(self) -> None:
        newest = cut(self.store)
        self.sealed[newest.id] = self.model.answers()
        save(self.store, CORPUS)
        with scratch() as other:
            shutil.copytree(self.store.workspace.corpus_folder(CORPUS), other.workspace.corpus_folder(CORPUS))
            assert build(other, CORPUS)[1].id == newest.id
            assert _answers(state(other).records) == self.model.answers()
            assert len(undo(other, CORPUS, 2)) == min(2, len(self.model.open()))

    @invariant()
    def the_current_records_are_the_models(self) -> None:
        if hasattr(self, "store"):
            now = state(self.store)
            assert _answers(now.records) == self.model.answers()
            assert now.rejects.height == (TORN not in self.model.source)

    @invariant()
    def the_pages_are_the_records(self) -> None:
        if hasattr(self, "store"):
            pages = Pages(self.store.desk(self.store.corpus(CORPUS)))
            shown, records = pages.page(pages.standing), state(self.store).records
            assert shown.equals(records.select(shown.columns))

    @invariant()
    def every_version_is_what_it_was(self) -> None:
        for version in self._versions():
            assert _answers(rows_of(self.store, version)) == self.sealed[version.id]
        for name, version in getattr(self, "tags", {}).items():
            assert self.store.version(CORPUS, name).id == version

    def _versions(self) -> Iterator[Any]:
        return iter(versions(self.store.catalogue, CORPUS) if hasattr(self, "store") else ())

    def teardown(self) -> None:
        if hasattr(self, "store"):
            assert {version.id for version in self._versions()} == self.sealed.keys()
            assert verify(self.store) == []
            self.store.catalogue.close()
            self.opened.close()


def _answers(records: Any) -> dict[str, str]:
    return dict(records.select("question", "answer").iter_rows())


class LongLife(Life):
    """The same, at length."""


_EASY = {"deadline": None, "suppress_health_check": list(HealthCheck)}
TestLife = Life.TestCase
TestLife.settings = settings(max_examples=6, stateful_step_count=12, **_EASY)
TestLongLife = pytest.mark.slow(LongLife.TestCase)
TestLongLife.settings = settings(max_examples=100, stateful_step_count=30, **_EASY)
