"""The tokens of one record as the model reads them: what is learned in brackets and colour, marks in reverse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from workbench.text import show

if TYPE_CHECKING:
    from workbench.services.training.xray import Token, XrayRow

Piece = str | tuple[str, str]
OPEN, CLOSE, BETWEEN = "⟪", "⟫", "│"
"""Around what is learned, and between two tokens: signs, so that nothing hangs on a colour."""
DRAWN = 4000
"""Tokens that are drawn; the rest is counted."""


class TokenPane(VerticalScroll):
    """One record in tokens."""

    are_parted = True
    """Whether a sign stands between two tokens."""

    def compose(self) -> ComposeResult:
        """Hold one text."""
        yield Static(id="token-text", markup=False)

    def show_tokens(self, row: XrayRow | None) -> None:
        """Show a record, or nothing."""
        pieces = () if row is None else record_pieces(row, are_parted=self.are_parted)
        self.query_one("#token-text", Static).update(Content.assemble(*pieces))
        self.scroll_home(animate=False)


def record_pieces(row: XrayRow, *, are_parted: bool) -> Iterator[Piece]:
    """Yield counts, flags with their meaning, what the signs mean, and the tokens."""
    from workbench.services.training.trained import meaning

    cut = f", {row.lost:,} cut away" if row.cut else ""
    yield f"{len(row.tokens):,} tokens, {row.learned:,} learned{cut}\n", "bold"
    for flag in row.flags:
        yield f"{flag}: ", "$text-warning"
        yield f"{meaning(flag)}\n"
    if row.reason:
        yield f"{show(row.reason, limit=400)}\n", "$text-error"
    yield f"{OPEN}learned{CLOSE}", "$text-success"
    yield "  read alone  "
    yield "mark", "reverse"
    yield f"{'  ' + BETWEEN + ' between tokens' if are_parted else ''}\n\n", "$foreground-muted"
    yield from token_pieces(row.tokens, are_parted=are_parted)
    if row.cut:
        yield f"\n... {row.lost:,} more tokens are cut away: train.max_length", "$text-warning"


def token_pieces(tokens: Sequence[Token], *, are_parted: bool) -> Iterator[Piece]:
    """Yield the tokens, stretches that are learned between signs; what looks alike is one piece, quick to draw."""
    alike = groupby(_drawn(tokens[:DRAWN], are_parted=are_parted), key=itemgetter(1))
    yield from (("".join(text for text, _ in pieces), style) for style, pieces in alike)
    if len(tokens) > DRAWN:
        yield f"\n{len(tokens) - DRAWN:,} more tokens", "$foreground-muted"


def _drawn(tokens: Sequence[Token], *, are_parted: bool) -> Iterator[tuple[str, str]]:
    learned = False
    for place, token in enumerate(tokens):
        style = "$text-success" if token.learned else "$foreground-muted"
        if token.learned != learned:
            yield (OPEN if token.learned else CLOSE), "bold $text-success"
        elif are_parted and place:
            yield BETWEEN, style
        learned = token.learned
        yield show(token.text) or f"<{token.id}>", f"{style} reverse" if token.special else style
        if "\n" in token.text:
            yield "\n", style
    if learned:
        yield CLOSE, "bold $text-success"
