"""Two texts as one, word by word: what goes is struck out in brackets, what comes stands in braces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from workbench.text import show

Piece = str | tuple[str, str]
Step = tuple[list[str], list[str]]
"""A stretch of two lists of words, as `curation.difference.word_steps` yields it."""
AROUND = 24
"""Unchanged words that are drawn on each side of a change; longer stretches are counted."""
LONGEST = 3000
"""Characters of one stretch that are drawn: one word may be longer than any screen."""


def word_diff(steps: Iterable[Step]) -> Iterator[Piece]:
    """Yield safe pieces: equal words as they stand, `[-gone-]` and `{+come+}` as marks as well as colours."""
    for old, new in steps:
        if old == new:
            yield from _unchanged(old)
            continue
        if old:
            yield f"[-{_joined(old)}-]", "$text-error"
            yield " "
        if new:
            yield f"{{+{_joined(new)}+}}", "$text-success"
            yield " "


def _joined(words: list[str]) -> str:
    return show(" ".join(words), limit=LONGEST)


def _unchanged(words: list[str]) -> Iterator[Piece]:
    if len(words) <= 2 * AROUND + 4:
        yield f"{_joined(words)} "
        return
    yield f"{_joined(words[:AROUND])} "
    yield f"... {len(words) - 2 * AROUND:,} words ... ", "$foreground-muted"
    yield f"{_joined(words[-AROUND:])} "


def field_diffs(fields: Mapping[str, list[Step]], *, alone: bool = False) -> Iterator[Piece]:
    """Yield the fields of two records, as `curation.difference.field_steps` has them, without what both lack.

    `alone` shows one record that is compared with none: no field is called the same.
    """
    for name, steps in fields.items():
        is_same = all(old == new for old, new in steps)
        words = [word for old, _ in steps for word in old]
        if is_same and not words:
            continue
        yield show(name), "bold $foreground-muted" if is_same and not alone else "bold"
        if is_same and not alone:
            yield f"  same: {show(' '.join(words[: 2 * AROUND]), limit=200)}", "$foreground-muted"
        else:
            yield "\n"
            yield from word_diff(steps)
        yield "\n"


class DiffPane(VerticalScroll):
    """A text of pieces that can be scrolled."""

    DEFAULT_CSS = """
    DiffPane {
        height: 1fr;
        padding: 0 1;
        scrollbar-size: 1 1;
    }
    """

    def compose(self) -> ComposeResult:
        """Hold one text."""
        yield Static(id="diff-text", markup=False)

    def show_pieces(self, *pieces: Piece) -> None:
        """Show pieces of safe text from their beginning."""
        self.query_one("#diff-text", Static).update(Content.assemble(*pieces))
        self.scroll_home(animate=False)
