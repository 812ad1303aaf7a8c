"""Facts about what is remembered of a table's columns, beside the log."""

from __future__ import annotations

import pytest

from workbench.services.looking.lens import named
from workbench.services.records.layout import hidden_columns, hide_columns
from workbench.workspace import Workspace


@pytest.fixture
def room(tmp_path):
    return Workspace.create(tmp_path / "room", with_samples=False)


def test_hidden_columns_are_kept_by_corpus_and_schema(room):
    hide_columns(room, "towns", "qa", {"source", "id"})
    hide_columns(room, "towns", "mcq", {"options"})
    hide_columns(room, "rivers", "qa", ["answer"])
    assert hidden_columns(room, "towns", "qa") == {"source", "id"}
    assert hidden_columns(room, "towns", "mcq") == {"options"} and hidden_columns(room, "rivers", "qa") == {"answer"}
    assert hidden_columns(room, "rivers", "chat") == hidden_columns(room, "seas", "qa") == frozenset()


def test_what_is_hidden_last_counts(room):
    hide_columns(room, "towns", "qa", {"source", "id"})
    hide_columns(room, "towns", "qa", ())
    assert hidden_columns(room, "towns", "qa") == frozenset()


@pytest.mark.parametrize(
    "torn", ["{", "[]", '{"towns": []}', '{"towns": {"qa": "id"}}', '{"towns": {"qa": [1]}}', "[" * 9999]
)
def test_a_torn_file_hides_nothing_and_is_written_anew(room, torn):
    room.layout.write_text(torn, encoding="utf-8")
    assert hidden_columns(room, "towns", "qa") == frozenset()
    hide_columns(room, "towns", "qa", {"id"})
    assert hidden_columns(room, "towns", "qa") == {"id"}


def test_views_are_named_in_words():
    assert named("rule:mojibake") == "issue mojibake" and named("edited") == "edited"
    assert named("split:train", "v1") == "train" and named("split:", "v1") == "in v1"
