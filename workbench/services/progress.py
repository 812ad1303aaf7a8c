"""How a service tells its progress: one function, given by the front end."""

from __future__ import annotations

from collections.abc import Callable

Report = Callable[[str], None]
"""Takes one line of talk, in plain words."""


def silent(_line: str) -> None:
    """Tell nobody."""
