"""The sheet for what leaves: files or the Hub, with the list of files and the card before anything goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Label, Static

from workbench.services.publishing.leaving import FORMATS, HUB, Wanted, usual_name
from workbench.text import show
from workbench.tui.desk import Desk
from workbench.tui.screens.working import WorkingSheet, refusal
from workbench.tui.widgets.safe_input import SafeInput
from workbench.tui.widgets.switches import Changed, Cycle, Toggle
from workbench.tui.widgets.word_diff import Piece

if TYPE_CHECKING:
    from workbench.services.publishing.trial import Trial
    from workbench.store.versions import Version

_SIGNS = {"add": "+", "replace": "~", "same": "=", "delete": "-"}
_FILES, _CARD = 12, 4000
"""Files that are listed, and characters of the card that are shown."""


class PublishSheet(WorkingSheet["Wanted | None"]):
    """What would leave: the first enter looks, the second one does it; answers with what is wanted, or with None."""

    CSS_PATH = "publish.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s,enter", "go", "Look, then do it", id="publish.go"),
        Binding("escape", "leave", "Leave", id="publish.leave"),
    ]

    def __init__(self, desk: Desk, version: Version) -> None:
        """Ask about one version."""
        super().__init__(desk)
        self.version = version
        self.seen: Trial | None = None
        self._looked_at: Wanted | None = None
        """What `seen` shows."""

    def compose(self) -> ComposeResult:
        """Hold what is asked above what would leave."""
        with Vertical(id="publish"):
            name = f"{show(self.version.corpus)} {self.version.name}"
            yield Static(Content.assemble((f"Export {name}", "bold")), id="what", markup=False)
            yield Cycle(FORMATS, id="format")
            with Horizontal(classes="line"):
                yield Label("to", id="place-label", markup=False)
                yield SafeInput(id="place")
            with Horizontal(classes="line"):
                yield Label("licence", markup=False)
                yield SafeInput(id="license", placeholder="none is stated; to the Hub one is needed: cc-by-4.0")
                yield Toggle("private", value=True, id="private")
            with VerticalScroll(id="trial"):
                yield Static("enter lists the files and the card; nothing is written before", id="seen", markup=False)
            yield Static("enter looks, enter again does it   tab next   esc leaves", id="keys", markup=False)

    def on_mount(self) -> None:
        """Begin with files in the usual folder, and with the licence that corpus.yaml states."""
        self.query_one("#place").focus()
        self._show_place()
        self.in_background(self._stated, self._fill, "stated")

    def _stated(self) -> str:
        with self.desk.store() as store:
            return store.corpus(self.version.corpus).license or ""

    def _fill(self, license: str) -> None:
        if not self.query_one("#license", Input).value:
            self.query_one("#license", Input).value = license

    def _read(self) -> Wanted:
        chosen = self.query_one(Cycle).value
        values = {name: self.query_one(f"#{name}", Input).value.strip() for name in ("place", "license")}
        private = self.query_one("#private", Toggle).value
        return Wanted(chosen, values["place"], values["license"] or None, private or chosen != HUB)

    @on(Changed)
    def _show_place(self) -> None:
        wanted = self._read()
        usual = f"exports/{usual_name(self.version.corpus, self.version.name, wanted.format)} (the usual folder)"
        self.query_one("#place", Input).placeholder = "OWNER/NAME on the Hub" if wanted.is_push else usual
        self.query_one("#private").display = wanted.is_push

    def action_go(self) -> None:
        """Look at what would leave; asked for the same again, answer with it."""
        wanted = self._read()
        if wanted.is_push and not wanted.place:
            self._say("name a repository: OWNER/NAME")
        elif self.seen is None or wanted != self._looked_at:
            self._look(wanted)
        else:
            self.dismiss(wanted)

    @on(Input.Submitted)
    @on(events.Click, "#keys")
    def _submit(self) -> None:
        self.action_go()

    def _look(self, wanted: Wanted) -> None:
        self.seen = None
        self._say("looking: nothing is written or sent")
        self.in_background(lambda: self._try(wanted), lambda seen: self._take(wanted, seen), "trial")

    def _try(self, wanted: Wanted) -> Trial:
        from workbench.services.publishing import trial

        with self.desk.store() as store:
            if wanted.is_push:
                return trial.tried_push(store, self.version, wanted.place, license=wanted.license)
            folder = Path(wanted.place).expanduser().resolve() if wanted.place else None
            return trial.tried_export(store, self.version, format=wanted.format, folder=folder, license=wanted.license)

    def _take(self, wanted: Wanted, seen: Trial) -> None:
        if wanted == self._read():
            self.seen, self._looked_at = seen, wanted
            self.query_one("#seen", Static).update(Content.assemble(*_leaving(seen)))
            self._say(_verb(wanted, seen))

    def refuse(self, error: BaseException) -> None:
        """Say why nothing can leave."""
        self.seen = None
        self.query_one("#seen", Static).update(
            Content.assemble((f"! {show(refusal(error), limit=900)}", "$text-error"))
        )
        self._say("nothing was written or sent")

    def _say(self, line: str) -> None:
        self.query_one("#keys", Static).update(Content.assemble((show(line, limit=300), "$text-accent")))

    def action_leave(self) -> None:
        """Take the sheet away; nothing was written or sent."""
        self.dismiss(None)


def _verb(wanted: Wanted, seen: Trial) -> str:
    if not wanted.is_push:
        return f"enter writes these files to {seen.place}   esc leaves"
    visible = "privately" if wanted.private else "FOR EVERYBODY TO SEE"
    return f"enter sends these files to {seen.place}, {visible}   esc leaves"


def _leaving(seen: Trial) -> Iterator[Piece]:
    """Yield the files and the card."""
    for line in seen.said:
        yield f"! {show(line, limit=300)}\n", "$text-warning"
    yield f"{show(seen.place)}: {len(seen.files):,} files, {sum(size for *_, size in seen.files):,} bytes\n", "bold"
    for path, change, size in seen.files[:_FILES]:
        yield f"{_SIGNS[change]} {change:<8}{size:>14,}  {show(path)}\n"
    if len(seen.files) > _FILES:
        yield f"and {len(seen.files) - _FILES:,} more\n", "$foreground-muted"
    yield "\ncard\n", "bold"
    yield show(seen.card, lines=True, limit=_CARD)
