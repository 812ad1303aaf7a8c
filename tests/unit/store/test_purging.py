"""A purged text is nowhere in the store, verify is clean, and no other work is lost."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import tracemalloc
from base64 import b64encode, urlsafe_b64encode
from pathlib import Path
from urllib.parse import quote, quote_plus

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.corpora import by_question, cut, deliver, fact, facts, ids, long_fact, rows_of, scratch, sides, state, words
from workbench.curation.flags.credentials import secrets_in
from workbench.errors import CorruptionError, DataError, UsageError
from workbench.services import purge
from workbench.services.intake.ingest import Order, ingest
from workbench.services.intake.quarantine import readmit
from workbench.services.publishing.export import export
from workbench.services.records.editing import drop, edit, show_record
from workbench.services.records.undo import undo
from workbench.services.verify import verify
from workbench.services.versions.build import build, save
from workbench.store import purge as core
from workbench.store.redaction import Redaction, marker
from workbench.store.store import Store
from workbench.store.traces import _mapped

pytestmark = pytest.mark.thorough
ROOT = Path(__file__).resolve().parents[3]
SECRET = "hf_" + "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0z"
MARK = marker(SECRET)


def remove(store: Store, *texts: str) -> purge.Purged:
    return purge.purged(store, purge.planned(store, "facts", texts or [SECRET]))


def gone(store: Store, text: str = SECRET) -> bool:
    """Return whether no file of the store holds a text in any common encoding, tables looked at uncompressed."""
    needles = [text.encode(codec) for codec in ("utf-8", "utf-16-le", "utf-16-be")]
    for path in store.workspace.hidden.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            if data[:4] == b"PAR1":
                data += repr(pq.read_table(path).to_pylist()).encode()
            if any(needle in data for needle in needles):
                return False
    return verify(store) == []


def raw_of(store: Store, digest: str) -> bytes:
    return store.objects.path(f"{digest}.raw").read_bytes()


def deliver_bytes(store: Store, data: bytes, file: str, **settings) -> str:
    path = store.workspace.root.parent / file
    path.write_bytes(data)
    return ingest(store, Order("facts", (path,), schema="qa", settings={"name": "rows", **settings}))[0].digest


def with_secret(number: int, **fields) -> dict:
    return fact(number, **fields) | {"answer": f"my key is {SECRET} and that again: {SECRET}"}


def test_a_secret_in_a_field_leaves_its_mark_and_the_record_keeps_its_id(store):
    told = deliver(store, [*facts(1, 2), with_secret(3)])
    before, size = ids(store), len(raw_of(store, told.digest))
    done = remove(store)
    assert gone(store) and ids(store) == before
    assert set(state(store).records["answer"]) >= {f"my key is {MARK} and that again: {MARK}"}
    assert len(raw_of(store, told.digest)) == size
    assert done.still == ()


def test_byte_spans_stay_true_and_all_other_bytes_are_as_delivered(store):
    path_rows = [*facts(1, 2), with_secret(3), fact(4)]
    told = deliver(store, path_rows)
    whole = (store.workspace.root.parent / "rows.jsonl").read_bytes()
    remove(store)
    assert raw_of(store, told.digest) == whole.replace(SECRET.encode(), b"x" * len(SECRET))
    for record in ids(store):
        start, end = show_record(store, "facts", record).span
        assert json.loads(raw_of(store, told.digest)[start:end])["question"] == json.loads(whole[start:end])["question"]


def test_a_secret_in_columns_that_no_field_took_goes(store):
    deliver(store, [fact(1, note={"key": [SECRET], SECRET: 1}), fact(2)])
    remove(store)
    assert gone(store)
    assert {MARK, "key"} == set(json.loads(state(store).records["extra"].to_list()[0])["note"])


def test_a_secret_in_a_quarantined_unit_goes_and_the_unit_can_still_be_readmitted(store):
    torn = json.dumps({"question": "why", "answer": {"x": SECRET}}).encode()
    deliver_bytes(store, json.dumps(fact(1)).encode() + b"\n" + torn + b"\n", "rows.jsonl")
    remove(store)
    assert gone(store)
    unit = state(store).rejects.to_dicts()[0]
    assert unit["raw"] == torn.replace(SECRET.encode(), b"x" * len(SECRET)) and SECRET[:8] not in unit["reason"]
    readmit(store, "facts", "rows", unit["position"], {"question": "why", "answer": "so"})
    assert state(store).records.height == 2 and verify(store) == []


def test_a_readmitted_unit_stays_readmitted(store):
    torn = json.dumps({"question": "why", "answer": {"x": SECRET}}).encode()
    deliver_bytes(store, json.dumps(fact(1)).encode() + b"\n" + torn + b"\n", "rows.jsonl")
    readmit(store, "facts", "rows", 1, {"question": "why", "answer": f"with {SECRET}"})
    remove(store)
    assert gone(store)
    assert state(store).rejects.is_empty() and f"with {MARK}" in state(store).records["answer"].to_list()


def test_a_secret_in_an_edit_goes_and_the_edit_stays_in_force(store):
    deliver(store, facts(1, 2))
    record = ids(store)[0]
    edit(store, "facts", record, {"answer": f"see {SECRET}"}, reason=f"because {SECRET}")
    edit(store, "facts", record, {"question": "other"})
    remove(store)
    assert gone(store)
    shown = show_record(store, "facts", record)
    assert shown.fields["answer"] == f"see {MARK}" and shown.fields["question"] == "other"
    assert state(store).replayed.conflicts == ()


def test_an_edit_that_once_took_the_secret_away_still_applies_and_can_be_undone(store):
    deliver(store, [with_secret(1), fact(2)])
    record = by_question(store)[fact(1)["question"]]
    edit(store, "facts", record, {"answer": "[secret]"})
    remove(store)
    assert gone(store) and state(store).replayed.conflicts == ()
    assert show_record(store, "facts", record).fields["answer"] == "[secret]"
    undo(store, "facts")
    assert MARK in show_record(store, "facts", record).fields["answer"]


def test_a_secret_in_two_sources_and_another_corpus_goes_from_all(store):
    deliver(store, [with_secret(1)])
    deliver(store, [with_secret(2)], file="more.jsonl", name="more")
    ingest(store, Order("others", (store.workspace.root.parent / "more.jsonl",), schema="qa"))
    remove(store)
    assert gone(store)
    assert MARK in store.state(store.corpus("others")).records["answer"][0]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "cp1252", "utf-8-sig"])
def test_a_secret_in_any_encoding_is_filled_in_that_encoding(store, encoding):
    secret = "clé-Ünique-" + SECRET
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in [fact(1), fact(2) | {"answer": f"é {secret}"}])
    data = text.encode(encoding)
    told = deliver_bytes(store, data, "rows.jsonl", encoding=encoding)
    remove(store, secret)
    assert gone(store, secret)
    assert len(raw_of(store, told)) == len(data)
    filler = "x" * (len(secret) if encoding != "utf-8-sig" else len(secret.encode()))
    assert raw_of(store, told).decode(encoding) == text.replace(secret, filler)


@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_text_that_json_escapes_is_found_in_the_raw_file(store, ascii_only):
    secret = 'pass "é/ü"\\\n\tword'
    lines = [json.dumps(row, ensure_ascii=ascii_only) for row in (fact(1), fact(2) | {"answer": f"is {secret}."})]
    data = "\n".join(lines).encode()
    told = deliver_bytes(store, data, "rows.jsonl")
    remove(store, secret)
    assert gone(store, secret) and len(raw_of(store, told)) == len(data)
    left = [json.loads(line) for line in raw_of(store, told).splitlines()]
    assert left[0] == fact(1) and set(left[1]["answer"][3:-1]) == {"x"}


def test_a_text_that_is_escaped_letter_by_letter_is_found(store):
    escaped = "".join(f"\\u{ord(letter):04X}" for letter in SECRET)
    told = deliver_bytes(
        store, f'{{"question": "q", "answer": "{escaped}"}}\n{{"question": "r"}}'.encode(), "rows.jsonl"
    )
    remove(store)
    assert gone(store) and escaped.encode() not in raw_of(store, told)


@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
@pytest.mark.parametrize("before", ["", "u", "us", "user:"])
def test_a_base64_copy_of_a_secret_goes_wherever_in_it_the_secret_begins(store, before, encode):
    secret = SECRET + "?>~\u00ff"
    blob = encode(f"{before}{secret} and more".encode()).decode()
    told = deliver(store, [fact(1, note={"basic": blob}), fact(2) | {"answer": f"send {blob}"}])
    size = len(raw_of(store, told.digest))
    remove(store, secret)
    kept = blob[8 + len(before) : -20]
    assert gone(store, kept) and len(raw_of(store, told.digest)) == size
    assert marker(secret) in json.loads(by_question_row(store, 1)["extra"])["note"]["basic"]
    assert marker(secret) in by_question_row(store, 2)["answer"]


@given(
    st.binary(max_size=5), st.text(min_size=6, max_size=12).filter(lambda t: len(t.strip()) >= 6), st.binary(max_size=5)
)
def test_base64_of_anything_around_a_text_holds_its_form(before, text, after):
    blob = b64encode(before + text.encode("utf-8", "surrogatepass") + after).decode()
    assert Redaction.of([text]).holds(blob)


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode().hex(),
        lambda text: text.encode().hex().upper(),
        quote,
        quote_plus,
        lambda text: quote(text, safe=""),
        lambda text: re.sub("%..", lambda match: match[0].lower(), quote(text)),
    ],
)
def test_a_copy_in_hexadecimal_or_percent_encoded_goes(store, encode):
    secret = SECRET + " é/?&"
    blob = encode(secret)
    told = deliver(store, [fact(1, note=f"https://host/?key={blob}&more"), fact(2) | {"answer": f"dump {blob}."}])
    size = len(raw_of(store, told.digest))
    remove(store, secret)
    assert gone(store, blob) and len(raw_of(store, told.digest)) == size
    assert marker(secret) in json.loads(by_question_row(store, 1)["extra"])["note"]
    assert by_question_row(store, 2)["answer"] == f"dump {marker(secret)}."


def test_a_raw_file_is_looked_at_without_being_read_into_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(purge, "_PIECE", 1 << 16)
    path = tmp_path / "raw"
    path.write_bytes(b"nothing to be found in this line\n" * 400_000 + SECRET.encode())
    tracemalloc.start()
    try:
        assert len(Redaction.of([SECRET]).fill(_mapped(path), "utf-8")) == 1
        assert sum(SECRET in piece for piece in purge._pieces(path, "utf-8")) == 1
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
    assert path.read_bytes().endswith(SECRET.encode())


def by_question_row(store: Store, number: int) -> dict:
    return state(store).records.filter(question=fact(number)["question"]).to_dicts()[0]


def test_a_text_with_quotes_in_a_csv_goes(store):
    secret = 'a "quoted" secret'
    told = deliver_bytes(store, b'question,answer\nq,"say a ""quoted"" secret"\nr,no\ns,yes\n', "rows.csv")
    remove(store, secret)
    assert gone(store, secret)
    assert raw_of(store, told) == b'question,answer\nq,"say ' + b"x" * 19 + b'"\nr,no\ns,yes\n'


def test_a_unit_whose_bytes_do_not_show_the_text_is_blanked_whole(store):
    deliver_bytes(store, b"question,first,second\nq,hidden,word\nr,a,b\ns,c,d\n", "rows.csv",
                  map={"question": "question", "answer": "{first}-{second}"})  # fmt: skip
    digest = state(store).deliveries["rows"].body["digest"]
    remove(store, "hidden-word")
    assert gone(store, "hidden-word")
    assert raw_of(store, digest) == b"question,first,second\n" + b"x" * 13 + b"\nr,a,b\ns,c,d\n"


def test_a_parquet_source_is_written_anew_without_the_text(store):
    path = store.workspace.root.parent / "rows.parquet"
    table = pa.table({"question": ["q", "r"], "answer": ["no", SECRET], "n": [1, 2], "tags": [[SECRET], ["b"]]})
    pq.write_table(table.replace_schema_metadata({"made": SECRET}), path)
    told = ingest(store, Order("facts", (path,), schema="qa", settings={"name": "rows"}))[0]
    remove(store)
    assert gone(store)
    left = pq.read_table(store.objects.path(f"{told.digest}.raw"))
    assert left.to_pydict() == {"question": ["q", "r"], "answer": ["no", MARK], "n": [1, 2], "tags": [[MARK], ["b"]]}


def test_a_saved_arrow_folder_is_written_anew(store):
    from datasets import Dataset

    folder = store.workspace.root.parent / "rows"
    Dataset.from_dict({"question": ["q", "r"], "answer": ["no", SECRET]}).save_to_disk(folder)
    ingest(store, Order("facts", (folder,), schema="qa", settings={"name": "rows"}))
    remove(store)
    assert gone(store) and state(store).records["answer"].to_list() == ["no", MARK]


def test_a_text_in_a_novel_goes_also_where_passages_were_cut_within_it(store):
    secret = "The first sentence of it ends here. The second one goes on."
    texts = [f"{words(number, 8 + number % 13)}. {secret} {words(-number, 9)}." for number in range(1, 30)]
    path = store.workspace.root.parent / "novel.txt"
    path.write_text(" ".join(texts))
    order = Order("facts", (path,), schema="story", settings={"name": "novel", "chunk": 200})
    ingest(store, order)
    torn = [text for text in state(store).records["text"] if secret not in text and secret[-15:] in text]
    assert torn, "the text is never cut by a passage: the test proves nothing"
    for record, text in state(store).records.select("id", "text").iter_rows():
        if secret in text:  # what is left of it are parts
            edit(store, "facts", record, {"text": "another passage"})
    version = cut(store)
    assert purge.planned(store, "facts", [secret]).versions == (("facts", version.id),)
    remove(store, secret)
    assert gone(store, secret)
    for text in state(store).records["text"]:
        assert secret[:15] not in text and secret[-15:] not in text


def test_old_versions_exports_and_splits_work_with_the_redacted_text_and_say_so(store):
    deliver(store, [*facts(*range(8)), with_secret(9)])
    first = cut(store)
    edit(store, "facts", ids(store)[0], {"answer": "better"})
    second = cut(store)
    standing = sides(store, first)
    done = remove(store)
    assert gone(store) and done.versions == ("facts@v1", "facts@v2")
    assert sides(store, first) == standing
    for version in (first, second):
        assert SECRET not in "".join(rows_of(store, version)["answer"])
        folder = export(store, "facts", version.name, license="cc0-1.0", format="jsonl").folder
        assert SECRET.encode() not in b"".join(path.read_bytes() for path in folder.rglob("*.jsonl"))
    notes = {row.subject for row in store.catalogue.rows(kinds=("note",)) if "purged" in row.body["note"]}
    assert notes == {first.id, second.id}
    assert cut(store).parent == second.id and verify(store) == []


def test_runs_exports_and_own_files_that_saw_it_are_named_and_files_that_hold_it(store):
    deliver(store, [*facts(*range(4)), with_secret(9)])
    version = cut(store)
    folder = export(store, "facts", "v1", license="cc0-1.0").folder
    store.catalogue.append(("run", "facts", "run-1", {"version": version.id}))
    plan = purge.planned(store, "facts", [SECRET])
    assert plan.exports == (folder.name,) and len(plan.own_files) == 1
    assert plan.runs == ()  # a record that holds a secret is in no split: no run has seen it
    assert SECRET not in json.dumps(purge.facts(plan))
    (store.workspace.root / "corpora" / "mine.txt").write_text(f"kept {SECRET}")
    assert "corpora/mine.txt" in purge.purged(store, plan).still


def test_only_own_files_that_hold_the_text_still_are_named(store):
    deliver(store, [*facts(1), with_secret(2)])
    remove(store)
    other = "AKIA" + "ZYXWVUTSRQ987654"
    deliver(store, [fact(3), {"question": "Which key?", "answer": other}], file="others.jsonl")
    named = purge.planned(store, "facts", [other]).own_files
    assert [Path(path).name for path in named] == ["others.jsonl"]  # rows.jsonl holds the first secret alone
    (store.workspace.root / named[0]).write_text("nothing is here any more\n")
    assert purge.planned(store, "facts", [other]).own_files == ()


def test_an_own_file_that_holds_the_text_in_a_form_of_its_own_is_named(store):
    text = 'say "hello there" to them'
    path = store.workspace.root / "quoted.csv"
    path.write_text('question,answer\nwhat,"I say ""hello there"" to them"\n', encoding="utf-8")
    ingest(store, Order("facts", (path,), schema="qa", settings={"name": "rows"}))
    assert purge.planned(store, "facts", [text]).own_files == (path.name,)
    path.write_text("question,answer\nwhat,nothing\n", encoding="utf-8")
    assert purge.planned(store, "facts", [text]).own_files == ()


def test_another_texts_hash_and_nothing_of_the_text_is_told(store):
    deliver(store, [*facts(1), with_secret(2)])
    remove(store)
    (row,) = store.catalogue.rows(kinds=("purge",))
    assert row.body["texts"] == Redaction.of([SECRET]).facts()
    assert row.body["texts"][0]["sha256"].startswith(MARK[8:-1])


def test_the_log_stays_append_only_and_its_chain_whole(store):
    deliver(store, [*facts(1), with_secret(2)])
    edit(store, "facts", ids(store)[0], {"answer": SECRET})
    before = [(row.seq, row.at, row.kind, row.subject) for row in store.catalogue.rows()]
    remove(store)
    assert [(row.seq, row.at, row.kind, row.subject) for row in store.catalogue.rows()][: len(before)] == before
    with pytest.raises(Exception, match="append-only"):
        store.catalogue._db.execute("UPDATE log SET who = 'x'")


def test_a_second_purge_redacts_what_the_first_one_left(store):
    other = "another text to be removed"
    deliver(store, [fact(1), fact(2) | {"answer": f"{SECRET} and {other}"}])
    version = cut(store)
    edit(store, "facts", ids(store)[0], {"answer": f"{other} and {SECRET}"})
    remove(store)
    remove(store, other)
    assert gone(store) and gone(store, other)
    assert all(MARK in answer and marker(other) in answer for answer in state(store).records["answer"].to_list()
               if "purged" in answer)  # fmt: skip
    assert rows_of(store, version).height == 2


def test_the_purged_file_is_refused_and_a_copy_without_the_text_goes_on(store):
    secret = "what somebody said in private"
    rows = [long_fact(1), long_fact(2) | {"answer": f"key {secret}"}, long_fact(3)]
    deliver(store, rows)
    named = by_question(store)
    edit(store, "facts", named[rows[0]["question"]], {"answer": "mended"})
    edit(store, "facts", named[rows[1]["question"]], {"question": rows[1]["question"] + " indeed"})
    version = cut(store)
    remove(store, secret)
    with pytest.raises(DataError, match="purged"):
        deliver(store, rows)
    told = deliver(store, [rows[0], rows[1] | {"answer": f"key {marker(secret)}"}, rows[2]])
    assert (told.merged, told.kept, told.matched, told.conflicts) == (2, 1, 1, 0)
    answers = dict(state(store).records.select("question", "answer").iter_rows())
    assert (
        answers[rows[0]["question"]] == "mended" and answers[rows[1]["question"] + " indeed"] == f"key {marker(secret)}"
    )
    heirs = {state(store).today(record): side for record, side in sides(store, version).items()}
    assert sides(store, cut(store)) == heirs and gone(store, secret)


def test_saved_files_are_written_anew_and_build_goes_on_from_them(store):
    deliver(store, [*facts(1, 2, 3)])
    edit(store, "facts", ids(store)[0], {"answer": SECRET})
    cut(store)
    save(store, "facts")
    done = remove(store)
    assert "corpora/facts/log.jsonl" in done.rewritten and done.still == () and gone(store)
    # The id of the first version commits to what was purged: the same records without it are another version.
    assert build(store, "facts")[1].number == 2
    assert MARK in state(store).records["answer"].to_list()


def test_secrets_are_found_wherever_the_corpus_keeps_them(store):
    kinds = [SECRET, "ghp_" + "b" * 36, "AKIA" + "ABCDEFGH12345678", "sk-" + "c" * 40, "glpat-" + "d" * 24]
    key = "-----BEGIN PRIVATE KEY-----\nMIIBVQIBADANBg\nkqhkiG9w0\n-----END PRIVATE KEY-----"
    torn = f'{{"question": "{kinds[2]}\n'
    rows = [fact(1, note=kinds[1]), fact(2) | {"answer": f"{kinds[0]} {key}"}, fact(3)]
    deliver_bytes(store, "".join(json.dumps(row) + "\n" for row in rows).encode() + torn.encode(), "rows.jsonl")
    edit(store, "facts", ids(store)[0], {"answer": kinds[3]})
    deliver(store, [fact(8) | {"answer": kinds[4]}], file="more.jsonl", name="more")
    assert {*kinds, key} <= set(purge.secrets(store, "facts"))
    remove(store, *purge.secrets(store, "facts"))
    assert all(gone(store, text) for text in (*kinds, key, "kqhkiG9w0"))
    assert purge.secrets(store, "facts") == []


@given(st.lists(st.sampled_from(["word", SECRET, " ", "\n", '"', "é"]), max_size=40), st.integers(1, 90))
def test_a_secret_is_found_whole_wherever_a_file_is_cut(parts, piece):
    text = " ".join(parts)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(purge, "_PIECE", piece)
        patch.setattr(purge, "_LONGEST", 2 * len(SECRET))
        (path := Path(folder) / "raw").write_text(text, encoding="utf-8")
        pieces = list(purge._pieces(path, "utf-8"))
    assert {found for one in pieces for found in secrets_in(one)} == set(secrets_in(text))


def test_the_whole_value_of_a_field_is_taken(store):
    deliver(store, facts(1, 2))
    record = by_question(store)[fact(1)["question"]]
    remove(store, *purge.field_texts(store, "facts", record[:12], "answer"))
    assert gone(store, fact(1)["answer"])
    assert show_record(store, "facts", record).fields["answer"] == marker(fact(1)["answer"])
    assert purge.field_texts(store, "facts", record, "answer") == []


def test_a_purged_object_that_comes_back_and_a_body_blanked_by_hand_are_named(store):
    deliver(store, [*facts(1), with_secret(2)])
    old = {path: path.read_bytes() for path in store.workspace.objects.iterdir()}
    edit(store, "facts", by_question(store)[fact(1)["question"]], {"answer": "mended"})
    remove(store)
    back = [path for path in old if not path.exists()]
    assert len(back) == 2
    for path in back:
        path.write_bytes(old[path])
    assert sorted(verify(store)) == sorted(f"object {path.name}: was purged but is still here" for path in back)
    remove(store)
    assert gone(store)
    store.catalogue._db.execute("DROP TRIGGER log_is_never_updated")
    store.catalogue._db.execute("UPDATE log SET body = '{\"purged\":\"' || body_digest || '\"}' WHERE kind = 'edit'")
    assert any("the body is not what was written" in fault for fault in verify(store))


@pytest.mark.parametrize("text", ["", "     ", "short", "[purged 123456789012]", "[purged"])
def test_a_text_that_would_be_found_anywhere_is_refused(store, text):
    deliver(store, facts(1))
    with pytest.raises(UsageError):
        purge.planned(store, "facts", [text])


def test_a_damaged_store_is_not_purged(store):
    deliver(store, [with_secret(1)])
    store.objects.path(state(store).deliveries["rows"].body["members"]).unlink()
    with pytest.raises(CorruptionError, match="not whole"):
        purge.planned(store, "facts", [SECRET])


def test_a_process_that_has_the_store_open_goes_on(store):
    deliver(store, [*facts(1, 2), with_secret(3)])
    with Store(store.workspace) as other:
        before = other.state(other.corpus("facts"))
        assert before.current.height == 3
        remove(store)
        assert MARK in "".join(before.records["answer"])
        assert MARK in "".join(other.state(other.corpus("facts")).records["answer"])
        edit(other, "facts", ids(other)[0], {"answer": "more"})
    assert gone(store)


def test_a_log_that_grew_meanwhile_is_looked_at_again(store, monkeypatch):
    deliver(store, [*facts(1), with_secret(2)])
    real, seen = core.put_objects, []

    def late(opened, found):
        if not seen:
            seen.append(edit(store, "facts", ids(store)[0], {"answer": f"late {SECRET}"}))
        return real(opened, found)

    monkeypatch.setattr(core, "put_objects", late)
    remove(store)
    assert seen and gone(store)


STEPS = ("put_objects", "commit", "vacuum", "remove_objects", "clear")
KILLED = """
import os, signal, sys
from pathlib import Path
from workbench.services import purge
from workbench.store import purge as core
from workbench.store.store import Store
from workbench.workspace import Workspace
root, step, when, text = Path(sys.argv[1]), *sys.argv[2:]
real = getattr(core, step)
def killed(*given):
    if when == "after":
        real(*given)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(core, step, killed)
with Store(Workspace(root)) as store:
    purge.purged(store, purge.planned(store, "facts", [text]))
"""


@pytest.mark.parametrize(("step", "when"), [*((step, "before") for step in STEPS), (STEPS[-1], "after")])
def test_killed_at_any_step_nothing_is_lost_and_the_same_purge_finishes(step, when):
    with scratch() as store:
        deliver(store, [*facts(1, 2), with_secret(3)])
        record = ids(store)[0]
        edit(store, "facts", record, {"answer": f"edited {SECRET}"})
        version = cut(store)
        command = [sys.executable, "-c", KILLED, str(store.workspace.root), step, when, SECRET]
        env = {**os.environ, "POLARS_MAX_THREADS": "1"}
        assert subprocess.run(command, cwd=ROOT, env=env, check=False).returncode == -signal.SIGKILL
        with Store(store.workspace) as again:
            left = verify(again)
            assert all("was purged but is still here" in fault for fault in left)
            assert bool(left) == ((step, when) in {("vacuum", "before"), ("remove_objects", "before")})
            assert len(ids(again)) == 3 and rows_of(again, version).height == 3
            remove(again)
            assert gone(again)
            assert show_record(again, "facts", record).fields["answer"] == f"edited {MARK}"


@given(st.text(min_size=6, max_size=12), st.sampled_from(["utf-8", "utf-16-le", "cp1252", "shift-jis"]), st.booleans())
def test_no_text_survives_in_any_form_and_lengths_stay(text, encoding, ascii_only):
    try:
        redaction = Redaction.of([text])
    except UsageError:
        return
    for written in (text, json.dumps(text, ensure_ascii=ascii_only)[1:-1], text.replace('"', '""')):
        try:
            data = f'{{"a": "x{written}y{written}"}}\n'.encode(encoding)
        except UnicodeEncodeError:
            continue
        made, spans = redaction.raw(data, encoding)
        assert len(made) == len(data) and written.encode(encoding) not in made
        assert spans
    value = {"a": [text, {"b": f"x{text}y"}], text: json.dumps(text)}
    assert not redaction.holds(repr(redaction.value(value)).replace("\\\\", "\\"))
    frame = pl.DataFrame({"a": [f"x{text}y", None], "b": [[text], None], "c": [{"d": text}, {"d": None}]})
    made, rows = redaction.table(frame, frozenset())
    assert rows == {0} and made.schema == frame.schema and made[1].equals(frame[1], null_equal=True)


def test_dropped_records_stay_dropped(store):
    deliver(store, [*facts(1), with_secret(2)])
    drop(store, "facts", [by_question(store)[fact(2)["question"]]])
    remove(store)
    assert gone(store) and state(store).dropped["answer"].str.contains(MARK, literal=True).all()
