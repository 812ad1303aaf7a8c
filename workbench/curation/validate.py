"""Check every record against its schema: columns by pandera, cross-field rules by SQL, quality by flags."""

from __future__ import annotations

import json
from typing import Any

import pandera.errors
import polars as pl

from workbench.curation.fixes import DROP as DROP
from workbench.curation.fixes import of_field
from workbench.curation.flags.blanks import BLANK
from workbench.curation.flags.credentials import all_masked
from workbench.curation.flags.registry import LOOKED_AT, VALUE_LENGTH
from workbench.curation.quality import corpus_flags, flag_names, record_flags
from workbench.schema import Rule, Schema
from workbench.sql import expression
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
"""Columns of an issue table; `fix` is the suggested fix in the form of `curation.fixes`, null if none."""


def issues(frame: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Return all issues of a frame of records (columns `id`, `source`, `position` and the schema's).

    One row a record, rule and field, in record order; nothing is capped.
    """
    return in_order(frame, [record_issues(frame, schema), corpus_issues(schema.derived(frame), schema)])


def record_issues(frame: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Return the issues that depend on each record alone (columns `id`, the schema's, and `extra` where known)."""
    derived = schema.derived(frame)
    found = [_rule_issues(derived, rule) for rule in schema.rules]
    told = {pair for part in found for pair in part.select("record", "field").iter_rows()}
    return _tellable(in_order(frame, [*found, _column_issues(frame, schema, told), _flags(derived, schema, told)]))


def _flags(derived: pl.DataFrame, schema: Schema, told: set[tuple[str, str]]) -> pl.DataFrame:
    """Return the quality flags; a blank field that a named rule has told of already is not told of twice."""
    found = record_flags(derived, schema)
    cells = pl.DataFrame(list(told), schema={"record": pl.String, "field": pl.String}, orient="row")
    twice = found.filter(rule=BLANK.rule).join(cells, on=["record", "field"], how="semi")
    return found.join(twice, on=["record", "rule", "field"], how="anti", maintain_order="left")


def corpus_issues(derived: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Return the issues that come from comparing derived records; they cannot be kept record by record."""
    return _tellable(in_order(derived, [corpus_flags(derived, schema)]))


def _tellable(found: pl.DataFrame) -> pl.DataFrame:
    """Return issues as every screen and log may show them: secrets are masked, then values are cut."""
    told = {name: all_masked(found[name]) for name in ("value", "message")}
    return found.with_columns(told["value"].str.slice(0, VALUE_LENGTH), told["message"])


def in_order(frame: pl.DataFrame, parts: list[pl.DataFrame]) -> pl.DataFrame:
    """Return issue tables as one, in the order of the frame's records, then by rule and field."""
    order = frame.select(pl.col("id").alias("record")).with_row_index("_order")
    whole = pl.concat([part.select(*ISSUES) for part in parts])
    return whole.join(order, on="record").sort("_order", "rule", "field").drop("_order")


def known_rules(schema: Schema) -> set[str]:
    """Return the rules of a schema and of all flags; those of its columns are named as they are broken."""
    return {*(rule.name for rule in schema.rules), *flag_names()}


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
        "value": show(case["failure_case"], limit=LOOKED_AT),
        "severity": "error",
        "message": f"the column {case['column']} fails {case['check']}",
        "hint": "edit the value, or drop the record",
        "fix": None,
    }


def _rule_issues(derived: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    broken = derived.filter(~expression(rule.sql).fill_null(value=True))
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
    # With all columns, since a fix that is a constant would alone be one row, however many records are broken.
    values = broken.with_columns(expression(rule.fix).alias("fix"))["fix"].to_list()
    return [of_field(value) for value in values]


def _text_of(value: Any) -> str:  # noqa: ANN401 - any cell
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text[:LOOKED_AT]
