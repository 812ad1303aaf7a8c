"""Tracing goes both ways: from a record, a raw file or a run to all that they touched, also for what is gone."""

from __future__ import annotations

import json

import polars as pl
import pytest

from tests.corpora import CORPUS, by_question, cut, deliver, facts, ids, long_fact, near, sides, write
from workbench.errors import UsageError
from workbench.services.intake.ingest import Order, ingest
from workbench.services.intake.quarantine import readmit
from workbench.services.records.editing import drop, edit
from workbench.services.trace import trace
from workbench.store.store import Store
from workbench.store.versions import Version


def trained(store: Store, version: Version, name: str, scored: list[str] | None = None) -> None:
    """Write a finished run of a version, its test scored for these records."""
    folder = store.workspace.run_folder(name)
    (folder / "evaluation").mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"corpus": CORPUS, "version": version.id}))
    (folder / "state.json").write_text(json.dumps({"state": "finished"}))
    if scored is not None:
        rows = [
            {"record": record, "model": model, "nll": nll, "tokens": 4, "bytes": 9, "prediction": "p", "reference": "r"}
            for record in scored
            for model, nll in (("base", 8.0), ("tuned", 2.0))
        ]
        pl.DataFrame(rows).write_parquet(folder / "evaluation" / "scores-test.parquet")


def test_a_record_is_followed_to_its_bytes_edits_versions_and_runs(store):
    deliver(store, facts(*range(20)))
    first = cut(store)
    record = min(r for r, side in sides(store, first).items() if side == "test")
    other = min(r for r, side in sides(store, first).items() if side == "train")
    edit(store, CORPUS, record, {"answer": "mended"}, reason="why")
    second = cut(store)
    trained(store, first, "one")
    trained(store, second, "two", scored=[record])
    found = trace(store, record[:10])
    assert (found["kind"], found["record"], found["state"]) == ("record", record, "current")
    assert json.loads(found["raw"]["text"])["question"] in by_question(store)
    assert [(e["field"], e["value"], e["reason"]) for e in found["edits"]] == [("answer", "mended", "why")]
    assert [(v["name"], v["split"]) for v in found["versions"]] == [("v1", "test"), ("v2", "test")]
    assert [(r["run"], r["saw"]) for r in found["runs"]] == [("one", "kept for test, not scored"), ("two", "tested")]
    assert {r["saw"] for r in trace(store, other)["runs"]} == {"trained"}


def test_a_dropped_a_vanished_and_an_heir_are_followed_too(store):
    rows = [long_fact(i) for i in range(12)]
    deliver(store, rows)
    cut(store)
    named = by_question(store)
    gone, old, kept = (named[rows[i]["question"]] for i in (1, 2, 5))
    drop(store, CORPUS, [kept])
    deliver(store, [rows[0], near(rows[2], "more"), *rows[3:]], file="later.jsonl")
    heir = by_question(store)[near(rows[2], "more")["question"]]
    assert (trace(store, kept)["state"], len(trace(store, kept)["deliveries"])) == ("dropped", 2)
    assert (trace(store, gone)["state"], len(trace(store, gone)["deliveries"])) == ("vanished", 1)
    found = trace(store, old)
    assert (found["state"], found["heir"], found["versions"][0]["name"]) == ("vanished", heir, "v1")
    assert json.loads(found["raw"]["text"])["question"] == rows[2]["question"]
    assert trace(store, heir)["stands_for"] == [old]
    assert trace(store, heir)["versions"][0]["record"] == old


@pytest.mark.parametrize("by", ["path", "digest", "source"])
def test_a_raw_file_is_followed_to_its_records_versions_and_runs(store, by):
    deliver(store, facts(*range(10)))
    first = cut(store)
    deliver(store, facts(*range(5, 15)), name="more", file="more.jsonl")
    second = cut(store)
    trained(store, first, "one")
    trained(store, second, "two")
    path = write(store, facts(*range(5, 15)), "more.jsonl")
    digest = store.catalogue.rows(CORPUS, kinds=("delivery",))[-1].body["digest"]
    found = trace(store, {"path": str(path), "digest": digest[:14], "source": "more"}[by])
    assert (found["kind"], found["records"]["total"]) == ("file", 10)
    assert [(v["name"], sum(v["splits"].values())) for v in found["versions"]] == [("v2", 10)]
    assert [run["run"] for run in found["runs"]] == ["two"]


def test_a_version_made_after_the_next_delivery_did_not_see_the_file(store):
    deliver(store, facts(*range(10)), file="a.jsonl")
    cut(store)
    path = store.workspace.root.parent / "a.jsonl"
    deliver(store, facts(*range(12)), file="b.jsonl")
    cut(store)
    assert [v["name"] for v in trace(store, str(path))["versions"]] == ["v1"]


def test_a_readmitted_record_is_followed_to_its_file_and_the_file_to_it(store):
    path = write(store, facts(*range(10)), "rows.jsonl")
    path.write_bytes(path.read_bytes() + b'{"question": "torn\n')
    ingest(store, Order(CORPUS, (path,), schema="qa"))
    record = readmit(store, CORPUS, "rows.jsonl", 10, facts(10)[0])
    cut(store)
    deliver(store, facts(*range(10)))
    found = trace(store, record)
    assert [place["position"] for place in found["deliveries"]] == [10]
    assert [made["record"] for made in found["readmitted"]] == [record]
    assert found["raw"]["text"].startswith('{"question": "torn')
    of_file = trace(store, found["deliveries"][0]["digest"])
    assert of_file["records"]["total"] == sum(of_file["versions"][0]["splits"].values()) == 11


def test_a_run_is_followed_to_its_records_with_split_and_score(store):
    deliver(store, facts(*range(20)))
    version = cut(store)
    tested = sorted(record for record, side in sides(store, version).items() if side == "test")
    trained(store, version, "quiz-1", scored=tested[:1])
    found = trace(store, "quiz-1")
    rows = found["records"]["rows"]
    assert (found["kind"], found["name"], found["records"]["total"]) == ("run", "v1", 20)
    assert rows[0]["record"] == tested[0] and rows[0]["scores"]["tuned"]["nll"] == 2.0
    assert sum(row["scores"] is not None for row in rows) == 1
    assert trace(store, "quiz")["run"] == "quiz-1"


def test_a_run_of_a_version_that_is_not_here_says_so(store):
    deliver(store, facts(*range(10)))
    version = cut(store)
    trained(store, version, "far")
    (store.workspace.run_folder("far") / "run.json").write_text(json.dumps({"corpus": CORPUS, "version": "0" * 64}))
    assert trace(store, "far")["reason"] == "its version is not in this workspace"


def test_pushes_are_named(store):
    deliver(store, facts(*range(10)))
    version = cut(store)
    body = {"version": version.id, "repo": "me/facts", "commit": "c", "tag": "v1"}
    store.catalogue.append(("publication", CORPUS, version.id, body))
    assert trace(store, ids(store)[0])["published"][0]["repo"] == "me/facts"


def test_what_is_unknown_is_a_usage_error(store):
    deliver(store, facts(*range(3)))
    for reference in ("zzz", "0000000000", "../../etc/nowhere"):
        with pytest.raises(UsageError, match="nothing here"):
            trace(store, reference)


def test_what_is_too_long_for_a_file_name_is_no_file(store):
    deliver(store, facts(*range(5)))
    with pytest.raises(UsageError, match="nothing here is called"):
        trace(store, "a" * 300)
