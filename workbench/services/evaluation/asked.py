"""Ask base and tuned what held-out records ask, or let both go on where a held-out passage begins."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.curation.split import SPLITS
from workbench.errors import UsageError, unknown
from workbench.services.evaluation import scored
from workbench.services.progress import Report, silent
from workbench.store.store import Store
from workbench.training.runs import RunFolder

OPENING = 40
"""Words of a passage that are given, at most; as many that follow stand beside what the models write."""
_WORD = re.compile(r"\S+")
_LETTER = re.compile(r"\w[^\w\s]*|[^\w\s]+")
"""A letter with the marks and the punctuation behind it: what a text without spaces between words is cut by."""
_LONGEST = 20
"""Letters of the mean word, at most, where a text has spaces between its words."""


@dataclass(frozen=True)
class Question:
    """What a held-out record asks, as a model is asked it and as a person reads it, and what stands there."""

    record: str
    prompt: Mapping[str, Any]
    shown: str
    reference: str


def answers(store: Store, run: RunFolder, split: str, limit: int, report: Report = silent) -> dict[str, Any]:
    """Return what the first records of a split ask, by id, and what is said to it.

    That is `answers` [{record, prompt, base, tuned, reference}] and `left_out` [{record, prompt, reason}], what
    cannot be asked. A question is asked as it was trained; of plain text the opening words are continued. Decoding
    is the recipe's. Raises UsageError for a split without records, where this workspace does not hold the run's
    version, and where nothing can be asked.
    """
    from workbench.evaluation.generate import generate

    asked = questions(store, run, split, limit)
    said = generate(run, [one.prompt for one in asked], report=lambda what, done, total: report(what, done, total))
    told: list[dict[str, Any]] = []
    left_out: list[dict[str, Any]] = []
    for one, answer in zip(asked, said, strict=True):
        about = {"record": one.record, "prompt": one.shown}
        if answer.unasked:
            left_out.append(about | {"reason": answer.unasked})
        else:
            told.append(about | {"base": answer.base, "tuned": answer.tuned, "reference": one.reference})
    return {"answers": told, "left_out": left_out}


def questions(store: Store, run: RunFolder, split: str, limit: int) -> list[Question]:
    """Return what the first records of a split ask, as the run's version renders them."""
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    version = scored.version_of(store, run)
    if version is None:
        hint = "ask where it was trained, or in your own words with --prompt"
        raise UsageError(f"this workspace does not hold the version that {run.name!r} was trained on", hint)
    rows = scored.records(store, version)
    schema = store.kept_schema(version.schema_object)
    chosen = rows.filter(rows["split"] == split).sort("id").head(limit)
    if chosen.is_empty():
        raise UsageError(f"{version.name} has no {split} record", f"name another split: {', '.join(SPLITS)}")
    return [question(row["id"], schema.render(row)) for row in chosen.iter_rows(named=True)]


def question(record: str, rendered: Mapping[str, Any]) -> Question:
    """Return what a rendered record asks; of plain text its opening words, which end without a space."""
    match rendered:
        case {"messages": [*turns, {"role": "assistant", "content": str(answer)}]}:
            return Question(record, {**rendered, "messages": turns}, _last_question(turns), answer)
        case {"messages": [*turns]}:
            return Question(record, {**rendered, "messages": turns}, _last_question(turns), "")
        case {"prompt": str(prompt), "completion": str(answer)}:
            return Question(record, {"prompt": prompt}, prompt, answer)
        case {"text": str(text)}:
            opening, rest = _cut(text)
            return Question(record, {"text": opening}, opening, rest)
    raise UsageError(f"a record renders to {', '.join(rendered)}, which holds no prompt", "ask with --prompt TEXT")


def _last_question(turns: Sequence[Mapping[str, Any]]) -> str:
    return next((turn.get("content") or "" for turn in reversed(turns) if turn.get("role") == "user"), "")


def _cut(text: str) -> tuple[str, str]:
    words = _words(text)
    given = min(OPENING, len(words) // 2)
    if not given:
        return text, ""
    behind = words[given : 2 * given]
    return text[: words[given - 1].end()], text[behind[0].start() : behind[-1].end()]


def _words(text: str) -> list[re.Match[str]]:
    words = list(_WORD.finditer(text))
    letters = sum(len(word[0]) for word in words)
    return words if letters <= _LONGEST * len(words) else list(_LETTER.finditer(text))
