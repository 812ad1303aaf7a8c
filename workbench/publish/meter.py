"""Bytes on their way, told with their pace."""

from __future__ import annotations

from time import monotonic
from typing import Protocol


class Report(Protocol):
    """Takes a line of progress, and how far it is; the same shape as the services' own."""

    def __call__(self, line: str, done: int = 0, total: int = 0) -> None:
        """Tell a line; a total of 0 is not known."""


def silent(line: str, done: int = 0, total: int = 0) -> None:
    """Tell nobody."""


_PAUSE = 0.5
"""Seconds between two looks at a file that is on its way."""


class Meter:
    """Counts bytes up to a total that is known from the start."""

    def __init__(self, doing: str, total: int, report: Report) -> None:
        """Begin at nothing, now."""
        self._doing, self._total, self._report = doing, total, report
        self._done, self._began = 0, monotonic()
        self._told = self._began

    def add(self, count: int) -> None:
        """Tell that some more files have arrived, of so many bytes."""
        self._done += count
        self._tell(self._done)

    def within(self, count: int) -> None:
        """Tell how many bytes of the files that are on their way have gone; said now and then."""
        if monotonic() - self._told >= _PAUSE:
            self._tell(min(self._done + count, self._total))

    def _tell(self, done: int) -> None:
        self._told = monotonic()
        told = f"{self._doing}: {size(done)} of {size(self._total)}"
        self._report(f"{told}{self._pace(done, self._told - self._began)}", done, self._total)

    def _pace(self, done: int, seconds: float) -> str:
        if not (done and seconds >= 1):
            return ""
        return f", {size(int(done / seconds))}/s"


def size(count: int) -> str:
    """Return a number of bytes in decimal units (SI), as the Hub shows them."""
    number, units = float(count), ["B", "kB", "MB", "GB"]
    while number >= 1000 and len(units) > 1:
        number, units = number / 1000, units[1:]
    return f"{number:,.0f} B" if units[0] == "B" else f"{number:,.1f} {units[0]}"
