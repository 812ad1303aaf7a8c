"""What was once tested never trains: through growth, edits, drops, returns, fresh draws, and in a built workspace."""

from __future__ import annotations

import itertools
import shutil

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.corpora import (
    CORPUS,
    by_question,
    cut,
    deliver,
    ids,
    long_fact,
    near,
    rows_of,
    scratch,
    sides,
    state,
    words,
    write,
)
from tests.unit.services.versions.test_building import rebuilt
from workbench.corpus import SplitSettings
from workbench.services.intake.ingest import Order, ingest
from workbench.services.records.editing import drop, edit
from workbench.services.verify import verify
from workbench.services.versions.build import build, save
from workbench.services.versions.ledger import Ledger, once_tested
from workbench.services.versions.saved import saved_tested
from workbench.services.versions.split import Request, split
from workbench.store.store import Store
from workbench.store.versions import Version, versions

pytestmark = pytest.mark.thorough

QUICK = settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
LONG = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
STEPS = st.lists(
    st.tuples(st.sampled_from(["grow", "near", "shrink", "edit", "drop", "back", "fresh"]), st.integers(0, 99)),
    min_size=3,
    max_size=7,
)
SHARES = {"ratios": (0.5, 0.2, 0.3)}


def forgetful(store: Store, **settings_) -> Version:
    return split(store, Request(CORPUS, SplitSettings(**settings_), fresh=True, forget=True))


def reasons(store: Store, version: Version) -> dict[str, str | None]:
    return dict(rows_of(store, version).select("id", "reason").iter_rows())


def ever_tested(store: Store) -> set[str]:
    """Return every record that stood in test of any version, read from the versions themselves."""
    return {r for v in versions(store.catalogue, CORPUS) for r, side in sides(store, v).items() if side == "test"}


def act(store: Store, rows: list, step: str, number: int) -> None:
    """Do one thing to the corpus; `rows` is what its source holds and changes with it."""
    here = ids(store)
    gone = sorted(state(store).dropped["id"])
    if step in ("grow", "near", "shrink"):
        if step == "shrink":
            rows[:] = rows[number % 7 :: 2] or rows
        else:
            rows += [near(row, words(number, 3)) if step == "near" else long_fact(1000 + number + i)
                     for i, row in enumerate(rows[number % 5 : number % 5 + 4])]  # fmt: skip
        deliver(store, rows)
    elif step == "edit" and here:
        edit(store, CORPUS, here[number % len(here)], {"question": words(f"edited {number}", 30)})
    elif step == "drop" and len(here) > 8:
        drop(store, CORPUS, here[number % 5 :: 5])
    elif step == "back" and gone:
        drop(store, CORPUS, gone, back=True)


def once_tested_never_trains(steps, seed: int) -> None:
    rows = [long_fact(i, concept=f"c{i // 2}" if i % 3 else None) for i in range(20)]
    with scratch() as store:
        deliver(store, rows)
        cut(store, seed=seed, **SHARES)
        for number, (step, detail) in enumerate(steps):
            act(store, rows, step, detail)
            before = ever_tested(store)
            if not ids(store):  # dropped or gone from the source, all of them: there is nothing to split
                continue
            fresh = step == "fresh"
            seed = detail if fresh else seed
            version = cut(store, seed=seed, fresh=fresh, **SHARES)
            trained = {r for r, side in sides(store, version).items() if side in ("train", "validation")}
            assert not trained & before, (number, step)
            assert cut(store, seed=seed, **SHARES).id == version.id
        assert verify(store) == []


@given(STEPS, st.integers(0, 99))
@QUICK
def test_no_record_that_ever_stood_in_test_stands_later_in_train(steps, seed):
    once_tested_never_trains(steps, seed)


@pytest.mark.slow
@given(STEPS, st.integers(0, 99))
@LONG
def test_no_record_that_ever_stood_in_test_stands_later_in_train_at_length(steps, seed):
    once_tested_never_trains(steps, seed)


def test_a_fresh_draw_leaves_what_was_tested_to_test_and_excludes_what_finds_no_room(store):
    deliver(store, [long_fact(i) for i in range(40)])
    first = cut(store, ratios=(0.5, 0.1, 0.4))
    held = {record for record, side in sides(store, first).items() if side == "test"}
    second = cut(store, fresh=True, seed=7, ratios=(0.8, 0.1, 0.1))
    after, why = sides(store, second), reasons(store, second)
    assert {after[record] for record in held} == {"test", "excluded"}
    assert {why[record] for record in held if after[record] == "excluded"} == {"was tested in v1"}
    assert {record for record, side in after.items() if side == "test"} <= held
    assert second.report["excluded"] == {"was tested in v1": 12}
    assert second.report["splits"]["train"]["got"] == 22


def test_a_fresh_draw_made_twice_is_the_same_version(store):
    deliver(store, [long_fact(i, concept=f"c{i // 3}") for i in range(30)])
    cut(store)
    second = cut(store, fresh=True, seed=3, ratios=(0.6, 0.1, 0.3))
    assert cut(store, fresh=True, seed=3, ratios=(0.6, 0.1, 0.3)).id == second.id
    assert cut(store, seed=3, ratios=(0.6, 0.1, 0.3)).id == second.id


def test_the_group_of_a_tested_record_never_trains_though_the_record_is_gone_from_its_side(store):
    rows = [long_fact(i) for i in range(30)]
    deliver(store, rows)
    first = cut(store, ratios=(0.5, 0.2, 0.3))
    held = min(record for record, side in sides(store, first).items() if side == "test")
    cut(store, fresh=True, ratios=(1.0, 0.0, 0.0))
    question = dict(rows_of(store, first).select("id", "question").iter_rows())[held]
    twin = {"question": question, "answer": words("another", 3), "concept": "c"}
    deliver(store, [*rows, twin, long_fact(99, concept="c")])
    version = cut(store, ratios=(1.0, 0.0, 0.0))
    named = {row["question"]: row["split"] for row in rows_of(store, version).to_dicts()}
    assert named[question] != "train"
    assert named[long_fact(99)["question"]] == "excluded"


def test_counts_leave_tested_groups_to_test_as_well(store):
    deliver(store, [long_fact(i) for i in range(30)])
    held = {r for r, side in sides(store, cut(store, counts=(10, 5, 10))).items() if side == "test"}
    second = cut(store, fresh=True, seed=9, counts=(15, 3, 4))
    after = sides(store, second)
    assert second.counts["train"] == 15 and second.counts["test"] == 4
    assert {record for record, side in after.items() if side == "test"} <= held


def test_forgetting_is_written_down_counted_and_ends_the_ledger(store):
    deliver(store, [long_fact(i) for i in range(30)])
    held = {r for r, side in sides(store, cut(store, **SHARES)).items() if side == "test"}
    second = forgetful(store, ratios=(1.0, 0.0, 0.0))
    assert {sides(store, second)[record] for record in held} == {"train"}
    assert second.report["tested_now_trained"] == len(held) > 0
    assert second.settings["forget_tested"] is True
    assert once_tested(store, state(store), CORPUS) == Ledger()
    assert forgetful(store, ratios=(1.0, 0.0, 0.0)).id == second.id
    assert cut(store, ratios=(1.0, 0.0, 0.0)).id == second.id
    assert verify(store) == []


@pytest.mark.parametrize("forget", [False, True])
def test_the_ledger_survives_save_and_build_and_gives_the_same_version(store, forget):
    deliver(store, [long_fact(i) for i in range(40)])
    first = cut(store, ratios=(0.5, 0.1, 0.4))
    if forget:
        second = forgetful(store, seed=7)
    else:
        second = cut(store, fresh=True, seed=7)
    with rebuilt(store) as (other, version):
        assert (version.id, version.number) == (second.id, 2)
        assert version.report == second.report
        ledger = once_tested(store, state(store), CORPUS)
        assert once_tested(other, state(other), CORPUS) == ledger
        third = cut(other, fresh=True, seed=1)
        assert third.id == cut(store, fresh=True, seed=1).id
        held = {record for record, side in sides(store, first).items() if side == "test"}
        trained = {record for record, side in sides(other, third).items() if side != "test"}
        assert forget or not any(sides(other, third)[record] == "train" for record in held & trained)


def test_versions_made_before_there_was_a_ledger_are_read_for_it(store):
    deliver(store, [long_fact(i) for i in range(30)])
    version = cut(store, **SHARES)
    row = store.catalogue.rows(CORPUS, kinds=("version",))[0]
    old = store.objects.table(version.assignment).drop("tested")
    body = {**row.body, "assignment": store.objects.put_table(old), "number": 2}
    store.catalogue.append(("version", CORPUS, "f" * 64, body))
    held = {record for record, side in sides(store, version).items() if side == "test"}
    assert once_tested(store, state(store), CORPUS) == Ledger.of(dict.fromkeys(held, 1))


def test_a_sources_own_split_does_not_train_what_was_tested(store):
    deliver(store, [long_fact(i) for i in range(20)], split="train")
    held = {record for record, side in sides(store, cut(store, **SHARES)).items() if side == "test"}
    version = cut(store, fresh=True, keep_source_split=True)
    assert {record for record, side in sides(store, version).items() if side == "excluded"} == held
    assert {reasons(store, version)[record] for record in held} == {"was tested in v1"}


@pytest.mark.parametrize("seed", range(3))
def test_passages_once_tested_never_train(store, seed):
    deliver(store, [{"text": words(f"passage {i}", 12)} for i in range(90)], schema="prose")
    first = sides(store, cut(store, ratios=(0.6, 0.1, 0.3)))
    held = {record for record, side in first.items() if side == "test"}
    second = cut(store, fresh=True, seed=seed)
    after = sides(store, second)
    assert {after[record] for record in held} == {"test", "excluded"}
    assert cut(store, seed=seed).id == second.id
    placed = rows_of(store, second).sort("position")["split"].to_list()
    assert all(a == b or "excluded" in (a, b) for a, b in itertools.pairwise(placed))


def rows_in_test(store: Store, version: Version, rows: list) -> list:
    side, record = sides(store, version), by_question(store)
    return [row for row in rows if side[record[row["question"]]] == "test"]


@pytest.mark.parametrize("away", ["dropped", "gone", "edited and dropped"])
@pytest.mark.parametrize("fresh", [False, True])
def test_the_text_of_an_absent_tested_record_never_trains_as_another_record(store, away, fresh):
    rows = [long_fact(i) for i in range(30)]
    deliver(store, rows)
    tested = rows_in_test(store, cut(store, **SHARES), rows)
    held = [by_question(store)[row["question"]] for row in tested]
    if away == "edited and dropped":
        for record in held:
            edit(store, CORPUS, record, {"question": words(record, 40)})
    if away == "gone":
        deliver(store, [row for row in rows if row not in tested])
    else:
        drop(store, CORPUS, held)
    cut(store, **SHARES)
    shouted = [row | {"question": row["question"].upper()} for row in tested]
    deliver(store, [*shouted, *(long_fact(i) for i in range(100, 140))], name="again", file="again.jsonl")
    for _ in range(2):
        version = cut(store, fresh=fresh, **SHARES)
        side, record = sides(store, version), by_question(store)
        assert {side[record[row["question"]]] for row in shouted} <= {"test", "excluded"}
        assert cut(store, **SHARES).id == version.id


def test_empty_texts_are_not_bound_by_an_empty_one_that_was_tested(store):
    rows = [long_fact(i) for i in range(30)]
    deliver(store, rows)
    cut(store, **SHARES)
    ledger = once_tested(store, state(store), CORPUS)
    assert ledger.bound([keyed("0" * 32)]) == ledger
    key = ledger.frame["texts"].min()
    bound = ledger.bound([keyed(key)]).frame
    assert bound.filter(pl.col("id") != "a").equals(ledger.frame)
    assert bound.filter(pl.col("id") == "a").rows() == [("a", 1, None)]


def keyed(key: str) -> pl.DataFrame:
    return pl.DataFrame({"id": ["a"], "key": [key]})


def placed(store: Store, rows: list) -> None:
    """Deliver rows from the corpus' own folder, as a workspace under git does."""
    folder = store.workspace.corpus_folder(CORPUS)
    folder.mkdir(parents=True, exist_ok=True)
    path = shutil.move(write(store, rows), folder / "rows.jsonl")
    ingest(store, Order(CORPUS, (path,), schema="qa", settings={"name": "rows"}))


@pytest.mark.parametrize("how", ["build", "save", "split"])
def test_a_pulled_ledger_binds_a_workspace_that_has_versions_and_is_not_overwritten(store, how):
    rows = [long_fact(i) for i in range(40)]
    with scratch() as other:
        for one in (store, other):
            placed(one, rows)
            cut(one, **SHARES)
        cut(other, fresh=True, seed=7, **SHARES)
        save(other, CORPUS)
        shutil.copytree(
            other.workspace.corpus_folder(CORPUS), store.workspace.corpus_folder(CORPUS), dirs_exist_ok=True
        )
    path = store.workspace.corpus_folder(CORPUS) / "tested.csv"
    pulled = saved_tested(path)
    if how == "build":
        build(store, CORPUS)
    if how != "split":
        save(store, CORPUS)
    assert saved_tested(path) == pulled
    after = sides(store, cut(store, fresh=True, seed=99, **SHARES))
    assert {after[record] for record in pulled.frame["id"]} <= {"test", "excluded"}
    forgetful(store, ratios=(1.0, 0.0, 0.0))
    assert once_tested(store, state(store), CORPUS) == Ledger()
