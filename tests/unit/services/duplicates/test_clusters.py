"""Clusters for a screen: counts that dedup gives too, members, verdicts on many pairs as one action, all taken back."""

from __future__ import annotations

import json
from dataclasses import replace

import polars as pl
import pytest
from typer.testing import CliRunner

from tests.corpora import CORPUS, by_question, cut, deliver, fact, facts, ids, long_fact, near, sides, state, words
from workbench.cli.main import app
from workbench.curation.clusters import KINDS
from workbench.errors import UsageError
from workbench.services.checking.curate import curate
from workbench.services.duplicates.clusters import ClusterSource, holding, look, preview, views
from workbench.services.duplicates.members import (
    LISTED,
    apart,
    in_favour_of,
    judge_duplicates,
    members,
    standing,
    suggested,
)
from workbench.services.duplicates.verdicts import DIFFERENT, DUPLICATE, judge_pairs, set_threshold
from workbench.services.records.editing import edit
from workbench.services.records.undo import undo
from workbench.services.versions.build import build, save
from workbench.store.store import Store


def twins(count: int = 3, number: int = 1) -> list[dict[str, str]]:
    """Return a long fact and near copies of it, the longest last: that one is kept."""
    return [
        long_fact(number) | {"question": " ".join([long_fact(number)["question"], *(["tail"] * i)])}
        for i in range(count)
    ]


def removed(store: Store) -> dict[str, str]:
    return dict(curate(store, CORPUS).judgement.removed.select("id", "kept").iter_rows())


def test_the_counts_are_those_of_dedup(store):
    deliver(store, [*twins(), *facts(5, 5, 6), fact(7), fact(7) | {"answer": "another"}])
    seen = look(store, CORPUS)
    for threshold in (0.6, 0.8, 0.99):
        assert seen.at(threshold).counts == curate(store, CORPUS, threshold=threshold).judgement.counts()


def test_members_are_the_leader_then_those_that_go_for_it_each_with_its_jaccard(store):
    deliver(store, [*twins(), *facts(10)])
    seen = look(store, CORPUS)
    found = seen.at(0.8)
    listed = members(seen, found, 0)
    questions = [listed.fields[one.record]["question"].count("tail") for one in listed.listed]
    assert questions == [2, 1, 0] and [one.role for one in listed.listed] == ["leader", "goes", "goes"]
    assert listed.listed[1].jaccard > listed.listed[2].jaccard
    assert {one.record: one.beside for one in listed.listed if one.role == "goes"} == removed(store)


def test_a_conflict_is_listed_beside_the_leader_and_marked(store):
    asked = {"question": words("asked", 12)}
    deliver(store, [asked | {"answer": "yes"}, asked | {"answer": "no"}, *facts(3)])
    seen = look(store, CORPUS)
    listed = members(seen, seen.at(0.8), 0).listed
    assert [(one.role, one.kind, one.sign) for one in listed] == [("leader", "", "o"), ("stays", "conflict", "!")]
    with pytest.raises(UsageError, match="nothing here is suggested"):
        suggested(seen, seen.at(0.8), 0)


def test_accepting_a_suggestion_below_the_threshold_is_one_action_that_dedup_sees_and_one_undo_takes_back(store):
    deliver(store, [*twins(), *facts(10)])
    set_threshold(store, CORPUS, 1.0)
    assert removed(store) == {}
    seen = look(store, CORPUS)
    pairs = suggested(seen, seen.at(0.8), 0)
    assert judge_pairs(store, CORPUS, pairs, DUPLICATE) == len(pairs) == 2
    assert removed(store) == {gone: kept for kept, gone in pairs}
    assert judge_pairs(store, CORPUS, pairs, DUPLICATE) == 0
    assert {row["value"] for row in undo(store, CORPUS)} == {"open"}
    assert removed(store) == {}


def test_after_a_verdict_members_are_read_when_the_store_is_closed(store):
    deliver(store, [*twins(), *facts(*range(10, 60))])
    cut(store)
    workspace, seen = store.workspace, look(store, CORPUS)
    judge_pairs(store, CORPUS, suggested(seen, seen.at(0.8), 0), DUPLICATE)
    with Store(workspace) as later:
        again = look(later, CORPUS, seen)
    assert len(members(again, again.at(0.8), 0).listed) == 3


def test_a_verdict_needs_no_second_look_at_texts(store):
    deliver(store, [*twins(), *facts(10)])
    seen = look(store, CORPUS)
    judge_pairs(store, CORPUS, apart(seen, seen.at(0.8), standing(seen, seen.at(0.8), 0)[2]), DIFFERENT)
    again = look(store, CORPUS, seen)
    assert again.curated.units is seen.curated.units
    assert again.at(0.8).counts == curate(store, CORPUS).judgement.counts()
    edit(store, CORPUS, ids(store)[0], {"answer": "new"})
    assert look(store, CORPUS, again).curated.units is not seen.curated.units


def test_no_duplicate_means_of_none_of_the_cluster(store):
    deliver(store, [*twins(4), *facts(10)])
    seen = look(store, CORPUS)
    odd = standing(seen, seen.at(0.8), 0)[3]
    pairs = apart(seen, seen.at(0.8), odd)
    assert {one for one, _ in pairs} == {odd.record} and len(pairs) == 3
    judge_pairs(store, CORPUS, pairs, DIFFERENT)
    seen = look(store, CORPUS, seen)
    assert odd.record not in {one.record for one in standing(seen, seen.at(0.8), 0)}
    assert odd.record not in removed(store) and len(removed(store)) == 2


def test_of_equal_records_one_is_no_duplicate_of_the_others_alone(store):
    deliver(store, [fact(1, copy=copy) for copy in range(3)])
    seen = look(store, CORPUS)
    odd = standing(seen, seen.at(0.8), 0)[1]
    judge_pairs(store, CORPUS, apart(seen, seen.at(0.8), odd), DIFFERENT)
    assert len(removed(store)) == 1
    seen = look(store, CORPUS, seen)
    assert seen.at(0.8).counts == curate(store, CORPUS).judgement.counts()
    assert sorted(one.role for one in standing(seen, seen.at(0.8), 0)) == ["goes", "leader", "stays"]


def test_the_leader_cannot_be_judged_no_duplicate_of_itself(store):
    deliver(store, twins())
    seen = look(store, CORPUS)
    with pytest.raises(UsageError, match="compared with this record"):
        apart(seen, seen.at(0.8), standing(seen, seen.at(0.8), 0)[0])


@pytest.mark.parametrize("exact", [True, False])
def test_the_record_that_a_person_keeps_is_the_leader_and_the_former_one_goes(store, exact):
    deliver(store, [fact(1, copy=copy) for copy in range(2)] if exact else twins(2))
    seen = look(store, CORPUS)
    leader, other = standing(seen, seen.at(0.8), 0)
    judge_pairs(store, CORPUS, in_favour_of(seen, seen.at(0.8), other), DUPLICATE)
    assert removed(store) == {leader.record: other.record}
    seen = look(store, CORPUS, seen)
    assert standing(seen, seen.at(0.8), 0)[0].record == other.record
    judge_pairs(store, CORPUS, in_favour_of(seen, seen.at(0.8), standing(seen, seen.at(0.8), 0)[1]), DUPLICATE)
    assert removed(store) == {other.record: leader.record}
    undo(store, CORPUS)
    assert removed(store) == {leader.record: other.record}


def test_a_record_that_stays_or_that_no_version_would_hold_is_not_kept_in_place_of_another(store):
    deliver(store, [*twins(2), *facts(3)])
    seen = look(store, CORPUS)
    leader, other = standing(seen, seen.at(0.8), 0)
    with pytest.raises(UsageError, match="stays already"):
        in_favour_of(seen, seen.at(0.8), leader)
    with_fault = seen.curated.issues.clear().vstack(
        pl.DataFrame([{"record": other.record, "severity": "error", "rule": "torn"}], schema=seen.curated.issues.schema)
    )
    faulty = replace(seen, curated=replace(seen.curated, issues=with_fault))
    with pytest.raises(UsageError, match="breaks the rule torn"):
        in_favour_of(faulty, seen.at(0.8), other)


def test_a_record_that_was_held_out_never_goes_for_one_that_trains(store):
    deliver(store, facts(*range(30)))
    where = {side: record for record, side in sides(store, cut(store)).items()}
    train, test = where["train"], where["test"]
    edit(store, CORPUS, train, {"question": near(long_fact(1), "x")["question"], "answer": long_fact(1)["answer"]})
    edit(store, CORPUS, test, {"question": long_fact(1)["question"], "answer": long_fact(1)["answer"]})
    seen = look(store, CORPUS)
    found = seen.at(0.8)
    leader, goes = standing(seen, found, 0)
    assert (leader.record, goes.record) == (test, train)
    with pytest.raises(UsageError, match="stands in test"):
        in_favour_of(seen, found, goes)
    assert views(seen, found)["leak"].tolist() == [0]
    assert "LEAK redundant" in ClusterSource(seen, found, views(seen, found)["leak"]).window(0, 1)[0]
    judge_pairs(store, CORPUS, [(train, test)], DUPLICATE)
    assert removed(store) == {train: test}


def test_a_new_record_that_is_kept_in_place_of_a_tested_one_stands_in_test_itself(store):
    deliver(store, facts(*range(30)))
    before = sides(store, cut(store))
    tested = next(record for record, side in before.items() if side == "test")
    number = next(i for i in range(30) if by_question(store)[fact(i)["question"]] == tested)
    deliver(store, [fact(number)], name="again", file="again.jsonl")
    seen = look(store, CORPUS)
    leader, new = standing(seen, seen.at(0.8), 0)
    assert leader.record == tested
    judge_pairs(store, CORPUS, in_favour_of(seen, seen.at(0.8), new), DUPLICATE)
    after = sides(store, cut(store))
    assert (after[new.record], after[tested]) == ("test", "removed")
    assert {record: side for record, side in after.items() if record in before and record != tested} == {
        record: side for record, side in before.items() if record != tested
    }


def test_only_what_was_found_alike_can_be_judged_a_duplicate_by_name(store):
    asked = {"question": words("asked", 12)}
    deliver(store, [*twins(2), asked | {"answer": "yes"}, asked | {"answer": "no"}, *facts(10)])
    set_threshold(store, CORPUS, 1.0)
    named = by_question(store)
    one, other = (named[row["question"]] for row in twins(2))
    assert judge_duplicates(store, CORPUS, one[:12], other[:12]) == 1
    assert removed(store) == {other: one}
    with pytest.raises(UsageError, match="not found to be alike"):
        judge_duplicates(store, CORPUS, one, named[fact(10)["question"]])
    conflict = [record for record in ids(store) if record not in (one, other, named[fact(10)["question"]])]
    with pytest.raises(UsageError, match="are a conflict"):
        judge_duplicates(store, CORPUS, *conflict)


def test_a_script_judges_two_records_to_be_duplicates(store):
    deliver(store, [*twins(2), *facts(10)])
    one, other = (by_question(store)[row["question"]] for row in twins(2))
    order = ["dedup", CORPUS, "--threshold", "1.0", "--duplicates", one, other]
    said = CliRunner().invoke(app, [*order, "--json", "--workspace", str(store.workspace.root)])
    assert said.exit_code == 0 and json.loads(said.stdout)["removed"] == 1
    assert removed(store) == {other: one}


def test_views_hold_every_cluster_once_by_class_and_find_narrows_them(store):
    asked = {"question": words("asked", 12)}
    deliver(store, [*twins(), asked | {"answer": "yes"}, asked | {"answer": "no"}, *facts(5, 6)])
    seen = look(store, CORPUS)
    found = seen.at(0.8)
    held = views(seen, found)
    assert {name: len(places) for name, places in held.items() if len(places)} == {
        "all": 2, "conflict": 1, "redundant": 1
    }  # fmt: skip
    assert sum(len(held[name]) for name in KINDS) == len(held["all"])
    hits = holding(seen, found, held["all"], words("asked", 12).split()[3].upper())
    assert hits.tolist() == held["conflict"].tolist()
    cells = ClusterSource(seen, found, hits).window(0, 1)[0]
    assert cells[:5] == ("!", 2, 0, cells[3], "conflict") and cells[5].startswith(asked["question"][:40])


def test_a_preview_tells_what_a_threshold_changes_before_it_is_kept_and_undo_brings_the_old_one_back(store):
    deliver(store, [*twins(2), *twins(2, 2), *facts(10)])
    seen = look(store, CORPUS)
    told = preview(seen, seen.at(1.0))
    assert (told.before.counts["removed"], told.after.counts["removed"]) == (2, 0)
    assert len(told.samples) == 2 and all(0.8 < jaccard < 1 for *_, jaccard in told.samples)
    set_threshold(store, CORPUS, 1.0)
    set_threshold(store, CORPUS, 1.0)
    assert removed(store) == {}
    assert undo(store, CORPUS) == [{"record": CORPUS, "field": "duplicates.threshold", "value": 0.8}]
    assert store.corpus(CORPUS).duplicates.threshold == 0.8 and len(removed(store)) == 2
    assert undo(store, CORPUS) == []


def test_undo_goes_through_edits_verdicts_and_thresholds_newest_first(store):
    deliver(store, [*twins(2), *facts(10)])
    record = by_question(store)[fact(10)["question"]]
    edit(store, CORPUS, record, {"answer": "edited"})
    set_threshold(store, CORPUS, 0.9)
    one, other = (row.record for row in standing(look(store, CORPUS), look(store, CORPUS).at(0.8), 0))
    judge_pairs(store, CORPUS, [(one, other)], DIFFERENT)
    fields = [undo(store, CORPUS)[0]["field"] for _ in range(3)]
    assert fields == [f"verdict with {max(one, other)[:12]}", "duplicates.threshold", "answer"]
    assert undo(store, CORPUS) == []
    assert state(store).records.filter(id=record)["answer"].to_list() == [fact(10)["answer"]]


def test_a_threshold_that_was_written_by_hand_is_not_taken_back(store):
    deliver(store, [*twins(2), *facts(10)])
    set_threshold(store, CORPUS, 0.9)
    path = store.workspace.corpus_file(CORPUS)
    path.write_text(path.read_text().replace("0.9", "0.7"))
    assert undo(store, CORPUS) == [] and store.corpus(CORPUS).duplicates.threshold == 0.7


def test_verdicts_and_their_undo_outlive_a_save_and_a_build(store):
    deliver(store, [*twins(), *facts(10)])
    seen = look(store, CORPUS)
    pairs = suggested(seen, seen.at(0.8), 0)
    judge_pairs(store, CORPUS, pairs, DUPLICATE)
    judge_pairs(store, CORPUS, pairs, DIFFERENT)
    undo(store, CORPUS)
    before = removed(store)
    save(store, CORPUS)
    store.catalogue.close()
    store.workspace.catalogue.unlink()
    with Store(store.workspace) as anew:
        build(anew, CORPUS)
        assert removed(anew) == before and len(before) == 2
        assert {row["value"] for row in undo(anew, CORPUS)} == {"open"}


def test_a_cluster_of_many_is_listed_in_part_and_counted_whole(store):
    deliver(store, [fact(1, copy=copy) for copy in range(LISTED + 5)])
    seen = look(store, CORPUS)
    listed = members(seen, seen.at(0.8), 0)
    assert (len(listed.listed), listed.total) == (LISTED, LISTED + 5)
