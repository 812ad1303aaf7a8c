"""What turns hold that no field takes, counted over a delivery: it stays with the records, and does not leave."""

from __future__ import annotations

import json
from collections import Counter

import polars as pl

from workbench.readers.conversion import told_beside
from workbench.readers.field_spec import FieldSpec
from workbench.readers.mapping import Mapping
from workbench.store.intake import Intake


def left_in_turns(intake: Intake, mapping: Mapping, fields: dict[str, FieldSpec]) -> dict[str, int]:
    """Return the parts of turns that no field takes, as `messages[].weight`, and how many rows hold each."""
    counts: Counter[str] = Counter()
    taken = [mapping.parsed[name].columns[0] for name in mapping.expressions if fields[name].kind == "messages"]
    for column in taken:
        for frame in intake.frames(["extra"]):
            name = json.dumps(column, ensure_ascii=False)
            held = frame.filter(pl.col("extra").str.contains(name, literal=True))["extra"]
            counts.update(f"{column}[].{part}" for extra in held for part in told_beside(json.loads(extra).get(column)))
    return dict(sorted(counts.items()))
