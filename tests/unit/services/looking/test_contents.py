"""What a screen shows of a corpus is what its services say, before and after every edit, in any size."""

from __future__ import annotations

import numpy as np
import pytest

from tests.corpora import by_question, cut, deliver, fact, facts, ids, state, write
from workbench.errors import UsageError
from workbench.services.checking.check import check
from workbench.services.intake.ingest import Order, ingest
from workbench.services.looking import contents as parts
from workbench.services.looking import issue_rows, preparing
from workbench.services.looking.contents import read, read_again
from workbench.services.looking.detail import detail, faults_of, raw_of
from workbench.services.looking.finding import condition, look, search
from workbench.services.looking.lens import (
    ALL,
    CONFLICTS,
    DROPPED,
    DUPLICATES,
    ISSUES,
    MARK,
    MARKED,
    QUARANTINE,
    SPLIT,
    Lens,
    Sorting,
)
from workbench.services.looking.listing import conflicting
from workbench.services.looking.selection import sorted_rows
from workbench.services.looking.tables import columns_of, source_of
from workbench.services.progress import silent
from workbench.services.records.bulk import edit_all, settle
from workbench.services.records.editing import drop, edit, show_record
from workbench.services.records.undo import undo

NO_ROWS = np.empty(0, np.int64)
FAULTY = [fact(1), fact(2) | {"answer": ""}, fact(3), fact(4) | {"answer": "They drink a cafÃ© crÃ¨me."}]


@pytest.fixture
def large(monkeypatch):
    """Treat every corpus as a large one."""
    for module in (issue_rows, parts, preparing):
        monkeypatch.setattr(module, "COMPARED", 0)


def whole(store):
    contents = parts.with_issues(store, read(store, "facts"))
    return parts.with_duplicates(store, parts.with_sides(store, contents))


def found(contents, lens, marked=NO_ROWS):
    return [*look(contents, lens, marked)][-1].selection


def ids_in(contents, lens):
    selection = found(contents, lens)
    return contents.opened.delivered["id"].gather(selection.part(0, len(selection))).to_list()


def issues_of(contents):
    rows = range(contents.opened.delivered.height)
    return sorted(
        (contents.opened.id(row), one["rule"], one["field"]) for row in rows for one in contents.issues.at(row)
    )


def told_by_check(store):
    return sorted(check(store, "facts")[1].select("record", "rule", "field").rows())


def test_each_view_holds_what_it_is_named_for(store):
    deliver(store, FAULTY)
    known = by_question(store)
    dropped, clean = known[fact(3)["question"]], known[fact(1)["question"]]
    drop(store, "facts", [dropped])
    edit(store, "facts", clean, {"answer": "another"})
    contents = whole(store)
    faulty = {known[fact(2)["question"]], known[fact(4)["question"]]}
    assert set(ids_in(contents, Lens(ALL))) == set(known.values()) - {dropped}
    assert set(ids_in(contents, Lens(ISSUES))) == faulty
    assert ids_in(contents, Lens("rule:empty-answer")) == [known[fact(2)["question"]]]
    assert ids_in(contents, Lens(DROPPED)) == [dropped]
    assert ids_in(contents, Lens("edited")) == [clean]
    assert len(found(contents, Lens(MARKED), np.array([0, 2]))) == 1  # row 2 is the dropped one
    counts = {line.view: line.count for line in contents.lines(2)}
    assert {name: count for name, count in counts.items() if count} == {
        "all": 3, "marked": 2, "edited": 1, "issues": 2, "rule:empty-answer": 1, "rule:mojibake": 1, "dropped": 1
    }  # fmt: skip


def test_a_split_gives_each_row_its_side(store, large):
    deliver(store, facts(*range(40)))
    drop(store, "facts", [ids(store)[0]])
    version = cut(store, seed=3)
    contents = whole(store)
    assignment = dict(store.objects.table(version.assignment, ["id", "split"]).drop_nulls().rows())
    for side in ("train", "validation", "test"):
        assert sorted(ids_in(contents, Lens(f"split:{side}"))) == sorted(r for r, s in assignment.items() if s == side)
    again = parts.with_sides(store, read(store, "facts"))
    assert again.sides.tolist() == contents.sides.tolist()


def test_a_removed_duplicate_is_a_view_of_a_large_corpus_once_a_version_says_so(store, large):
    twin = fact(1) | {"answer": fact(1)["answer"]}
    deliver(store, [fact(1), fact(2), twin])
    assert len(found(whole(store), Lens(DUPLICATES))) == 0
    cut(store)
    assert len(found(whole(store), Lens(DUPLICATES))) == 1


@pytest.mark.parametrize("change", ["edit", "drop", "undo", "fault"])
def test_after_a_change_a_large_corpus_has_the_issues_that_a_check_finds(store, large, change):
    deliver(store, FAULTY)
    preparing.find_issues(store.workspace, "facts", silent)
    before = whole(store)
    assert issues_of(before) == told_by_check(store)
    known = by_question(store)
    faulty, clean = known[fact(2)["question"]], known[fact(1)["question"]]
    if change == "drop":
        drop(store, "facts", [faulty])
    else:
        edit(store, "facts", *((clean, {"answer": ""}) if change == "fault" else (faulty, {"answer": "full"})))
    after = read_again(store, before)
    if change == "undo":
        undo(store, "facts")
        after = read_again(store, after)
    for contents in (after, whole(store)):
        assert issues_of(contents) == told_by_check(store)
        assert sorted(contents.opened.id(int(row)) for row in contents.issues.faulty) == sorted(
            {record for record, _, _ in told_by_check(store)}
        )
        assert sum(count for _, _, count in contents.issues.counts) == len(told_by_check(store))


def test_a_large_corpus_has_no_issues_before_anybody_looked_for_them(store, large):
    deliver(store, FAULTY)
    contents = whole(store)
    assert contents.issues is None and contents.is_checked
    (line,) = [line for line in contents.lines() if line.view == ISSUES]
    assert (line.count, line.sign) == (None, "?")
    assert contents.issues is None


def test_a_file_of_issues_that_anybody_wrote_to_is_not_believed(store, large):
    deliver(store, FAULTY)
    preparing.find_issues(store.workspace, "facts", silent)
    (path,) = store.workspace.cache.glob("found-*.arrow")
    path.write_bytes(path.read_bytes()[:-40])
    assert whole(store).issues is None


def test_fixable_issues_are_counted_with_samples(store):
    deliver(store, [fact(n) | {"answer": f"cafÃ© {n}"} for n in range(5)])
    count, samples = whole(store).issues.fixable("mojibake", 3)
    assert (count, len(samples)) == (5, 3)


def test_a_new_delivery_is_read_again_whole(store):
    deliver(store, facts(1, 2))
    before = whole(store)
    deliver(store, facts(1, 2, 3))
    after = read_again(store, before)
    assert after.opened.view != before.opened.view
    assert len(found(after, Lens())) == 3


def test_a_search_says_how_far_it_is_and_ends_with_all(store):
    deliver(store, facts(*range(30)))
    contents = whole(store)
    wanted = fact(7)["question"].split()[2].upper()
    steps = [*search(contents, ALL, contents.selection(ALL), wanted)]
    assert steps[-1][1] == 30
    assert ids_in(contents, Lens(text=wanted)) == [by_question(store)[fact(7)["question"]]]
    assert ids_in(contents, Lens(text="no such text")) == []


def test_a_search_looks_at_edits_and_only_in_its_view(store):
    deliver(store, FAULTY)
    record = by_question(store)[fact(2)["question"]]
    edit(store, "facts", record, {"answer": "a needle"})
    contents = whole(store)
    assert ids_in(contents, Lens(text="NEEDLE")) == [record]
    assert ids_in(contents, Lens(ISSUES, text="needle")) == []


@pytest.mark.parametrize(
    ("where", "numbers"),
    [
        ("answer = ''", [2]),
        ("LENGTH(answer) > 20 AND question IS NOT NULL", [1, 3, 4]),
        ("answer LIKE '%caf%'", [4]),
        ("question IS DISTINCT FROM 'select from'", [1, 2, 3, 4]),
        ("position IN (0, 3)", [1, 4]),
        ("1 = 1", [1, 2, 3, 4]),
        ("split = 'train'", []),
        ("CASE WHEN position > 2 THEN true END", [4]),
    ],
)
def test_a_condition_keeps_the_records_for_which_it_holds(store, where, numbers):
    deliver(store, FAULTY)
    known = by_question(store)
    wanted = {known[fact(number)["question"]] for number in numbers}
    assert set(ids_in(whole(store), Lens(where=where))) == wanted


@pytest.mark.parametrize(
    "where",
    [
        "answer IN (SELECT answer FROM read_csv('{file}'))",
        "answer IN (FROM read_csv('{file}'))",
        "answer IN (TABLE x)",
        "answer = E'\\' ' OR answer IN (SELECT 1)",
        "answer = '' -- '",
        "position > AVG(position)",
        "COUNT(*) > 1",
        "SUM(position) OVER (PARTITION BY answer) > 1",
        "answer",
        "nothing = 1",
        "answer >",
        "COLUMNS('a') > 1",
    ],
)
def test_what_is_no_condition_on_one_record_is_refused(store, tmp_path, where):
    file = tmp_path / "secret.csv"
    file.write_text("a secret of this machine\n")
    deliver(store, FAULTY)
    with pytest.raises(UsageError) as refused:
        condition(whole(store), where.replace("{file}", str(file)))
    assert "secret" not in refused.value.what
    assert "fields: question" in refused.value.hint or "compare it" in refused.value.hint


def test_a_cast_that_fails_is_said_and_loses_nothing(store):
    deliver(store, FAULTY)
    with pytest.raises(UsageError, match="conversion"):
        found(whole(store), Lens(where="CAST(answer AS INT) > 1"))


@pytest.mark.parametrize("down", [False, True])
def test_a_sort_orders_by_present_values(store, down):
    deliver(store, facts(*range(9)))
    edit(store, "facts", ids(store)[4], {"answer": "aaaa"})
    contents = whole(store)
    selection = found(contents, Lens(sorting=Sorting("answer", down)))
    values = contents.opened.pages.page(selection.part(0, 9))["answer"].to_list()
    assert values == sorted(values, reverse=down)
    assert sorted_rows(selection).tolist() == list(range(9))


@pytest.mark.parametrize("column", ["id", "source", SPLIT, MARK, "concept"])
def test_every_column_can_be_sorted_by(store, column):
    deliver(store, FAULTY)
    cut(store)
    selection = found(whole(store), Lens(sorting=Sorting(column)))
    assert sorted_rows(selection).tolist() == list(range(4))


def test_lists_are_sorted_by_their_length_edits_included(store):
    rows = [{"question": f"q{n}?", "options": ["a"] * (n + 1), "correct_option_index": 0} for n in range(3)]
    deliver(store, rows, schema="mcq")
    contents = whole(store)
    first = contents.opened.id(0)
    edit(store, "facts", first, {"options": ["x"] * 9})
    contents = read_again(store, contents)
    assert found(contents, Lens(sorting=Sorting("options"))).part(0, 3).tolist() == [1, 2, 0]


def test_a_table_shows_signs_sides_and_short_cells(store):
    deliver(store, [*FAULTY, fact(5) | {"answer": "long " * 500}])
    cut(store)
    contents = whole(store)
    edit(store, "facts", contents.opened.id(0), {"answer": "new"})
    contents = read_again(store, contents)
    contents = parts.with_sides(store, contents)
    marks = np.array([True, False, False, False, False])
    columns = columns_of(contents)
    rows = source_of(contents, ALL, contents.selection(ALL), columns, marks).window(0, 5)
    assert [row[0] for row in rows[:4]] == ["+*", "!", "", "!"]
    place = [column.label for column in columns].index(SPLIT)
    assert {row[place] for row in rows} <= {"train", "validation", "test", "excluded"}
    assert max(len(str(cell)) for row in rows for cell in row) <= 240


def test_quarantine_and_conflicts_are_lines_of_their_own(store):
    deliver(store, FAULTY)
    record = by_question(store)[fact(1)["question"]]
    edit(store, "facts", record, {"answer": "mine"})
    deliver(store, [fact(1) | {"answer": "theirs"}, *FAULTY[1:]])
    contents = whole(store)
    assert len(conflicting(store, "facts")) == len(contents.selection(CONFLICTS)) == 1
    (line,) = source_of(contents, CONFLICTS, contents.selection(CONFLICTS), [], np.empty(0, bool)).window(0, 1)
    assert line[2:] == ("answer", "theirs", "mine")
    assert len(contents.selection(QUARANTINE)) == 0
    assert next(search(contents, CONFLICTS, contents.selection(CONFLICTS), "THEIRS"))[0].tolist() == [0]


def test_what_is_found_among_conflicts_or_in_quarantine_is_what_the_table_shows(store):
    deliver(store, FAULTY)
    for number in (1, 3):
        edit(store, "facts", by_question(store)[fact(number)["question"]], {"answer": f"mine {number}"})
    changed = [fact(1) | {"answer": "theirs 1"}, FAULTY[1], fact(3) | {"answer": "theirs 3"}, FAULTY[3]]
    file = write(store, changed, "rows.jsonl")
    file.write_text(file.read_text() + "{ a storm\n{ a calm\n")
    ingest(store, Order("facts", (file,), settings={"name": "rows"}))
    contents = whole(store)
    for view, text in ((CONFLICTS, "THEIRS 3"), (QUARANTINE, "A CALM")):
        selection = found(contents, Lens(view=view, text=text))
        table = source_of(contents, view, selection, [], np.empty(0, bool))
        ((*_, shown),) = table.window(0, 9)
        assert table.n_rows == 1 and shown in ("mine 3", "{ a calm\n", "{ a calm")
    reasons = found(contents, Lens(view=QUARANTINE, text="not a record"))
    assert len(reasons) == 2, "what a line of the table says is found, too"


@pytest.mark.parametrize(("how", "answers"), [("take", ["mine"]), ("keep", ["theirs"]), ("drop", [])])
def test_a_conflict_is_settled_either_way_and_stays_settled(store, how, answers):
    deliver(store, FAULTY)
    record = by_question(store)[fact(1)["question"]]
    edit(store, "facts", record, {"answer": "mine"})
    deliver(store, [fact(1) | {"answer": "theirs"}, *FAULTY[1:]])
    (conflict,) = conflicting(store, "facts")
    settle(store, "facts", conflict["seq"], how)
    assert conflicting(store, "facts") == []
    assert state(store).records.filter(id=conflict["record"])["answer"].to_list() == answers
    with pytest.raises(UsageError, match="no edit in conflict"):
        settle(store, "facts", conflict["seq"], how)


def test_keeping_what_is_there_does_not_stand_in_the_way_of_an_undo(store):
    deliver(store, FAULTY)
    known = by_question(store)
    edit(store, "facts", known[fact(1)["question"]], {"answer": "mine"})
    edit(store, "facts", known[fact(3)["question"]], {"answer": "other"})
    deliver(store, [fact(1) | {"answer": "theirs"}, *FAULTY[1:]])
    settle(store, "facts", conflicting(store, "facts")[0]["seq"], "keep")
    assert [row["value"] for row in undo(store, "facts")] == [fact(3)["answer"]]
    assert undo(store, "facts") == []


def test_many_edits_are_one_action_or_none(store):
    deliver(store, facts(1, 2))
    one, other = ids(store)
    with pytest.raises(UsageError, match="does not fit"):
        edit_all(store, "facts", {one: {"answer": "x"}, other: {"answer": 7}})
    assert store.catalogue.rows("facts", kinds=("edit",)) == []
    assert edit_all(store, "facts", {one: {"answer": "x"}, other: {"answer": "y"}}) == 2
    assert len(undo(store, "facts")) == 2


def test_what_somebody_else_changed_meanwhile_is_not_written_over(store):
    deliver(store, facts(1, 2))
    one, other = ids(store)
    seen = {record: {"answer": show_record(store, "facts", record).fields["answer"]} for record in (one, other)}
    edit(store, "facts", other, {"answer": "theirs"})
    with pytest.raises(UsageError, match="changed meanwhile"):
        edit_all(store, "facts", {one: {"answer": "x"}, other: {"answer": "mine"}}, seen=seen)
    with pytest.raises(UsageError, match="changed meanwhile"):
        edit(store, "facts", other, {"answer": "mine"}, seen=seen[other])
    assert len(store.catalogue.rows("facts", kinds=("edit",))) == 1
    assert edit(store, "facts", other, {"question": "Mine?"}, seen=seen[other]) == 1
    assert edit_all(store, "facts", {one: {"answer": "x"}}, seen=seen) == 1


def test_a_record_is_shown_with_where_it_stands_and_its_bytes(store):
    deliver(store, FAULTY)
    cut(store)
    contents = whole(store)
    shown = detail(store, contents, 1)
    assert shown.standing.startswith("v1 excluded")
    assert [one["rule"] for one in shown.shown.issues] == ["empty-answer"]
    assert shown.tokens is None
    assert fact(2)["question"] in raw_of(store, contents, 1)["text"]


def test_what_an_edit_would_break_is_known_before_it_is_made(store):
    deliver(store, FAULTY)
    contents = whole(store)
    assert [one["rule"] for one in faults_of(contents, 0, {"answer": ""})] == ["empty-answer"]
    assert faults_of(contents, 1, {"answer": "full of words"}) == []
    with pytest.raises(UsageError, match="does not fit"):
        faults_of(contents, 0, {"answer": 3})
