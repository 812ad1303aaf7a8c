"""What a sheet asks of the Hub before and after: what is there, what came, and what an adapter would send."""

from __future__ import annotations

import json

import pytest

from tests.hub_calls import Repository
from tests.unit.services.publishing.test_adapters import trained
from workbench.errors import UsageError
from workbench.services.progress import silent
from workbench.services.publishing.arriving import Asked, arrive, offer
from workbench.services.publishing.leaving import HUB, Wanted, leave_adapter
from workbench.services.publishing.trial import tried_adapter

REPO = "me/tides"


@pytest.fixture
def tides(hub):
    rows = [{"question": f"How high is tide {number}?", "answer": f"{number} m"} for number in range(6)]
    repository = hub.repositories.setdefault(REPO, Repository(private=False))
    repository.commit({"train.jsonl": "".join(json.dumps(row) + "\n" for row in rows).encode()}, "by hand")
    return repository


def test_what_a_repository_holds_is_told_before_anything_is_written(store, tides):
    there = offer(store.workspace, Asked(REPO))
    assert (there.corpus, there.commit) == ("tides", tides.head)
    assert [(part.name, len(part.files)) for part in there.parts] == [("train", 1)]
    assert store.corpora() == [] and list(store.workspace.scratch.iterdir()) == []


def test_what_came_is_told_in_words(store, tides):
    done = arrive(store.workspace, Asked(f"{REPO}@main", corpus="sea", schema="qa"), silent)
    assert (done.corpus, [one.kept for one in done.deliveries]) == ("sea", [6])
    assert done.said[0].startswith("not verified against a version")


def test_what_is_no_repository_is_refused(store):
    with pytest.raises(UsageError, match="is no repository"):
        offer(store.workspace, Asked("tides"))


def test_an_adapter_is_tried_and_then_sent(store, hub):
    run = trained(store)
    seen = tried_adapter(store, run.name, "me/facts-lora", license="apache-2.0")
    assert ("adapter_model.safetensors", "add", 7) in seen.files and "library_name: peft" in seen.card
    assert hub.repositories == {}
    said = leave_adapter(store.workspace, run.name, Wanted(HUB, "me/facts-lora", "apache-2.0", True), silent)
    assert said == f"pushed: {hub.url}/me/facts-lora/tree/{run.name}"
    assert hub.repositories["me/facts-lora"].private
