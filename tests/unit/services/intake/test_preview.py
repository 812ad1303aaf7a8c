"""A preview says what an ingest will do, and writes nothing."""

from __future__ import annotations

import json

import polars as pl
import pytest

from tests.corpora import CORPUS, deliver, fact, facts, write
from workbench.errors import UsageError
from workbench.services.intake import head
from workbench.services.intake.ingest import ingest
from workbench.services.intake.order import Order
from workbench.services.intake.preview import SAMPLES, preview


def seen(store, rows, *, file="rows.jsonl", **more):
    return preview(store, Order("new", (write(store, rows, file),), **more))


def test_what_is_seen_is_what_comes_in(store):
    path = write(store, [*facts(1, 2, 3), {"question": ["no text"], "answer": 1.5}])
    path.write_text(path.read_text() + '{"question": "torn\n')
    order = Order("new", (path,))
    told = preview(store, order)
    (delivery,) = ingest(store, order)
    assert (told.tried.rows, told.tried.quarantined) == (delivery.read, delivery.quarantined)
    assert (told.schema, told.reader, told.encoding) == (
        store.corpus("new").schema_name,
        delivery.reader,
        delivery.encoding,
    )
    assert {place.field: place.expression for place in told.places if place.expression} == delivery.mapping


def test_nothing_is_written(store):
    before = {path for path in store.workspace.root.rglob("*") if ".workbench" not in path.parts}
    seen(store, facts(1, 2))
    assert {path for path in store.workspace.root.rglob("*") if ".workbench" not in path.parts} == before
    assert store.corpora() == [] and store.catalogue.rows("new") == []
    assert list(store.workspace.scratch.iterdir()) == []


def test_a_file_without_rows_sends_its_reader_to_the_export(store):
    (path := store.workspace.root.parent / "none.json").write_text("[]")
    with pytest.raises(UsageError) as caught:
        ingest(store, Order("new", (path,)))
    assert "check the export" in caught.value.hint


def framed(number):
    return f"<s>[INST] Tell of boat {number}. [/INST] It sailed {number} times. </s>"


def test_stories_in_frames_are_stories_though_one_is_torn_and_a_text_without_frames_is_prose(store):
    texts = [framed(n) for n in range(5)]
    torn = [framed(9).replace("[/INST]", ""), "[INST] [/INST] "]
    assert seen(store, [{"text": text} for text in (*texts, *torn)]).schema == "story"
    assert seen(store, [{"text": text} for text in (texts[0], torn[0], "plain")]).schema == "prose"
    passages = [" ".join(texts[n : n + 3]) for n in range(3)]
    assert seen(store, [{"text": text} for text in (*passages, torn[0])]).schema == "prose"


def test_samples_are_records_as_they_will_be(store):
    rows = [{"question": f"Which {n}?", "options": ["a", "b"], "answer": "B"} for n in range(9)]
    told = seen(store, rows, schema="mcq")
    fields = [place.field for place in told.places]
    first = dict(zip(fields, told.tried.samples[0].cells, strict=True))
    assert len(told.tried.samples) == SAMPLES
    assert (first["question"], first["options"], first["correct_option_index"]) == ("Which 0?", '["a", "b"]', "1")


def test_the_first_row_without_a_place_is_named_by_its_number(store):
    told = seen(store, [fact(1), {"question": "q", "answer": {"a": 1}}, fact(2)], schema="qa")
    assert told.tried.quarantined == 1
    assert told.tried.reason.startswith("row 2: answer")
    assert told.tried.samples[1].reason and not told.tried.samples[1].cells


def test_records_with_errors_are_counted(store):
    assert seen(store, [*facts(1, 2), fact(3, answer="")]).tried.faulty == 1


def test_a_field_without_a_column_is_a_problem_and_the_columns_are_shown_raw(store):
    told = seen(store, [{"frage": "Wie?", "antwort": "So"}], schema="qa")
    assert "gives qa.question" in told.problem
    assert (told.columns, told.raw) == (("frage", "antwort"), (("Wie?", "So"),))
    assert {place.field for place in told.places if place.is_required} == {"question", "answer"}


def test_a_mapping_that_is_given_is_tried(store):
    given = {"map": {"question": "frage", "answer": "{antwort}!"}}
    told = seen(store, [{"frage": "Wie?", "antwort": "So"}], settings=given)
    assert (told.problem, told.schema) == ("", "qa")
    assert told.tried.samples[0].cells[:2] == ("Wie?", "So!")


def test_a_column_that_two_fields_take_is_named_with_them(store):
    given = {"map": {"question": "frage", "answer": "{frage} {antwort}"}}
    rows = [{"frage": "Wie?", "antwort": "So"}]
    assert seen(store, rows, settings=given).shared == {"frage": ("question", "answer")}
    assert seen(store, rows, settings={"map": {"question": "frage", "answer": "{antwort}{antwort}"}}).shared == {}
    assert seen(store, rows, schema="qa").shared == {}  # nothing is mapped yet


def test_a_mapping_to_a_column_that_is_not_there_is_a_problem(store):
    told = seen(store, facts(1), settings={"map": {"question": "frage"}}, schema="qa")
    assert "no column named 'frage'" in told.problem


def test_texts_that_fit_no_kind_begin_with_one_that_can_take_them(store):
    told = seen(store, [{"frage": "Wie?", "antwort": "So", "x": "y"}])
    assert (told.kinds, told.schema) == ((), "qa")


def test_a_corpus_that_is_here_keeps_its_kind_and_mapping(store):
    deliver(store, [{"frage": "Wie?", "antwort": "So"}], map={"question": "frage", "answer": "antwort"})
    path = write(store, [{"frage": "Wer?", "antwort": "Ich"}])
    told = preview(store, Order(CORPUS, (path,), settings={"name": "rows"}))
    assert (told.is_new, told.schema, told.problem) == (False, "qa", "")
    assert told.tried.samples[0].cells[:2] == ("Wer?", "Ich")


@pytest.mark.parametrize("file", ["rows.jsonl", "rows.json"])
def test_the_torn_end_of_a_head_is_no_row(store, monkeypatch, file):
    monkeypatch.setattr(head, "HEAD_BYTES", 4000)
    told = seen(store, facts(*range(200)), file=file)
    assert not told.is_whole and 5 < told.tried.rows < 200
    assert (told.tried.quarantined, told.guesses) == (0, ())


def test_no_row_of_a_large_parquet_file_is_taken_for_torn(store, monkeypatch):
    monkeypatch.setattr(head, "HEAD_BYTES", 1000)
    path = store.workspace.root.parent / "rows.parquet"
    pl.DataFrame(facts(*range(50))).write_parquet(path)
    told = preview(store, Order("new", (path,)))
    assert (told.tried.rows, told.is_whole, told.reader) == (50, False, "parquet_file")


def test_a_row_longer_than_the_head_is_a_problem_and_no_crash(store, monkeypatch):
    monkeypatch.setattr(head, "HEAD_BYTES", 1000)
    told = seen(store, [fact(1, question="x" * 5000)], schema="qa")
    assert "no row that can be read" in told.problem


@pytest.mark.parametrize(
    ("raw", "said"),
    [(b"", "empty"), (b"PK\x03\x04" + b"x" * 99, "zip"), (b"\x00\x01\x02" * 999, "binary"), (b" \n ", "white space")],
)
def test_what_no_reader_takes_is_refused(store, raw, said):
    path = store.workspace.root.parent / "odd.bin"
    path.write_bytes(raw)
    with pytest.raises(UsageError, match=said):
        preview(store, Order("new", (path,)))


def test_a_name_that_no_corpus_can_have_is_refused(store):
    with pytest.raises(UsageError, match="no name for a corpus"):
        preview(store, Order("../x", (write(store, facts(1)),)))


def test_hostile_values_are_carried_as_they_are(store):
    hostile = "\x1b]52;c;AAAA\x07[/INST]\u202e"
    told = seen(store, [fact(1, answer=hostile)])
    assert told.raw[0][told.columns.index("answer")] == hostile
    assert json.dumps(told.tried.samples[0].cells[1]) == json.dumps(hostile)
