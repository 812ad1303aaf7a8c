"""Faults that were found by attacking the store, each held by the test that shows it gone."""

from __future__ import annotations

import os
import time

import pytest

from tests.corpora import deliver, fact, facts, ids, state, write
from workbench.errors import UsageError
from workbench.services.checking.against import held_against
from workbench.services.intake.ingest import Order, ingest
from workbench.services.looking.listing import history
from workbench.services.records.editing import drop, edit
from workbench.services.records.fixing import fix
from workbench.services.records.undo import undo
from workbench.services.verify import verify
from workbench.workspace import sweep

NAMED = """
name: named
title: Rows with columns that the store might want for itself
columns: {name: {dtype: String}, own: {dtype: String}, fresh: {dtype: String}}
texts: [name]
duplicates: {text: [name]}
render: {default: {text: "{{ name }}"}}
examples: [{name: a, own: b, fresh: c}]
counterexamples: []
"""


def test_a_schema_may_call_its_columns_name_own_and_fresh(store):
    (store.workspace.root / "schemas" / "named.yaml").write_text(NAMED)
    rows = [{"name": f"Ada {i}", "own": "mine", "fresh": "yes"} for i in range(3)]
    deliver(store, rows, schema="named")
    assert state(store).records.select("name", "own", "fresh").to_dicts() == rows
    assert verify(store) == []


def test_a_schema_with_a_column_of_the_stores_own_kind_is_refused(store):
    (store.workspace.root / "schemas" / "named.yaml").write_text(NAMED.replace("fresh", "_fresh"))
    with pytest.raises(UsageError, match="_fresh"):
        deliver(store, [{"name": "a"}], schema="named")


def test_a_corpus_name_that_cannot_be_is_refused_before_anything_is_written(store):
    with pytest.raises(UsageError, match="no name for a corpus"):
        ingest(store, Order("x y", (write(store, facts(1)),), schema="qa"))
    assert store.catalogue.rows() == []
    assert store.corpora() == []


@pytest.mark.parametrize("number", [2**70, -(2**63) - 1, 1e300, "9" * 30])
def test_a_number_beyond_64_bits_is_set_aside_and_the_others_come_in(store, number):
    good = {"question": "q?", "options": ["a", "b"], "correct_option_index": 0}
    told = deliver(store, [good, good | {"question": "r?", "correct_option_index": number}], schema="mcq")
    assert (told.kept, told.quarantined) == (1, 1)


@pytest.mark.parametrize("settings", [{"sample": 2}, {"where": "answer <> ''"}, {"sample": 1, "limit": 5}])
def test_a_row_without_a_stable_form_is_set_aside_whatever_is_selected(store, settings):
    path = write(store, facts(1, 2, 3))
    path.write_bytes(path.read_bytes() + b'{"question": "q", "answer": "a", "\xc3\xa9": 1, "e\xcc\x81": 2}\n')
    told = ingest(store, Order("facts", (path,), schema="qa", settings={"name": "rows", **settings}))[0]
    assert told.read == told.kept + told.quarantined
    assert told.quarantined == 1


def test_a_condition_over_columns_of_mixed_shape_is_one_clear_error(store):
    path = write(store, [fact(1, mixed=1), fact(2, mixed=["a"]), fact(3, mixed={"b": 1})])
    with pytest.raises(UsageError, match="--where"):
        ingest(store, Order("facts", (path,), schema="qa", settings={"name": "rows", "where": "missing = 1"}))


def test_an_edit_whose_reason_looks_like_an_undo_is_an_edit(store):
    deliver(store, facts(1))
    record = ids(store)[0]
    edit(store, "facts", record, {"answer": "one"}, reason="undo of log row 5")
    edit(store, "facts", record, {"answer": "two"}, reason="undo of log row 6")
    assert [row["value"] for row in undo(store, "facts", 2)] == ["one", fact(1)["answer"]]


@pytest.mark.parametrize("change", [lambda s, r: edit(s, "facts", r, {"answer": "x"}, reason="\udcff"),
                                    lambda s, r: drop(s, "facts", [r], reason="\udcff")])  # fmt: skip
def test_a_reason_that_is_no_text_is_refused(store, change):
    deliver(store, facts(1))
    with pytest.raises(UsageError, match="reason"):
        change(store, ids(store)[0])


def test_a_fix_that_nothing_needs_makes_no_edit_and_an_unknown_rule_is_refused(store):
    deliver(store, facts(1))
    assert fix(store, "facts", "email") == 0
    path = write(store, facts(2), "other.jsonl")
    for against in ((), (str(path),)):
        with pytest.raises(UsageError):
            fix(store, "facts", "no-such-rule", against)
    assert fix(store, "facts", "contaminated", (str(path),)) == 0


def test_a_corpus_is_not_held_against_itself(store):
    deliver(store, facts(1))
    with pytest.raises(UsageError, match="every record"):
        held_against(store, state(store), ["facts"])


def test_drafts_of_killed_processes_go_after_an_hour_folders_and_rows_after_a_day_and_nothing_else_does(store):
    cache, scratch = store.workspace.cache, store.workspace.scratch
    drafts = [cache / f"view-facts-{'a' * 32}.{'b' * 32}", scratch / ("c" * 32)]
    rows = [scratch / f"{'d' * 32}-{number}.arrow" for number in range(2)]
    others = [cache / f"view-facts-{'a' * 32}.arrow", cache / f"issues-{'a' * 16}-{'b' * 32}.parquet"]
    for path in (*drafts, *rows, *others):
        path.write_bytes(b"x")
    young = scratch / ("e" * 32)
    young.write_bytes(b"x")
    for number, folder in enumerate(folders := [scratch / ("f" * 32), scratch / ("0" * 32)]):
        folder.mkdir()
        (folder / "link").symlink_to(others[0])
        for path in (folder, rows[number]):
            os.utime(path, (time.time() - 7200 - number * 86_400,) * 2)
    for path in (*drafts, *others):
        os.utime(path, (time.time() - 7200, time.time() - 7200))
    for folder in (cache, scratch):
        sweep(folder)
    assert [path.exists() for path in (*folders, *rows)] == [True, False] * 2
    assert not any(path.exists() for path in drafts)
    assert all(path.exists() for path in (*others, young))


def test_no_row_of_the_log_is_no_row(store):
    deliver(store, facts(1))
    assert history(store, "facts", 0) == []
