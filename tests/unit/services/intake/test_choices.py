"""What can be chosen before an ingest, and what a choice does to the order."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpora import CORPUS, deliver, facts, write
from workbench.errors import UsageError
from workbench.services.intake.choices import FIELD, Choice, choices, chosen, first_choices, name_for, settled
from workbench.services.intake.ingest import ingest
from workbench.services.intake.order import Order
from workbench.services.intake.preview import preview
from workbench.workspace import safe_name

ROWS = [{"frage": f"Wie {n}?", "antwort": f"So {n}", "thema": "t"} for n in range(4)]


def ordered(store, rows=ROWS, **more) -> Order:
    return Order("new", (write(store, rows),), **more)


def named(store, order) -> dict[str, Choice]:
    return {choice.name: choice for choice in choices(preview(store, order))}


@pytest.mark.parametrize("file", ["a b.jsonl", "ünder.csv", "..txt", "-x-.json", "x" * 300, "日本.txt", "ok.1.csv"])
def test_a_files_name_makes_a_corpus_name(file):
    assert safe_name("corpus", name_for(Path(file)))


def test_every_value_is_one_of_its_options(store):
    for choice in named(store, ordered(store, facts(1, 2))).values():
        assert choice.value in choice.options or not choice.value


def test_going_through_the_options_comes_back_to_the_first(store):
    order = ordered(store, facts(1, 2))
    first = named(store, order)[f"{FIELD}question"]
    for value in (*first.options[1:], first.options[0]):
        order = chosen(order, first.name, value)
        assert named(store, order)[first.name].options == first.options
    assert named(store, order)[first.name].value == first.options[0]


def test_needed_fields_without_a_column_are_missing_until_chosen(store):
    order = ordered(store, schema="qa")
    assert [c.label for c in named(store, order).values() if c.is_missing] == ["question", "answer"]
    for field, column in (("question", "frage"), ("answer", "antwort")):
        order = chosen(order, f"{FIELD}{field}", column)
    assert not any(choice.is_missing for choice in named(store, order).values())
    (delivery,) = ingest(store, settled(order, preview(store, order)))
    assert delivery.kept == 4 and delivery.mapping["question"] == "frage"


def test_an_emptied_field_is_proposed_again_and_leaves_the_others(store):
    order = ordered(store, settings={"map": {"question": "frage", "answer": "antwort"}})
    assert chosen(order, f"{FIELD}answer", "").settings["map"] == {"question": "frage"}
    assert "map" not in chosen(chosen(order, f"{FIELD}answer", ""), f"{FIELD}question", "").settings


def test_another_reader_kind_or_encoding_forgets_mapping_and_key(store):
    order = ordered(store, settings={"map": {"question": "frage"}, "key": ("frage",), "split": "train"})
    for name, value in (("reader", "json_array"), ("kind", "prose"), ("encoding", "cp1252"), ("header", "no")):
        assert not {"map", "key"} & set(chosen(order, name, value).settings)
        assert chosen(order, name, value).settings["split"] == "train"


def test_choices_become_settings_of_a_source(store):
    order = ordered(store)
    assert chosen(order, "split", "test").settings == {"split": "test"}
    assert chosen(order, "key", "frage, thema").settings == {"key": ("frage", "thema")}
    assert chosen(order, "chunk", "600").settings == {"chunk": 600}
    assert chosen(order, "header", "no").settings == {"header": False}
    for name, value in (("split", "as split later"), ("key", "the whole row"), ("reader", "detected")):
        assert chosen(order, name, value).settings == {}


def test_a_chunk_that_is_no_number_is_refused(store):
    with pytest.raises(UsageError, match="no number"):
        chosen(ordered(store), "chunk", "many")


def test_a_corpus_that_is_here_has_one_kind(store):
    deliver(store, facts(1))
    order = chosen(ordered(store, facts(2), schema="prose"), "corpus", CORPUS)
    kind = named(store, order)["kind"]
    assert (kind.value, kind.options) == ("qa", ("qa",))
    assert settled(order, preview(store, order)).schema is None


def test_a_file_that_cannot_be_read_leaves_reader_and_encoding_to_choose(store):
    by_name = {choice.name: choice for choice in first_choices(ordered(store))}
    assert set(by_name) == {"reader", "encoding"}
    assert by_name["encoding"].value == "detected" and "cp1252" in by_name["encoding"].options


def test_only_tables_have_a_header_and_only_texts_passages(store):
    table, text = store.workspace.root.parent / "a.csv", store.workspace.root.parent / "a.txt"
    table.write_text("question,answer\nWhat?,That\nWho?,They\n")
    text.write_text("A story begins. It goes on. It ends.\n" * 40)
    assert "header" in named(store, Order("t", (table,))) and "chunk" not in named(store, Order("t", (table,)))
    assert "chunk" in named(store, Order("p", (text,))) and "header" not in named(store, Order("p", (text,)))
