"""Which of two answers a person finds better: kept in the log, counted, and handed on as preference pairs."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import polars as pl

from workbench.errors import unknown
from workbench.fingerprint import digest
from workbench.services.records.marks import PREFERENCE, marks
from workbench.store.catalogue import Row
from workbench.store.store import Store

Better = Literal["one", "other", "tie"]
Prompt = str | Mapping[str, Any]
"""A user's turn as text, or a record rendered without its answer: `{"messages"}` or `{"prompt"}`."""
PREFERENCES: dict[str, pl.DataType] = {
    "record_id": pl.String(),
    "prompt": pl.List(pl.Struct({"role": pl.String, "content": pl.String})),
    "chosen": pl.String(),
    "rejected": pl.String(),
}
"""A preference pair: the turns that were asked, the better answer, the worse one; `record_id` is null for a prompt of
one's own."""
LEVEL = 0.05
"""Chance of a verdict where the two are alike."""


@dataclass(frozen=True)
class Said:
    """What one model answered."""

    run: str
    model: str
    """`base` or `tuned`."""
    text: str


@dataclass(frozen=True)
class Judgement:
    """Two answers to one prompt and the verdict on them."""

    prompt: Prompt
    one: Said
    other: Said
    better: Better
    record: str = ""
    """The record whose prompt it is; empty for a prompt of one's own."""
    seed: int | None = None
    """What hid the order of the two; None where their names were seen."""

    @property
    def subject(self) -> str:
        """Return what names the question."""
        return subject_of(self.prompt, (self.one.run, self.one.model), (self.other.run, self.other.model))


def subject_of(prompt: Prompt, one: tuple[str, str], other: tuple[str, str]) -> str:
    """Return what names a question: the same prompt to the same two models, by run and model, whatever they answer."""
    return digest([prompt, *one, *other])[:32]


def is_swapped(seed: int, prompt: Prompt) -> bool:
    """Say whether the other model's answer is shown first: drawn from the seed for each prompt."""
    return random.Random(f"{seed} {digest(prompt)}").random() < 0.5


def judge(store: Store, corpus: str, judgement: Judgement) -> bool:
    """Keep a verdict as one row of the log; False where it stands there already. An older one on it counts no more."""
    if judgement.better not in get_args(Better):
        raise unknown("verdict", judgement.better, get_args(Better))
    body = asdict(judgement)
    held = next((row.body for row in marks(store, corpus, PREFERENCE) if row.subject == judgement.subject), {})
    if all(held.get(key) == value for key, value in body.items()):
        return False
    store.catalogue.append((PREFERENCE, corpus, judgement.subject, body))
    return True


def judgements(store: Store, corpus: str) -> list[Judgement]:
    """Return the verdicts that hold now, oldest first."""
    return [_judgement(row) for row in marks(store, corpus, PREFERENCE)]


def _judgement(row: Row) -> Judgement:
    body = row.body
    return Judgement(
        body["prompt"], Said(**body["one"]), Said(**body["other"]), body["better"], body["record"], body["seed"]
    )


@dataclass(frozen=True)
class Tally:
    """How often each of two models was found better."""

    one: int
    other: int
    tie: int
    blind: int = 0
    """Of all of them, those that were given without a look at the names."""

    @property
    def judged(self) -> int:
        """Return how many verdicts there are."""
        return self.one + self.other + self.tie

    @property
    def p(self) -> float:
        """Return the two-sided p of the exact sign test; ties say nothing (Dixon and Mood 1946)."""
        from scipy.stats import binomtest

        decided = self.one + self.other
        return float(binomtest(self.other, decided, 0.5).pvalue) if decided else 1.0

    @property
    def verdict(self) -> str:
        """Return what the other is compared with the one: better, worse, or that nobody can tell."""
        if self.p > LEVEL:
            return "cannot tell"
        return "better" if self.other > self.one else "worse"

    def plain(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        counts = {name: getattr(self, name) for name in get_args(Better)}
        return {"counts": counts, "blind": self.blind, "p": self.p, "verdict": self.verdict}


def tally(found: Iterable[Judgement], one: tuple[str, str], other: tuple[str, str]) -> Tally:
    """Count the verdicts on two models, each named by run and `base` or `tuned`, whichever of them was shown first."""
    counts, blind = dict.fromkeys(get_args(Better), 0), 0
    turned: dict[Better, Better] = {"one": "other", "other": "one", "tie": "tie"}
    for each in found:
        sides = ((each.one.run, each.one.model), (each.other.run, each.other.model))
        if sides not in ((one, other), (other, one)):
            continue
        counts[each.better if sides == (one, other) else turned[each.better]] += 1
        blind += each.seed is not None
    return Tally(**counts, blind=blind)


def preferences(store: Store, corpus: str) -> pl.DataFrame:
    """Return the verdicts that name a better answer as PREFERENCES, oldest first; a tie prefers nothing."""
    decided = [each for each in judgements(store, corpus) if each.better != "tie" and each.one.text != each.other.text]
    return pl.DataFrame([_preference(each) for each in decided], schema=PREFERENCES)


def _preference(found: Judgement) -> dict[str, Any]:
    texts = (found.one.text, found.other.text)
    chosen, rejected = texts if found.better == "one" else texts[::-1]
    return {
        "record_id": found.record or None,
        "prompt": turns(found.prompt),
        "chosen": chosen,
        "rejected": rejected,
    }


def turns(prompt: Prompt) -> list[dict[str, str]]:
    """Return a prompt as the turns of a conversation; plain text is one turn of the user."""
    if isinstance(prompt, Mapping) and "messages" in prompt:
        return [{"role": turn["role"], "content": turn["content"]} for turn in prompt["messages"]]
    return [{"role": "user", "content": prompt if isinstance(prompt, str) else str(prompt["prompt"])}]
