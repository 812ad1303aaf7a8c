"""What is pushed is made apart from what lies in `exports/`."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.cli import called
from tests.corpora import CORPUS, cut, deliver, fact, facts, words
from tests.hub_calls import Repository
from tests.runs import both, scored_run
from workbench.corpus import SplitSettings, save_corpus
from workbench.errors import DataError, LeakError
from workbench.services.publishing.clearance import check_may_leave
from workbench.services.publishing.export import export
from workbench.services.publishing.push import planned, pushed
from workbench.services.versions.split import Request, split

pytestmark = pytest.mark.thorough

REPO = "me/facts"


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
    def said(name: str) -> tuple[str, ...]:
        return planned(store, CORPUS, name, REPO, license="cc-by-4.0").notes

    deliver(store, facts(*range(20)))
    first = cut(store).name
    pushed(store, CORPUS, first, REPO, license="cc-by-4.0")
    assert said(first)[0] == "v1 is there already"
    deliver(store, facts(*range(1, 22)))
    assert said(cut(store).name)[0] == "v1 is there; v2 has 2 added, 1 removed"


def test_a_look_says_that_an_older_version_would_take_the_place_of_a_newer_one(store, hub):
    deliver(store, facts(*range(20)))
    first = cut(store).name
    deliver(store, facts(*range(1, 22)))
    pushed(store, CORPUS, cut(store).name, REPO, license="cc-by-4.0")
    look = planned(store, CORPUS, first, REPO, license="cc-by-4.0")
    assert look.changes and look.notes[1] == "v1 is older: who loads it without naming a revision gets v1 again"
    pushed(store, CORPUS, first, REPO, license="cc-by-4.0")
    assert set(hub.repositories[REPO].tags) == {"v1", "v2"}
    again = planned(store, CORPUS, "v2", REPO, license="cc-by-4.0")
    assert not again.changes and "v2 is there already under its tag" in again.notes[0]


def test_a_look_that_reached_nobody_does_not_say_what_is_there(store, hub):
    hub.fail("GET /api/datasets", 503, times=99)
    deliver(store, facts(*range(20)))
    look = ("push", f"{CORPUS}@{cut(store).name}", REPO, "--license", "cc-by-4.0", "--dry-run")
    told = called(*look, cwd=store.workspace.root).out
    assert f"{REPO} could not be looked at: " in told and "private if it has to be made" in told
    assert "would be created" not in told
    assert "HTTP 503" in called(*look, "--json", cwd=store.workspace.root).json["unseen"]


def test_a_look_without_a_token_says_that_a_private_repository_does_not_show(store, hub, monkeypatch):
    deliver(store, facts(*range(20)))
    name = cut(store).name
    pushed(store, CORPUS, name, REPO, license="cc-by-4.0")
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    look = planned(store, CORPUS, name, REPO, license="cc-by-4.0")
    assert look.head is None
    assert look.notes[0] == "without a token a private repository does not show: it may be there"


def test_a_version_pushed_twice_is_one_row_of_the_log_and_survives_another_writer_of_files(store, hub, monkeypatch):
    deliver(store, facts(*range(20)))
    version = cut(store)
    done = pushed(store, CORPUS, version.name, "me/facts", license="cc-by-4.0")
    monkeypatch.setattr("workbench.services.publishing.export_facts.__version__", "9.9.9")
    assert pushed(store, CORPUS, version.name, "me/facts", license="cc-by-4.0") == done
    (row,) = store.catalogue.rows(CORPUS, kinds=("publication",))
    assert row.body["commit"] == done.commit and len(row.body["curation"]) == 64


def test_a_version_whose_proof_found_a_leak_stays_here(store, hub):
    deliver(store, facts(*range(20)))
    leaking = replace(cut(store), proof={"exact": 0, "near": 2})
    with pytest.raises(LeakError, match="leaks between its splits: 2 near"):
        check_may_leave(store, leaking)


def test_the_folder_of_a_runs_base_is_on_no_card(store, hub):
    deliver(store, facts(*range(20)))
    version = cut(store)
    test = store.objects.table(version.assignment).filter(split="test")["id"].to_list()
    run = scored_run(store, version, "facts-v1-none-1", [row for id in test for row in both(id)])
    base = {"name": "/home/me/secret/my-base", "path": "/home/me/secret/my-base"}
    run.facts_file.write_text(json.dumps(run.facts() | {"base": base}))
    card = planned(store, CORPUS, version.name, "me/facts", license="cc-by-4.0").card
    assert "Answers of `my-base`" in card and "/home/me" not in card


@pytest.mark.parametrize("note", ["ask jane.doe@some-company.com", "-----BEGIN RSA PRIVATE KEY-----"])
def test_a_note_with_an_address_or_a_secret_stays_here(store, hub, note):
    deliver(store, facts(*range(20)))
    version = split(store, Request(CORPUS, SplitSettings(), note=note))
    with pytest.raises(DataError, match="the note of this version"):
        pushed(store, CORPUS, version.name, "me/facts", license="cc-by-4.0")
    assert not hub.repositories


def test_a_source_named_by_an_address_stays_here_also_when_corpus_yaml_forgot_it(store, hub):
    deliver(store, facts(*range(20)))
    deliver(store, facts(*range(20, 30)), name="jane.doe@some-company.com")
    version = cut(store)
    corpus = store.corpus(CORPUS)
    save_corpus(corpus.model_copy(update={"sources": corpus.sources[:1]}), store.workspace.corpus_file(CORPUS))
    with pytest.raises(DataError, match="the name of its source 1 holds a secret or an address"):
        planned(store, CORPUS, version.name, "me/facts", license="cc-by-4.0")


def test_what_stands_in_no_split_is_in_no_file_either(store):
    shared = words("harbour", 60)
    bad = [fact(number, question=f"{shared} {words(number, 8)}", answer="") for number in range(25)]
    deliver(store, [*facts(*range(100, 120)), *bad])
    version = cut(store)
    assert version.counts["excluded"] == 25 and "a template" in version.proof["compared"]
    made = export(store, CORPUS, version.name, license="cc-by-4.0")
    assert not [name for name in made.files if shared[:20].encode() in (made.folder / name).read_bytes()]


def test_a_look_says_who_sees_the_repository_that_is_there(store, hub):
    deliver(store, facts(*range(20)))
    name = cut(store).name
    hub.repositories["me/facts"] = Repository(private=False)
    hub.repositories["me/facts"].commit({}, "by hand")
    look = ("push", f"{CORPUS}@{name}", "me/facts", "--license", "cc-by-4.0", "--dry-run")
    assert "public there: it is refused without --public" in called(*look, cwd=store.workspace.root).out
    hub.repositories["me/facts"].private = True
    assert "private, and stays so" in called(*look, "--public", cwd=store.workspace.root).out
