"""Facts about the log as it is printed: every kind of row says what was done."""

from __future__ import annotations

import pytest

from tests.corpora import CORPUS, deliver, facts
from workbench.cli.commands.log import log
from workbench.services.duplicates.verdicts import DIFFERENT, judge_pairs, set_threshold
from workbench.store.store import Store


def printed(store: Store, capsys: pytest.CaptureFixture[str]) -> str:
    log(CORPUS, workspace=store.workspace.root, limit=20)
    return capsys.readouterr().out


def test_a_judgement_names_both_records_and_the_verdict(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    deliver(store, facts(1, 2))
    one, other = sorted(store.state(store.corpus(CORPUS)).records["id"])
    judge_pairs(store, CORPUS, [(one, other)], DIFFERENT)
    assert f"{one[:12]} and {other[:12]}: no duplicates" in printed(store, capsys)


def test_a_changed_threshold_is_told_from_what_to_what(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    deliver(store, facts(1, 2))
    set_threshold(store, CORPUS, 0.7)
    set_threshold(store, CORPUS, 0.8, taken_back=True)
    said = printed(store, capsys)
    assert "0.8 -> 0.7" in said and "taken back: 0.7 -> 0.8" in said
