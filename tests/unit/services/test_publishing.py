"""What is pushed is made apart from what lies in `exports/`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.corpora import CORPUS, cut, deliver, facts
from workbench.errors import LeakError
from workbench.services.clearance import check_may_leave
from workbench.services.publish import export, planned, pushed

pytestmark = pytest.mark.thorough


def test_a_push_leaves_what_a_person_wrote_into_an_export(store, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    deliver(store, facts(*range(20)))
    version = cut(store)
    card = export(store, CORPUS, version.name, license="cc-by-4.0").folder / "README.md"
    card.write_text("Mine.\n")
    assert planned(store, CORPUS, version.name, "somebody/facts", license="cc-by-4.0").files
    assert card.read_text() == "Mine.\n"
    assert not list(store.workspace.scratch.iterdir())


def test_a_look_says_how_the_version_differs_from_the_one_there(store, hub):
    said: list[str] = []

    def report(line: str, done: int = 0, total: int = 0) -> None:
        said.append(line)

    deliver(store, facts(*range(20)))
    first = cut(store)
    pushed(store, CORPUS, first.name, "me/facts", license="cc-by-4.0")
    planned(store, CORPUS, first.name, "me/facts", license="cc-by-4.0", report=report)
    deliver(store, facts(*range(1, 22)))
    planned(store, CORPUS, cut(store).name, "me/facts", license="cc-by-4.0", report=report)
    assert said == ["v1 is there already", "v1 is there; v2 has 2 added, 1 removed"]


def test_a_version_pushed_twice_is_one_row_of_the_log_and_survives_another_writer_of_files(store, hub, monkeypatch):
    deliver(store, facts(*range(20)))
    version = cut(store)
    done = pushed(store, CORPUS, version.name, "me/facts", license="cc-by-4.0")
    monkeypatch.setattr("workbench.services.export_facts.__version__", "9.9.9")
    assert pushed(store, CORPUS, version.name, "me/facts", license="cc-by-4.0") == done
    (row,) = store.catalogue.rows(CORPUS, kinds=("publication",))
    assert row.body["commit"] == done.commit and len(row.body["curation"]) == 64


def test_a_version_whose_proof_found_a_leak_stays_here(store, hub):
    deliver(store, facts(*range(20)))
    leaking = replace(cut(store), proof={"exact": 0, "near": 2})
    with pytest.raises(LeakError, match="leaks between its splits: 2 near"):
        check_may_leave(store, leaking)
