"""How a person looks at the records of a corpus: a view, what is searched in it, a condition, an order.

Nothing heavy is loaded here: a screen names these before it reads anything.
"""

from __future__ import annotations

from dataclasses import dataclass

ALL, MARKED, EDITED, ISSUES, DUPLICATES = "all", "marked", "edited", "issues", "duplicates"
DROPPED, QUARANTINE, CONFLICTS = "dropped", "quarantine", "conflicts"
RULE, SIDE = "rule:", "split:"
"""What the names of the views by rule and by split begin with."""
APART = (QUARANTINE, CONFLICTS)
"""Views whose lines are no records."""
MARK, SPLIT = "", "split"
"""Columns of the table that are worked out; all others are the records' own."""


def named(view: str, version: str = "") -> str:
    """Return a view as a person calls it; `version` is the name of the one whose sides are shown."""
    if view.startswith(RULE):
        return f"issue {view.removeprefix(RULE)}"
    return view.removeprefix(SIDE) or f"in {version}" if view.startswith(SIDE) else view


@dataclass(frozen=True)
class Sorting:
    """A column that rows are sorted by."""

    column: str
    down: bool = False

    @property
    def sign(self) -> str:
        """Return the arrow that stands in the column's heading."""
        return "▼" if self.down else "▲"


@dataclass(frozen=True)
class Lens:
    """A view, narrowed and ordered."""

    view: str = ALL
    text: str = ""
    """What the records must hold, whatever its case."""
    where: str = ""
    """A condition over their fields."""
    sorting: Sorting | None = None

    @property
    def is_plain(self) -> bool:
        """Say whether this is all records as they stand, for which nothing has to be worked out."""
        return self.view == ALL and not self.text and not self.where and self.sorting is None

    def in_words(self) -> str:
        """Return what narrows the view."""
        parts = [f"with {self.text!r}"] * bool(self.text) + [f"where {self.where}"] * bool(self.where)
        return "  ".join(parts)

    def nothing(self) -> str:
        """Return what to say where nothing is found; nothing where nothing narrows the view."""
        parts = [f"holds {self.text!r}"] * bool(self.text) + [f"is what {self.where!r} asks for"] * bool(self.where)
        return f"Nothing {' and '.join(parts)}." if parts else ""


@dataclass(frozen=True)
class Line:
    """A view in the list of views, with the number of its records; None where that is not known yet."""

    view: str
    label: str
    count: int | None
    sign: str = ""
    """Of a rule's severity, so that it does not hang on a colour."""
