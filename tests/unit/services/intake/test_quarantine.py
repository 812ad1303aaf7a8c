"""A row that was read but cannot be typed is set aside with the bytes it is in its file."""

from __future__ import annotations

import pytest

from tests.corpora import state
from workbench.errors import OutsideError
from workbench.services.intake import ingest as service
from workbench.services.intake.ingest import Order, ingest


def test_a_row_of_a_wrong_type_is_set_aside_with_its_very_bytes(store):
    path = store.workspace.root.parent / "rows.jsonl"
    odd = '{"question": "Which?",  "options": 3, "correct_option_index": 0}'
    good = '{"question": "Which?", "options": ["a", "b"], "correct_option_index": 0}'
    path.write_text(f"{good}\n{odd}\n")
    delivery = ingest(store, Order("facts", (path,), schema="mcq"))[0]
    assert (delivery.kept, delivery.quarantined) == (1, 1)
    rejected = state(store).rejects.to_dicts()[0]
    assert rejected["raw"] == odd.encode() and "options" in rejected["reason"]
    assert path.read_bytes()[rejected["start"] : rejected["end"]] == odd.encode()


def test_a_file_that_grows_while_it_is_read_is_refused_and_nothing_is_logged(store, monkeypatch):
    path = store.workspace.root.parent / "rows.jsonl"
    path.write_text('{"question": "q", "answer": "a"}\n')

    def growing(reading):
        yield from ()
        path.write_text(path.read_text() * 2)

    monkeypatch.setattr(service, "read", growing)
    with pytest.raises(OutsideError, match="changed while it was read"):
        ingest(store, Order("facts", (path,), schema="qa"))
    assert store.catalogue.rows() == []
