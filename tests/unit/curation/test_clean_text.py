"""Nothing is found where nothing is wrong: ordinary English and French, with numbers, quotes, code and signs."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from workbench.curation.validate import issues
from workbench.schema import load_schema
from workbench.workspace import samples

DATA = Path(__file__).parents[2] / "data" / "quality"


def sentences(language: str) -> list[str]:
    return (DATA / f"clean_{language}.txt").read_text(encoding="utf-8").splitlines()


def found(schema_name: str, rows: list[dict[str, object]]) -> list[tuple[str, str]]:
    schema = load_schema(samples() / "schemas" / f"{schema_name}.yaml")
    frame = schema.table([{**dict.fromkeys(schema.columns), **row} for row in rows]).with_columns(
        id=pl.int_range(pl.len()).cast(pl.String), source=pl.lit("s"), position=pl.int_range(pl.len())
    )
    return issues(frame, schema).select("rule", "value").rows()


def test_there_are_a_hundred_of_them():
    assert len(sentences("en")) + len(sentences("fr")) >= 100


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_clean_question_and_answer_have_no_issue(language):
    rows = [{"question": text, "answer": text, "lang": language} for text in sentences(language)]
    assert found("qa", rows) == []


def test_clean_text_of_both_languages_together_has_no_issue_without_a_declared_language():
    texts = sentences("en") + sentences("fr")
    assert found("prose", [{"text": text} for text in texts]) == []
    assert found("instruction", [{"instruction": text, "output": text} for text in texts]) == []
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "!"}]
    said = [[turn | {"content": text} for turn in turns] for text in texts]
    assert found("chat", [{"messages": messages} for messages in said]) == []


@pytest.mark.parametrize("language", ["en", "fr"])
def test_clean_options_and_explanations_have_no_issue(language):
    texts = sentences(language)
    rows = [
        {"question": text, "options": texts[i : i + 4], "correct_option_index": i % 4, "explanation": texts[i - 1]}
        for i, text in enumerate(texts[:40])
    ]
    assert found("mcq", rows) == []
