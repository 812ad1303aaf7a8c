"""What a schema says of one field, as far as raw columns must be turned into it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from workbench.text import show

Kind = Literal["str", "json", "int", "float", "bool", "list[str]", "list[int]", "messages", "messages+extra"]


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """The type and the names of one field.

    `json` is a text that holds JSON; `messages+extra` are turns that keep what they hold beside role and content.
    """

    kind: Kind
    required: bool = False
    aliases: tuple[str, ...] = ()
    plural: str = ""
    """For an int: the list[int] field that takes all values where a row has several."""
    choices: str = ""
    """For an index: the list[str] field it points into; empty means `options`, where that exists."""

    def choices_in(self, fields: dict[str, FieldSpec]) -> str:
        """Return the field that this one points into, or an empty name for a plain value."""
        name = self.choices or "options"
        points = self.kind in ("int", "list[int]") and name in fields and fields[name].kind == "list[str]"
        return name if points else ""


class MappingError(ValueError):
    """A value that cannot become its field's type: the row is set aside, with this reason."""


def impossible(value: object, wanted: str) -> MappingError:
    """Build the error for a value of an impossible type."""
    return MappingError(f"{show(repr(value), limit=60)} is not {wanted}")
