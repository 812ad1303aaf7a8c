"""Metrics of multiple-choice questions: is a written one well formed and on topic, and is a given one answered?"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pyarrow as pa

from workbench.evaluation.metrics.answers import words
from workbench.evaluation.metrics.registry import Missing, Outcome, answered, mean_of, metric
from workbench.text import folded

_STEM = re.compile(r"^[ \t]*Question[ \t]*:(.*?)(?=^[ \t]*(?:Options[ \t]*:|[A-Z][.)][ \t])|\Z)", re.M | re.S)
_OPTION = re.compile(r"^[ \t]*([A-Z])[.)][ \t]*(.*?)[ \t]*$", re.M)
_KEY = re.compile(r"^[ \t]*(?:Correct[ \t]+)?Answer[ \t]*:[ \t]*\(?([A-Za-z])\b", re.M)

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""What options are lettered with, in order."""


@dataclass(frozen=True)
class Question:
    """A multiple-choice question as it stands in a text; `key` is the index of the right option."""

    stem: str
    options: tuple[str, ...]
    key: int


def question_in(text: str) -> Question | None:
    """Return the question that a text consists of, in the form that the schema `mcq` renders, None where it is none.

    Well formed is: a stem, at least two options that are lettered in order and read differently, a key among them.
    """
    stem, key, options = _STEM.search(text), _KEY.search(text), _OPTION.findall(text)
    letters = "".join(letter for letter, _ in options)
    read = {folded(option) for _, option in options} - {""}
    if not stem or not stem[1].strip() or not key or not LETTERS.startswith(letters):
        return None
    place = letters.find(key[1].upper())
    if len(options) < 2 or len(read) < len(options) or place < 0:
        return None
    return Question(stem[1].strip(), tuple(option for _, option in options), place)


@metric("higher")
def valid_questions(rows: pa.Table) -> Outcome:
    """Return the share of written multiple-choice questions that are well formed; higher is better."""
    places, pairs = answered(rows)
    asked = [(place, said) for place, (said, wanted) in zip(places, pairs, strict=True) if question_in(wanted)]
    if not asked:
        return Missing("no record asks for a multiple-choice question")
    return mean_of([place for place, _ in asked], [float(question_in(said) is not None) for _, said in asked])


@metric("higher")
def on_topic(rows: pa.Table) -> Outcome:
    """Return the share of predictions that hold every word of the topic they were asked for; higher is better.

    A plain look for words: a question about the topic in other words counts as off it.
    """
    pairs = zip(rows["topic"].to_pylist(), rows["prediction"].to_pylist(), strict=True)
    asked = [(place, topic, said or "") for place, (topic, said) in enumerate(pairs) if topic and words(topic)]
    if not asked:
        return Missing("no record asks for a topic")
    hits = [float(set(words(topic)) <= set(words(said))) for _, topic, said in asked]
    return mean_of([place for place, _, _ in asked], hits)


@metric("higher")
def choice_accuracy(rows: pa.Table) -> Outcome:
    """Return how often the right option is the likeliest, over all cyclic orders of the options; higher is better."""
    return _mean(rows, "choice_right")


@metric("higher")
def choice_steadiness(rows: pa.Table) -> Outcome:
    """Return the share of questions that get one answer in every order of their options; higher is better."""
    return _mean(rows, "choice_steady")


def _mean(rows: pa.Table, column: str) -> Outcome:
    values = [(place, value) for place, value in enumerate(rows[column].to_pylist()) if value is not None]
    if not values:
        return Missing("no question with options was asked")
    return mean_of([place for place, _ in values], [value for _, value in values])
