"""Flags for optional fields that hold nothing but white space."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from workbench.curation.fixes import of_field
from workbench.curation.flags.registry import Flag, Issue, of_record
from workbench.curation.flags.view import View

BLANK = Flag("blank-field", "warning", "the field holds only white space", "apply the fix: clear the field")


@of_record(BLANK)
def blanks(view: View) -> Iterator[Issue]:
    """Flag white space in optional fields; an empty text is how many sources write that there is none."""
    for field in view.text_fields:
        if view.schema.required(field):
            continue
        blank = (pl.col(field) != "") & (pl.col(field).str.strip_chars() == "")
        for record, value in view.frame.filter(blank).select("id", field).iter_rows():
            yield BLANK.issue(record, field, value, of_field(None))
