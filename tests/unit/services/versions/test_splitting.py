"""Splits are leakage-safe and stay put: no group is torn, growth moves nobody, a bridge is listed."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.corpora import (
    by_question,
    cut,
    deliver,
    fact,
    facts,
    ids,
    long_fact,
    near,
    rows_of,
    scratch,
    sides,
    words,
)
from workbench.corpus import SplitSettings
from workbench.errors import DataError, LeakError, UsageError
from workbench.fingerprint import digest
from workbench.services.records.editing import drop, edit
from workbench.services.verify import verify
from workbench.services.versions.refs import labels
from workbench.services.versions.split import Request, requested, split

pytestmark = pytest.mark.thorough

QUICK = settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
LONG = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
HELD_OUT = {"train": 0, "validation": 1, "test": 2}


def moved(before: dict[str, str], after: dict[str, str]) -> dict[str, tuple[str, str]]:
    both = before.keys() & after.keys()
    return {r: (before[r], after[r]) for r in both if before[r] in HELD_OUT and before[r] != after[r]}


def reasons(store, version) -> dict[str, str | None]:
    return dict(rows_of(store, version).select("id", "reason").iter_rows())


def relative(row, kind: str, seed: int):
    """Return a row that is a relative of another one: of its concept, near it, equal to it, or none."""
    if kind == "concept":
        return long_fact(10_000 + seed, concept=row.get("concept"))
    if kind == "near":
        return near({**row, "concept": None}, words(f"r{seed}", 4))
    if kind == "equal":
        return {**row, "note": seed}
    return long_fact(20_000 + seed)


GROWTH = st.lists(
    st.tuples(st.integers(0, 29), st.sampled_from(["concept", "near", "equal", "new"]), st.integers(0, 10**6)),
    min_size=1,
    max_size=15,
)


def growth_moves_nobody(steps, seed: int, turned: bool, another: bool) -> None:
    rows = [long_fact(i, concept=f"c{i // 2}" if i % 3 else None) for i in range(30)]
    more = [relative(rows[of], kind, number) for of, kind, number in steps]
    with scratch() as store:
        deliver(store, rows)
        first = cut(store, seed=seed)
        before = sides(store, first)
        if another:
            deliver(store, more, name="more", file="more.jsonl")
        else:
            deliver(store, [*rows, *more][::-1] if turned else [*rows, *more])
        second = cut(store, seed=seed)
        why = reasons(store, second)
        for record, (_, now) in moved(before, sides(store, second)).items():
            assert now in ("excluded", "removed")
            assert why[record]
        assert second.proof["exact"] == second.proof["near"] == second.proof["group"] == 0
        assert cut(store, seed=seed).id == second.id
        assert sides(store, first) == before
        assert verify(store) == []


@given(GROWTH, st.integers(0, 99), st.booleans(), st.booleans())
@QUICK
def test_growth_moves_nobody_but_to_excluded_with_a_reason(steps, seed, turned, another):
    growth_moves_nobody(steps, seed, turned, another)


@pytest.mark.slow
@given(GROWTH, st.integers(0, 99), st.booleans(), st.booleans())
@LONG
def test_growth_moves_nobody_but_to_excluded_with_a_reason_at_length(steps, seed, turned, another):
    growth_moves_nobody(steps, seed, turned, another)


@pytest.mark.parametrize("turned", [False, True])
def test_a_hundred_more_rows_move_nobody(store, turned):
    deliver(store, facts(*range(60)))
    before = sides(store, cut(store))
    rows = facts(*range(160))
    deliver(store, rows[::-1] if turned else rows)
    after = cut(store)
    assert moved(before, sides(store, after)) == {}
    assert after.counts == {"train": 128, "validation": 16, "test": 16, "excluded": 0, "removed": 0}


def test_the_same_again_is_the_same_version(store):
    deliver(store, facts(*range(20)))
    first, log = cut(store), len(store.catalogue.rows())
    assert cut(store).id == first.id
    assert len(store.catalogue.rows()) == log


def test_the_same_commands_elsewhere_give_the_same_version(monkeypatch):
    made = []
    for user, clock in (("ada", "2020-01-01T00:00:00"), ("grace", "2031-12-31T23:59:59")):
        monkeypatch.setenv("LOGNAME", user)
        with scratch() as store:
            store.catalogue._clock = lambda clock=clock: clock
            deliver(store, facts(*range(20)), file=f"{user}.jsonl")
            cut(store)
            edit(store, "facts", ids(store)[3], {"answer": "x"}, reason=user)
            drop(store, "facts", [ids(store)[5]])
            made.append(cut(store).id)
            assert {row.who for row in store.catalogue.rows()} == {user}
    assert made[0] == made[1]


@pytest.mark.parametrize("changed", [{"seed": 7}, {"ratios": (0.6, 0.2, 0.2)}, {"counts": (10, 5, 5)}])
def test_other_settings_are_refused_unless_drawn_afresh(store, changed):
    deliver(store, facts(*range(20)))
    first = cut(store)
    with pytest.raises(UsageError, match="already split") as caught:
        cut(store, **changed)
    assert "--fresh" in caught.value.hint
    again = cut(store, fresh=True, **changed)
    assert again.id != first.id
    assert again.parent == first.id


@pytest.mark.parametrize("seed", range(5))
def test_counts_are_met_exactly_and_the_surplus_is_excluded(store, seed):
    rows = [fact(i, concept=f"c{i // 2}" if i < 12 else None) for i in range(40)]
    deliver(store, rows)
    version = cut(store, seed=seed, counts=(20, 5, 5))
    assert version.counts == {"train": 20, "validation": 5, "test": 5, "excluded": 10, "removed": 0}
    assert set(filter(None, reasons(store, version).values())) == {"surplus"}


def test_counts_stay_exact_when_the_corpus_grows(store):
    rows = [long_fact(i) for i in range(30)]
    deliver(store, rows)
    first = cut(store, counts=(20, 5, 5))
    before = sides(store, first)
    more = [near(row, words(f"x{i}", 4)) for i, row in enumerate(rows)]
    deliver(store, [*rows, *more])
    version = cut(store, counts=(20, 5, 5))
    assert version.counts == {"train": 20, "validation": 5, "test": 5, "excluded": 30, "removed": 0}
    assert moved(before, sides(store, version)) == {}


def test_an_empty_corpus_and_one_record_are_no_crash(store):
    deliver(store, facts(1))
    assert sum(cut(store).counts.values()) == 1
    drop(store, "facts", ids(store))
    with pytest.raises(DataError, match="no records"):
        cut(store)


@pytest.mark.parametrize("seed", range(4))
def test_a_group_is_never_torn(store, seed):
    rows = [long_fact(i, concept=f"c{i // 3}") for i in range(12)]
    rows += [near(long_fact(100 + i // 3), words(f"n{i}", 2 + i % 3)) for i in range(12)]
    rows += [long_fact(200 + i // 2, note=i) for i in range(8)]
    deliver(store, rows)
    version = cut(store, seed=seed, ratios=(0.4, 0.3, 0.3))
    where = sides(store, version)
    named = by_question(store)
    for start in range(0, 12, 3):
        held = {where[named[row["question"]]] for row in rows[start : start + 3]}
        assert len(held) == 1
    for start in range(12, 24, 3):
        held = {where[named[row["question"]]] for row in rows[start : start + 3]} - {"removed"}
        assert len(held) == 1
    assert version.counts["removed"] >= 4


def test_a_concept_reaches_through_a_record_that_was_removed():
    # The translation shares its concept only with a duplicate of the kept record.
    kept = {"question": words("long", 80), "answer": "x"}
    short = {**kept, "question": kept["question"].rsplit(" ", 1)[0], "concept": "c"}
    rows = [kept, short, long_fact(5, concept="c"), *facts(*range(20))]
    for seed in range(6):
        with scratch() as store:
            deliver(store, rows)
            version = cut(store, seed=seed, ratios=(0.34, 0.33, 0.33))
            where, named = sides(store, version), by_question(store)
            trio = [where[named[row["question"]]] for row in rows[:3]]
            assert trio.count("removed") == 1
            assert len(set(trio) - {"removed"}) == 1


BRIDGES = [("test", "validation"), ("test", "train"), ("validation", "train")]


@pytest.mark.parametrize(("stays", "yields"), BRIDGES)
@pytest.mark.parametrize("by", ["concept", "near"])
def test_a_bridge_makes_the_lower_side_yield_and_says_so(store, stays, yields, by):
    deliver(store, [long_fact(i, key=i) for i in range(30)], key=("key",))
    first = cut(store)
    where = sides(store, first)
    high, low = (min(r for r, side in where.items() if side == wanted) for wanted in (stays, yields))
    if by == "concept":
        edit(store, "facts", high, {"concept": "same"})
        edit(store, "facts", low, {"concept": "same"})
    else:
        text = dict(rows_of(store, first).select("id", "question").iter_rows())[high]
        edit(store, "facts", low, {"question": f"{text} {words('bridge', 8)}"})
    version = cut(store)
    after = sides(store, version)
    assert (after[high], after[low]) == (stays, "excluded")
    assert "yields" in (reasons(store, version)[low] or "")
    assert moved(where, after).keys() == {low}


@pytest.mark.parametrize(("stays", "goes"), BRIDGES)
def test_of_two_equal_records_the_one_of_the_higher_side_stays(store, stays, goes):
    deliver(store, [long_fact(i, key=i) for i in range(30)], key=("key",))
    first = cut(store)
    where = sides(store, first)
    high, low = (min(r for r, side in where.items() if side == wanted) for wanted in (stays, goes))
    row = rows_of(store, first).filter(id=high).to_dicts()[0]
    edit(store, "facts", low, {"question": row["question"], "answer": row["answer"]})
    after = sides(store, cut(store))
    assert (after[high], after[low]) == (stays, "removed")


def test_test_never_becomes_train_through_any_history(store):
    rows = [long_fact(i) for i in range(30)]
    deliver(store, rows)
    first = sides(store, cut(store))
    held = {record for record, side in first.items() if side == "test"}
    gone = [row for row in rows if by_question(store)[row["question"]] not in held]
    more = [long_fact(i) for i in range(100, 150)]
    deliver(store, [*gone, *more])
    cut(store)
    deliver(store, [*rows, *more])
    after = sides(store, cut(store))
    assert {after[record] for record in held} == {"test"}


def test_a_record_that_was_dropped_and_restored_stands_where_it_stood(store):
    deliver(store, [long_fact(i) for i in range(30)])
    first = sides(store, cut(store))
    held = [record for record, side in first.items() if side != "train"]
    drop(store, "facts", held)
    deliver(store, facts(*range(100, 150)), name="more", file="more.jsonl")
    cut(store)
    drop(store, "facts", held, back=True)
    after = sides(store, cut(store))
    assert {record: after[record] for record in held} == {record: first[record] for record in held}


def test_drawing_afresh_forgets_where_absent_records_stood_but_not_that_they_were_tested(store):
    deliver(store, [long_fact(i) for i in range(30)])
    where = sides(store, cut(store))
    held, other = (min(r for r, side in where.items() if side == name) for name in ("test", "validation"))
    drop(store, "facts", [held, other])
    cut(store, fresh=True, ratios=(1.0, 0.0, 0.0))
    drop(store, "facts", [held, other], back=True)
    after = sides(store, cut(store, ratios=(1.0, 0.0, 0.0)))
    assert (after[held], after[other]) == ("excluded", "train")


def test_a_faulty_record_is_excluded_with_its_rule_and_never_replaces_a_good_one(store):
    row = {"question": words("long", 60), "answer": "x"}
    deliver(store, [row | {"key": 1}, *facts(*range(9))], key=("key", "question"))
    cut(store)
    bad = by_question(store)[row["question"]]
    edit(store, "facts", bad, {"question": row["question"] + " CafÃ©"})
    assert reasons(store, cut(store))[bad] == "issue: mojibake"
    deliver(store, [near(row, "café")], name="more", file="more.jsonl")
    version = cut(store)
    assert sides(store, version)[by_question(store)[near(row, "café")["question"]]] in HELD_OUT


def test_a_sources_own_split_is_kept_and_proved(store):
    deliver(store, facts(1, 2), name="a", split="train")
    deliver(store, facts(3), name="b", split="test", file="b.jsonl")
    version = cut(store, keep_source_split=True)
    assert version.counts == {"train": 2, "validation": 0, "test": 1, "excluded": 0, "removed": 0}


def test_a_leak_of_the_sources_own_split_fails_and_makes_no_version(store):
    one = {**long_fact(1), "concept": "c"}
    deliver(store, [one], name="a", split="train")
    deliver(store, [{**long_fact(2), "concept": "c"}], name="b", split="test", file="b.jsonl")
    with pytest.raises(LeakError, match="1 groups"):
        cut(store, keep_source_split=True)
    assert store.catalogue.rows(kinds=("version",)) == []


def test_a_source_held_together_stands_on_one_side(store):
    deliver(store, facts(*range(5)), together=True, name="page")
    deliver(store, facts(*range(10, 30)), name="others", file="o.jsonl")
    version = cut(store)
    frame = rows_of(store, version).filter(source="page")
    assert frame["split"].n_unique() == 1


def passages(*numbers: int) -> list[dict[str, str]]:
    return [{"text": words(f"passage {number}", 12)} for number in numbers]


def torn_neighbours(frame) -> int:
    placed = sorted(frame.select("source", "position", "split").iter_rows())
    return sum(
        a[0] == b[0] and b[1] - a[1] == 1 and a[2] != b[2] and {a[2], b[2]} <= set(HELD_OUT)
        for a, b in itertools.pairwise(placed)
    )


@pytest.mark.parametrize("count", [1, 3, 9, 10, 12, 25, 120])
@pytest.mark.parametrize("settings_", [{}, {"ratios": (0.5, 0.25, 0.25)}, {"counts": (6, 2, 2)}], ids=str)
def test_prose_has_no_neighbours_across_sides_and_stays_put(store, count, settings_):
    deliver(store, passages(*range(count)), schema="prose")
    first = cut(store, **settings_)
    before = rows_of(store, first)
    assert torn_neighbours(before) == 0
    assert cut(store, **settings_).id == first.id
    deliver(store, passages(*range(count + 40)), schema="prose")
    second = cut(store, **settings_)
    assert moved(sides(store, first), sides(store, second)) == {}
    assert torn_neighbours(rows_of(store, second)) == 0
    assert cut(store, **settings_).id == second.id


def test_prose_counts_are_met_exactly(store):
    deliver(store, passages(*range(120)), schema="prose")
    counts = cut(store, counts=(60, 10, 10)).counts
    assert (counts["train"], counts["validation"], counts["test"]) == (60, 10, 10)


def test_new_text_before_the_old_moves_no_prose(store):
    deliver(store, passages(*range(40)), schema="prose", name="z")
    first = cut(store, counts=(15, 4, 4))
    deliver(store, passages(*range(100, 140)), schema="prose", name="a", file="a.jsonl")
    second = cut(store, counts=(15, 4, 4))
    assert moved(sides(store, first), sides(store, second)) == {}


def test_a_chapter_put_in_between_excludes_at_most_and_lists_it(store):
    deliver(store, passages(*range(60)), schema="prose")
    first = cut(store)
    for at in (5, 20, 37, 55):
        deliver(store, passages(*range(at), *range(900 + at * 20, 915 + at * 20), *range(at, 60)), schema="prose")
        second = cut(store)
        assert torn_neighbours(rows_of(store, second)) == 0
        assert {now for _, now in moved(sides(store, first), sides(store, second)).values()} <= {"excluded"}


def test_the_version_row_commits_to_the_content(store):
    deliver(store, facts(*range(10)))
    version = cut(store)
    assert digest(version.settings) and version.parent is None
    edit(store, "facts", ids(store)[0], {"answer": "changed"})
    second = cut(store)
    assert second.id != version.id
    assert second.parent == version.id
    undone = rows_of(store, version).filter(id=ids(store)[0])["answer"].to_list()
    assert undone != ["changed"]


def test_a_split_of_what_has_not_changed_looks_for_nothing_again(store, monkeypatch):
    from workbench.services.versions import split as service

    deliver(store, facts(*range(20)))
    version = cut(store)
    monkeypatch.setattr(service, "curate", None)
    assert cut(store) == version
    edit(store, "facts", ids(store)[0], {"answer": "another"})
    with pytest.raises(TypeError):
        cut(store)


@pytest.mark.parametrize("asked", [{"ratios": (80, 10, 10)}, {"counts": (3, 1, 1)}, {"keep": False}], ids=str)
def test_ratios_counts_or_a_plain_no_end_the_sources_own_split(store, asked):
    deliver(store, facts(*range(20)), split="train")
    cut(store, keep_source_split=True)
    assert requested(store, "facts").keep_source_split
    assert not requested(store, "facts", **asked).keep_source_split
    assert requested(store, "facts", **asked | {"keep": True}).keep_source_split


@pytest.mark.parametrize("fresh", [False, True])
def test_a_note_on_an_unchanged_corpus_is_written_to_its_version_once(store, fresh):
    deliver(store, facts(*range(20)))
    first, said = cut(store), []
    for _ in range(2):
        again = split(
            store,
            Request("facts", SplitSettings(), fresh=fresh, note=" hello "),
            report=lambda line, *_: said.append(line),
        )
        assert again.id == first.id
    assert labels(store, first).notes == ("hello",)
    assert [line for line in said if "hello" in line or "note" in line] == [
        "nothing has changed: the note is written to v1"
    ]


def test_strata_whose_accents_are_written_in_two_forms_are_told_as_one(store):
    deliver(store, [fact(i, lang="\u00e9" if i % 2 else "e\u0301") for i in range(20)])
    told = cut(store).report["strata"]
    assert {name: sum(side["got"] for side in of.values()) for name, of in told.items()} == {"\u00e9": 20}
