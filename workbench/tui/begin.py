"""What stands on the screen where there is no workspace yet: one key makes one here, and nothing is written before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from workbench.errors import WorkbenchError
from workbench.text import counted, show
from workbench.tui.ending import Ending
from workbench.tui.widgets.key_bar import KeyBar
from workbench.workspace import Workspace


class BeginApp(Ending[Workspace]):
    """Asks whether a folder shall become a workspace; ends with the one that was made, or with none."""

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #title { height: 1; background: $panel; }
    #question { height: 1fr; padding: 1 2; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "make", "Make a workspace here", id="begin.make"),
        Binding("escape", "app.leave", "Leave", id="begin.leave", tooltip="Leave; nothing is written"),
        Binding("q", "app.leave", "Leave", show=False, id="quit"),
        Binding("question_mark,f1", "keys", "Keys", id="help"),
    ]

    def __init__(self, folder: Path) -> None:
        """Ask about a folder, which need not be there yet."""
        super().__init__()
        self.folder = folder.resolve()

    def compose(self) -> ComposeResult:
        """Say where one stands, what would be written, and the keys."""
        yield Static(Content.assemble((f" {show(self.folder.name)}", "bold"), "  no workspace yet"), id="title")
        with VerticalScroll(id="question", can_focus=False):
            yield Static(Content.assemble(*self._pieces()), markup=False)
            yield Static(id="wrong", markup=False)
        yield KeyBar()

    def _pieces(self) -> Iterator[str | tuple[str, str]]:
        held = _held(self.folder)
        besides = f", beside {counted(held, 'entry', 'entries')} that it holds" if held else ""
        yield "There is no workspace here, nor in a folder above.\n\n", "bold"
        yield "enter makes one in "
        yield show(self.folder, limit=400), "$text-accent"
        yield f"{besides}:\n"
        yield (
            "\n  corpora/    what you take in, a folder each\n"
            "  schemas/    kinds of records, one file each\n"
            "  recipes/    how to train, one file each\n"
            "  exports/    what leaves\n"
            "\nNothing is written before. Files of yours stay as they are. Elsewhere: workbench init DIR\n"
        )

    def action_keys(self) -> None:
        """Show every key that works here."""
        from workbench.tui.offers import offers
        from workbench.tui.screens.sheets import KeySheet

        self.push_screen(KeySheet(offers(self.screen)))

    def action_leave(self) -> None:
        """Quit without a workspace."""
        self.exit()

    def action_make(self) -> None:
        """Make the workspace and go on; say why where that cannot be."""
        try:
            self.exit(Workspace.create(self.folder, with_samples=False))
        except WorkbenchError as error:
            said = f"{error.what}. {error.hint}"
            self.query_one("#wrong", Static).update(Content.assemble((f"\n! {show(said, limit=600)}", "$text-error")))


def _held(folder: Path) -> int:
    """Return how many entries a folder holds; none where it is not there or may not be read."""
    try:
        return sum(1 for _ in folder.iterdir())
    except OSError:
        return 0
