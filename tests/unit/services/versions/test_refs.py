"""Tags and notes: a tag names one version, may move, and reads as nothing else; both survive save and build."""

from __future__ import annotations

import pytest

from tests.corpora import CORPUS, cut, deliver, facts, ids
from tests.unit.services.versions.test_building import rebuilt
from workbench.errors import UsageError, WorkbenchError
from workbench.services.looking.listing import history
from workbench.services.purge import planned, purged
from workbench.services.records.editing import edit
from workbench.services.versions.build import build, save
from workbench.services.versions.refs import label, labelled, labels


@pytest.fixture
def two(store):
    deliver(store, facts(*range(10)))
    first = cut(store)
    edit(store, CORPUS, ids(store)[0], {"answer": "x"})
    return store, first, cut(store)


def test_a_tag_names_a_version_until_it_moves_and_the_log_keeps_where_it_was(two):
    store, first, second = two
    label(store, first, tag="baseline", note="before the keys were mended")
    assert store.version(CORPUS, "baseline").id == first.id
    label(store, second, tag="baseline")
    assert store.version(CORPUS, "baseline").id == second.id
    assert [row.body["version"] for row in store.catalogue.rows(CORPUS, kinds=("ref",))] == [first.id, second.id]
    assert (labels(store, first).tags, labels(store, second).tags) == ((), ("baseline",))
    assert labels(store, first).notes == ("before the keys were mended",)


def test_the_same_tag_again_adds_no_row(two):
    store, first, _ = two
    label(store, first, tag="baseline")
    log = len(store.catalogue.rows())
    label(store, first, tag="baseline")
    assert len(store.catalogue.rows()) == log


@pytest.mark.parametrize(
    "name", ["v3", "V12", "latest", "Now", "head", "cafe", "00ff", "a", "", "-x", "a b", "x@y", "a/b"]
)
def test_a_name_that_could_mean_something_else_is_no_tag(two, name):
    store, first, _ = two
    log = len(store.catalogue.rows())
    with pytest.raises(UsageError):
        label(store, first, tag=name, note="kept out as well")
    assert len(store.catalogue.rows()) == log


def test_a_blank_note_is_refused(two):
    with pytest.raises(UsageError, match="empty"):
        label(two[0], two[1], note="  ")


def test_the_log_shows_versions_with_their_tags_and_notes(two):
    store, first, _ = two
    label(store, first, tag="baseline", note="the first")
    rows = {row["name"]: row for row in labelled(store, history(store, CORPUS, 20)) if row["kind"] == "version"}
    assert (rows["v1"]["tags"], rows["v1"]["notes"]) == (["baseline"], ["the first"])
    assert (rows["v2"]["tags"], rows["v2"]["notes"]) == ([], [])


def test_tags_and_notes_are_saved_and_built_again_once(two):
    store, first, second = two
    label(store, first, tag="early")
    label(store, second, tag="final", note="as trained")
    with rebuilt(store) as (other, version):
        assert other.version(CORPUS, "final").id == version.id == second.id
        assert labels(other, version).notes == ("as trained",)
        with pytest.raises(WorkbenchError):
            other.version(CORPUS, "early")
        log = len(other.catalogue.rows())
        build(other, CORPUS)
        assert len(other.catalogue.rows()) == log
        save(other, CORPUS)
        mine, theirs = (s.workspace.corpus_folder(CORPUS) / "refs.jsonl" for s in (store, other))
        assert [line.split('"at"')[0] for line in theirs.read_text().splitlines()] == [
            line.split('"at"')[0] for line in mine.read_text().splitlines()
        ]


def test_pulled_tags_and_notes_are_saved_again_before_the_own_ones(two):
    store, first, second = two
    label(store, first, tag="pulled", note="as another workspace said")
    with rebuilt(store) as (other, _):
        label(store, second, tag="baseline", note="what is reported")
        save(store, CORPUS)
        mine, theirs = (s.workspace.corpus_folder(CORPUS) / "refs.jsonl" for s in (store, other))
        label(other, second, tag="own")
        theirs.write_bytes(mine.read_bytes())
        save(other, CORPUS)
        saved = theirs.read_text().splitlines()
        assert set(mine.read_text().splitlines()) < set(saved) and len(saved) == 5
        save(other, CORPUS)
        assert theirs.read_text().splitlines() == saved


def test_a_note_whose_text_was_purged_is_not_saved_again(two):
    store, first, _ = two
    label(store, first, note="the key is sk-of-somebody")
    save(store, CORPUS)
    purged(store, planned(store, CORPUS, ["sk-of-somebody"]))
    assert "sk-of" not in (store.workspace.corpus_folder(CORPUS) / "refs.jsonl").read_text()
