"""Keys and actions as this program calls them: Textual has names of its own for both."""

from __future__ import annotations

from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import format_key
from textual.widgets import Input

_KEYS = {"enter": "enter", "backspace": "backspace", "delete": "del", "pageup": "page up", "pagedown": "page down"}
"""As the documentation writes them; all others as Textual does."""
_ACTIONS = {
    "app.focus_next": "Next pane or field",
    "app.focus_previous": "Pane or field before",
    "screen.copy_text": "Copy what is selected",
    "scroll_up": "A line up",
    "scroll_down": "A line down",
    "scroll_home": "To the top",
    "scroll_end": "To the bottom",
    "page_up": "Page up",
    "page_down": "Page down",
    "submit": "Take the line",
    "select_all": "Select all",
    "delete_left_word": "Delete the word before",
    "delete_word_left": "Delete the word before",
    "delete_left_all": "Delete all before",
    "delete_to_start_of_line": "Delete the line up to here",
    "delete_right_all": "Delete all behind",
    "delete_to_end_of_line_or_delete_line": "Delete the rest of the line",
    "delete_line": "Delete the line",
    "cut": "Cut what is selected",
    "copy": "Copy what is selected",
    "paste": "Paste",
    "undo": "Undo the typing",
    "redo": "Type it again",
}
"""What the bindings of Textual's own widgets do; those that any line of text has are not worth telling."""

_FOCUS = ("app.focus_next", "app.focus_previous")
_SCROLLING = ("scroll_up", "scroll_down", "scroll_home", "scroll_end", "page_up", "page_down")
"""What a single line has from what it is made of, and does nothing there."""
MOVES = (*_FOCUS, *_SCROLLING)
"""What only shows another part of the screen."""


def key_name(binding: Binding) -> str:
    """Return the key of a binding as a person reads it: `ctrl+s`, `page down`, `?`."""
    if binding.key_display:
        return binding.key_display
    modifiers, key = binding.parse_key()
    return "+".join((*modifiers, _KEYS.get(key) or format_key(key)))


def what_it_does(binding: Binding, node: DOMNode) -> str:
    """Return what a key does in a place, in our words; nothing where that is not worth telling.

    Our own bindings all have an id, and what they say of themselves counts.
    """
    if binding.id:
        return binding.description
    is_beside = binding.key.startswith("super+") or (isinstance(node, Input) and binding.action in _SCROLLING)
    return "" if is_beside else _ACTIONS.get(binding.action, "")
