"""Waiting before the Hub is asked again, second by second: told while it lasts, and ended by whoever cancels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import ceil
from time import sleep

from workbench.publish.meter import Report, silent

_report: ContextVar[Report] = ContextVar("report", default=silent)


@contextmanager
def telling(report: Report) -> Iterator[None]:
    """Tell the pauses of the block to `report`; what it raises ends a pause, and the work."""
    before = _report.set(report)
    try:
        yield
    finally:
        _report.reset(before)


def wait(seconds: float, why: str) -> None:
    """Wait, telling each second how many are gone: who is told says how many are left."""
    report, whole = _report.get(), ceil(seconds)
    for gone in range(whole):
        report(f"{why}: {whole} s", gone, whole)
        sleep(min(1.0, seconds - gone))
