"""Every source keeps its own licence, on the card and in what is said before a push."""

from __future__ import annotations

import pytest

from tests.cli import called
from tests.corpora import CORPUS, cut, deliver, facts, write
from tests.hub import Hub
from tests.hub_calls import Repository
from workbench.corpus import Corpus, load_corpus, save_corpus
from workbench.services.publishing.pull import Wanted, pull
from workbench.services.publishing.push import planned, pushed
from workbench.services.publishing.source_licenses import license_notes, sources_of
from workbench.store.store import Store

pytestmark = pytest.mark.thorough

REPO = "me/facts"


def bring(store: Store, file: str, numbers: range, *more: str) -> None:
    path = write(store, facts(*numbers), file)
    said = called("ingest", CORPUS, str(path), "--schema", "qa", *more, cwd=store.workspace.root)
    assert said.code == 0, said.talk


def licenses(store: Store) -> dict[str, str | None]:
    return {str(one["name"]): one["license"] for one in sources_of(store, cut(store))}


def test_the_licence_of_the_first_files_is_the_corpus_own_and_of_later_ones_their_own(store):
    bring(store, "a.jsonl", range(10), "--license", "mit")
    bring(store, "b.jsonl", range(10, 20), "--license", "cc-by-nc-4.0")
    bring(store, "c.jsonl", range(20, 30))
    corpus = load_corpus(store.workspace.corpus_file(CORPUS))
    assert corpus.license == "mit" and [source.license for source in corpus.sources] == [None, "cc-by-nc-4.0", None]
    assert licenses(store) == {"a.jsonl": "mit", "b.jsonl": "cc-by-nc-4.0", "c.jsonl": "mit"}


def test_the_licence_of_one_more_file_is_not_one_of_those_that_state_none(store):
    bring(store, "a.jsonl", range(10))
    bring(store, "b.jsonl", range(10, 20), "--license", "mit")
    assert licenses(store) == {"a.jsonl": None, "b.jsonl": "mit"}


def test_a_licence_given_again_for_all_sources_is_the_corpus_own(store):
    bring(store, "a.jsonl", range(10))
    bring(store, "b.jsonl", range(10, 20), "--license", "mit")
    assert called("ingest", CORPUS, "--license", "odc-by", cwd=store.workspace.root).code == 0
    assert licenses(store) == {"a.jsonl": "odc-by", "b.jsonl": "odc-by"}


def test_the_licence_of_a_source_that_corpus_yaml_forgot_is_in_the_log(store):
    bring(store, "a.jsonl", range(10), "--license", "mit")
    bring(store, "b.jsonl", range(10, 20), "--license", "odc-by")
    path = store.workspace.corpus_file(CORPUS)
    corpus = load_corpus(path)
    save_corpus(corpus.model_copy(update={"sources": corpus.sources[:1]}), path)
    assert licenses(store) == {"a.jsonl": "mit", "b.jsonl": "odc-by"}


def test_what_sources_state_otherwise_is_said_and_not_judged():
    sources = [{"name": name, "license": license} for name, license in (("a", None), ("b", "gpl-3.0"), ("c", "mit"))]
    assert list(license_notes(sources, "mit")) == [
        "no licence is known of a: whether this may leave under mit is yours to say",
        "gpl-3.0 is stated of b: whether this may leave under mit is yours to say",
    ]
    many = [{"name": str(number), "license": "odbl"} for number in range(9)]
    assert "odbl is stated of 0, 1, 2 and 6 more:" in next(license_notes(many, "mit"))


def test_a_look_at_a_push_says_it_and_the_card_lists_each(store, hub):
    bring(store, "a.jsonl", range(20), "--license", "mit")
    bring(store, "b.jsonl", range(20, 30), "--license", "cc-by-nc-4.0")
    todo = planned(store, CORPUS, cut(store).name, REPO, license="apache-2.0")
    assert [note.partition(":")[0] for note in todo.notes] == [
        "cc-by-nc-4.0 is stated of b.jsonl",
        "mit is stated of a.jsonl",
    ]
    assert "| b.jsonl | cc-by-nc-4.0 |" in todo.card and "stay under it" in todo.card
    assert todo.card.startswith("---\nlicense: apache-2.0\n")


def test_what_a_repository_states_is_the_licence_of_what_is_pulled(store, hub):
    deliver(store, facts(*range(20)))
    pushed(store, CORPUS, cut(store).name, REPO, license="cc-by-4.0")
    pull(store, Wanted(REPO, corpus="copy"))
    assert store.corpus("copy").license == "cc-by-4.0"
    files = {
        "train.jsonl": b'{"question": "What?", "answer": "That."}\n',
        "README.md": b"---\nlicense: [odc-by]\n---\n",
    }
    hub.repositories[REPO].commit(files, "by hand")
    pull(store, Wanted(REPO, corpus=CORPUS))
    assert store.corpus(CORPUS).source("me/facts/train").license == "odc-by"
    assert store.corpus(CORPUS).license is None


@pytest.mark.parametrize("front", ["license: [mit, odc-by]\n", "license: my-own\n"])
def test_a_repository_that_states_none_does_not_get_that_of_the_corpus_it_comes_into(store, hub, front):
    bring(store, "a.jsonl", range(10), "--license", "mit")
    pulled_from(store, hub, CORPUS, front)
    pulled_from(store, hub, "alone", front)
    assert licenses(store) == {"a.jsonl": "mit", "me/facts/train": "unknown"}
    said = next(license_notes(sources_of(store, cut(store)), "mit"))
    assert said.startswith("no licence is known of me/facts/train:")
    assert store.corpus("alone").license is None and store.corpus("alone").sources[0].license is None


def test_the_licence_that_a_corpus_declares_before_it_has_a_source_stays(store, hub):
    path = store.workspace.corpus_file(CORPUS)
    save_corpus(Corpus(name=CORPUS, schema_name="qa", license="mit"), path)
    pulled_from(store, hub, CORPUS, "license: odc-by\n")
    corpus = load_corpus(path)
    assert (corpus.license, corpus.sources[0].license) == ("mit", "odc-by")


def pulled_from(store: Store, hub: Hub, corpus: str, front: str) -> None:
    files = {
        "train.jsonl": b'{"question": "What is it?", "answer": "That is it."}\n',
        "README.md": f"---\n{front}---\n".encode(),
    }
    known = hub.repositories.setdefault(REPO, Repository(private=False))
    known.commit(files, "by hand")
    pull(store, Wanted(REPO, corpus=corpus))
