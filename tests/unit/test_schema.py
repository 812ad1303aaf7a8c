"""A schema file's faults are told at the file, and its text and answers are taken as declared."""

from __future__ import annotations

import json

import polars as pl
import pytest
from jinja2.sandbox import SandboxedEnvironment

from workbench.errors import UsageError
from workbench.schema import Schema, load_schema, parse_schema
from workbench.workspace import samples

SMALL = """
name: small
title: Small
columns: {text: {dtype: String}, size: {dtype: Int64, nullable: true}}
texts: [text]
duplicates: {text: [text]}
render: {default: {text: "{{ text }}"}}
examples: [{text: a}]
counterexamples: []
"""


def small(**changes: str) -> Schema:
    text = SMALL
    for key, value in changes.items():
        lines = [line for line in text.splitlines() if not line.startswith(f"{key}:")]
        text = "\n".join([*lines, f"{key}: {value}"])
    return parse_schema(text, "small.yaml")


def test_a_small_schema_is_enough():
    schema = small()
    assert schema.columns == ("text", "size")
    assert schema.types == {"text": pl.String(), "size": pl.Int64()}
    assert schema.required("text") and not schema.required("size")


@pytest.mark.parametrize(
    "changes",
    [
        {"colour": "red"}, {"columns": "{text: {dtype: Strin}}"}, {"columns": "3"},
        {"examples": "[{text: 2020-01-01}]"},
        {"texts": "[nothing]"}, {"duplicates": "{text: [nothing]}"}, {"concept": "nothing"}, {"strata": "[nothing]"},
        {"group": "[nothing]"}, {"aliases": "{nothing: [a]}"}, {"answer": "SELECT FROM"},
        {"derive": "{a: 'no_column + 1'}"},
        {"render": "{default: {text: '{{ text'}}"}, {"render": "{other: {text: a}}"},
        {"duplicates": "{text: [text], ngram: 0}"},
        {"rules": "[{name: r, sql: 'nothing > 1', field: text, message: m, hint: h}]"},
        {"rules": "[{name: r, sql: 'text > ', field: text, message: m, hint: h}]"},
        {"rules": "[{name: r, sql: 'text = 1', field: nothing, message: m, hint: h}]"},
        {"answer": f"text {'+ text' * 2000}"},
    ],
    ids=str,
)  # fmt: skip
def test_a_fault_of_the_file_is_one_usage_error_that_names_it(changes):
    with pytest.raises(UsageError, match=r"small\.yaml"):
        small(**changes)


@pytest.mark.parametrize("key", ["derive", "answer", "sql", "fix"])
def test_a_schema_that_came_from_elsewhere_opens_no_file(tmp_path, key):
    # polars opens what a query names while it reads the text, so that only a refusal before that is one.
    file = tmp_path / "secret.csv"
    file.write_text("the_secret\n1\n")
    sql = f"text IN (SELECT nothing FROM read_csv('{file}'))"
    rule = {"name": "r", "sql": "size > 1", "field": "text", "message": "m", "hint": "h"} | {key: sql}
    changes = {"derive": {"derive": {"more": sql}}, "answer": {"answer": sql}}.get(key, {"rules": [rule]})
    with pytest.raises(UsageError, match="no single expression") as refused:
        small(**{name: json.dumps(value) for name, value in changes.items()})
    assert "the_secret" not in refused.value.what


@pytest.mark.parametrize("text", ["", "- a", "x", "a: [", "a: \x00", "name: 2020-99-99"])
def test_what_is_no_schema_is_one_usage_error(text):
    with pytest.raises(UsageError, match=r"small\.yaml"):
        parse_schema(text, "small.yaml")


def test_a_file_that_is_no_text_is_one_usage_error(tmp_path):
    (tmp_path / "small.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"small\.yaml"):
        load_schema(tmp_path / "small.yaml")


def test_a_schema_is_named_as_its_file(tmp_path):
    (tmp_path / "other.yaml").write_text(SMALL)
    with pytest.raises(UsageError, match="its name is 'small'"):
        load_schema(tmp_path / "other.yaml")


def test_layout_and_comments_are_not_in_the_digest_but_rules_are():
    assert parse_schema("# said\n\n" + SMALL, "x").digest == small().digest
    assert small(order="true").digest != small().digest


def test_an_unknown_template_is_refused_with_its_name():
    with pytest.raises(UsageError, match="'short'"):
        small().render({"text": "a"}, "short")


def test_a_render_template_reaches_no_internals():
    with pytest.raises(UsageError, match="unsafe"):
        small(render="""{default: {text: "{{ ''.__class__.__mro__ }}"}}""")


def test_list_entries_are_sorted_so_that_their_order_does_not_count():
    schema = load_schema(samples() / "schemas" / "mcq.yaml")
    rows = [{"question": "q", "options": ["B b", " a\tA "]}, {"question": "q", "options": [" a\tA ", "B b"]}]
    derived = schema.derived(schema.table([{**dict.fromkeys(schema.columns), **row} for row in rows]))
    assert derived["options_text"].n_unique() == 1
    assert derived["options_folded"].to_list()[0] == ["b b", "a a"]


def test_turns_offer_roles_prompt_and_answer():
    schema = load_schema(samples() / "schemas" / "chat.yaml")
    turns = [[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}], [], None]
    derived = schema.derived(schema.table([{"messages": turn, "lang": None} for turn in turns]))
    assert derived["messages_roles"].to_list()[:2] == ["user,assistant", ""]
    assert derived["messages_prompt"].to_list()[0] == "Hi"
    assert derived["messages_answer"].to_list() == ["Ho", None, None]


@pytest.mark.parametrize("text", ["user", " a ", "}} %} #}", "# x", "a\n", "a\r\nb", "{# said #}a", ""], ids=repr)
def test_a_text_in_render_is_filled_as_jinja_does_it(text):
    schema = small(render=json.dumps({"default": {"text": text}}))
    assert schema.render({"text": "x"}) == {"text": SandboxedEnvironment().from_string(text).render(text="x")}


def test_a_part_of_render_that_is_no_text_is_a_fault_of_the_file():
    with pytest.raises(UsageError, match="is no text"):
        small(render="{default: {text: 5}}")
