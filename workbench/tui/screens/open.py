"""Name what to take in: a path with completion, ~ and globs, what was pasted or dropped, or a repository on the Hub."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widgets import Input, Static
from textual.worker import Worker, WorkerState

from workbench.errors import WorkbenchError
from workbench.services.publishing.named_repository import NamedRepository, named_repository
from workbench.text import show
from workbench.tui.widgets.safe_input import SafeInput

_SHOWN = 8
_FIND, _COMPLETE, _TELL = "find", "complete", "tell"
_HELP = "enter opens   tab completes   ~ and * may stand in it; a folder stands for its files   esc leaves"
Named = tuple[Path, ...] | NamedRepository
"""Files that are here, or a repository of records on the Hub."""


class _Paths(Suggester):
    """Proposes how a path goes on, from the folder it names."""

    def __init__(self, base: Path) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self.base = base

    async def get_suggestion(self, value: str) -> str | None:
        """Return the first completion that goes on as typed."""
        from workbench.services.intake.named_files import completions

        found = await asyncio.to_thread(completions, value, self.base) if value else []
        return next((path for path in found if path.startswith(value)), None)


class _PathInput(SafeInput):
    """A line for paths; lines that are pasted become one line of quoted names."""

    def _on_paste(self, event: events.Paste) -> None:
        lines = event.text.splitlines()
        if len(lines) > 1:
            event.text = " ".join(shlex.quote(line) for line in lines if line.strip())
        super()._on_paste(event)


class OpenSheet(ModalScreen[Named]):
    """Asks for files or a repository; answers with files that are there, with the repository, or with no file."""

    CSS_PATH = "open.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "complete", "Complete the path", show=False, id="open.complete", priority=True),
        Binding("escape", "leave", "Leave", id="open.leave"),
    ]

    def __init__(self, base: Path) -> None:
        """Take relative paths from a folder."""
        super().__init__()
        self.base = base

    def compose(self) -> ComposeResult:
        """Hold a line to type on and what it may go on to."""
        with Vertical(id="open"):
            yield Static(Content.assemble(("Open a file, a folder, or OWNER/NAME on the Hub", "bold")), markup=False)
            yield _PathInput(
                placeholder="path, or paste one: jsonl json csv tsv parquet arrow txt md; or OWNER/NAME@REVISION",
                suggester=_Paths(self.base),
                id="path",
            )
            yield Static(id="told", markup=False)
            yield Static(id="found", markup=False)
            yield Static(_HELP, id="open-keys", markup=False)

    @property
    def _input(self) -> SafeInput:
        return self.query_one("#path", SafeInput)

    def action_complete(self) -> None:
        """Put behind the path what all its completions share, and show them."""
        text = self._input.value
        self.run_worker(lambda: self._completed(text), name=_COMPLETE, thread=True, exclusive=True, exit_on_error=False)

    def _completed(self, text: str) -> tuple[str, list[str]]:
        from workbench.services.intake.named_files import completed, completions

        whole = completed(text, self.base)
        return whole, completions(whole, self.base)

    @on(Input.Changed, "#path")
    def _tell(self, event: Input.Changed) -> None:
        """Say what enter would do with what stands there so far."""
        text = event.value
        self.run_worker(
            lambda: outlook(text, self.base), name=_TELL, group=_TELL, thread=True, exclusive=True, exit_on_error=False
        )

    @on(Input.Submitted, "#path")
    def _open(self) -> None:
        text = self._input.value
        self.run_worker(lambda: self._named(text), name=_FIND, thread=True, exclusive=True, exit_on_error=False)

    def _named(self, text: str) -> Named:
        return named(text, self.base)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Answer with the files, show completions, or say why there is no such file."""
        if event.state is WorkerState.ERROR:
            error = event.worker.error
            hint = f"\n{error.hint}" if isinstance(error, WorkbenchError) else ""
            self._say(f"{error}{hint}", "$text-error")
        elif event.state is WorkerState.SUCCESS and event.worker.name == _FIND:
            self.dismiss(event.worker.result)
        elif event.state is WorkerState.SUCCESS and event.worker.name == _TELL:
            self.query_one("#told", Static).update(show(event.worker.result))
        elif event.state is WorkerState.SUCCESS and event.worker.result is not None:
            self._show_completed(event.worker.result)

    def _show_completed(self, completed: tuple[str, list[str]]) -> None:
        whole, found = completed
        # A name with control characters cannot be typed; a glob can stand for it.
        self._input.put(show(whole))
        names = [path.rstrip("/").rpartition("/")[2] + "/" * path.endswith("/") for path in found[:_SHOWN]]
        more = f"\n... and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        self._say("\n".join(names) + more if found else "nothing goes on from here")

    def _say(self, lines: str, style: str = "") -> None:
        self.query_one("#found", Static).update(Content.assemble((show(lines, lines=True), style)))

    def action_leave(self) -> None:
        """Open nothing."""
        self.dismiss(())


def named(text: str, base: Path) -> Named:
    """Return what a text names; a UsageError where that is nothing."""
    from workbench.services.intake.named_files import named_files

    return named_repository(text, base) or named_files(text, base)


def outlook(text: str, base: Path) -> str:
    """Return what would become of a text that is being typed; empty where nobody can tell yet."""
    repository = named_repository(text, base)
    if repository is not None:
        at = f"at {repository.revision}" if repository.revision else "its newest commit"
        return f"no file here: {repository.repo} on the Hub, {at}; enter asks what it holds"
    try:
        place = base / Path(text.strip()).expanduser()
        if not text.strip() or not place.exists():
            return ""
    except (OSError, RuntimeError, ValueError):  # no name of a file at all
        return ""
    return f"enter shows what would become of {place.name}{' and all files in it' if place.is_dir() else ''}"
