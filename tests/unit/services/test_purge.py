"""Facts about what a purge foretells: versions and runs that hold a text, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpora import CORPUS, by_question, cut, deliver, fact, facts, scratch, sides
from tests.runs import scored_run
from workbench.services.looking.search import is_held
from workbench.services.purge import planned, purged
from workbench.services.records.editing import edit
from workbench.store.redaction import Redaction
from workbench.store.store import Store
from workbench.store.versions import Version

SECRET = "sk-of-somebody"


def run_of(store: Store, version: Version, name: str) -> None:
    """Write a run folder on a version, and the log's row of it."""
    scored_run(store, version, name, [])
    store.catalogue.append(("run", CORPUS, name, {"version": version.id}))


def test_a_version_from_before_the_edit_that_brought_the_text_is_not_foretold():
    with scratch() as store:
        deliver(store, facts(*range(12)))
        run_of(store, cut(store), "before")
        record = by_question(store)[fact(0)["question"]]
        edit(store, CORPUS, record, {"answer": f"it is {SECRET}"})
        second = cut(store)
        run_of(store, second, "after")
        plan = planned(store, CORPUS, [SECRET])
        assert plan.versions == ((CORPUS, second.id),) and "before" not in plan.runs
        done = purged(store, plan)
        assert done.versions == (f"{CORPUS}@{second.name}",)


def test_a_run_was_trained_on_a_text_only_where_it_stood_in_train():
    with scratch() as store:
        deliver(store, facts(*range(40)))
        where = sides(store, cut(store))
        for side in ("train", "test"):
            record = next(record for record, found in where.items() if found == side)
            edit(store, CORPUS, record, {"answer": f"{side}: my-own-words-{side}"})
        run_of(store, cut(store), "one")
        for side, trained in (("train", ("one",)), ("test", ())):
            plan = planned(store, CORPUS, [f"my-own-words-{side}"])
            assert (plan.runs, plan.trained) == (("one",), trained)


def test_an_own_file_in_a_closed_folder_is_named_and_one_that_is_gone_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    redaction = Redaction.of([SECRET])
    assert not is_held(tmp_path / "gone", redaction)

    def closed(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", closed)
    assert is_held(tmp_path / "closed", redaction)
