"""Bytes on their way are told with their pace."""

from __future__ import annotations

import pytest

from workbench.publish import meter
from workbench.publish.meter import Meter, size


def test_the_pace_follows_from_what_has_gone(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(meter, "monotonic", lambda: clock[0])
    told: list[tuple[str, int, int]] = []

    def report(line: str, done: int = 0, total: int = 0) -> None:
        told.append((line, done, total))

    counter = Meter("sending", 40_000_000, report)
    counter.add(1_000)
    clock[0] = 10.0
    counter.add(9_999_000)
    clock[0] = 1000.0
    counter.add(0)
    assert told == [
        ("sending: 1.0 kB of 40.0 MB", 1_000, 40_000_000),
        ("sending: 10.0 MB of 40.0 MB, 1.0 MB/s", 10_000_000, 40_000_000),
        ("sending: 10.0 MB of 40.0 MB, 10.0 kB/s", 10_000_000, 40_000_000),
    ]


def test_a_file_on_its_way_is_told_now_and_then(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(meter, "monotonic", lambda: clock[0])
    told: list[int] = []

    def report(line: str, done: int = 0, total: int = 0) -> None:
        told.append(done)

    counter = Meter("sending", 100, report)
    counter.add(10)
    for clock[0], count in ((0.1, 20), (0.6, 30), (0.7, 40), (1.2, 900)):
        counter.within(count)
    counter.add(90)
    assert told == [10, 40, 100, 100]


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (5 * 10**13, "50,000.0 GB")])
def test_sizes_have_decimal_units(count, text):
    assert size(count) == text
