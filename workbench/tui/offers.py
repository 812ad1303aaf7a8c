"""What can be done where the cursor is, read from the bindings themselves, so that help and palette cannot lie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from textual.app import App
from textual.binding import ActiveBinding
from textual.dom import DOMNode
from textual.screen import Screen

from workbench.tui.wording import MOVES, key_name, what_it_does

Where = Literal["screen", "pane", "everywhere", "moving"]
_HEADINGS: dict[Where, str] = {
    "screen": "On this screen",
    "pane": "In this pane",
    "everywhere": "Everywhere",
    "moving": "Moving",
}
"""What can be done by where it belongs, in the order of the help: what one came for first, how to move last."""
_EVERYWHERE = ("mode.", "train.now", "review.queue", "reread", "back")
"""Ids of the bindings that every screen has and that mean the same on all of them."""
_COPY = "screen.copy_text"
"""Textual's own on every screen; it stands with what works everywhere."""


@dataclass(frozen=True)
class Offer:
    """One action: its keys as a person reads them, what it does in a few words and in a sentence, and where."""

    keys: tuple[str, ...]
    what: str
    help: str
    where: Where
    pane: str
    """Name of the focused pane, where the action belongs to it."""
    node: DOMNode
    action: str

    @property
    def key_names(self) -> str:
        """Return the keys side by side."""
        return " ".join(self.keys)


def offers(screen: Screen[object]) -> list[Offer]:
    """Return every action that a key does here: the screen's, the focused pane's, those everywhere, then moving.

    Within each, what the line of keys shows comes first.
    """
    found: dict[tuple[int, str], Offer] = {}
    shown: set[tuple[int, str]] = set()
    for active in screen.active_bindings.values():
        binding = active.binding
        what = what_it_does(binding, active.node)
        if not what or binding.system or not active.enabled:
            continue
        key, place = key_name(binding), (id(active.node), binding.action)
        same = found.get(place)
        keys = tuple(dict.fromkeys((*same.keys, key) if same else (key,)))
        where = same.where if same else _where(active)
        found[place] = Offer(keys, what, binding.tooltip, where, _pane(active.node), active.node, binding.action)
        shown |= {place} if binding.show else set()
    order = list(_HEADINGS)
    return sorted(found.values(), key=lambda one: (order.index(one.where), (id(one.node), one.action) not in shown))


def grouped(found: list[Offer]) -> Iterator[tuple[str, list[Offer]]]:
    """Yield the actions by where they belong, each group with its heading."""
    for where, name in _HEADINGS.items():
        those = [offer for offer in found if offer.where == where]
        if those:
            yield (f"{name}: {those[0].pane}" if where == "pane" and those[0].pane else name), those


def _where(active: ActiveBinding) -> Where:
    binding = active.binding
    if (binding.id or "").startswith("table.") or binding.action in MOVES:
        return "moving"
    named = (binding.id or "").startswith(_EVERYWHERE) or binding.action == _COPY
    if isinstance(active.node, App) or named:
        return "everywhere"
    return "screen" if isinstance(active.node, Screen) else "pane"


def _pane(node: DOMNode) -> str:
    return (node.id or "").replace("-", " ") if not isinstance(node, Screen | App) else ""
