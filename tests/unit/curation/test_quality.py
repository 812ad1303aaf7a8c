"""What the quality flags find, and what they leave alone."""

from __future__ import annotations

import polars as pl
import pytest

from workbench.curation.quality import language
from workbench.curation.validate import issues
from workbench.schema import Schema, load_schema
from workbench.workspace import samples

QA = load_schema(samples() / "schemas" / "qa.yaml")
PROSE = load_schema(samples() / "schemas" / "prose.yaml")


def rules(schema: Schema, *rows: dict[str, object]) -> list[list[str]]:
    placed = schema.table([{**dict.fromkeys(schema.columns), **row} for row in rows]).with_columns(
        id=pl.Series([f"{i}" for i in range(len(rows))], dtype=pl.String),
        source=pl.lit("s"),
        position=pl.int_range(pl.len()),
    )
    found = issues(placed, schema)
    return [sorted(found.filter(record=str(i))["rule"]) for i in range(len(rows))]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("Le cafÃ© est fermÃ©.", "mojibake"), ("It donâ€™t work.", "mojibake"), ("<s>Yes", "literal-marker"),
        ("Yes</s>", "literal-marker"), ("Write to ann@example.org", "email"), ("a\x1b[2Jb", "control-characters"),
        ("a\u202eb", "control-characters"), ("hf_" + "a1B2" * 9, "secret"), ("AKIA" + "ABCDEFGH12345678", "secret"),
        ("ghp_" + "a1B2" * 9, "secret"), ("-----BEGIN RSA PRIVATE KEY-----", "secret"),
    ],
)  # fmt: skip
def test_a_flag_finds_its_fault_and_its_fix_takes_it_away(text, rule):
    row = {"question": "What is it?", "answer": text}
    assert rules(QA, row) == [[rule]]


@pytest.mark.parametrize(
    "text",
    [
        "naïve Bayes, ², ·, ×, √ and ‖",
        "Où est l’école ?",
        "a < s > b",
        "12 @ 3 EUR",
        "Ça va… « oui »",
        "日本語のテキスト",
    ],
)
def test_clean_text_is_left_alone(text):
    assert rules(QA, {"question": text, "answer": text}) == [[]]


def test_an_answer_in_another_language_than_asked_is_flagged_and_a_short_one_is_not():
    asked = "Sur quelle île se trouve le phare de Kalimo ?"
    wrong = {"question": asked, "answer": "The Kalimo lighthouse stands on the island of Orrin.", "lang": "fr"}
    short = {"question": asked, "answer": "The lighthouse", "lang": "fr"}
    assert rules(QA, wrong, short) == [["wrong-language"], []]


def test_language_is_told_only_where_it_is_sure():
    assert language("The quick brown fox jumps over the lazy dog") == "en"
    assert language("Le phare se trouve sur une île au large de la côte") == "fr"
    assert language("Orrin") is None and language(None) is None


def test_licence_text_around_a_novel_is_boilerplate_and_the_novel_is_not():
    texts = ["Licence", "  *** START OF THE BOOK ***\nOne.", "Two.", "Three. \n *** END OF THE BOOK", "More licence"]
    found = rules(PROSE, *({"text": text} for text in texts))
    assert found == [["boilerplate"], ["boilerplate"], [], ["boilerplate"], ["boilerplate"]]
