"""A pull brings the records of one commit, checked; a later one is a new delivery on which edits are replayed."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.corpora import CORPUS, cut, deliver, facts
from tests.hub import TOKEN, Hub
from tests.hub_calls import OTHER_TOKEN, Repository
from workbench.errors import CorruptionError, DataError, OutsideError, UsageError
from workbench.services.publishing.pull import Pulled, Wanted, pull
from workbench.services.publishing.push import pushed
from workbench.services.records.editing import edit
from workbench.services.trace import trace

pytestmark = pytest.mark.thorough

REPO = "me/facts"
ROWS = [{"question": f"What is {number}?", "answer": f"It is number {number}."} for number in range(6)]


def lines(rows: list[dict[str, str]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def theirs(hub: Hub, files: dict[str, bytes], *, private: bool = False) -> None:
    repository = hub.repositories.setdefault(REPO, Repository(private=private))
    repository.commit({".gitattributes": b"", **files}, "by hand")


def pulled(store, revision: str | None = None, corpus: str | None = None) -> Pulled:
    return pull(store, Wanted(REPO, revision, corpus))


def counts(done: Pulled) -> list[tuple[int, int, int]]:
    return [(one.read, one.kept, one.merged) for one in done.deliveries]


def test_a_strangers_records_come_in_by_split_with_the_commit_they_are_from(store, hub):
    theirs(hub, {"train.jsonl": lines(ROWS), "test.jsonl": lines(ROWS[:2])})
    done = pulled(store)
    assert (done.corpus, done.commit) == ("facts", hub.repositories[REPO].head)
    assert {one.name: one.read for one in done.deliveries} == {"me/facts/test": 2, "me/facts/train": 6}
    assert done.verified["version"] is None and "curation.json" in done.verified["reason"]
    source = store.corpus("facts").source("me/facts/train")
    assert source.split == "train" and source.origin == f"hf://datasets/{REPO}@{done.commit}/train.jsonl"
    record = store.state(store.corpus("facts")).records["id"][0]
    assert trace(store, record)["deliveries"][0]["origin"].startswith(f"hf://datasets/{REPO}@{done.commit}/")


def test_pulling_the_same_again_brings_nothing_and_says_so_once(store, hub):
    theirs(hub, {"train.jsonl": lines(ROWS)})
    pulled(store)
    assert counts(pulled(store)) == [(6, 0, 6)]
    assert [row.kind for row in store.catalogue.rows("facts")] == ["delivery", "pull"]


def test_a_later_commit_is_a_new_delivery_and_edits_are_replayed(store, hub):
    theirs(hub, {"train.jsonl": lines(ROWS)})
    pulled(store)
    corpus = store.corpus("facts")
    record = store.state(corpus).records.filter(answer="It is number 3.")["id"][0]
    edit(store, "facts", record, {"answer": "Three."})
    theirs(hub, {"train.jsonl": lines([*ROWS, {"question": "What is 6?", "answer": "It is number 6."}])})
    assert counts(pulled(store)) == [(7, 1, 6)]
    assert store.state(store.corpus("facts")).records.filter(id=record)["answer"][0] == "Three."


def test_a_commit_can_be_named(store, hub):
    theirs(hub, {"train.jsonl": lines(ROWS)})
    first = hub.repositories[REPO].head
    theirs(hub, {"train.jsonl": lines(ROWS[:1])})
    assert counts(pulled(store, first)) == [(6, 6, 0)]


def test_shards_are_joined_in_their_order(store, hub, tmp_path):
    parts = {f"data/train-0000{part}-of-00002.parquet": rows for part, rows in enumerate((ROWS[:4], ROWS[4:]))}
    files = {}
    for name, rows in parts.items():
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "shard")
        files[name] = (tmp_path / "shard").read_bytes()
    theirs(hub, files)
    (one,) = pulled(store).deliveries
    assert (one.name, one.read) == ("me/facts/train", 6)
    assert store.state(store.corpus("facts")).records["question"].to_list() == [row["question"] for row in ROWS]


def test_lines_of_shards_without_a_last_break_stay_apart(store, hub):
    theirs(
        hub, {"train-0.jsonl": lines(ROWS[:2]).rstrip(b"\n"), "train-1.jsonl": b"", "train-2.jsonl": lines(ROWS[2:])}
    )
    assert counts(pulled(store)) == [(6, 6, 0)]


def published(store, hub) -> str:
    deliver(store, facts(*range(20)))
    version = cut(store)
    pushed(store, CORPUS, version.name, REPO, license="cc-by-4.0")
    return version.id


def test_what_was_pushed_is_pulled_and_verified_back_to_its_version(store, hub):
    version = published(store, hub)
    done = pulled(store, corpus="again")
    assert done.verified | {"rows": 0} == {"version": version, "name": "v1", "files": 3, "rows": 0, "here": True}
    assert done.verified["rows"] == sum(one.read for one in done.deliveries)
    assert store.corpus("again").license == "cc-by-4.0" and store.corpus("again").schema_name == "qa"


def test_a_file_changed_on_the_hub_behind_its_sheet_is_refused_and_nothing_comes_in(store, hub):
    published(store, hub)
    repository = hub.repositories[REPO]
    files = dict(repository.commits[repository.head].files)
    shard = next(path for path in files if path.endswith(".parquet"))
    repository.commit(files | {shard: files[shard][::-1]}, "by hand")
    with pytest.raises(DataError, match=r"is not what its curation\.json says"):
        pulled(store, corpus="again")
    assert "again" not in store.corpora()


def test_bytes_that_do_not_arrive_as_they_lie_there_are_refused(store, hub):
    theirs(hub, {"train.jsonl": lines(ROWS)})
    content = hub.repositories[REPO].commits[hub.repositories[REPO].head].files
    spoiled = {path: body.replace(b"number", b"NUMBER") for path, body in content.items()}
    hub.before["GET /api/resolve-cache/.*train"] = lambda: content.update(spoiled)  # type: ignore[attr-defined]
    with pytest.raises(CorruptionError, match="did not arrive as it lies on the Hub"):
        pulled(store)
    assert store.corpora() == []


def test_a_hidden_or_missing_repository_is_one_sentence(store, hub, monkeypatch):
    with pytest.raises(OutsideError, match="shows no repository 'me/facts'") as caught:
        pulled(store)
    assert "token" in caught.value.hint
    theirs(hub, {"train.jsonl": lines(ROWS)}, private=True)
    monkeypatch.setenv("HF_TOKEN", OTHER_TOKEN)
    with pytest.raises(OutsideError, match="shows no repository"):
        pulled(store)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with pytest.raises(OutsideError, match="no such repository or revision"):
        pulled(store, "v9")


def test_a_corpus_of_that_name_with_other_records_must_be_named(store, hub):
    deliver(store, facts(1))
    theirs(hub, {"train.jsonl": lines(ROWS)})
    with pytest.raises(UsageError, match=f"corpus '{CORPUS}' is there already"):
        pulled(store)
    assert counts(pulled(store, corpus=CORPUS)) == [(6, 6, 0)]


def test_the_token_is_nowhere_in_the_workspace(store, hub, tmp_path):
    published(store, hub)
    pulled(store, corpus="again")
    root: Path = store.workspace.root
    assert not [path for path in root.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert not [path for path in store.workspace.scratch.iterdir() if path.is_dir()]


def test_a_text_mended_at_the_other_end_keeps_its_record_and_the_edits_made_here(store, hub):
    published(store, hub)
    pulled(store, corpus="again")
    both = store.state(store.corpus("again")).records.filter(source=f"{REPO}/train").sort("id")
    here, there = both.row(0, named=True), both.row(1, named=True)
    edit(store, "again", here["id"], {"answer": "edited here"})
    theirs_id = store.state(store.corpus(CORPUS)).records.filter(question=there["question"])["id"][0]
    edit(store, CORPUS, theirs_id, {"answer": "mended there"})
    pushed(store, CORPUS, cut(store).name, REPO, license="cc-by-4.0")
    done = pulled(store, corpus="again")
    assert done.verified["name"] == "v2" and sum(one.kept for one in done.deliveries) == 1
    answers = dict(store.state(store.corpus("again")).records.select("id", "answer").iter_rows())
    assert (answers[here["id"]], answers[there["id"]]) == ("edited here", "mended there")
    assert len(answers) == 20


def test_a_path_that_leads_out_refuses_all_before_a_byte_is_fetched(store, hub):
    theirs(hub, {"train.jsonl": lines(ROWS), "../../evil.jsonl": lines(ROWS)})
    with pytest.raises(DataError, match="leads out of it"):
        pulled(store)
    assert not hub.called("resolve/.*jsonl") and store.corpora() == []


def test_pickles_are_not_even_fetched_and_a_link_is_only_its_text(store, hub):
    theirs(hub, {"train.jsonl": b"/etc/passwd", "data.pkl": b"\x80\x04", "run.py": b"raise SystemExit"})
    done = pull(store, Wanted(REPO, schema="prose"))
    assert store.state(store.corpus("facts")).records["text"].to_list() == ["/etc/passwd"]
    assert dict(done.ignored) == {"data.pkl": "a pickle, which can run code", "run.py": "a program"}
    assert not hub.called("resolve/.*(pkl|py)$")


def test_shards_that_unpack_to_far_more_than_they_weigh_are_refused(store, hub, tmp_path, monkeypatch):
    monkeypatch.setattr("workbench.readers.unpacked.FREE", 1)
    pq.write_table(pa.table({"question": ["x" * 10_000] * 500, "answer": ["y"] * 500}), tmp_path / "bomb")
    bomb = (tmp_path / "bomb").read_bytes()
    theirs(hub, {"train-0.parquet": bomb, "train-1.parquet": bomb})
    with pytest.raises(DataError, match="unpacks to more than"):
        pulled(store)
    assert store.corpora() == []


def test_columns_of_other_names_can_be_mapped(store, hub):
    theirs(hub, {"train.jsonl": lines([{"frage": "Was?", "antwort": "Das."}])})
    done = pull(store, Wanted(REPO, schema="qa", map={"question": "frage", "answer": "antwort"}))
    assert counts(done) == [(1, 1, 0)]
    assert store.state(store.corpus("facts")).records.select("question", "answer").row(0) == ("Was?", "Das.")


def test_a_split_that_is_not_there_any_more_is_told_and_its_records_stay(store, hub):
    theirs(hub, {"train.jsonl": lines(ROWS), "test.jsonl": lines(ROWS[:2])})
    pulled(store)
    theirs(hub, {"train.jsonl": lines(ROWS)})
    assert pulled(store).gone == ("me/facts/test",)
    assert len(store.state(store.corpus("facts")).records) == 8


def test_another_configuration_is_another_source_and_takes_nobodys_place(store, hub):
    card = b"---\nconfigs:\n- config_name: en\n  data_dir: en\n- config_name: de\n  data_dir: de\n---\n"
    german = [{"question": f"Was ist {number}?", "answer": f"Die Zahl {number}."} for number in range(4)]
    theirs(hub, {"README.md": card, "en/train.jsonl": lines(ROWS), "de/train.jsonl": lines(german)})
    done = [pull(store, Wanted(REPO, config=config)) for config in ("en", "de", "en")]
    assert [counts(one) for one in done] == [[(6, 6, 0)], [(4, 4, 0)], [(6, 0, 6)]]
    assert [one.gone for one in done] == [(), (), ()]
    corpus = store.corpus("facts")
    assert len(store.state(corpus).records) == 10
    assert len({source.path for source in corpus.sources}) == 2


def test_a_sheet_that_boasts_is_not_repeated(store, hub):
    published(store, hub)
    repository = hub.repositories[REPO]
    files = dict(repository.commits[repository.head].files)
    sheet = json.loads(files["curation.json"])
    boast = {"license": "\x1b[2J", "files": [file | {"rows": 10**9} for file in sheet["files"]]}
    repository.commit(files | {"curation.json": json.dumps(sheet | boast).encode()}, "by hand")
    done = pulled(store, corpus="again")
    assert (done.verified["rows"], done.verified["here"]) == (20, False)
    assert store.corpus("again").license is None
