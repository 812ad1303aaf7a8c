"""What is pushed is made apart from what lies in `exports/`."""

from __future__ import annotations

from tests.corpora import CORPUS, cut, deliver, facts
from workbench.services.publish import export, planned


def test_a_push_leaves_what_a_person_wrote_into_an_export(store, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    deliver(store, facts(*range(20)))
    version = cut(store)
    card = export(store, CORPUS, version.name, license="cc-by-4.0").folder / "README.md"
    card.write_text("Mine.\n")
    assert planned(store, CORPUS, version.name, "somebody/facts", license="cc-by-4.0").files
    assert card.read_text() == "Mine.\n"
    assert not list(store.workspace.scratch.iterdir())
