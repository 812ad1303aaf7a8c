"""The lines of versions and the table of changes say what diff says, record by record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.corpora import CORPUS, by_question, cut, deliver, fact, facts
from workbench.services.records.editing import drop, edit
from workbench.services.versions.changes import ALL, ChangeSource, changed, changes
from workbench.services.versions.refs import label
from workbench.services.versions.version_lines import age, history


def changed_twice(store):
    """Make two versions: between them one record is edited, one dropped, one added."""
    deliver(store, facts(*range(12)))
    cut(store)
    named = by_question(store)
    edit(store, CORPUS, named[fact(1)["question"]], {"answer": f"{fact(1)['answer']} more"})
    drop(store, CORPUS, [named[fact(2)["question"]]])
    deliver(store, [fact(50)], name="b", file="b.jsonl")
    cut(store)
    return by_question(store), named


def test_changes_are_listed_by_kind_with_their_texts(store):
    now, before = changed_twice(store)
    found = changes(store, CORPUS, None, "v2")
    views = found.views()
    assert found.name == "v1 -> v2" and {name: len(rows) for name, rows in views.items()} == {
        "all": 3, "edited": 1, "added": 1, "removed": 1, "moved": 0
    }  # fmt: skip
    cells = ChangeSource(found, views[ALL]).window(0, 3)
    assert [(sign, record) for sign, record, *_ in cells] == [
        ("~", now[fact(1)["question"]][:12]),
        ("+", now[fact(50)["question"]][:12]),
        ("-", before[fact(2)["question"]][:12]),
    ]
    assert [text for *_, text in cells] == [fact(i)["question"] for i in (1, 50, 2)]


def test_one_change_is_told_word_by_word(store):
    changed_twice(store)
    found = changes(store, CORPUS, "v1", "v2")
    edited, added, removed = (changed(found, int(row)) for row in found.order)
    said = fact(1)["answer"].split()
    assert edited.steps == {"answer": [(said, said), ([], ["more"])]}
    assert (added.was, removed.now) == (None, None)
    assert added.steps["question"] == [([], fact(50)["question"].split())]
    assert removed.steps["question"] == [(fact(2)["question"].split(), [])]


def test_what_was_not_split_yet_is_told_against_the_newest_version(store):
    deliver(store, facts(*range(12)))
    cut(store)
    edit(store, CORPUS, by_question(store)[fact(1)["question"]], {"answer": "anew"})
    found = changes(store, CORPUS, None, "now")
    assert found.name == "v1 -> now" and [changed(found, int(row)).kind for row in found.order] == ["edited"]


def test_the_history_is_told_newest_first_with_labels_and_counts(store):
    changed_twice(store)
    label(store, store.version(CORPUS, "v1"), tag="baseline", note="before the mending")
    told = history(store, CORPUS)
    assert [(line.version.name, line.tags, line.notes) for line in told.lines] == [
        ("v2", (), ()), ("v1", ("baseline",), ("before the mending",))
    ]  # fmt: skip
    assert [line.changed for line in told.lines] == [{"added": 1, "removed": 1, "edited": 1, "moved": 0}, None]
    assert told.pending == 0
    drop(store, CORPUS, [by_question(store)[fact(3)["question"]]])
    assert history(store, CORPUS).pending == 1


@pytest.mark.parametrize(
    ("seconds", "said"), [(5, "< 1 min"), (61, "1 min"), (7200, "2 h"), (86400 * 3, "3 d"), (86400 * 400, "1 y")]
)
def test_an_age_is_told_in_its_largest_unit(seconds, said):
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert age((now - timedelta(seconds=seconds)).isoformat(), now) == said
