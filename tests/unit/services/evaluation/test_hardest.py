"""The queue back to the records: each with what it holds, and whether somebody mended it since."""

from __future__ import annotations

import json

import pytest

from tests.corpora import CORPUS, cut, deliver, facts, sides
from tests.runs import both, scored_run
from workbench.errors import UsageError
from workbench.services.evaluation.hardest import hardest
from workbench.services.records.editing import drop, edit


def test_the_queue_shows_the_fields_that_were_trained_and_what_became_of_them(store):
    deliver(store, facts(*range(20)))
    version = cut(store)
    trained = sorted(record for record, side in sides(store, version).items() if side == "train")
    rows = [row for place, record in enumerate(trained) for row in both(record, tuned=9.0 - place, source="rows")]
    run = scored_run(store, version, "one", rows, split="train")
    edit(store, CORPUS, trained[0], {"answer": "mended"}, reason="why")
    drop(store, CORPUS, [trained[1]])
    found = hardest(store, run, "loss", 3)
    assert [(entry["record"], entry["now"]) for entry in found["records"]] == [
        (trained[0], "edited since"),
        (trained[1], "gone"),
        (trained[2], "as trained"),
    ]
    assert found["records"][0]["fields"]["answer"] != "mended"
    assert (found["corpus"], found["version_name"], found["scored"]) == (CORPUS, "v1", len(trained))
    json.dumps(found, allow_nan=False)


def test_a_version_from_elsewhere_still_has_a_queue(store):
    deliver(store, facts(*range(20)))
    run = scored_run(store, cut(store), "one", both("r"), split="train")
    run.facts_file.write_text(json.dumps(run.facts() | {"corpus": "elsewhere"}))
    (entry,) = hardest(store, run)["records"]
    assert (entry["record"], entry["fields"], entry["now"]) == ("r", None, "not in this workspace")


def test_without_scores_of_the_train_split_the_command_is_named(store):
    deliver(store, facts(*range(20)))
    run = scored_run(store, cut(store), "one", both("r"))
    with pytest.raises(UsageError) as caught:
        hardest(store, run)
    assert "workbench evaluate one --split train" in caught.value.hint
    with pytest.raises(UsageError, match="split"):
        hardest(store, run, split="traim")
