"""Run folders of versions, scored by hand: no model was ever trained."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from workbench.evaluation.scores import SCORES
from workbench.recipe import Recipe, dump
from workbench.store.store import Store
from workbench.store.versions import Version
from workbench.training.runs import RunFolder

Rows = Sequence[Mapping[str, Any]]


def scored_run(
    store: Store, version: Version, name: str, rows: Rows, *, split: str = "test", tokenizer: str = "one"
) -> RunFolder:
    """Write a finished run whose split has these rows of a score table; what a row leaves out has a plain value."""
    run = RunFolder.create(store.workspace.run_folder(name))
    facts = {"corpus": version.corpus, "version": version.id, "version_name": version.name}
    run.facts_file.write_text(json.dumps(facts | {"base": {"name": "none", "fingerprint": tokenizer}}))
    run.recipe_file.write_text(dump(Recipe(name="none", base="none")))
    run.set_state("finished", step=1, total=1)
    plain = {"nll": 4.0, "tokens": 4, "bytes": 8, "prediction": "no", "reference": "yes"}
    whole = [{**plain, "answer_nll": 4.0, "answer_tokens": 4, **row} for row in rows]
    pq.write_table(pa.Table.from_pylist(whole, SCORES), run.evaluation / f"scores-{split}.parquet")
    return run


def both(record: str, *, base: float = 8.0, tuned: float = 2.0, **changed: Any) -> list[dict[str, Any]]:
    """Return a record's rows under base and tuned with these losses; a prediction is the tuned model's."""
    shared = {key: value for key, value in changed.items() if key != "prediction"}
    return [
        {"record": record, "model": "base", "nll": base, **shared},
        {"record": record, "model": "tuned", "nll": tuned, **changed},
    ]
