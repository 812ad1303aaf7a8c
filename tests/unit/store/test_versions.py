"""Facts about what a version is called by: the same records on the same sides have one digest in every release."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from workbench.schema import load_schema
from workbench.store.versions import content_digest

GIVEN = "243c839902eddb40701444ef2de895130c89b2e94d05c8c3628c5d32569a830d"
"""What this content was called when it was first cut: saved versions and pushed ones are known by such names."""


def test_content_keeps_the_digest_that_it_was_given():
    schema = load_schema(Path(__file__).parents[3] / "schemas/qa.yaml")
    questions = {"id": ["b2", "a1"], "question": ["Où ?", "Who?"], "answer": ["là", "we"]}
    empty = pl.DataFrame(schema={"id": pl.String, **schema.types})
    records = pl.concat([empty, pl.DataFrame(questions)], how="diagonal")
    assignment = pl.DataFrame({"id": ["a1", "b2"], "split": ["train", "test"]})
    assert content_digest(records, assignment, schema) == GIVEN
    assert content_digest(records[::-1], assignment, schema) == GIVEN
