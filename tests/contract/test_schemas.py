"""What every schema file keeps, whichever there are: examples hold, counterexamples break what they name."""

from __future__ import annotations

import json
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
import yaml

from workbench.curation.units import units
from workbench.curation.validate import ISSUES, issues
from workbench.fingerprint import digest
from workbench.schema import Schema, load_schema
from workbench.workspace import samples

FILES = sorted((samples() / "schemas").glob("*.yaml"))
SCHEMAS = {path.stem: load_schema(path) for path in FILES}
EXAMPLES = [(name, i) for name, schema in SCHEMAS.items() for i in range(len(schema.declared.examples))]
COUNTERS = [(name, i) for name, schema in SCHEMAS.items() for i in range(len(schema.declared.counterexamples))]
EVERY = pytest.mark.parametrize("name", sorted(SCHEMAS))


def frame_of(schema: Schema, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Return rows as a corpus would hold them: all columns, an id, a source and a place."""
    placed = schema.table([{**dict.fromkeys(schema.columns), **row} for row in rows])
    numbers = range(placed.height)
    return placed.with_columns(
        id=pl.Series([f"{i:032x}" for i in numbers], dtype=pl.String),
        source=pl.lit("s"),
        position=pl.Series(numbers, dtype=pl.Int64),
    )


def found(schema: Schema, row: dict[str, Any]) -> pl.DataFrame:
    return issues(frame_of(schema, [row]), schema)


def test_the_kinds_of_the_design_are_there():
    assert set(SCHEMAS) >= {"mcq", "qa", "prose", "story", "instruction", "chat"}


@EVERY
def test_pandera_itself_reads_the_file(name):
    assert set(pa.DataFrameSchema.from_yaml(samples() / "schemas" / f"{name}.yaml").columns) == set(
        SCHEMAS[name].columns
    )


@EVERY
def test_examples_are_typed_as_pandera_says(name):
    schema = SCHEMAS[name]
    frame = frame_of(schema, list(schema.declared.examples)).select(schema.columns)
    assert schema.frame.validate(frame).schema == pl.Schema(schema.types)


@pytest.mark.parametrize(("name", "number"), EXAMPLES)
def test_an_example_has_no_fault(name, number):
    wrong = found(SCHEMAS[name], SCHEMAS[name].declared.examples[number])
    assert wrong.filter(
        pl.col("severity").is_in(["error", "warning"]) & (pl.col("rule") != "literal-marker")
    ).is_empty()


@pytest.mark.parametrize(("name", "number"), COUNTERS)
def test_a_counterexample_breaks_exactly_its_rules(name, number):
    counter = SCHEMAS[name].declared.counterexamples[number]
    assert sorted(found(SCHEMAS[name], counter["row"])["rule"]) == sorted(counter["rules"])


@pytest.mark.parametrize(("name", "number"), COUNTERS)
def test_what_breaks_rules_twice_has_each_issue_twice_with_the_same_fix(name, number):
    schema, row = SCHEMAS[name], SCHEMAS[name].declared.counterexamples[number]["row"]
    both = issues(frame_of(schema, [row, row]), schema)
    alone = found(schema, row).select("rule", "fix").sort("rule", "fix")
    for _, one in both.group_by("record"):
        assert one.select("rule", "fix").sort("rule", "fix").equals(alone)
    assert both["record"].n_unique() == 2


@EVERY
def test_every_rule_has_a_counterexample(name):
    declared = SCHEMAS[name].declared
    assert {rule.name for rule in declared.rules} == {rule for c in declared.counterexamples for rule in c["rules"]}


@EVERY
def test_rules_have_names_of_their_own_and_fields_that_exist(name):
    schema = SCHEMAS[name]
    assert len({rule.name for rule in schema.rules}) == len(schema.rules)
    assert {rule.field for rule in schema.rules} <= set(schema.columns)


@EVERY
def test_a_suggested_fix_fits_its_field_or_drops(name):
    schema = SCHEMAS[name]
    for counter in schema.declared.counterexamples:
        for issue in found(schema, counter["row"]).filter(pl.col("fix").is_not_null()).to_dicts():
            value = json.loads(issue["fix"])
            if value != {"drop": True}:
                pl.Series([value], dtype=schema.types[issue["field"]], strict=True)
                mended = {**counter["row"], issue["field"]: value}
                assert issue["rule"] not in set(found(schema, mended)["rule"])


@EVERY
def test_a_record_of_nulls_and_an_empty_frame_crash_no_rule(name):
    schema = SCHEMAS[name]
    assert not found(schema, {}).filter(pl.col("severity") == "error").is_empty()
    assert issues(frame_of(schema, []), schema).schema == pl.Schema(ISSUES)
    assert len(units(schema.derived(frame_of(schema, [])), schema)) == 0


@EVERY
def test_aliases_and_all_else_point_at_columns(name):
    schema, declared = SCHEMAS[name], SCHEMAS[name].declared
    offered = set(schema.derived(frame_of(schema, [])).columns)
    assert set(declared.aliases) <= set(schema.columns)
    assert {*declared.plural, *declared.plural.values(), *declared.identity} <= set(schema.columns)
    assert {*declared.strata} <= set(schema.columns)
    assert {declared.language, declared.concept} - {None} <= set(schema.columns)
    assert {*declared.texts, *declared.duplicates.text, *declared.duplicates.question, *declared.group} <= offered


@EVERY
def test_no_alias_stands_for_two_columns(name):
    declared = SCHEMAS[name].declared
    claimed = [alias for aliases in declared.aliases.values() for alias in aliases]
    assert len(claimed) == len(set(claimed))
    assert not set(claimed) & set(declared.columns)


@pytest.mark.parametrize(("name", "number"), EXAMPLES)
def test_an_example_renders_every_template(name, number):
    schema = SCHEMAS[name]
    row = {**dict.fromkeys(schema.columns), **schema.declared.examples[number]}
    for template in schema.declared.render:
        shown = schema.render(row, template)
        assert set(shown) in ({"messages"}, {"messages", "tools"}, {"prompt", "completion"}, {"text"})
        said = (turn for turn in shown.get("messages", ()) if not turn.get("tool_calls"))
        texts = [turn["content"] for turn in said] if "messages" in shown else list(shown.values())
        assert all(isinstance(text, str) and text.strip() for text in texts)
        assert not any("None" in text or "{{" in text or "{%" in text for text in texts)


@pytest.mark.parametrize(("name", "number"), EXAMPLES)
def test_record_text_is_never_run_as_a_template(name, number):
    schema = SCHEMAS[name]
    row = {**dict.fromkeys(schema.columns), **schema.declared.examples[number]}
    column = next(c for c, kind in schema.types.items() if kind == pl.String)
    shown = json.dumps(schema.render({**row, column: "[INST] {{ 7 * 191 }} [/INST] {{ 7 * 191 }}"}))
    assert "1337" not in shown


@EVERY
def test_the_digest_is_that_of_the_parsed_file(name):
    text = (samples() / "schemas" / f"{name}.yaml").read_text(encoding="utf-8")
    assert SCHEMAS[name].digest == digest(yaml.safe_load(text))


@EVERY
def test_the_name_is_the_files_name_and_a_title_says_what_it_is(name):
    assert SCHEMAS[name].name == name
    assert SCHEMAS[name].declared.title
