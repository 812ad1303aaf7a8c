"""Flags for records whose fields are not in the language they should be in."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import polars as pl

from workbench.curation.fixes import of_field
from workbench.curation.flags.registry import Flag, Issue, of_record
from workbench.curation.flags.view import View

ANSWER = Flag(
    "wrong-language",
    "error",
    "the answer is in another language than the record",
    "write the answer again in the record's language",
)
DECLARED = Flag(
    "declared-language",
    "warning",
    "the question is in another language than the record declares",
    "correct the declared language, or move the record to its own language",
)

_ENOUGH_WORDS = 5
"""Shorter answers are names and numbers, which belong to every language."""
_SURE = 0.95
_PREFIX = 300
"""Characters that are looked at: more do not make the answer surer, only slower."""
_SPOKEN = ("en", "fr")
_NEIGHBOURS = (*_SPOKEN, "de", "es", "it", "nl", "pt")
"""What else a text could be: between English and French alone, Spanish is surely one of the two."""
_FUNCTION_WORDS = {
    "en": r"(?i) (?:the|of|and|is|are|was|were|with|that|this|which|what|how|from|has|have|it|to|by|not|you|your) ",
    "fr": r"(?i) (?:le|la|les|des|du|est|une|et|dans|que|qui|pour|avec|ce|cette|il|elle|où|sont|sur|pas|au|aux) ",
}
"""Words that nearly every sentence of a language has and hardly any of the other one; between blanks, since a search
for borders of words costs thirty times as much."""


def language(text: str | None) -> str | None:
    """Return "en" or "fr" where the text is surely one of them, else None (py3langid, normalised probabilities)."""
    if not text or len(text.split(maxsplit=_ENOUGH_WORDS)) < _ENOUGH_WORDS:
        return None
    likely = dict(_identifier().rank(text[:_PREFIX]))
    first = max(likely, key=likely.__getitem__)
    if first not in _SPOKEN or likely[first] <= _SURE * sum(likely[code] for code in _SPOKEN):
        return None
    return str(first)


@cache
def _identifier() -> Any:  # noqa: ANN401 - the library is untyped
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(_NEIGHBOURS))
    return identifier


@of_record(ANSWER, DECLARED)
def languages(view: View) -> Iterator[Issue]:
    """Flag answers and questions that are surely in another language than declared, or than each other."""
    declared = view.schema.declared
    answer, question = declared.answer, declared.duplicates.question
    if declared.language is None or answer not in view.frame.columns or not question:
        return
    field = answer if answer in view.schema.columns else view.fields[0]
    asked = pl.concat_str(question, separator="\n", ignore_nulls=True)
    wanted = pl.col(declared.language).str.to_lowercase().str.head(2)
    rows = view.frame.select("id", asked=asked, said=answer, wanted=wanted, declared=declared.language)
    rows = rows.with_columns(doubt_said=_doubtful("said"), doubt_asked=_doubtful("asked"))
    for row in rows.filter(pl.col("doubt_said") | pl.col("doubt_asked")).iter_rows(named=True):
        # Where nothing speaks for another language, a text is taken to be in the declared one.
        spoken = language(row["said"]) if row["doubt_said"] else row["wanted"]
        question_is = language(row["asked"]) if row["doubt_asked"] else row["wanted"]
        yield from _answer_issues(row, field, spoken, question_is)
        yield from _declared_issues(row, declared.language, spoken, question_is)


def _answer_issues(row: dict[str, Any], field: str, spoken: str | None, question_is: str | None) -> Iterator[Issue]:
    expected = row["wanted"] or question_is
    if spoken and expected in _SPOKEN and spoken not in (expected, question_is):
        message = f"the answer is in {spoken}, the record in {expected}"
        yield ANSWER.issue(row["id"], field, row["said"], message=message)


def _declared_issues(row: dict[str, Any], field: str, spoken: str | None, question_is: str | None) -> Iterator[Issue]:
    if row["wanted"] in _SPOKEN and question_is and question_is != row["wanted"]:
        # Where the answer is in the declared language, it is the question that may be wrong.
        fix = of_field(question_is) if spoken in (question_is, None) else None
        message = f"the question is in {question_is}, the record declares {row['declared']}"
        yield DECLARED.issue(row["id"], field, row["declared"], fix, message)


def _doubtful(text: str) -> pl.Expr:
    """Return which rows could hold another language: those with its words, or with none of the wanted language."""
    holds = {code: pl.col(text).str.contains(words) for code, words in _FUNCTION_WORDS.items()}
    english = pl.col("wanted").eq("en") & holds["en"] & ~holds["fr"]
    french = pl.col("wanted").eq("fr") & holds["fr"] & ~holds["en"]
    return ~(english | french).fill_null(value=False)
