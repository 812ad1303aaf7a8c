"""`compare` and `hardest` as a script meets them, and as a person reads them: nothing of a record steers the screen."""

from __future__ import annotations

import pytest

from tests.cli import called as workbench
from tests.corpora import CORPUS, cut, deliver, facts, sides
from tests.runs import both, scored_run
from workbench.cli.commands.hardest import _score
from workbench.cli.numbers import difference, reasons, shown, undecided
from workbench.services.evaluation.judgements import Judgement, Said, judge
from workbench.services.records.editing import edit
from workbench.store.store import Store

HOSTILE = "\x1b]0;x\x07no"


@pytest.fixture
def measured(store: Store) -> Store:
    """A version with two runs, both scored on test and train, whose models say hostile things."""
    deliver(store, facts(*range(80)))
    version = cut(store)
    of = {side: sorted(r for r, s in sides(store, version).items() if s == side) for side in ("train", "test")}
    for name, tuned in (("one", 3.0), ("two", 2.0)):
        rows = {
            side: [row for r in records for row in both(r, tuned=tuned, source=side, prediction=HOSTILE)]
            for side, records in of.items()
        }
        run = scored_run(store, version, name, rows["test"])
        other = scored_run(store, version, f"{name}-train", rows["train"], split="train")
        (other.evaluation / "scores-train.parquet").rename(run.evaluation / "scores-train.parquet")
    return store


def test_compare_prints_one_object_or_a_table_with_verdicts(measured):
    root = measured.workspace.root
    found = workbench("compare", "one", "two-t", "--json", cwd=root)
    assert found.code == 2 and "workbench evaluate two-train" in found.json["error"]["hint"]
    one = workbench("compare", "one", "--split", "train", "--json", cwd=root)
    assert one.code == 0 and one.json["metrics"]["perplexity"]["difference"]["verdict"] == "better"
    read = workbench("compare", "one", "--split", "train", cwd=root)
    assert "better" in read.out and "95 % interval" in read.out and "\x1b" not in read.out
    assert workbench("compare", "one", "--split", "trian", cwd=root).code == 2


def test_a_run_is_not_compared_with_itself(measured):
    said = workbench("compare", "one", "one", cwd=measured.workspace.root)
    assert said.code == 2 and "'one' is compared with itself" in said.talk and said.out == ""


def test_the_only_corpus_with_records_and_the_corpus_of_a_run_need_no_naming(measured):
    root = measured.workspace.root
    measured.workspace.take_sample("quiz")
    assert workbench("review", "--json", cwd=root).json["corpus"] == CORPUS
    assert workbench("review", "--run", "one", "--json", cwd=root).json["corpus"] == CORPUS
    assert workbench("ingest", "quiz", cwd=root).code == 0
    which = workbench("review", cwd=root)
    assert which.code == 2 and "one of: facts, quiz" in which.talk
    assert workbench("review", "--run", "one", "--json", cwd=root).json["corpus"] == CORPUS


def test_hardest_lists_records_that_can_be_edited(measured):
    root = measured.workspace.root
    found = workbench("hardest", "one", "-n", "3", "--json", cwd=root)
    assert found.code == 0 and len(found.json["records"]) == 3
    read = workbench("hardest", "one", "--by", "gap", cwd=root)
    assert found.json["records"][0]["record"][:12] in read.out and "workbench edit facts" in read.out
    assert "\x1b" not in read.out
    assert "no record" in workbench("hardest", "one", "--by", "memorised", cwd=root).out
    assert workbench("hardest", "one", "--by", "size", cwd=root).code == 2
    assert workbench("hardest", "one", "--split", "validation", cwd=root).code == 2


def test_what_is_usual_stands_beside_a_loss_and_a_huge_deviation_is_not_counted(measured):
    read = workbench("hardest", "one", cwd=measured.workspace.root).out
    assert "usual loss" in read
    assert "usual" not in workbench("hardest", "one", "--by", "memorised", cwd=measured.workspace.root).out
    assert [_score(value) for value in (2.5, -0.25, 3632.0, -3632.0)] == ["+2.50", "-0.25", "over +100", "over -100"]


def test_values_and_reasons_are_told_in_words():
    missing = {"value": None, "reason": "why"}
    assert [shown(value) for value in (0.5, 3, missing)] == ["0.5000", "3", "n/a (why)"]
    assert reasons({"a": missing, "b": 1.0, "c": missing}) == ["n/a: a, c (why)"]


def test_a_difference_without_an_interval_has_no_verdict():
    assert difference({"value": -0.5, "interval": None, "verdict": "cannot tell", "reason": "a quantile"})[1:] == [
        "",
        "",
    ]
    found = {"value": 0.5, "interval": [0.25, 0.75], "verdict": "better"}
    assert difference(found) == ["+0.5000", "+0.2500 to +0.7500", "better"]
    assert difference({"value": None, "reason": "why"}) == difference(None) == ["", "", ""]


def test_a_large_number_is_told_without_decimals_and_a_huge_one_by_its_power():
    found = {"value": -2.5e7, "interval": [-24207767.9218, 1e12], "verdict": "cannot tell"}
    assert difference(found)[:2] == ["-25,000,000", "-24,207,768 to +1.000e+12"]
    assert [shown(value) for value in (9999.0, 10_000.5, float("inf"))] == ["9999.0000", "10,000", "inf"]


def test_why_nothing_could_be_decided_is_told_once():
    few = {"value": 0.5, "interval": [0.2, 0.7], "verdict": "cannot tell", "reason": "too few"}
    assert undecided({"a": few, "b": few, "c": {"value": None, "reason": "x"}}) == ["cannot tell: too few"]


def test_verdicts_on_two_runs_are_listed_and_counted(measured):
    root = measured.workspace.root
    one, other = Said("one", "base", HOSTILE), Said("one", "tuned", "yes")
    judge(measured, CORPUS, Judgement(f"why {HOSTILE}", one, other, "other", seed=3))
    judge(measured, CORPUS, Judgement("when", one, other, "tie"))
    found = workbench("compare", "one", "--judgements", "--json", cwd=root).json
    assert (found["counts"], found["verdict"]) == ({"one": 0, "other": 1, "tie": 1}, "cannot tell")
    assert [each["better"] for each in found["judgements"]] == ["other", "tie"]
    read = workbench("compare", "one", "--judgements", cwd=root).out
    assert "one base better 0, one tuned better 1, ties 1: cannot tell (sign test, p 1.0000; 1 of 2 verdicts" in read
    assert "were given blind" in read
    assert "blind" in read and "\x1b" not in read
    assert "ties 0" in workbench("compare", "one", "two-train", "--judgements", cwd=root).out
    log = workbench("log", CORPUS, "--limit", "1", cwd=root).out
    assert "preference" in log and "\x1b" not in log


def test_the_review_queue_is_listed_with_reasons_and_a_record_is_accepted_by_its_prefix(measured):
    root = measured.workspace.root
    record = sorted(measured.state(measured.corpus(CORPUS)).records["id"])[0]
    edit(measured, CORPUS, record, {"answer": ""})
    found = workbench("review", CORPUS, "--json", cwd=root).json
    assert (found["waiting"], found["records"], found["run"]) == (len(found["rows"]), 80, "two")
    read = workbench("review", CORPUS, cwd=root).out
    assert "of 80 records ask for a look (losses of two on train)" in read and "empty-answer" in read
    assert workbench("review", CORPUS, "--accept", record[:10], "--json", cwd=root).json["accepted"] == [record]
    assert workbench("review", CORPUS, "--json", cwd=root).json["accepted"] == 1
    assert workbench("edit", CORPUS, "--undo", "1", cwd=root).code == 0
    assert workbench("review", CORPUS, "--json", cwd=root).json["accepted"] == 0
    assert workbench("review", CORPUS, "--accept", "zz", cwd=root).code == 2
