"""Check every record against its schema: columns by pandera, cross-field rules by SQL, quality by flags."""

from __future__ import annotations

import json
from typing import Any

import pandera.errors
import polars as pl

from workbench.curation.quality import flags
from workbench.schema import Rule, Schema
from workbench.text import show

ISSUES = {
    "record": pl.String,
    "rule": pl.String,
    "field": pl.String,
    "value": pl.String,
    "severity": pl.String,
    "message": pl.String,
    "hint": pl.String,
    "fix": pl.String,
}
"""Columns of an issue table; `fix` is the suggested value as JSON, DROP to drop the record, null if none."""

VALUE_LENGTH = 200
"""Characters of the offending value kept in an issue."""
DROP = json.dumps({"drop": True})
"""The suggested fix that drops the record; no field of a record has this shape."""


def issues(frame: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Return all issues of a frame of records (columns `id`, `source`, `position` and the schema's).

    One row a record, rule and field, in record order; nothing is capped.
    """
    derived = schema.derived(frame)
    found = [_rule_issues(derived, rule) for rule in schema.rules]
    told = {pair for part in found for pair in part.select("record", "field").iter_rows()}
    found += [_column_issues(frame, schema, told), flags(derived, schema)]
    order = frame.select(pl.col("id").alias("record")).with_row_index("_order")
    return (
        pl.concat([part.select(*ISSUES) for part in found])
        .join(order, on="record")
        .sort("_order", "rule", "field")
        .drop("_order")
    )


def _column_issues(frame: pl.DataFrame, schema: Schema, told: set[tuple[str, str]]) -> pl.DataFrame:
    """Return what pandera finds, leaving out the cells that a named rule has told of already."""
    try:
        schema.frame.validate(frame.select(schema.columns), lazy=True)
    except pandera.errors.SchemaErrors as error:
        failures = error.failure_cases
    else:
        return pl.DataFrame(schema=ISSUES)
    cases = (case for case in failures.to_dicts() if case["index"] is not None)
    rows = [_column_issue(frame, case) for case in cases if (frame["id"][case["index"]], case["column"]) not in told]
    return pl.DataFrame(rows, schema=ISSUES)


def _column_issue(frame: pl.DataFrame, case: dict[str, Any]) -> dict[str, str | None]:
    check = case["check"].replace("_", "-").split("(")[0]
    return {
        "record": frame["id"][case["index"]],
        "rule": f"{case['column']}-{check}",
        "field": case["column"],
        "value": show(case["failure_case"], limit=VALUE_LENGTH),
        "severity": "error",
        "message": f"the column {case['column']} fails {case['check']}",
        "hint": "edit the value, or drop the record",
        "fix": None,
    }


def _rule_issues(derived: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    broken = derived.filter(~pl.sql_expr(rule.sql).fill_null(value=True))
    if broken.is_empty():
        return pl.DataFrame(schema=ISSUES)
    value = (_text_of(row) for row in broken[rule.field].to_list())
    return pl.DataFrame(
        {"record": broken["id"], "value": list(value), "fix": _fixes(broken, rule)}, schema_overrides=ISSUES
    ).with_columns(
        rule=pl.lit(rule.name),
        field=pl.lit(rule.field),
        severity=pl.lit(rule.severity),
        message=pl.lit(rule.message),
        hint=pl.lit(rule.hint),
    )


def _fixes(broken: pl.DataFrame, rule: Rule) -> list[str | None]:
    if rule.fix is None:
        return [None] * broken.height
    if rule.fix == "DROP":
        return [DROP] * broken.height
    values = broken.select(pl.sql_expr(rule.fix).alias("fix"))["fix"].to_list()
    return [json.dumps(value, ensure_ascii=False) for value in values]


def _text_of(value: Any) -> str:  # noqa: ANN401 - any cell
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text[:VALUE_LENGTH]
