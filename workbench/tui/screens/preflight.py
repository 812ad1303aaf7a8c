"""The pre-flight sheet: what stands in the way of a training, with its fix, and the choice of another recipe."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from workbench.errors import WorkbenchError
from workbench.text import show
from workbench.tui.desk import Desk

if TYPE_CHECKING:
    from workbench.services.training.preflight import Check, Preflight

Piece = str | tuple[str, str]
_SIGNS = {"ok": ("ok   ", "$text-success"), "look": ("look ", "$text-warning"), "no": ("NO   ", "bold $text-error")}
_INDENT = " " * 18


class PreflightSheet(ModalScreen["Preflight | None"]):
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
        super().__init__()
        self.desk, self.flight = desk, flight

    def compose(self) -> ComposeResult:
        """Show the checks in a frame."""
        with VerticalScroll(id="preflight"):
            yield Static(id="checks", markup=False)
            yield Static(id="preflight-keys", markup=False)

    def on_mount(self) -> None:
        """Draw what was found."""
        self._draw()

    def _draw(self) -> None:
        self.query_one("#checks", Static).update(Content.assemble(*_pieces(self.flight)))
        self._say(_keys(self.flight))

    def _say(self, line: str) -> None:
        self.query_one("#preflight-keys", Static).update(Content.styled(line, "$foreground-muted"))

    def action_recipe(self) -> None:
        """Look again with the next recipe of the workspace."""
        names = self.flight.recipes
        if names:
            at = names.index(self.flight.recipe) if self.flight.recipe in names else -1
            self._look(names[(at + 1) % len(names)])

    def action_again(self) -> None:
        """Look again: what was in the way may have been mended meanwhile."""
        self._look(self.flight.recipe)

    def _look(self, recipe: str) -> None:
        self._say("looking ...")
        self.run_worker(lambda: self._take(recipe), thread=True, exclusive=True, exit_on_error=False)

    def _take(self, recipe: str) -> None:
        try:
            found = self.desk.preflight(self.flight.corpus, self.flight.version, recipe)
        except WorkbenchError as error:
            self.app.call_from_thread(self.notify, show(f"{error.what}. {error.hint}"), markup=False)
            self.app.call_from_thread(self._draw)
            return
        self.app.call_from_thread(self._show, found)

    def _show(self, found: Preflight) -> None:
        self.flight = found
        self._draw()

    def action_start(self) -> None:
        """Start, where nothing is in the way."""
        if self.flight.is_green:
            self.dismiss(self.flight)
        else:
            self.notify("what is marked NO stands in the way", markup=False, timeout=3)

    def action_close(self) -> None:
        """Start nothing."""
        self.dismiss(None)


def _pieces(flight: Preflight) -> Iterator[Piece]:
    at = f"{flight.corpus}@{flight.version} with the recipe {flight.recipe}"
    yield f"Pre-flight: {show(at)}\n\n", "bold"
    for check in flight.checks:
        yield from _line(check)


def _keys(flight: Preflight) -> str:
    choice = f"R another recipe ({len(flight.recipes)})   " if len(flight.recipes) > 1 else ""
    start = "enter starts   " if flight.is_green else ""
    return f"{start}{choice}r looks again   esc closes"


def _line(check: Check) -> Iterator[Piece]:
    yield _SIGNS[check.verdict]
    yield f"{check.name:<13}{show(check.said, limit=2000)}\n"
    if check.fix and check.verdict != "ok":
        yield f"{_INDENT}do: {show(check.fix, limit=2000)}\n", "$text-accent"
