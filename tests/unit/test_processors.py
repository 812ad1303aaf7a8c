"""How many processors are used, on systems and Pythons that tell it in different ways."""

from __future__ import annotations

import os

import pytest

from workbench.processors import processors


@pytest.fixture
def telling(monkeypatch):
    """Return what leaves a system only some ways to tell."""

    def leave(**ways):
        for name in ("process_cpu_count", "sched_getaffinity", "cpu_count"):
            monkeypatch.delattr(os, name, raising=False)
        for name, told in ways.items():
            monkeypatch.setattr(os, name, told, raising=False)

    return leave


def test_the_newest_way_to_tell_comes_first(telling):
    telling(process_cpu_count=lambda: 3, sched_getaffinity=lambda _: {0, 1}, cpu_count=lambda: 64)
    assert processors() == 3


def test_where_a_process_is_held_to_some_processors_those_count(telling):
    telling(sched_getaffinity=lambda _: {4, 7}, cpu_count=lambda: 64)
    assert processors() == 2


def test_a_system_that_holds_no_process_to_processors_tells_all(telling):
    telling(cpu_count=lambda: 8)
    assert processors() == 8


@pytest.mark.parametrize("ways", [{"process_cpu_count": lambda: None}, {"cpu_count": lambda: None}])
def test_a_system_that_cannot_tell_has_one(telling, ways):
    telling(**ways)
    assert processors() == 1
