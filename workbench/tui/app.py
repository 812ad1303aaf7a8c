"""The terminal application: it opens on the corpora of a workspace."""

from __future__ import annotations

from pathlib import PurePath
from typing import ClassVar

from rich.text import Text
from textual.app import App
from textual.binding import Binding, BindingType

from workbench.text import show
from workbench.tui.desk import Desk
from workbench.tui.screens.corpora import CorporaScreen
from workbench.tui.screens.sheets import KeySheet
from workbench.workspace import Workspace


def run(workspace: Workspace) -> None:
    """Run the terminal interface until the user quits; trainings started from it go on."""
    WorkbenchApp(Desk(workspace)).run()


class WorkbenchApp(App[None]):
    """The workbench in a terminal."""

    # A default screen's own style sheet is not loaded with it.
    CSS_PATH: ClassVar[list[str | PurePath]] = ["app.tcss", "screens/corpora.tcss"]
    TITLE = "workbench"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - as App declares it
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,f1", "keys", "Keys", key_display="?"),
        Binding("q", "leave", "Quit", show=False),
    ]

    def __init__(self, desk: Desk) -> None:
        """Stand at a desk."""
        super().__init__()
        self.desk = desk

    def get_default_screen(self) -> CorporaScreen:
        """Open on the corpora."""
        return CorporaScreen(self.desk)

    def action_keys(self) -> None:
        """Show every key that works here."""
        self.push_screen(KeySheet(self.screen.active_bindings))

    def action_leave(self) -> None:
        """Quit, and say which trainings go on."""
        from workbench.training.runs import RunFolder

        going = [run.name for run in RunFolder.list(self.desk.workspace.runs) if run.is_alive()]
        said = Text(f"still training: {show(', '.join(going))}; see: workbench runs") if going else None
        self.exit(message=said)
