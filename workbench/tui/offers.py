"""What can be done where the cursor is, read from the bindings themselves, so that help and palette cannot lie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from textual.app import App
from textual.binding import ActiveBinding
from textual.dom import DOMNode
from textual.screen import Screen

from workbench.tui.wording import key_name, what_it_does

Where = Literal["pane", "screen", "everywhere"]
_EVERYWHERE = ("mode.", "train.now", "review.queue", "back")
"""Ids of the bindings that every screen has and that mean the same on all of them."""


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
    """Return every action that a key does here: the focused pane's first, then the screen's, then those everywhere."""
    found: dict[tuple[int, str], Offer] = {}
    for active in screen.active_bindings.values():
        binding = active.binding
        what = what_it_does(binding, active.node)
        if not what or binding.system or not active.enabled:
            continue
        key = key_name(binding)
        same = found.get((id(active.node), binding.action))
        keys = (*same.keys, key) if same and key not in same.keys else (same.keys if same else (key,))
        where = _where(active)
        found[id(active.node), binding.action] = Offer(
            keys, what, binding.tooltip, where, _pane(active.node), active.node, binding.action
        )
    order: list[Where] = ["pane", "screen", "everywhere"]
    return sorted(found.values(), key=lambda offer: order.index(offer.where))


def grouped(found: list[Offer]) -> Iterator[tuple[str, list[Offer]]]:
    """Yield the actions by where they belong, each group with its heading."""
    names = {"pane": "In this pane", "screen": "On this screen", "everywhere": "Everywhere"}
    for where, name in names.items():
        those = [offer for offer in found if offer.where == where]
        if those:
            yield (f"{name}: {those[0].pane}" if where == "pane" and those[0].pane else name), those


def _where(active: ActiveBinding) -> Where:
    if isinstance(active.node, App) or (active.binding.id or "").startswith(_EVERYWHERE):
        return "everywhere"
    return "screen" if isinstance(active.node, Screen) else "pane"


def _pane(node: DOMNode) -> str:
    return (node.id or "").replace("-", " ") if not isinstance(node, Screen | App) else ""
