"""Processes that change one corpus at once wait for each other, never for ever, and lose nothing of one another."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cli import workbench
from tests.corpora import CORPUS, cut, deliver, facts, scratch, state, write
from tests.faults.writers import Writers
from workbench.services.verify import verify
from workbench.store.store import Store
from workbench.store.versions import versions


def check_whole(store: Store, writers: Writers) -> None:
    """All processes ended well; what they said they did stands in the log, in their order, and fits together."""
    wrong = writers.wrong()
    writers.close()
    assert wrong == [""] * 3, wrong
    assert [process.returncode for process in writers.processes.values()] == [0] * 3
    logged = [row.body["value"] for row in store.catalogue.rows(CORPUS, kinds=("edit",))]
    for name in ("one", "two"):
        said = [f"{words[2]} {words[3]}" for words in writers.said if words[0] == "edit" and words[2] == name]
        assert [value for value in logged if value.split()[0] == name] == said
    assert set(writers.versions()) <= {version.id for version in versions(store.catalogue, CORPUS)}
    assert state(store).replayed.conflicts == ()
    assert verify(store) == []


def at_once(edits: int, splits: int) -> None:
    with scratch() as store:
        deliver(store, facts(*range(20)))
        writers = Writers(store.workspace.root, 0)
        writers.ready()
        writers.ask("one", edits)
        writers.ask("two", edits)
        writers.ask("versioner", splits)
        writers.finish()
        assert sum(words[0] == "edit" for words in writers.said) == 2 * edits
        assert sum(words[0] in ("version", "again") for words in writers.said) == splits
        check_whole(store, writers)
        assert cut(store).id == cut(store).id


def test_two_editors_and_a_versioner_at_once_lose_nothing():
    at_once(25, 5)


@pytest.mark.slow
def test_two_editors_and_a_versioner_at_once_lose_nothing_in_a_thousand_edits():
    at_once(500, 50)


def test_a_delivery_gets_in_while_others_edit_without_pause():
    with scratch() as store:
        deliver(store, facts(*range(20)))
        path = write(store, facts(*range(24)), "grown.jsonl")
        writers = Writers(store.workspace.root, 0)
        writers.ready()
        for name in ("one", "two"):
            writers.ask(name, 4)
        with ThreadPoolExecutor(1) as pool:
            arguments = ("ingest", CORPUS, path, "--source", "rows", "--json")
            done = pool.submit(workbench, *arguments, cwd=store.workspace.root)
            while not done.done():
                writers.ask(writers.hear()[2])
        writers.finish()
        said = done.result()
        assert said.code == 0, said.talk
        counts = json.loads(said.out)["sources"][0]
        assert (counts["read"], counts["kept"], counts["merged"]) == (24, 4, 20)
        assert state(store).records.height == 24
        check_whole(store, writers)
