"""The first line of a screen: where one is, and what is shown; what matters least gives way in a narrow terminal."""

from __future__ import annotations

from typing import NamedTuple

from rich.cells import cell_len
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget


class Title(NamedTuple):
    """What a title says, safe to show: the workspace, the place in it, and what is shown of it."""

    workspace: str
    place: str
    detail: str


class TitleLine(Widget):
    """A title in one line."""

    DEFAULT_CSS = """
    TitleLine {
        height: 1;
        background: $panel;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    """

    title: reactive[Title] = reactive(Title("", "", ""))

    def render(self) -> Content:
        """Draw the title; the workspace is left out where all three do not fit."""
        workspace, place, detail = self.title
        where, here = f" {workspace}", f" > {place}"
        if cell_len(f"{where}{here}  {detail}") > self.size.width:
            where, here = "", f" {place}"
        return Content.assemble((where, "$foreground-muted"), (here, "bold"), f"  {detail}")
