"""The split sheet: shares or counts and a seed, with the outcome and its proof before anything is made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Label, Static

from workbench.curation.split import SIDES, SPLITS
from workbench.text import show
from workbench.tui.desk import Desk
from workbench.tui.screens.sheets import refusal
from workbench.tui.screens.version_words import proof_lines, reason_lines
from workbench.tui.screens.working import WorkingSheet
from workbench.tui.widgets.safe_input import SafeInput
from workbench.tui.widgets.switches import Changed, Toggle
from workbench.tui.widgets.word_diff import Piece

if TYPE_CHECKING:
    from workbench.curation.proof import Proof
    from workbench.services.versions.outlook import Asked, Outlook
    from workbench.services.versions.split import Request

_PAUSE = 0.25
"""Seconds without a key after which the split is looked at anew."""
_STRATA = 6
"""Strata that are listed."""
_KEYS = "enter makes the version   tab next   space turns a switch   esc leaves"


class SplitSheet(WorkingSheet["Request | None"]):
    """What a split would give; answers with the request to make it, or with None."""

    CSS_PATH = "split.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s,enter", "save", "Make the version", id="split.save"),
        Binding("escape", "leave", "Leave", id="split.leave"),
    ]

    def __init__(self, desk: Desk, corpus: str) -> None:
        """Look at a split of a corpus."""
        super().__init__(desk)
        self.corpus = corpus
        self.seen: Outlook | None = None
        """What is shown; None while it is looked at, or where it was refused."""
        self._asked: Asked | None = None
        self._curated: Outlook | None = None
        """The newest look at the texts, for the next one."""
        self._refused = ""

    def compose(self) -> ComposeResult:
        """Hold what is asked beside what comes of it."""
        with Vertical(id="split"):
            yield Static(Content.assemble((f"Split {show(self.corpus)}", "bold")), markup=False)
            with Horizontal(id="asked"):
                yield Label("train/valid/test", markup=False)
                yield SafeInput(id="shares", placeholder="80/10/10")
                yield Label("seed", markup=False)
                yield SafeInput(id="seed", placeholder="42")
                yield Label("note", markup=False)
                yield SafeInput(id="note", placeholder="a line for the history")
            with Horizontal(id="switches"):
                yield Toggle("exact counts", id="exact")
                yield Toggle("source split", id="keep")
                yield Toggle("draw anew", id="fresh")
                yield Toggle("shuffle", id="shuffle")
            with VerticalScroll(id="outcome"):
                yield Static("looking for duplicates ...", id="counts", markup=False)
                yield Static(id="proved", markup=False)
                yield Static(id="details", markup=False)
            yield Static(_KEYS, id="keys", markup=False)

    def on_mount(self) -> None:
        """Begin with the settings of the newest version, else of the corpus."""
        self.query_one("#shares").focus()
        self.in_background(self._settings, self._fill, "settings")

    def _settings(self) -> Asked:
        from workbench.services.versions.outlook import asked_now

        with self.desk.store() as store:
            return asked_now(store, self.corpus)

    def _fill(self, asked: Asked) -> None:
        with self.prevent(Input.Changed, Changed):
            self.query_one("#shares", Input).value = asked.shares
            self.query_one("#seed", Input).value = asked.seed
            self.query_one("#exact", Toggle).value = asked.exact
            self.query_one("#keep", Toggle).value = asked.keep
        self._look()

    def _read(self) -> Asked:
        from workbench.services.versions.outlook import Asked

        shares, seed, note = (self.query_one(f"#{name}", Input).value for name in ("shares", "seed", "note"))
        switches = {name: self.query_one(f"#{name}", Toggle).value for name in ("exact", "keep", "fresh", "shuffle")}
        return Asked(shares, seed, note, **switches)

    @on(Input.Changed)
    @on(Changed)
    def _look_soon(self) -> None:
        self.seen = None
        self.query_one("#keys", Static).update(_KEYS)  # what was said there was of what is asked no more
        asked = self._read()
        self.set_timer(_PAUSE, lambda: self._look() if asked == self._read() and asked != self._asked else None)

    def _look(self) -> None:
        """Look at what comes of what is asked now."""
        from workbench.services.versions.outlook import looked

        asked = self._asked = self._read()
        known, report = self._curated, self.watched("looking")
        self.seen, self._refused = None, ""
        self.query_one("#proved", Static).update("counting ...")

        def work() -> Outlook:
            with self.desk.store() as store:
                return looked(store, self.corpus, asked, known, report)

        self.in_background(work, self._take, "outlook")

    def _take(self, seen: Outlook) -> None:
        from workbench.services.versions.outlook import proof_of

        self.seen = self._curated = seen
        self.query_one("#counts", Static).update(Content.assemble(*_outcome(seen)))
        self.query_one("#proved", Static).update("proving ...\n")
        self.query_one("#details", Static).update(Content.assemble(*_details(seen)))
        self.in_background(lambda: proof_of(seen), self._take_proof, "proof")

    def say(self, line: str) -> None:
        """Say how far the look is, where its result will stand."""
        if self.seen is None and not self._refused:
            self.query_one("#counts", Static).update(Content(show(line, limit=300)))

    def _take_proof(self, proof: Proof) -> None:
        self.query_one("#proved", Static).update(Content.assemble(*proof_lines(proof.sheet())))

    def refuse(self, error: BaseException) -> None:
        """Say why no version can be made of what is asked."""
        self.seen, self._refused = None, refusal(error)
        self.query_one("#counts", Static).update(
            Content.assemble((f"! {show(self._refused, limit=600)}", "$text-error"))
        )
        self.query_one("#proved", Static).update("")
        self.query_one("#details", Static).update("")

    @property
    def is_told(self) -> bool:
        """Say whether what comes of what is asked now, or why nothing does, is on the sheet."""
        return self._read() == self._asked and (self.seen is not None or bool(self._refused))

    @on(Input.Submitted)
    @on(events.Click, "#keys")
    def action_save(self) -> None:
        """Answer with what is asked, if a version can be made of it."""
        asked = self._read()
        if self.seen is None or not self.is_told:
            self._say(self._refused or "one moment: it is being counted")
        elif asked.shuffle:
            self._say("a plain shuffle is for comparison: it makes no version")
        else:
            request: Request = self.seen.request
            self.dismiss(request)

    def _say(self, line: str) -> None:
        self.query_one("#keys", Static).update(Content.assemble((show(line, limit=300), "$text-warning")))

    def action_leave(self) -> None:
        """Take the sheet away; nothing was made."""
        self.dismiss(None)


def _outcome(seen: Outlook) -> Iterator[Piece]:
    """Yield how a split comes out."""
    if seen.same:
        yield f"Nothing differs from {seen.same}.\n", "$text-accent"
    wanted = seen.report.get("splits", {})
    yield f"{'':<12}{'records':>11}{'wanted':>11}{'in ' + (seen.newest or 'no version'):>14}\n", "$foreground-muted"
    for side in SIDES:
        asked = wanted.get(side, {}).get("wanted")
        before = seen.before.get(side)
        yield f"{side:<12}{seen.counts[side]:>11,}{'' if asked is None else format(asked, ',.10g'):>11}"
        yield f"{'' if before is None else format(before, ','):>14}\n"


def _details(seen: Outlook) -> Iterator[Piece]:
    """Yield what binds the records together, and why some are left out."""
    if seen.links:
        held = ", ".join(f"{count:,} by {show(what)}" for what, count in seen.links.items())
        yield f"held together: {held}\n", "$foreground-muted"
    if seen.report:
        largest = seen.report["largest_group"]
        yield f"largest group: {largest['records']:,} records ({largest['share']:.1%})\n", "$foreground-muted"
        yield from reason_lines(seen.report["excluded"])
        yield from _strata(seen)


def _strata(seen: Outlook) -> Iterator[Piece]:
    strata = seen.report["strata"]
    for name, sides in list(strata.items())[:_STRATA]:
        got = "/".join(f"{sides[side]['got']:,}" for side in SPLITS)
        yield f"{show(name, limit=24):<24} {got}\n", "$foreground-muted"
    if len(strata) > _STRATA:
        yield f"and {len(strata) - _STRATA:,} more strata\n", "$foreground-muted"
