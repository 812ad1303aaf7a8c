"""Facts about verdicts on two answers: kept, counted whichever was shown first, taken back, handed on as pairs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.corpora import CORPUS, cut, deliver, facts, ids, scratch
from workbench.errors import DataError, UsageError
from workbench.services.checking.review import accept
from workbench.services.evaluation.judgements import (
    Judgement,
    Said,
    is_swapped,
    judge,
    judgements,
    preferences,
    tally,
    turns,
)
from workbench.services.purge import planned, purged
from workbench.services.records.bulk import edit_all
from workbench.services.records.editing import drop, edit
from workbench.services.records.marks import REVIEW, marks
from workbench.services.records.redo import redo
from workbench.services.records.undo import undo
from workbench.services.versions.build import build, save
from workbench.store.store import Store

BASE, TUNED = ("r1", "base"), ("r1", "tuned")
FIRST = Judgement("What is a quay?", Said(*BASE, "a word"), Said(*TUNED, "a place to land"), "other", seed=7)


def test_a_verdict_is_one_row_and_the_same_again_none() -> None:
    with scratch() as store:
        deliver(store, facts(1))
        assert judge(store, CORPUS, FIRST)
        assert not judge(store, CORPUS, FIRST)
        assert judgements(store, CORPUS) == [FIRST]
        assert len(store.catalogue.rows(CORPUS, kinds=("preference",))) == 1


def test_a_later_verdict_on_the_same_question_replaces_the_earlier_and_undo_brings_it_back() -> None:
    with scratch() as store:
        deliver(store, facts(1))
        judge(store, CORPUS, FIRST)
        judge(store, CORPUS, replace(FIRST, better="one"))
        assert [each.better for each in judgements(store, CORPUS)] == ["one"]
        assert [one["field"] for one in undo(store, CORPUS)] == ["preference"]
        assert judgements(store, CORPUS) == [FIRST]
        redo(store, CORPUS)
        assert [each.better for each in judgements(store, CORPUS)] == ["one"]
        undo(store, CORPUS, 2)
        assert judgements(store, CORPUS) == []


def test_undo_goes_through_verdicts_and_edits_in_the_order_they_were_made() -> None:
    with scratch() as store:
        deliver(store, facts(1, 2))
        record = store.state(store.corpus(CORPUS)).records["id"][0]
        drop(store, CORPUS, [record])
        judge(store, CORPUS, FIRST)
        undo(store, CORPUS)
        assert judgements(store, CORPUS) == [] and store.state(store.corpus(CORPUS)).records.height == 1
        undo(store, CORPUS)
        assert store.state(store.corpus(CORPUS)).records.height == 2
        redo(store, CORPUS, 2)
        assert judgements(store, CORPUS) == [FIRST] and store.state(store.corpus(CORPUS)).records.height == 1


def test_a_verdict_that_there_is_none_of_is_refused() -> None:
    with scratch() as store:
        deliver(store, facts(1))
        with pytest.raises(UsageError, match="verdict"):
            judge(store, CORPUS, replace(FIRST, better="left"))


def test_verdicts_are_counted_whichever_of_the_two_was_named_first() -> None:
    turned = replace(FIRST, one=FIRST.other, other=FIRST.one)  # `other` is the base here
    tie = replace(FIRST, prompt="another", better="tie")
    foreign = replace(FIRST, one=Said("r2", "base", ""))
    found = tally([FIRST, turned, tie, foreign], BASE, TUNED)
    assert (found.one, found.other, found.tie, found.judged) == (1, 1, 1, 3)
    assert found.verdict == "cannot tell"


@pytest.mark.parametrize(("better", "verdict"), [(5, "cannot tell"), (6, "better")])
def test_six_of_six_decide_and_five_of_five_do_not(better: int, verdict: str) -> None:
    found = tally([replace(FIRST, prompt=str(n)) for n in range(better)], BASE, TUNED)
    assert found.verdict == verdict
    assert tally([replace(FIRST, prompt=str(n)) for n in range(better)], TUNED, BASE).other == 0


def test_the_order_is_hidden_by_the_seed_and_shows_each_side_about_as_often() -> None:
    drawn = [is_swapped(3, f"prompt {n}") for n in range(200)]
    assert drawn == [is_swapped(3, f"prompt {n}") for n in range(200)]
    assert drawn != [is_swapped(4, f"prompt {n}") for n in range(200)]
    assert 70 < sum(drawn) < 130


def test_pairs_hold_the_better_answer_as_chosen_and_no_tie() -> None:
    asked = {"messages": [{"role": "system", "content": "brief"}, {"role": "user", "content": "Who?"}]}
    record = "0" * 32
    with scratch() as store:
        deliver(store, facts(1))
        judge(store, CORPUS, replace(FIRST, prompt=asked, record=record))
        judge(store, CORPUS, replace(FIRST, better="one"))
        judge(store, CORPUS, replace(FIRST, prompt="a tie", better="tie"))
        judge(store, CORPUS, replace(FIRST, prompt="alike", other=replace(FIRST.other, text="a word")))
        first, second = preferences(store, CORPUS).to_dicts()
    assert first == {
        "record_id": record,
        "prompt": asked["messages"],
        "chosen": "a place to land",
        "rejected": "a word",
    }
    assert (second["record_id"], second["chosen"]) == (None, "a word")
    assert turns({"prompt": "go on"}) == [{"role": "user", "content": "go on"}]


def test_verdicts_and_accepted_records_are_saved_and_built_again_once() -> None:
    asked = {"messages": [{"role": "user", "content": "Who?"}]}
    with scratch() as store, scratch() as other:
        deliver(store, facts(*range(12)))
        cut(store)
        judge(store, CORPUS, FIRST)
        judge(store, CORPUS, replace(FIRST, better="one"))
        undo(store, CORPUS)
        judge(store, CORPUS, replace(FIRST, prompt=asked, better="tie", seed=None))
        accept(store, CORPUS, ids(store)[0])
        save(store, CORPUS)
        there = other.workspace.corpus_folder(CORPUS)
        shutil.copytree(store.workspace.corpus_folder(CORPUS), there)
        build(other, CORPUS)
        assert judgements(other, CORPUS) == judgements(store, CORPUS)
        assert [row.subject for row in marks(other, CORPUS, REVIEW)] == ids(store)[:1]
        known = len(other.catalogue.rows())
        build(other, CORPUS)
        save(other, CORPUS)
        assert len(other.catalogue.rows()) == known
        assert (there / "marks.jsonl").read_text().count("\n") == 5
        undo(other, CORPUS)
        assert marks(other, CORPUS, REVIEW) == []
        for damage in ('{"kind": "preference"}', '{"kind": "review"', "[]", '{"kind": "edit"}'):
            (there / "marks.jsonl").write_text(f"{damage}\n")
            with pytest.raises(DataError, match=r"marks\.jsonl"):
                build(other, CORPUS)


def test_a_purged_verdict_is_neither_shown_nor_saved_again() -> None:
    with scratch() as store:
        deliver(store, facts(1))
        judge(store, CORPUS, replace(FIRST, prompt="the key is sk-of-somebody"))
        save(store, CORPUS)
        purged(store, planned(store, CORPUS, ["sk-of-somebody"]))
        (found,) = judgements(store, CORPUS)
        assert "sk-of" not in str(found.prompt)
        save(store, CORPUS)
        assert "sk-of" not in (store.workspace.corpus_folder(CORPUS) / "marks.jsonl").read_text()


def test_what_one_undo_took_back_is_repeated_oldest_first() -> None:
    with scratch() as store:
        deliver(store, facts(1, 2))
        drop(store, CORPUS, ids(store)[:1])
        judge(store, CORPUS, FIRST)
        undo(store, CORPUS, 2)
        assert [one["field"] for one in redo(store, CORPUS, 2)] == ["", "preference"]
        assert [one["field"] for one in undo(store, CORPUS)] == ["preference"]


def test_a_verdict_repeated_where_it_was_built_tells_who_repeated_it_and_counts_as_repeated() -> None:
    with scratch() as store, scratch() as other:
        deliver(store, facts(*range(12)))
        cut(store)
        judge(store, CORPUS, FIRST)
        judge(store, CORPUS, replace(FIRST, prompt="two"))
        undo(store, CORPUS, 2)
        redo(store, CORPUS)
        file = rebuilt(store, other)
        assert [one["value"] for one in redo(other, CORPUS)] == ["other"]
        assert len(judgements(other, CORPUS)) == 2
        save(other, CORPUS)
        again = [line for line in map(json.loads, file.read_text().splitlines()) if line.get("redo")]
        assert [line["who"] == "first" for line in again] == [True, False]


def test_an_undo_that_only_the_saved_file_holds_stays_behind_what_it_takes_back() -> None:
    with scratch() as store, scratch() as other:
        deliver(store, facts(*range(12)))
        cut(store)
        judge(store, CORPUS, FIRST)
        file = rebuilt(store, other)
        undo(other, CORPUS)
        save(other, CORPUS)
        here = store.workspace.corpus_folder(CORPUS) / "marks.jsonl"
        shutil.copy(file, here)
        judge(store, CORPUS, replace(FIRST, prompt="two"))
        save(store, CORPUS)
        kept = [json.loads(line) for line in here.read_text().splitlines()]
        assert [(line.get("prompt"), "undo" in line) for line in kept] == [
            (FIRST.prompt, False),
            (None, True),
            ("two", False),
        ]
        build(store, CORPUS)
        assert [each.prompt for each in judgements(store, CORPUS)] == ["two"]


def stamped(folder: Path, times: Callable[[int], str]) -> None:
    """Have the saved rows of the log and the marks been made at these times, by their line."""
    for name in ("log.jsonl", "marks.jsonl"):
        if not (folder / name).is_file():
            continue
        rows = [json.loads(line) for line in (folder / name).read_text().splitlines()]
        stamped = (row | {"at": times(number)} for number, row in enumerate(rows))
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in stamped))


def do(store: Store, step: str, number: int) -> None:
    """Do one thing that an undo can take back, or take one back."""
    first, second, third, *_ = ids(store)
    match step:
        case "edit":
            edit(store, CORPUS, first, {"answer": f"edited {number}"})
        case "both":
            edit_all(store, CORPUS, {record: {"answer": f"both {number}"} for record in (first, second)})
        case "verdict":
            judge(store, CORPUS, replace(FIRST, prompt=f"prompt {number}"))
        case "accept":
            accept(store, CORPUS, third)
        case "undo":
            undo(store, CORPUS)


@pytest.mark.parametrize("clock", ["stands", "runs backwards"])
@given(st.lists(st.sampled_from(["edit", "both", "verdict", "accept", "undo"]), min_size=2, max_size=7))
@settings(max_examples=8, deadline=None)
def test_where_it_was_built_an_undo_goes_back_in_the_order_of_the_log(clock: str, steps: list[str]) -> None:
    with scratch() as store, scratch() as other:
        deliver(store, facts(*range(4)))
        for number, step in enumerate(steps):
            do(store, step, number)
        save(store, CORPUS)
        there = other.workspace.corpus_folder(CORPUS)
        shutil.copytree(store.workspace.corpus_folder(CORPUS), there)
        stamped(there, lambda line: "T" if clock == "stands" else f"T{99 - line}")
        build(other, CORPUS)
        for _ in steps:
            assert undo(other, CORPUS) == undo(store, CORPUS)


def test_marks_saved_without_their_place_are_built_behind_the_log() -> None:
    with scratch() as store, scratch() as other:
        deliver(store, facts(*range(4)))
        judge(store, CORPUS, FIRST)
        drop(store, CORPUS, ids(store)[:2])
        save(store, CORPUS)
        there = other.workspace.corpus_folder(CORPUS)
        shutil.copytree(store.workspace.corpus_folder(CORPUS), there)
        row = json.loads((there / "marks.jsonl").read_text())
        assert row.pop("after") == 0
        (there / "marks.jsonl").write_text(json.dumps(row) + "\n")
        build(other, CORPUS)
        assert [one["field"] for one in undo(other, CORPUS)] == ["preference"]
        assert [one["field"] for one in undo(other, CORPUS)] == ["", ""]


def rebuilt(store: Store, other: Store) -> Path:
    """Save what somebody called `first` did, build it elsewhere, and return the saved marks there."""
    save(store, CORPUS)
    there = other.workspace.corpus_folder(CORPUS)
    shutil.copytree(store.workspace.corpus_folder(CORPUS), there)
    lines = [json.loads(line) | {"who": "first"} for line in (there / "marks.jsonl").read_text().splitlines()]
    (there / "marks.jsonl").write_text("".join(json.dumps(line, sort_keys=True) + "\n" for line in lines))
    build(other, CORPUS)
    return there / "marks.jsonl"
