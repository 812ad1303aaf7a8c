"""Ask base and tuned what held-out records ask, or let both go on where a held-out passage begins."""

from __future__ import annotations

import re
from collections.abc import Mapping
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


@dataclass(frozen=True)
class Question:
    """What a held-out record asks, as a model is asked it and as a person reads it, and what stands there."""

    record: str
    prompt: Mapping[str, Any]
    shown: str
    reference: str


def answers(store: Store, run: RunFolder, split: str, limit: int, report: Report = silent) -> list[dict[str, Any]]:
    """Return {record, prompt, base, tuned, reference} of the first records of a split, by id.

    A question is asked as it was trained; of plain text the opening words are continued. Decoding is the recipe's.
    Raises UsageError for a split without records, and where this workspace does not hold the run's version.
    """
    from workbench.evaluation.generate import generate

    asked = questions(store, run, split, limit)
    said = generate(run, [one.prompt for one in asked], report=lambda what, done, total: report(what, done, total))
    return [
        {"record": one.record, "prompt": one.shown, "base": a.base, "tuned": a.tuned, "reference": one.reference}
        for one, a in zip(asked, said, strict=True)
    ]


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
            shown = next((turn["content"] for turn in reversed(turns) if turn["role"] == "user"), "")
            return Question(record, {"messages": turns}, shown, answer)
        case {"prompt": str(prompt), "completion": str(answer)}:
            return Question(record, {"prompt": prompt}, prompt, answer)
    opening, rest = _cut(str(rendered["text"]))
    return Question(record, {"text": opening}, opening, rest)


def _cut(text: str) -> tuple[str, str]:
    words = list(_WORD.finditer(text))
    given = min(OPENING, len(words) // 2)
    if not given:
        return text, ""
    behind = words[given : 2 * given]
    return text[: words[given - 1].end()], text[behind[0].start() : behind[-1].end()]
