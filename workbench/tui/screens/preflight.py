"""The pre-flight sheet: what stands in the way of a training, with its fix, and the choice of another recipe."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from workbench.text import show
from workbench.tui.desk import Desk
from workbench.tui.screens.sheets import refusal
from workbench.tui.screens.working import WorkingSheet

if TYPE_CHECKING:
    from workbench.services.training.preflight import Check, Preflight

Piece = str | tuple[str, str]
_SIGNS = {"ok": ("ok   ", "$text-success"), "look": ("look ", "$text-warning"), "no": ("NO   ", "bold $text-error")}
_INDENT = " " * 18
_WIDTH, _LEAST = 70, 20
"""Cells of a line before the first layout tells its width, and the fewest that a text is broken to."""


class PreflightSheet(WorkingSheet["Preflight | None"]):
    """Every check with its verdict; dismissed with the pre-flight to start, or with nothing."""

    CSS_PATH = "preflight.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "start", "Start", id="preflight.start"),
        Binding("R", "recipe", "Next recipe", id="preflight.recipe"),
        Binding("r", "again", "Look again", id="preflight.again"),
        Binding("escape,q", "close", "Close", id="preflight.close"),
    ]

    def __init__(self, desk: Desk, flight: Preflight) -> None:
        """Show a pre-flight."""
        super().__init__(desk)
        self.flight = flight
        self.recipe = flight.recipe
        """The recipe that is looked at; a look at it may have failed, and the next one goes on from it."""
        self.may_start = flight.is_green
        self.refused: Piece | None = None
        """Why the last look failed."""

    def compose(self) -> ComposeResult:
        """Show the checks in a frame."""
        with VerticalScroll(id="preflight"):
            yield Static(id="checks", markup=False)
            yield Static(id="preflight-keys", markup=False)

    def on_mount(self) -> None:
        """Draw what was found."""
        self._draw()

    def on_resize(self) -> None:
        """Draw it anew: the lines are broken to the width that there is."""
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        for checks in self.query("#checks").results(Static):  # none once the sheet is taken away
            head = f"{self.flight.corpus}@{self.flight.version} with the recipe {self.recipe}"
            width = checks.content_size.width or _WIDTH
            lines = [self.refused] if self.refused else [piece for c in self.flight.checks for piece in _line(c, width)]
            checks.update(Content.assemble((f"Pre-flight: {show(head)}\n\n", "bold"), *lines))
        self.call_after_refresh(self._say_keys)

    def _say_keys(self) -> None:
        if any(not worker.is_finished for worker in self._then):  # that a look is under way is said already
            return
        for frame in self.query("#preflight"):
            frame.border_subtitle = "arrows scroll" if frame.max_scroll_y else ""
        start = "enter starts   " if self.may_start else ""
        others = len(self.flight.recipes)
        choice = f"R another recipe ({others})   " if others > 1 else ""
        self.say(f"{start}{choice}r looks again   esc closes")

    def say(self, line: str) -> None:
        """Say what can be pressed, or that a look is under way."""
        for keys in self.query("#preflight-keys").results(Static):
            keys.update(Content.styled(line, "$foreground-muted"))

    def action_recipe(self) -> None:
        """Look again with the next recipe of the workspace."""
        names = self.flight.recipes
        if names:
            at = names.index(self.recipe) if self.recipe in names else -1
            self._look(names[(at + 1) % len(names)])

    def action_again(self) -> None:
        """Look again: what was in the way may have been mended meanwhile."""
        self._look(self.recipe)

    def _look(self, recipe: str) -> None:
        self.recipe, self.may_start = recipe, False
        self.say(f"looking at {show(recipe)} ...   esc closes")
        corpus, version = self.flight.corpus, self.flight.version
        self.in_background(lambda: self.desk.preflight(corpus, version, recipe), self._take, "preflight")

    def _take(self, found: Preflight) -> None:
        if found.recipe == self.recipe:  # not of an older look, whose end was on the way here as this one began
            self.flight, self.may_start, self.refused = found, found.is_green, None
            self._draw()

    def refuse(self, error: BaseException) -> None:
        """Say in place of the checks why they could not be made; nothing can be started then."""
        self.refused = (f"! {show(refusal(error), limit=2000)}\n", "$text-error")
        self._draw()

    def action_start(self) -> None:
        """Start, where nothing is in the way."""
        if self.may_start:
            self.dismiss(self.flight)
        else:
            self.notify("nothing starts before every check of this recipe says ok or look", markup=False, timeout=3)

    def action_close(self) -> None:
        """Start nothing."""
        self.dismiss(None)


def _line(check: Check, width: int) -> Iterator[Piece]:
    yield _SIGNS[check.verdict]
    yield f"{check.name:<13}{_hung(check.said, width)}\n"
    if check.fix and check.verdict != "ok":
        yield f"{_INDENT}{_hung(f'do: {check.fix}', width)}\n", "$text-accent"


def _hung(text: str, width: int) -> str:
    """Return a text safe to show, broken to a width with its lines below the first one's begin."""
    lines = textwrap.wrap(show(text, limit=2000), max(width - len(_INDENT), _LEAST), break_on_hyphens=False)
    return f"\n{_INDENT}".join(lines)
