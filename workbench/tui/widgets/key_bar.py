"""The last line of a screen: the keys that are most wanted here, drawn as one line rather than a widget a key."""

from __future__ import annotations

from typing import NamedTuple

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.reactive import reactive
from textual.screen import Screen
from textual.widget import Widget

from workbench.tui.wording import key_name


class Shown(NamedTuple):
    """A key as it stands in the line."""

    key: str
    name: str
    what: str
    tip: str

    @property
    def width(self) -> int:
        """Return how many cells it takes: a blank at either side of the name, and one behind the words."""
        return cell_len(self.name) + cell_len(self.what) + 3


class KeyBar(Widget):
    """The keys whose bindings say that they are shown; a click on one presses it.

    Textual's own footer makes a widget for each key, again at each move of the focus; styling these was a third of
    what a first paint took (`benchmarks/tui.py`).
    """

    DEFAULT_CSS = """
    KeyBar {
        dock: bottom;
        height: 1;
        color: $footer-description-foreground;
        background: $footer-background;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    """

    keys: reactive[tuple[Shown, ...]] = reactive(())

    def on_mount(self) -> None:
        """Follow the focus: each pane has keys of its own."""
        self.screen.bindings_updated_signal.subscribe(self, self._take)

    def _take(self, screen: Screen[object]) -> None:
        if not screen.app.app_focus:  # they are gone for as long as somebody looks at another window
            return
        found: dict[str, Shown] = {}
        for _node, binding, _enabled, tip in screen.active_bindings.values():
            if binding.show:
                shown = Shown(binding.key, key_name(binding), binding.description, tip)
                found.setdefault(binding.action, shown)
        self.keys = tuple(found.values())

    def render(self) -> Content:
        """Draw them side by side."""
        pairs = (((f" {one.name} ", "bold $footer-key-foreground"), f"{one.what} ") for one in self.keys)
        return Content.assemble(*(piece for pair in pairs for piece in pair))

    def _at(self, cell: int) -> Shown | None:
        for one in self.keys:
            if cell < one.width:
                return one
            cell -= one.width
        return None

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Say more of the key under the mouse, where more is to be said."""
        one = self._at(event.x)
        self.tooltip = (one.tip or None) if one else None

    def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked on."""
        one = self._at(event.x)
        if one is not None:
            self.app.simulate_key(one.key)
