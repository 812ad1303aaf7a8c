"""Records as one YAML file for an editor, and back: every character survives, and none of them steers a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from workbench.errors import UsageError
from workbench.schema import Schema
from workbench.services.records.editing import check_fits
from workbench.text import show

_RECORD = "record_id"
"""No schema may have a column of this name."""
_HEAD = """\
# Records of {corpus}. Change values, save, and leave the editor: all changes become one action, which u takes back.
# A record that you delete from this file stays as it is. Leave without a change to change nothing.
"""
Rows = Mapping[str, Mapping[str, Any]]
"""Record to its fields."""


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as such, and every character that is not seen as its number."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401 - as in the base class
        """Write what stands twice twice: anchors are no way to edit text."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    if show(text, lines=True) != text or "\t" in text:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def written(corpus: str, rows: Rows) -> str:
    """Return records as the text of one YAML file."""
    entries = [{_RECORD: record, **fields} for record, fields in rows.items()]
    body = yaml.dump(entries, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=float("inf"))
    # Hidden characters stand in double quotes alone, where their number means them.
    calm = "".join(char if show(char, lines=True) == char else _number(char) for char in body)
    return f"{_HEAD.format(corpus=show(corpus))}{calm}"


def _number(char: str) -> str:
    return f"\\U{ord(char):08x}"


def changed(text: str, before: Rows, schema: Schema) -> dict[str, dict[str, Any]]:
    """Return the new values by record and field that a person wrote; a UsageError says what cannot be read."""
    out: dict[str, dict[str, Any]] = {}
    for number, entry in enumerate(entries(text), 1):
        record = entry.pop(_RECORD, None)
        if not isinstance(record, str) or record not in before or record in out:
            raise UsageError(
                f"entry {number} names no record of this file, or one twice", "keep the lines `record_id:`"
            )
        for field, value in entry.items():
            check_fits(schema, field, value)
        out[record] = {name: value for name, value in entry.items() if value != before[record].get(name)}
    return {record: values for record, values in out.items() if values}


def entries(text: str) -> list[dict[str, Any]]:
    """Return the entries of a file as they stand there; a UsageError says where it cannot be read."""
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "an unknown place"
        raise UsageError(f"this is no YAML: {getattr(error, 'problem', None) or error} at {where}") from error
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise UsageError("this is no list of records", "each begins with `- record_id: ...`")
    return found
