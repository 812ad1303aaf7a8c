"""Sheets that lie over a screen until a key is pressed: an error, a new version, the keys."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from workbench.curation.split import SIDES
from workbench.errors import WorkbenchError
from workbench.store.remote import secrets_hidden
from workbench.text import show
from workbench.tui.offers import Offer, grouped

if TYPE_CHECKING:
    from workbench.store.versions import Version

Piece = str | tuple[str, str]


class Sheet(ModalScreen[None]):
    """Text over a screen."""

    CSS_PATH = "sheets.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q,question_mark", "close", "Close", id="sheet.close")
    ]

    keys = "esc closes"
    """The last line: what can be pressed."""

    def pieces(self) -> Iterator[Piece]:
        """Yield the text, safe to show."""
        raise AssertionError("every sheet has a text")

    def compose(self) -> ComposeResult:
        """Show the text in a frame."""
        with VerticalScroll(id="sheet"):
            yield Static(Content.assemble(*self.pieces()), markup=False)
            yield Static(Content.styled(self.keys, "$foreground-muted"), classes="keys", markup=False)

    def on_resize(self) -> None:
        """Say that there is more below, where there is: a terminal without colours shows no bar beside the text."""
        self.call_after_refresh(self._say_keys)

    def _say_keys(self) -> None:
        more = "arrows scroll   " if any(sheet.max_scroll_y for sheet in self.query("#sheet")) else ""
        for line in self.query(".keys").results(Static):  # none once the sheet is taken away
            line.update(Content.styled(f"{more}{self.keys}", "$foreground-muted"))

    def action_close(self) -> None:
        """Take the sheet away."""
        self.dismiss()


class ErrorSheet(Sheet):
    """What happened and what to do."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("y", "copy", "Copy the details", id="error.copy")]
    keys = "y copies the details   esc closes"

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
            said = show(secrets_hidden(str(self.error)), lines=True, limit=2000)
            yield f"\n{said}\n\nNothing half-done is kept: a change is one log row."

    def details(self) -> str:
        """Return all that is known of the error, as text to hand to somebody."""
        hint = getattr(self.error, "hint", "")
        told = "".join(traceback.format_exception(self.error)) if not isinstance(self.error, WorkbenchError) else ""
        return secrets_hidden("\n".join(part for part in (str(self.error), str(hint), told) if part))

    def action_copy(self) -> None:
        """Copy the details to the clipboard of the terminal."""
        self.app.copy_to_clipboard(show(self.details(), lines=True, limit=100_000))
        self.notify("copied", markup=False, timeout=2)


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
        for side in SIDES:
            yield f"  {side:<12}{version.counts.get(side, 0):>10,}\n"
        yield "\nproof\n", "bold"
        for what in ("exact", "near", "neighbour", "group"):
            yield f"  {what:<12}{version.proof.get(what, 0):>10} across splits\n"
        yield f"  largest Jaccard between splits: {version.proof.get('max_jaccard')}\n"
        for what in version.proof.get("unchecked", ()):
            yield f"  not checked: {show(what)}\n", "$foreground-muted"


class KeySheet(Sheet):
    """The keys that work where the cursor is, made from the bindings themselves."""

    def __init__(self, found: list[Offer]) -> None:
        """Show what can be done on a screen."""
        super().__init__()
        self.found = found

    def pieces(self) -> Iterator[Piece]:
        """Yield one line an action in the order of the offers, in a sentence where there is one."""
        for number, (name, those) in enumerate(grouped(self.found)):
            yield f"{chr(10) if number else ''}{name}\n", "bold"
            for offer in those:
                yield f"  {offer.key_names:<20}", "$text-accent"
                yield f"{offer.help or offer.what}\n"


def refusal(error: BaseException) -> str:
    """Return what an error says, in one line."""
    if isinstance(error, WorkbenchError):
        return f"{error.what}. {error.hint}".rstrip(". ")
    return f"a fault of the workbench: {type(error).__name__}: {secrets_hidden(str(error))}"
