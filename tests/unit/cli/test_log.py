"""Facts about the log as it is printed: every kind of row says what was done."""

from __future__ import annotations

import pytest

from tests.corpora import CORPUS, deliver, facts
from workbench.cli.commands.log import log
from workbench.cli.commands.show import show
from workbench.cli.commands.trace import trace
from workbench.cli.values import told
from workbench.services.duplicates.verdicts import DIFFERENT, judge_pairs, set_threshold
from workbench.services.records.editing import drop, edit
from workbench.store.store import Store

SECRET = "ghp_" + "a1B2" * 10


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


def test_a_value_is_told_as_json_and_its_secret_masked(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    deliver(store, facts(1))
    record = store.state(store.corpus(CORPUS)).records["id"][0]
    edit(store, CORPUS, record, {"answer": f"it is\n{SECRET}"})
    said = printed(store, capsys)
    assert 'answer = "it is\\nghp_…[44 characters]"' in said and SECRET[:6] not in said
    assert [told(value) for value in (None, ["Copper", f"\t{SECRET}"], {"n": 1})] == [
        "null",
        '["Copper", "\\tghp_…[44 characters]"]',
        '{"n": 1}',
    ]


def test_show_and_trace_tell_an_edit_in_the_words_of_the_log(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    deliver(store, facts(1))
    record = store.state(store.corpus(CORPUS)).records["id"][0]
    edit(store, CORPUS, record, {"answer": SECRET})
    edit(store, CORPUS, record, {"answer": "nothing"})
    drop(store, CORPUS, [record])
    show(CORPUS, record, workspace=store.workspace.root)
    trace(CORPUS, record, workspace=store.workspace.root)
    said = capsys.readouterr().out
    assert said.count('answer = "ghp_…[44 characters]"') == 2 and SECRET not in said
    assert sum(": drop" in line for line in said.splitlines()) == 2
