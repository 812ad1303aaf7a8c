"""What a trace says about exposure: times and learned tokens of a record, and of a whole run."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from tests.corpora import cut, deliver, facts, sides
from tests.runs import scored_run
from workbench.lm.xray import TOKENS
from workbench.services.trace import trace
from workbench.services.training.exposure import seen, totals
from workbench.store.store import Store
from workbench.training.runs import RunFolder


def trained(store: Store) -> tuple[RunFolder, list[str], list[str]]:
    """Return a run of one step that took all train records, these, and the test records."""
    deliver(store, facts(*range(20)))
    version = cut(store)
    of = {side: sorted(r for r, s in sides(store, version).items() if s == side) for side in ("train", "test")}
    plain = {
        "input_ids": [1, 5, 6, 2],
        "labels": [-100, -100, 6, 2],
        "prompt_ids": [1, 5],
        "reference": "x",
        "bytes": 1,
    }
    rows = [{"record": r, "split": side, **plain} for side, records in of.items() for r in records]
    run = scored_run(store, version, "one", [])
    pq.write_table(pa.Table.from_pylist(rows, TOKENS), run.tokens)
    run.recipe_file.write_text(run.recipe_file.read_text().replace("batch_size: 8", "batch_size: 32"))
    return run, of["train"], of["test"]


def test_a_trained_record_was_seen_so_often_and_a_tested_one_never(store):
    run, taken, held_out = trained(store)
    assert seen(run, taken[0]) == {"times": 1, "steps": [1], "learned_tokens": 2, "by": "order", "reason": ""}
    assert seen(run, held_out[0]) is None
    assert trace(store, taken[0])["runs"][0]["exposure"]["times"] == 1
    assert trace(store, held_out[0])["runs"][0]["exposure"] is None


def test_a_run_adds_up_what_its_records_were_seen(store):
    run, taken, _ = trained(store)
    found = totals(run)
    assert found is not None and trace(store, "one")["exposure"] == found
    assert (found["records"], found["times"], found["learned_tokens"]) == (len(taken), [1, 1], 2 * len(taken))


def test_a_run_without_its_tokens_has_no_ledger(store):
    run, taken, _ = trained(store)
    run.tokens.unlink()
    assert totals(run) is None and seen(run, taken[0]) is None
