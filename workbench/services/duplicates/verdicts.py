"""What people judge of duplicates: pairs that are none, pairs that are some, and from which Jaccard on one goes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from workbench.corpus import save_corpus
from workbench.errors import UsageError
from workbench.services.records.editing import find
from workbench.store.catalogue import Entry
from workbench.store.edits import as_one
from workbench.store.state import State
from workbench.store.store import Store

DIFFERENT, DUPLICATE, OPEN = "different", "duplicate", "open"
"""Verdicts on a pair: no duplicates; duplicates of which the first stays; nothing, as before anybody judged."""
SETTING, THRESHOLD = "setting", "duplicates.threshold"
"""Kind and subject of the log rows that tell of a changed threshold; what holds is what corpus.yaml says."""
Pair = tuple[str, str]


@dataclass(frozen=True)
class Verdicts:
    """The verdicts that hold now, by the records that stand today for those that were judged."""

    apart: frozenset[frozenset[str]] = frozenset()
    """Pairs that are no duplicates."""
    agreed: frozenset[Pair] = field(default_factory=frozenset)
    """Pairs that are duplicates, the record to be kept first."""

    @property
    def chosen(self) -> frozenset[str]:
        """Return the records that people chose to keep and that go for no other one."""
        return frozenset(kept for kept, _ in self.agreed) - frozenset(gone for _, gone in self.agreed)


def verdicts_of(state: State) -> Verdicts:
    """Return the newest verdict on each pair."""
    newest: dict[frozenset[str], tuple[str, Pair]] = {}
    for row in state.of("judgement"):
        one, other = (state.today(record) for record in row.body["pair"])
        newest[frozenset((one, other))] = (row.body["verdict"], (one, other))
    here = {pair: found for pair, found in newest.items() if len(pair) == 2}
    apart = frozenset(pair for pair, (verdict, _) in here.items() if verdict == DIFFERENT)
    return Verdicts(apart, frozenset(pair for verdict, pair in here.values() if verdict == DUPLICATE))


def judge_pairs(store: Store, name: str, pairs: Iterable[Pair], verdict: str) -> int:
    """Write one verdict on each of some pairs of records as one action, and return how many changed.

    Records are named by unique prefixes of their ids; of duplicates the one to be kept comes first.
    """
    corpus, wanted = store.corpus(name), list(pairs)

    def entries(state: State) -> list[Entry]:
        held = {row.subject: row.body for row in state.of("judgement")}
        found = [_judged(state, pair, verdict) for pair in wanted]
        new = {subject: body for subject, body in found if not _says(held.get(subject), body)}
        return as_one([("judgement", corpus.name, subject, body) for subject, body in new.items()])

    return len(store.change(corpus, entries, lambda: store.desk(corpus)))


def _says(held: dict[str, Any] | None, body: dict[str, Any]) -> bool:
    return held is not None and all(held[key] == value for key, value in body.items())


def _judged(state: State, pair: Pair, verdict: str) -> tuple[str, dict[str, Any]]:
    one, other = (find(state, prefix) for prefix in pair)
    if one == other:
        raise UsageError(f"{pair[0]!r} and {pair[1]!r} are the same record", "name two records")
    subject = "|".join(sorted((one, other)))
    ordered = [one, other] if verdict == DUPLICATE else sorted((one, other))
    return subject, {"pair": ordered, "verdict": verdict}


def set_apart(store: Store, name: str, pair: Pair, *, verdict: str = DIFFERENT) -> None:
    """Judge that two records, named by unique prefixes of their ids, are or are not duplicates of each other."""
    judge_pairs(store, name, [pair], verdict)


def set_threshold(store: Store, name: str, threshold: float, *, taken_back: bool = False, redone: bool = False) -> None:
    """Keep a duplicate threshold in corpus.yaml, for this and every later version, and tell the log of the change."""
    with store.workspace.locked():
        corpus = store.corpus(name)
        before = corpus.duplicates.threshold
        settings = corpus.duplicates.model_copy(update={"threshold": threshold})
        save_corpus(corpus.model_copy(update={"duplicates": settings}), store.workspace.corpus_file(name))
    if before != threshold:
        body = {"before": before, "value": threshold} | ({"undo": True} if taken_back else {})
        body |= {"redo": True} if redone else {}
        store.catalogue.append((SETTING, name, THRESHOLD, body))
