"""What a record is once it is rendered: its turns, and which of its columns can still be told apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl
from jinja2 import Environment, meta

from workbench.errors import DataError, UsageError
from workbench.readers.conversion import EXTRA
from workbench.schema import Schema

Row = dict[str, Any]
Turn = dict[str, Any]
"""Its role, its content, and what else stands in it."""


def is_conversation(schema: Schema) -> bool:
    """Return whether a column of the schema holds the turns themselves."""
    return "turns" in schema.declared.render["default"]


def turns(schema: Schema, record: Row) -> list[Turn]:
    """Return a record as turns: as they are, or a question and its answer without the marks of a frame.

    Raises UsageError for a schema of running text, which has none, DataError for a turn without a role or a text.
    """
    rendered = schema.render(record)
    if "messages" in rendered:
        return checked(rendered["messages"])
    if "text" in rendered:
        raise UsageError(f"{schema.name!r} records are running text, which has no turns", "use --format text")
    return [
        {"role": "user", "content": _bare(rendered["prompt"], schema)},
        {"role": "assistant", "content": _bare(rendered["completion"], schema)},
    ]


def tools_in(schema: Schema) -> frozenset[str]:
    """Return the column that defines the tools of a conversation, where a schema has one."""
    rendered = schema.declared.render["default"]
    return frozenset({str(rendered["tools"])} if "turns" in rendered and "tools" in rendered else ())


def holds_more(schema: Schema) -> bool:
    """Return whether the turns of a schema may hold more than a role and a content."""
    kind = schema.types.get(schema.declared.render["default"].get("turns", ""))
    return kind is not None and any(part.name == EXTRA for part in kind.inner.fields)  # type: ignore[attr-defined]


def checked(found: Sequence[Mapping[str, Any]] | None) -> list[Turn]:
    """Return turns as they are; DataError where one has no role or no text."""
    if not all(turn["role"] and turn["content"] is not None for turn in found or ()):
        raise DataError("a turn has no role or no text", "write it, or drop the record")
    return [{**turn, "role": str(turn["role"]), "content": str(turn["content"])} for turn in found or ()]


def _bare(text: str, schema: Schema) -> str:
    for marker in schema.declared.markers:
        text = text.replace(marker, "")
    return text.strip()


def used(schema: Schema) -> frozenset[str]:
    """Return the columns that the rendering of a record makes use of."""
    return frozenset().union(*(_names(part) for part in _parts(schema.declared.render["default"])))


def merged(schema: Schema, *, framed: bool = True) -> str:
    """Return in words what a rendered record no longer tells; nothing where every column is a text of its own.

    `framed` says that prompt and completion stay as they are, with the marks of the schema's own frame.
    """
    parts = [names for part in _parts(schema.declared.render["default"]) if (names := _names(part) & {*schema.columns})]
    together = {name for names in parts if len(names) > 1 for name in names}
    said = [f"{_listed(schema, together)} are rendered into the texts and cannot be told apart again"] * bool(together)
    marks = " ".join(schema.declared.markers)
    if not framed and "prompt" in schema.declared.render["default"]:
        left = f"the marks {marks} and the white space beside them are" if marks else "white space around a turn is"
        said.append(f"{left} left out")
    return "; ".join(said)


def _listed(schema: Schema, names: set[str]) -> str:
    return ", ".join(name for name in schema.columns if name in names)


def fields_under(schema: Schema, names: Sequence[str]) -> dict[str, str]:
    """Return which columns of a schema a trainer's names mean, by name or alias.

    Nothing where the texts of a record are not just those columns: a rendering with words of its own would be lost.
    """
    known = {name: column for name in names if (column := _column(schema, name))}
    if used(schema) != frozenset(known.values()) or len(used(schema)) != len(known):
        return {}
    probe = {column: f"<{column}>" for column in known.values()}
    words = [(turn["role"], turn["content"].split()) for turn in schema.render(probe).get("messages", ())]
    *asked, answered = probe.values()
    return known if words == [("user", asked), ("assistant", [answered])] else {}


def _column(schema: Schema, name: str) -> str:
    texts = [column for column, kind in schema.types.items() if kind == pl.String]
    if name in texts:
        return name
    return next((column for column in texts if name in schema.declared.aliases.get(column, ())), "")


def _parts(rendered: Any) -> Iterator[str]:  # noqa: ANN401 - a template, a list of turns, or the parts of both
    if isinstance(rendered, str):
        yield rendered
    elif isinstance(rendered, dict):
        if "turns" in rendered:
            yield from (f"{{{{ {column} }}}}" for column in rendered.values())
            return
        for part in rendered.values():
            yield from _parts(part)
    else:
        for part in rendered:
            yield from _parts(part)


def _names(template: str) -> frozenset[str]:
    return frozenset(meta.find_undeclared_variables(Environment(autoescape=True).parse(template)))
