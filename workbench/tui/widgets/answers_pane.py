"""A prompt above the answers of two models side by side, and how these differ word by word."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

Piece = str | tuple[str, str]


class AnswersPane(Vertical):
    """Four texts of safe pieces; those that are not given are not shown."""

    DEFAULT_CSS = """
    AnswersPane {
        width: 1fr;
        & > VerticalScroll, & > #answers > VerticalScroll { scrollbar-size: 1 1; padding: 0 1; }
        & > #asked { height: 2fr; }
        & > #answers { height: 3fr; layout: horizontal; border-top: hkey $panel; }
        & > #answers > VerticalScroll { width: 1fr; height: 1fr; }
        & > #answers > #right { border-left: vkey $panel; }
        & > #words { height: 2fr; border-top: hkey $panel; }
    }
    """
    _PARTS = ("asked", "left", "right", "words")

    def compose(self) -> ComposeResult:
        """Hold prompt, both answers and their difference."""
        with VerticalScroll(id="asked"):
            yield Static(id="asked-text", markup=False)
        with Container(id="answers"):
            for name in ("left", "right"):
                with VerticalScroll(id=name):
                    yield Static(id=f"{name}-text", markup=False)
        with VerticalScroll(id="words"):
            yield Static(id="words-text", markup=False)

    def on_mount(self) -> None:
        """Begin with one text alone."""
        self.show_text()

    def show_text(self, *pieces: Piece) -> None:
        """Show one text in all the room there is."""
        self._show({"asked": pieces})

    def show_answers(
        self, asked: Iterable[Piece], left: Iterable[Piece], right: Iterable[Piece], words: Iterable[Piece]
    ) -> None:
        """Show a prompt, two answers and their difference."""
        self._show({"asked": asked, "left": left, "right": right, "words": words})

    def _show(self, texts: dict[str, Iterable[Piece]]) -> None:
        self.query_one("#answers").display = self.query_one("#words").display = len(texts) > 1
        for name in self._PARTS:
            self.query_one(f"#{name}-text", Static).update(Content.assemble(*texts.get(name, ())))
            self.query_one(f"#{name}").scroll_home(animate=False)
