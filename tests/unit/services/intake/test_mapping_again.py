"""A mapping that changes is applied to the same rows; saved files enter the log only when every line can be read."""

from __future__ import annotations

import json

import pytest

from tests.corpora import cut, deliver, facts, ids, scratch, state, write
from workbench.errors import DataError, UsageError
from workbench.services.intake.ingest import Order, ingest
from workbench.services.records.editing import edit
from workbench.services.verify import verify
from workbench.services.versions.build import build, save
from workbench.workspace import write_text

ROWS = [{"question": f"question {i}?", "short": f"short {i}", "long": f"a longer answer {i}"} for i in range(12)]


def ask(store, field):
    path = write(store, ROWS)
    return ingest(store, Order("facts", (path,), schema="qa", settings={"name": "rows", "map": {"answer": field}}))[0]


def test_a_new_mapping_is_applied_to_the_same_records(store):
    ask(store, "short")
    before = ids(store)
    told = ask(store, "long")
    assert (told.kept, told.merged) == (12, 0)
    assert ids(store) == before
    assert set(state(store).records["answer"]) == {row["long"] for row in ROWS}
    assert ask(store, "long").merged == 12


def test_a_version_under_a_new_mapping_is_built_again(store):
    ask(store, "short")
    cut(store)
    ask(store, "long")
    version = cut(store)
    save(store, "facts")
    with scratch() as other:
        folder = other.workspace.corpus_folder("facts")
        folder.mkdir()
        for file in store.workspace.corpus_folder("facts").iterdir():
            write_text(folder / file.name, file.read_text())
        assert build(other, "facts")[1].id == version.id


@pytest.mark.parametrize(
    "line",
    [
        {"kind": "edit", "subject": "0" * 32, "before": "0" * 64, "value": 1, "reason": ""},
        {"kind": "edit", "subject": "0" * 32, "field": "answer", "before": "0" * 64, "value": {"a": 1}, "reason": ""},
        {"kind": "edit", "subject": "0" * 32, "field": "", "before": "0" * 64, "value": "yes", "reason": ""},
        {"kind": "edit", "subject": 7, "field": "answer", "before": "0" * 64, "value": "x", "reason": ""},
        {"kind": "delivery", "subject": "rows"}, {"kind": "version", "subject": "x"}, {"kind": 7, "subject": "x"},
        {"kind": "match", "subject": "0" * 32, "old": "../x", "by": "row"},
    ],
    ids=str,
)  # fmt: skip
def test_a_saved_line_that_cannot_be_read_is_named_and_never_enters_the_log(store, line):
    deliver(store, facts(1, 2, 3))
    edit(store, "facts", ids(store)[0], {"answer": "mended"})
    save(store, "facts")
    path = store.workspace.corpus_folder("facts") / "log.jsonl"
    whole = path.read_text()
    path.write_text(whole + json.dumps({"who": "w", "at": "t", **line}) + "\n")
    with pytest.raises(DataError, match="line 2"):
        build(store, "facts")
    path.write_text(whole)
    assert build(store, "facts")[1].counts["train"] >= 1
    assert verify(store) == []


def test_a_corpus_whose_file_was_never_written_is_known_from_the_log(store):
    deliver(store, facts(1, 2))
    store.workspace.corpus_file("facts").unlink()
    assert len(ids(store)) == 2
    assert deliver(store, facts(1, 2)).merged == 2
    assert store.workspace.corpus_file("facts").is_file()


@pytest.mark.parametrize("where", ["question", "1 + 1", "nothing = 1"])
def test_a_where_that_is_no_condition_is_refused(store, where):
    with pytest.raises(UsageError, match="--where"):
        deliver(store, facts(1, 2), where=where)


def test_comments_at_the_head_of_a_corpus_file_stay(store):
    deliver(store, facts(1))
    path = store.workspace.corpus_file("facts")
    path.write_text("# mine\n" + path.read_text())
    deliver(store, facts(5), name="more", file="more.jsonl")
    assert path.read_text().startswith("# mine\n") and "more" in path.read_text()


def test_a_schemas_identity_names_the_key_and_is_frozen_at_the_first_ingest(store):
    schema = store.workspace.root / "schemas" / "qa.yaml"
    named = "name: qa\nidentity: [question]\n"
    schema.write_text(schema.read_text().replace("name: qa\n", named, 1))
    deliver(store, facts(1, 2))
    before = ids(store)
    deliver(store, [row | {"answer": "another answer"} for row in facts(1, 2)])
    assert ids(store) == before
    schema.write_text(schema.read_text().replace(named, "name: qa\n"))
    deliver(store, [row | {"answer": "a third answer"} for row in facts(1, 2)])
    assert ids(store) == before


def test_the_whole_row_stays_the_key_where_a_schema_names_an_identity_later(store):
    deliver(store, facts(1, 2))
    before = ids(store)
    schema = store.workspace.root / "schemas" / "qa.yaml"
    schema.write_text(schema.read_text().replace("name: qa\n", "name: qa\nidentity: [question]\n", 1))
    deliver(store, facts(1, 2, 3))
    assert set(before) < set(ids(store)) and len(ids(store)) == 3
