"""Counts are taken from inside of the client library: where a release of it differs, none come and nothing breaks."""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from types import SimpleNamespace

import pytest
from huggingface_hub import utils
from huggingface_hub.utils import _xet_progress_reporting as drawing

from workbench.publish.transfer import watching_xet

bars = import_module("huggingface_hub.utils.tqdm")  # the package gives a class of that name


def uploaded(count: int = 7) -> None:
    """Do what an upload through Xet does with the bars of the library."""
    if utils.are_progress_bars_disabled():
        return
    drawn = drawing.XetUploadProgressReporter(total_files=1)
    drawn.reset_for_next_commit()
    drawn.update_progress(SimpleNamespace(total_bytes_completed=count), {})
    drawn.close()


@pytest.mark.parametrize("wanted", [None, True])
def test_bytes_are_told_whatever_is_set_about_bars_and_none_is_drawn(monkeypatch, capfd, wanted):
    monkeypatch.setattr(bars, "HF_HUB_DISABLE_PROGRESS_BARS", wanted)
    told: list[int] = []
    with warnings.catch_warnings(action="error"), bars.disable_progress_bars():
        with watching_xet(told.append):
            uploaded()
            assert bars.are_progress_bars_disabled()
        assert told == [7] and utils.are_progress_bars_disabled()
    assert capfd.readouterr() == ("", "")
    assert drawing.XetUploadProgressReporter.__module__ == drawing.__name__


def test_a_release_that_keeps_its_bars_elsewhere_tells_nothing(monkeypatch):
    told: list[int] = []
    monkeypatch.delattr(drawing, "XetUploadProgressReporter")
    with watching_xet(told.append):
        assert not told
    monkeypatch.setitem(sys.modules, drawing.__name__, None)
    with watching_xet(told.append):
        assert not told


def test_counts_that_a_release_does_not_have_are_none(monkeypatch):
    told: list[int] = []
    with bars.disable_progress_bars(), watching_xet(told.append):
        drawing.XetUploadProgressReporter().update_progress(SimpleNamespace())
    assert told == [0]
