"""Comparing runs: base with tuned, run with run, beside what their versions differ in."""

from __future__ import annotations

import json
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.corpora import CORPUS, cut, deliver, facts, sides
from tests.runs import both, scored_run
from workbench.errors import UsageError
from workbench.services.evaluation.compare import Asked, compare
from workbench.services.records.editing import edit
from workbench.store.store import Store
from workbench.store.versions import Version
from workbench.training.runs import RunFolder


def held_out(store: Store, version: Version) -> list[str]:
    return sorted(record for record, side in sides(store, version).items() if side == "test")


def version_of(store: Store) -> Version:
    deliver(store, facts(*range(80)))
    return cut(store)


def run(store: Store, version: Version, name: str, *, tuned: float = 2.0, **changed: Any) -> RunFolder:
    rows = [row for record in held_out(store, version) for row in both(record, tuned=tuned, source="rows")]
    return scored_run(store, version, name, rows, **changed)


def test_one_run_alone_compares_tuned_with_base(store):
    found = compare(store, Asked(run(store, version_of(store), "one"), None))
    assert (found["one"]["model"], found["other"]["model"]) == ("base", "tuned")
    assert found["metrics"]["bits_per_byte"]["difference"]["verdict"] == "better"
    assert found["metrics"]["em"]["difference"]["verdict"] == "cannot tell"
    assert found["data"]["same"] and found["settings"] == {} and list(found["sources"]) == ["rows"]
    json.dumps(found, allow_nan=False)


def test_two_runs_are_compared_on_what_the_versions_share(store):
    first = version_of(store)
    changed = held_out(store, first)[0]
    edit(store, CORPUS, changed, {"answer": "mended"}, reason="why")
    second = cut(store)
    one, other = run(store, first, "one"), run(store, second, "two", tuned=1.0)
    found = compare(store, Asked(one, other))
    assert found["records"]["edited"] == 1 and found["records"]["ids"]["edited"] == [changed]
    assert found["records"]["compared"] == len(held_out(store, first)) - 1
    assert found["data"]["counts"]["edited"] == 1 and found["data"]["train"]["edited"] == 0
    assert found["metrics"]["perplexity"]["difference"]["verdict"] == "better"
    assert found["worst"] == [] and len(compare(store, Asked(other, one, limit=3))["worst"]) == 3


def test_other_tokenizers_leave_bytes_and_texts_alone(store):
    version = version_of(store)
    found = compare(store, Asked(run(store, version, "one"), run(store, version, "two", tokenizer="two")))
    for name in ("perplexity", "response_perplexity"):
        assert "tokenizers" in found["metrics"][name]["difference"]["reason"]
    assert found["metrics"]["bits_per_byte"]["difference"]["value"] == 0.0


def test_a_table_of_an_older_workbench_can_still_be_read(store):
    old = run(store, version_of(store), "old")
    path = old.evaluation / "scores-test.parquet"
    columns = ["record", "model", "nll", "tokens", "bytes", "prediction", "reference"]
    pq.write_table(pq.read_table(path).select(columns), path)
    found = compare(store, Asked(old, None))
    assert found["metrics"]["bits_per_byte"]["difference"]["verdict"] == "better"
    assert found["metrics"]["response_perplexity"]["difference"]["value"] is None


def test_a_run_without_scores_says_which_command_makes_them(store):
    version = version_of(store)
    with pytest.raises(UsageError) as caught:
        compare(store, Asked(run(store, version, "one"), None, split="train"))
    assert "workbench evaluate one --split train" in caught.value.hint


def test_runs_that_share_no_record_are_refused(store):
    version = version_of(store)
    other = scored_run(store, version, "two", both("elsewhere"))
    with pytest.raises(UsageError, match="no record"):
        compare(store, Asked(run(store, version, "one"), other))


def test_what_the_recipes_differ_in_is_told(store):
    version = version_of(store)
    one, other = run(store, version, "one"), run(store, version, "two")
    text = other.recipe_file.read_text().replace("completion_only: true", "completion_only: false")
    other.recipe_file.write_text(text.replace("r: 16", "r: 8"))
    found = compare(store, Asked(one, other))
    assert found["settings"] == {"lora.r": [16, 8], "train.completion_only": [True, False]}
    assert "prompts" in found["metrics"]["bits_per_byte"]["difference"]["reason"]
    assert found["metrics"]["response_perplexity"]["difference"]["value"] == 0.0
