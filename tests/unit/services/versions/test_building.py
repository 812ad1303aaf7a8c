"""`save` and `build` in an empty workspace give the same version id: everything a person did replays."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.corpora import (
    by_question,
    cut,
    deliver,
    fact,
    facts,
    ids,
    long_fact,
    near,
    scratch,
    sides,
    state,
    words,
    write,
)
from workbench.errors import DataError, WorkbenchError
from workbench.services.checking.curate import curate
from workbench.services.duplicates.verdicts import set_apart
from workbench.services.intake.ingest import Order, ingest
from workbench.services.intake.quarantine import readmit
from workbench.services.records.editing import drop, edit
from workbench.services.records.undo import undo
from workbench.services.verify import verify
from workbench.services.versions.build import build, save
from workbench.store.store import Store
from workbench.store.versions import versions

pytestmark = pytest.mark.thorough


@contextmanager
def rebuilt(store):
    """Save the corpus, take its folder and raw files to an empty workspace, and build it there."""
    save(store, "facts")
    with scratch() as other:
        shutil.copytree(store.workspace.corpus_folder("facts"), other.workspace.corpus_folder("facts"))
        declared = other.workspace.corpus_file("facts")
        old, new = str(store.workspace.root.parent), str(other.workspace.root.parent)
        declared.write_text(declared.read_text().replace(old, new))
        for path in store.workspace.root.parent.iterdir():
            if path.is_file():
                shutil.copyfile(path, other.workspace.root.parent / path.name)
        yield other, build(other, "facts")[1]


def assert_rebuilt(store) -> None:
    newest = versions(store.catalogue, "facts")[-1]
    with rebuilt(store) as (other, version):
        assert (version.id, version.number, version.parent) == (newest.id, newest.number, newest.parent)
        assert sides(other, version) == sides(store, newest)
        assert verify(other) == []
        log = len(other.catalogue.rows())
        assert build(other, "facts")[1].id == newest.id
        assert len(other.catalogue.rows()) == log
        undo(other, "facts")
        undo(store, "facts")
        assert ids(other) == ids(store)
        for one in (store, other):
            cut(one, **{k: v for k, v in newest.settings["split"].items() if k != "strategy"})
        assert versions(store.catalogue, "facts")[-1].id == versions(other.catalogue, "facts")[-1].id


def test_a_plain_corpus_is_built_again(store):
    deliver(store, facts(*range(20)))
    cut(store)
    assert_rebuilt(store)


@pytest.mark.parametrize("settings_", [{"counts": (8, 3, 3)}, {"ratios": (0.5, 0.3, 0.2)}, {"seed": 7}], ids=str)
def test_settings_are_built_again(store, settings_):
    deliver(store, facts(*range(20)))
    cut(store, **settings_)
    assert_rebuilt(store)


def test_edits_drops_and_undo_are_built_again(store):
    deliver(store, facts(*range(20)))
    cut(store)
    first, second, third = ids(store)[:3]
    edit(store, "facts", first, {"answer": "one"}, reason="line\u2028separator\x85 and \x1c")
    edit(store, "facts", first, {"answer": "two\u2028three"})
    drop(store, "facts", [second, third])
    undo(store, "facts")
    edit(store, "facts", third, {"answer": "x"})
    undo(store, "facts")
    edit(store, "facts", third, {"answer": "x"})
    cut(store)
    assert_rebuilt(store)


def test_a_version_that_says_what_an_older_one_said_is_built_again_as_itself(store):
    deliver(store, facts(*range(12)))
    cut(store)
    edit(store, "facts", ids(store)[0], {"answer": "changed"})
    cut(store)
    undo(store, "facts")
    with rebuilt(store) as (_, ahead):  # what is cut here and what is built there follow the same version
        assert (ahead.id, ahead.number) == (cut(store).id, 3)
    with rebuilt(store) as (_, version):
        assert (version.id, version.number) == (ahead.id, 3)


def test_two_deliveries_are_built_again(store):
    rows = [long_fact(i) for i in range(15)]
    deliver(store, rows)
    cut(store)
    edit(store, "facts", by_question(store)[rows[4]["question"]], {"answer": "mended"})
    changed = near(rows[4], "more")
    deliver(store, [*[long_fact(i) for i in range(30, 50)], *rows[:4], changed, *rows[5:12]], file="later.jsonl")
    cut(store)
    assert_rebuilt(store)


def test_a_record_that_is_away_for_a_while_is_built_again_where_it_stood(store):
    rows = [long_fact(i) for i in range(30)]
    deliver(store, rows)
    cut(store)
    deliver(store, rows[:10] + facts(*range(200, 240)))
    cut(store)
    deliver(store, rows + facts(*range(200, 240)))
    cut(store)
    assert_rebuilt(store)


def test_rows_of_a_shared_key_are_built_again(store):
    rows = [fact(i, key=i // 3) for i in range(12)]
    deliver(store, rows[5:7] + rows[:1] + rows[10:], key=("key",))
    cut(store)
    deliver(store, rows, key=("key",))
    cut(store)
    assert_rebuilt(store)


def test_judgements_are_built_again(store):
    deliver(store, [long_fact(1), near(long_fact(1), "x"), *facts(*range(10, 20))])
    cut(store)
    set_apart(store, "facts", curate(store, "facts").judgement.pairs.row(0)[:2])
    cut(store)
    assert_rebuilt(store)


def test_readmissions_are_built_again_and_later_rows_have_their_own_numbers(store):
    path = write(store, facts(*range(8)))
    path.write_bytes(path.read_bytes() + b'{"question": "torn\n{"question": "also torn\n')
    ingest(store, Order("facts", (path,), schema="qa"))
    for position in (8, 9):
        edit(store, "facts", ids(store)[position - 8], {"answer": f"mended {position}"})
        readmit(store, "facts", "rows.jsonl", position, fact(50 + position))
    cut(store)
    with rebuilt(store) as (other, version):
        assert version.id == versions(store.catalogue, "facts")[-1].id
        deliver(other, facts(100, 101, 102, 103, 104), name="more", file="more.jsonl")
        assert len(ids(other)) == len(set(ids(other))) == 15
        assert verify(other) == []


def test_a_known_row_that_was_readmitted_is_built_again(store):
    path = write(store, facts(*range(8)))
    ingest(store, Order("facts", (path,), schema="qa"))
    known = by_question(store)[fact(5)["question"]]
    edit(store, "facts", known, {"answer": "mended"})
    torn = path.read_text().splitlines(keepends=True)
    torn[5] = '{"question": "torn\n'
    path.write_text("".join(torn))
    ingest(store, Order("facts", (path,), schema="qa"))
    assert readmit(store, "facts", "rows.jsonl", 5, fact(5)) == known
    cut(store)
    with rebuilt(store) as (other, version):
        assert version.id == versions(store.catalogue, "facts")[-1].id
        assert state(other).records.filter(id=known)["answer"].to_list() == ["mended"]
        assert verify(other) == []


def test_prose_is_built_again(store):
    rows = [{"text": words(i, 12)} for i in range(60)]
    deliver(store, rows[:40], schema="prose")
    cut(store)
    deliver(store, rows, schema="prose")
    cut(store)
    with rebuilt(store) as (other, version):
        assert version.id == versions(store.catalogue, "facts")[-1].id
        assert verify(other) == []


def test_sample_corpora_are_built_the_same_twice(tmp_path):
    from workbench.workspace import Workspace, samples

    made = []
    for name in ("one", "two"):
        with Store(Workspace.create(tmp_path / name, with_samples=False)) as store:
            ingest(store, Order("story", (samples() / "corpora/story/story.json",), schema="story"))
            made.append(build(store, "story")[1].id)
    assert made[0] == made[1]


def test_saving_twice_writes_the_same_bytes(store):
    deliver(store, facts(*range(5)))
    edit(store, "facts", ids(store)[0], {"answer": "x"})
    cut(store)
    once = {path: path.read_bytes() for path in save(store, "facts")}
    assert {path: path.read_bytes() for path in save(store, "facts")} == once


def test_a_fork_that_made_the_same_edit_twice_is_built_whole(store):
    deliver(store, facts(*range(5)))
    record = ids(store)[0]
    edit(store, "facts", record, {"answer": "x"})
    cut(store)
    with rebuilt(store) as (other, _):
        undo(store, "facts")
        edit(store, "facts", record, {"answer": "x"})
        cut(store)
        save(store, "facts")
        for path in store.workspace.corpus_folder("facts").glob("*[lv]"):
            if path.name != "corpus.yaml":
                shutil.copyfile(path, other.workspace.corpus_folder("facts") / path.name)
        build(other, "facts")
        assert other.state(other.corpus("facts")).records.filter(id=record)["answer"].to_list() == ["x"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a saved corpus and, beside it, its raw file."""
    with scratch() as store:
        deliver(store, facts(*range(5)))
        edit(store, "facts", ids(store)[0], {"answer": "x"})
        cut(store)
        save(store, "facts")
        place = tmp_path_factory.mktemp("saved")
        raw = shutil.copy(store.workspace.root.parent / "rows.jsonl", place)
        folder = Path(shutil.copytree(store.workspace.corpus_folder("facts"), place / "facts"))
        declared = folder / "corpus.yaml"
        declared.write_text(declared.read_text().replace(str(store.workspace.root.parent), str(Path(raw).parent)))
        return folder


DAMAGES = [b'{"kind": "edit", "sub', b"[]\n", b"\xff\xfe\n", b"{}\n", b"3\n", b'{"kind": "edit"}\n']


@pytest.mark.parametrize("file", ["log.jsonl", "versions.jsonl", "assignment.csv", "tested.csv", "refs.jsonl"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_saved_file_is_one_error_and_loses_nothing(store, saved, file, damage):
    folder = Path(shutil.copytree(saved, store.workspace.corpus_folder("facts")))
    (folder / file).write_bytes((folder / file).read_bytes() + damage)
    with pytest.raises(WorkbenchError, match=file):
        build(store, "facts")
    assert verify(store) == []


@pytest.mark.parametrize("file", ["versions.jsonl", "assignment.csv", "tested.csv"])
def test_a_missing_saved_file_is_one_error(store, saved, file):
    folder = Path(shutil.copytree(saved, store.workspace.corpus_folder("facts")))
    (folder / file).unlink()
    with pytest.raises(WorkbenchError, match=file):
        build(store, "facts")


@pytest.mark.parametrize(
    "damage", [{"number": "two"}, {"settings": []}, {"settings": {"split": {"seed": "x"}}}, {"counts": None}, {"x": 1}]
)
def test_a_changed_line_of_the_saved_versions_is_one_error(store, saved, damage):
    folder = Path(shutil.copytree(saved, store.workspace.corpus_folder("facts")))
    path = folder / "versions.jsonl"
    path.write_text(json.dumps(json.loads(path.read_text()) | damage) + "\n")
    with pytest.raises(DataError, match=r"versions.jsonl.*line 1"):
        build(store, "facts")


def test_an_emptied_ledger_of_tests_is_one_error(store):
    deliver(store, facts(*range(20)))
    cut(store)
    with rebuilt(store) as (other, _):
        shutil.rmtree(other.workspace.hidden)
        (other.workspace.corpus_folder("facts") / "tested.csv").write_text("record,version,texts\n")
        with Store(other.workspace) as empty, pytest.raises(DataError, match=r"tested.csv.*0 of 2"):
            build(empty, "facts")


def test_a_ledger_saved_without_texts_is_read(store, saved):
    folder = Path(shutil.copytree(saved, store.workspace.corpus_folder("facts")))
    lines = (folder / "tested.csv").read_text().splitlines()
    (folder / "tested.csv").write_text("".join(line.rpartition(",")[0] + "\n" for line in lines))
    version = build(store, "facts")[1]
    assert version.id == json.loads((saved / "versions.jsonl").read_text())["id"]


def test_who_made_an_edit_and_when_is_built_again(store):
    deliver(store, facts(*range(20)))
    edit(store, "facts", ids(store)[0], {"answer": "better"})
    cut(store)
    with rebuilt(store) as (other, _):
        row = other.catalogue.rows("facts", kinds=("edit",))[0]
        made = store.catalogue.rows("facts", kinds=("edit",))[0]
        assert row.body["made"] == {"who": made.who, "at": made.at}
        save(other, "facts")
        mine, theirs = (s.workspace.corpus_folder("facts") / "log.jsonl" for s in (store, other))
        assert theirs.read_bytes() == mine.read_bytes()


def test_the_order_of_ingest_does_not_decide_between_duplicates(store):
    base, one = facts(*range(6)), [long_fact(i) for i in range(10, 40)]
    other = [row | {"question": row["question"][:-2] + row["question"][:-3:-1]} for row in one]
    deliver(store, base + one)
    deliver(store, base + other + one)
    cut(store, counts=(3, 1, 1))
    assert_rebuilt(store)
