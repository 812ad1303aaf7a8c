"""Sheets that lie over a screen until a key is pressed: an error, a new version, the keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from textual.app import App, ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from workbench.errors import WorkbenchError
from workbench.text import show

if TYPE_CHECKING:
    from workbench.store.versions import Version

Piece = str | tuple[str, str]
_SIDES = ("train", "validation", "test", "excluded", "removed")


class Sheet(ModalScreen[None]):
    """Text over a screen."""

    CSS_PATH = "sheets.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,q,question_mark", "close", "Close")]

    def pieces(self) -> Iterator[Piece]:
        """Yield the text, safe to show."""
        raise AssertionError("every sheet has a text")

    def compose(self) -> ComposeResult:
        """Show the text in a frame."""
        with VerticalScroll(id="sheet"):
            yield Static(Content.assemble(*self.pieces(), ("\n\nesc closes", "$foreground-muted")), markup=False)

    def action_close(self) -> None:
        """Take the sheet away."""
        self.dismiss()


class ErrorSheet(Sheet):
    """What happened and what to do."""

    def __init__(self, error: BaseException) -> None:
        """Show an error; one that is no `WorkbenchError` is our fault and says so."""
        super().__init__()
        self.error = error

    def pieces(self) -> Iterator[Piece]:
        """Yield what and hint."""
        if isinstance(self.error, WorkbenchError):
            yield f"{show(self.error.what, lines=True, limit=2000)}\n", "bold $text-error"
            yield f"\n{show(self.error.hint, lines=True, limit=2000)}"
        else:
            yield f"A fault of the workbench: {type(self.error).__name__}\n", "bold $text-error"
            yield f"\n{show(self.error, lines=True, limit=2000)}\n\nNothing half-done is kept: a change is one log row."


class VersionSheet(Sheet):
    """The counts and the proof of a version."""

    def __init__(self, version: Version, *, new: bool) -> None:
        """Show a version; `new` is False where nothing had changed since it was made."""
        super().__init__()
        self.version, self.new = version, new

    def pieces(self) -> Iterator[Piece]:
        """Yield counts, then proof."""
        version = self.version
        yield f"{version.corpus} {version.name}  {version.id[:12]}\n", "bold $text-success"
        yield "\n" if self.new else "Nothing changed since: this is the newest version.\n\n"
        for side in _SIDES:
            yield f"  {side:<12}{version.counts.get(side, 0):>10,}\n"
        yield "\nproof\n", "bold"
        for what in ("exact", "near", "neighbour", "group"):
            yield f"  {what:<12}{version.proof.get(what, 0):>10} across splits\n"
        yield f"  largest Jaccard between splits: {version.proof.get('max_jaccard')}\n"
        for what in version.proof.get("unchecked", ()):
            yield f"  not checked: {show(what)}\n", "$foreground-muted"


class KeySheet(Sheet):
    """The keys that work where the cursor is, made from the bindings themselves."""

    def __init__(self, bindings: dict[str, ActiveBinding]) -> None:
        """Show the active bindings of a screen."""
        super().__init__()
        self.bindings = bindings

    def pieces(self) -> Iterator[Piece]:
        """Yield one line an action: those of the screen, of the application, then of the focused widget."""
        keys: dict[str, list[str]] = {}
        for active in sorted(self.bindings.values(), key=_nearness):
            if active.binding.description and not active.binding.system:
                keys.setdefault(active.binding.description, []).append(self.app.get_key_display(active.binding))
        yield "Keys\n\n", "bold"
        for what, names in keys.items():
            yield f"  {' '.join(dict.fromkeys(names)):<20}", "$text-accent"
            yield f"{what}\n"


def _nearness(active: ActiveBinding) -> int:
    if isinstance(active.node, App):
        return 1
    return 0 if isinstance(active.node, Screen) else 2
