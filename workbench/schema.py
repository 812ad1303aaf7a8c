"""A kind of record as one YAML file: columns, rules, identity, text for duplicates, groups and rendering."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal, cast

import pandera.errors
import pandera.polars as pa
import polars as pl
import yaml
from jinja2 import Template, TemplateError
from jinja2.sandbox import SandboxedEnvironment
from pydantic import BaseModel, ConfigDict, PositiveInt, ValidationError

from workbench.errors import DataError, OutsideError, UsageError
from workbench.fingerprint import digest
from workbench.sql import expression
from workbench.wording import explained, yaml_fault

RESERVED = frozenset(
    {"id", "rid", "source", "row_digest", "extra", "position", "start", "end", "edited", "split", "reason", "record_id"}
)
"""Names of lineage columns, in the store and in exports, that no schema may take."""
DROP = "DROP"
"""The fix of a rule that suggests to drop the record."""
Severity = Literal["error", "warning", "info"]
Rendered = dict[str, Any]
"""One of {"messages": [{"role", "content"}]}, {"prompt", "completion"} and {"text"}."""
_NOT_PLAIN = re.compile(r"[{\r\n]")
"""What a template changes; a text without it (a role, for example) is rendered as itself."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rule(_Strict):
    """A named condition that every record must meet; NULL counts as met."""

    name: str
    sql: str
    """What holds for a good record, over the schema's columns and the derived ones."""
    field: str
    message: str
    hint: str
    severity: Severity = "error"
    fix: str | None = None
    """SQL expression of the suggested value of `field`; `DROP` suggests to drop the record."""


class Duplicates(_Strict):
    """Which text is compared, and how finely it is cut."""

    text: tuple[str, ...]
    """Columns joined by newlines; the entries of a list column are sorted, so their order does not count."""
    ngram: PositiveInt = 5
    """Words a shingle: 5 keeps short templates with other names apart."""
    question: tuple[str, ...] = ()
    """Columns that ask; two records that ask alike and answer differently are in conflict."""


class Choices(_Strict):
    """The columns of a question with options: what is asked, the options, the index of the right one, and why."""

    stem: str
    options: str
    key: str
    explanation: str


class _SchemaFile(_Strict):
    name: str
    title: str
    schema_type: str = "polars_dataframe"
    api: str = "polars"
    columns: dict[str, dict[str, Any]]
    aliases: dict[str, tuple[str, ...]] = {}
    plural: dict[str, str] = {}
    json_texts: tuple[str, ...] = ()
    """Text columns that hold JSON, whatever a raw file has there; `x_json` is what was read of it, null for no JSON."""
    identity: tuple[str, ...] = ()
    derive: dict[str, str] = {}
    texts: tuple[str, ...]
    duplicates: Duplicates
    answer: str | None = None
    language: str | None = None
    group: tuple[str, ...] = ()
    concept: str | None = None
    order: bool = False
    choices: Choices | None = None
    markers: tuple[str, ...] = ()
    """Literal template markers that this kind's own form consists of; any other one in a text is a fault."""
    strata: tuple[str, ...] = ()
    render: dict[str, dict[str, Any]]
    rules: tuple[Rule, ...] = ()
    examples: tuple[dict[str, Any], ...]
    counterexamples: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Schema:
    """A kind of record, as declared in `schemas/<name>.yaml`."""

    declared: _SchemaFile
    digest: str
    """Digest of the parsed file: part of every version id."""
    _templates: dict[str, Template] = field(default_factory=dict, compare=False, repr=False)

    @property
    def name(self) -> str:
        """Return the kind's name, which is its file's name."""
        return self.declared.name

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Return the cross-field rules in their order."""
        return self.declared.rules

    def bare(self) -> Schema:
        """Return the schema without what is worked out on first use, as it travels to another process."""
        return Schema(self.declared, self.digest)

    @cached_property
    def frame(self) -> pa.DataFrameSchema:
        """Return the columns as a pandera schema; give it a DataFrame, never a LazyFrame."""
        text = yaml.safe_dump(
            {key: getattr(self.declared, key) for key in ("schema_type", "api", "columns")}, sort_keys=False
        )
        return cast(pa.DataFrameSchema, pa.DataFrameSchema.from_yaml(text))

    @cached_property
    def types(self) -> dict[str, pl.DataType]:
        """Return the polars type of each column, in declared order."""
        return {name: column.dtype.type for name, column in self.frame.columns.items()}

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the column names in declared order."""
        return tuple(self.declared.columns)

    def required(self, column: str) -> bool:
        """Return whether a source must provide this column."""
        return not self.declared.columns[column].get("nullable", False)

    def table(self, rows: list[dict[str, Any]]) -> pl.DataFrame:
        """Return rows as a frame of this schema's columns and types."""
        return pl.DataFrame(rows, schema=self.types)

    def derived(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Add the columns that rules, texts and answers may name: those of the shapes, then the declared ones."""
        parsed = [pl.col(name).str.json_path_match("$").alias(f"{name}_json") for name in self.declared.json_texts]
        shaped = frame.with_columns(*_shape_columns(frame.select(self.columns)), *parsed)
        return shaped.with_columns(expression(sql).alias(name) for name, sql in self.declared.derive.items())

    def render(self, row: Mapping[str, Any], template: str = "default") -> Rendered:
        """Return a record as the text or turns a model is trained on."""
        if template not in self.declared.render:
            raise UsageError(f"schema {self.name!r} has no render template {template!r}")
        parts = self.declared.render[template]
        if "turns" in parts:
            return _conversation(parts, row)
        return {key: self._filled(value, row) for key, value in parts.items()}

    def _filled(self, part: Any, row: Mapping[str, Any]) -> Any:  # noqa: ANN401 - text or list of turns
        if isinstance(part, list):
            return [{key: self._filled(value, row) for key, value in turn.items()} for turn in part]
        if not isinstance(part, str):
            raise UsageError(f"schema {self.name!r}: {part!r} in render is no text", "put it in quotes")
        if not _NOT_PLAIN.search(part):
            return part
        try:
            if part not in self._templates:
                self._templates[part] = SandboxedEnvironment().from_string(part)
            return self._templates[part].render(row)
        except TemplateError as error:
            raise UsageError(f"schema {self.name!r}: render template {part!r} fails: {error}") from error


def _conversation(parts: Mapping[str, Any], row: Mapping[str, Any]) -> Rendered:
    """Return turns, each with what its `extra` holds as parts of their own, and the tools where a column has them."""
    rendered: Rendered = {"messages": [_turn(turn) for turn in row[parts["turns"]] or ()]}
    tools = row[parts["tools"]] if "tools" in parts else None
    return rendered | {"tools": _parsed(tools, list, parts["tools"])} if tools else rendered


def _turn(turn: Mapping[str, Any]) -> dict[str, Any]:
    said = {key: value for key, value in turn.items() if key != "extra"}
    beside = _parsed(turn["extra"], dict, "what a turn holds beside role and content") if turn.get("extra") else {}
    return said | {key: value for key, value in beside.items() if key not in said}


def _parsed(text: str, kind: type, what: str) -> Any:  # noqa: ANN401 - any JSON of that kind
    try:
        value = json.loads(text)
    except ValueError as error:
        raise DataError(f"{what} is no JSON: {error}", "write it as JSON, or drop the record") from error
    if not isinstance(value, kind):
        raise DataError(f"{what} is no JSON {'list' if kind is list else 'object'}", "write it, or drop the record")
    return value


def _shape_columns(frame: pl.DataFrame) -> list[pl.Expr]:
    """Return what every text list and every list of turns offers besides itself.

    For a text list `x`: `x_folded` (entries with case and white space folded) and `x_text` (sorted and joined).
    For turns `x`: `x_roles` ("user,assistant"), `x_text` (contents joined by newlines), `x_prompt` (all but the
    last turn), `x_answer` (the last turn if it is the assistant's), `x_shortest` (length of the shortest turn).
    For turns with `extra` also `x_whole` (all that stands in them, joined), `x_said` (the same of the last turn if it
    is the assistant's) and `x_torn` (how many hold no JSON object there); a turn that calls a tool and what a tool gave
    back may be empty, and do not count in `x_shortest`.
    """
    added: list[pl.Expr] = []
    for name, kind in frame.schema.items():
        if kind == pl.List(pl.String):
            added += _list_columns(name)
        elif isinstance(kind, pl.List) and isinstance(kind.inner, pl.Struct):
            has_extra = any(part.name == "extra" for part in kind.inner.fields)
            added += [*_turn_columns(name), _shortest(name, has_extra=has_extra)]
            added += _extra_columns(name) if has_extra else []
    return added


def _list_columns(name: str) -> list[pl.Expr]:
    entry = pl.element().str.to_lowercase().str.strip_chars().str.replace_all(r"\s+", " ")
    folded = pl.col(name).list.eval(entry)
    return [folded.alias(f"{name}_folded"), pl.col(name).list.sort().list.join("\n").alias(f"{name}_text")]


def _turn_columns(name: str) -> list[pl.Expr]:
    turns = pl.col(name)
    contents = turns.list.eval(pl.element().struct.field("content").fill_null(""))
    last = turns.list.last()
    return [
        turns.list.eval(pl.element().struct.field("role").fill_null("")).list.join(",").alias(f"{name}_roles"),
        contents.list.join("\n").alias(f"{name}_text"),
        contents.list.head(turns.list.len().cast(pl.Int64) - 1).list.join("\n").alias(f"{name}_prompt"),
        pl.when(last.struct.field("role") == "assistant").then(last.struct.field("content")).alias(f"{name}_answer"),
    ]


def _shortest(name: str, *, has_extra: bool) -> pl.Expr:
    turn = pl.element().struct
    length = turn.field("content").fill_null("").str.strip_chars().str.len_chars()
    if has_extra:
        held = turn.field("extra").str
        is_call = (
            held.json_path_match("$.tool_calls[0]").is_not_null()
            | held.json_path_match("$.function_call").is_not_null()
        )
        length = pl.when(~is_call, turn.field("role") != "tool").then(length)
    return pl.col(name).list.eval(length).list.min().alias(f"{name}_shortest")


def _extra_columns(name: str) -> list[pl.Expr]:
    turns, last, extra = pl.col(name), pl.col(name).list.last().struct, pl.element().struct.field("extra")
    whole = pl.concat_str(pl.element().struct.field("content"), extra, separator="\n", ignore_nulls=True)
    said = pl.concat_str(last.field("content"), last.field("extra"), separator="\n", ignore_nulls=True)
    is_torn = extra.is_not_null() & ~extra.str.json_path_match("$").fill_null("").str.starts_with("{")
    return [
        turns.list.eval(whole).list.join("\n").alias(f"{name}_whole"),
        pl.when(last.field("role") == "assistant").then(said).alias(f"{name}_said"),
        turns.list.eval(is_torn).list.sum().alias(f"{name}_torn"),
    ]


def load_schema(path: Path) -> Schema:
    """Read one schema file; a fault is a UsageError naming the file and the key."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path.name}: not UTF-8 text", "save it as UTF-8") from error
    except OSError as error:
        raise OutsideError(f"cannot read {str(path)!r}: {error.strerror}", "check its permissions") from error
    schema = parse_schema(text, path.name)
    if schema.name != path.stem:
        raise UsageError(f"{path.name}: its name is {schema.name!r}", "a schema is named as its file")
    return schema


@lru_cache(maxsize=32)  # every look at a corpus asks for its schema, and pandera takes 20 ms to read one
def parse_schema(text: str, where: str) -> Schema:
    """Read the text of a schema file; `where` names it in errors."""
    try:
        parsed = yaml.safe_load(text)
        declared = _SchemaFile.model_validate(parsed)
        # YAML dates and the like would have no stable form; JSON refuses them here, at the file that holds them.
        schema = Schema(declared, digest(json.loads(json.dumps(parsed))))
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise UsageError(f"{where}: {_first_fault(error)}", "see the schemas that come with it") from error
    for fault in _faults(schema):
        raise UsageError(f"{where}: {fault}", "see the schemas that come with it")
    return schema


def _first_fault(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return explained(first)
    if isinstance(error, yaml.YAMLError):
        return yaml_fault(error)
    return " ".join(str(error).split())


def _faults(schema: Schema) -> Iterator[str]:
    """Yield what does not fit together in a schema: unknown columns, SQL and templates that do not parse."""
    try:
        empty = schema.table([])
    except (TypeError, ValueError, pandera.errors.SchemaError) as error:
        yield f"columns: {_first_fault(error)}"
        return
    yield from _unknown_columns(schema)
    try:
        empty = schema.derived(empty)
    except (pl.exceptions.PolarsError, UsageError) as error:
        yield f"derive: {_first_fault(error)}"
        return
    declared = schema.declared
    for name in (*declared.texts, *declared.duplicates.text, *declared.duplicates.question, *declared.group):
        if name not in empty.columns:
            yield f"{name!r} is neither a column nor derived"
    yield from _sql_faults(schema, empty)
    yield from _template_faults(schema)


def _unknown_columns(schema: Schema) -> Iterator[str]:
    declared = schema.declared
    for name in schema.columns:
        if name in RESERVED or name.startswith("_"):
            yield f"columns.{name}: the workbench has a column of that name, or may have"
    single = [name for name in (declared.language, declared.concept) if name]
    plural = [*declared.plural, *declared.plural.values()]
    fields = [rule.field for rule in declared.rules]
    single += declared.json_texts
    single += declared.choices.model_dump().values() if declared.choices else []
    for name in (*single, *plural, *fields, *declared.identity, *declared.strata, *declared.aliases):
        if name not in schema.columns:
            yield f"{name!r} is no column"


def _sql_faults(schema: Schema, empty: pl.DataFrame) -> Iterator[str]:
    declared = schema.declared
    named = [(f"rules.{rule.name}", rule.sql) for rule in declared.rules]
    named += [(f"rules.{rule.name}.fix", rule.fix) for rule in declared.rules if rule.fix not in (None, DROP)]
    named += [("answer", declared.answer)] if declared.answer else []
    for where, sql in named:
        try:
            empty.select(expression(str(sql)).alias("tried"))
        except (pl.exceptions.PolarsError, UsageError) as error:
            yield f"{where}: {sql!r}: {_first_fault(error)}"


def _template_faults(schema: Schema) -> Iterator[str]:
    if "default" not in schema.declared.render:
        yield "render: no template is called default"
    blank = dict.fromkeys(schema.columns, "")
    for name in schema.declared.render:
        try:
            schema.render(blank, name)
        except (UsageError, KeyError) as error:
            yield f"render.{name}: {error}"
