"""What the flags find in real inputs: looked at by eye, counted here, so that no change invents or loses any unseen."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpora import scratch
from workbench.services.checking.check import check, issue_counts, letter_balance
from workbench.services.intake.ingest import Order, ingest

DATA = Path(__file__).parents[3] / "shared" / "data"
pytestmark = [pytest.mark.shared, pytest.mark.skipif(not DATA.is_dir(), reason="the real inputs are not here")]

FOUND = {
    "mcq/openquizzdb_seed_shape_en.json": {"duplicate-options": 9, "mojibake": 7, "zero-width": 1},
    "mcq/openquizzdb_seed_shape_fr.json": {"duplicate-options": 8, "mojibake": 379, "zero-width": 11},
    "mcq/aiquizplatform_machine_learning.json": {"answer-letter": 59},
    "mcq/frenchmedmcqa_dev.json": {"several-keys": 148, "answer-letter": 163},
    "mcq/mmlu_machine_learning_test.csv": {"order-bound-options": 15},
    "mcq/mmlu_formal_logic_test.csv": {"duplicate-options": 1, "answer-letter": 121, "order-bound-options": 2},
    "prose/frankenstein_chunks.csv": {"boilerplate": 22},
    "prose/frankenstein_84-0_utf8bom_crlf.txt": {},
    "prose/fr_candide_4650-8_latin1.txt": {},
    "story/story.json": {"literal-marker": 74},
    "qa/domainqa_train.jsonl": {},
    "instruction/alpaca_small_2k.json": {"email": 2, "repetition": 8, "symbol-share": 1, "zero-width": 1},
}
"""Mojibake: single C1 characters where Windows-1252 was read as Latin-1 (`n\\x9cuds`), and two names. Repetition:
songs, plans of exercises, a truth table and code that say the same line over and over."""


@pytest.mark.parametrize("file", sorted(FOUND))
def test_a_real_input_has_the_issues_that_were_looked_at_and_no_other(file):
    with scratch() as store:
        ingest(store, Order("real", (DATA / file,), settings={}))
        assert {count["rule"]: count["count"] for count in issue_counts(check(store, "real")[1])} == FOUND[file]


def test_quizzes_whose_letters_chance_does_not_explain_are_called_uneven():
    uneven = {}
    for file in (file for file in FOUND if file.startswith("mcq/")):
        with scratch() as store:
            ingest(store, Order("real", (DATA / file,), settings={}))
            state, _ = check(store, "real")
            uneven[Path(file).stem] = letter_balance(store, state, "real")[0]["uneven"]
    assert {name for name, is_so in uneven.items() if is_so} == {
        "aiquizplatform_machine_learning",
        "frenchmedmcqa_dev",
        "mmlu_formal_logic_test",
    }
