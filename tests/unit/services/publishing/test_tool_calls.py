"""What turns hold beside role and content comes in, stays, and leaves again; where it cannot, it is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.corpora import CORPUS, cut, scratch, state, write
from workbench.errors import DataError
from workbench.services.checking.check import check
from workbench.services.intake.ingest import Delivery, Order, ingest
from workbench.services.intake.preview import preview
from workbench.services.publishing.export import export
from workbench.services.training.xray import examples
from workbench.store.store import Store

CALL = {"id": "c1", "type": "function", "function": {"name": "rain", "arguments": '{"city": "Tromsø"}'}}
TOOLS = [{"type": "function", "function": {"name": "rain", "parameters": {"type": "object"}}}]
CALLING: dict[str, Any] = {
    "messages": [
        {"role": "user", "content": "Is it raining in Tromsø?"},
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "content": "", "tool_call_id": "c1", "name": "rain"},
        {"role": "assistant", "content": "No, it is dry.", "weight": 1},
    ],
    "tools": TOOLS,
}
PLAIN = {"messages": [{"role": "user", "content": "Hello there!"}, {"role": "assistant", "content": "Good morning."}]}
ROWS = [CALLING, PLAIN]


Row = dict[str, Any]
KEPT = ("messages", "sharegpt", "prompt-completion", "jsonl", "csv-exact", "parquet")


def taken_in(store: Store, rows: list[Row], file: str = "talk.jsonl", schema: str | None = None) -> Delivery:
    return ingest(store, Order(CORPUS, (write(store, rows, file),), schema=schema))[0]


def exported(store: Store, format: str) -> list[Path]:
    """Return the record files of an export whose splits hold all records."""
    cut(store)
    made = export(store, CORPUS, "latest", format=format, license="cc0-1.0")
    return [made.folder / name for name in made.files if name.endswith((".jsonl", ".csv", ".parquet"))]


def lines(paths: list[Path]) -> list[Row]:
    return [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]


def rendered(store: Store) -> list[Row]:
    return sorted((dict(one.rendered) for one in examples(store, cut(store))), key=str)


def test_a_file_with_calls_is_a_corpus_of_tools_and_one_without_is_a_chat(store: Store) -> None:
    assert taken_in(store, ROWS).unread == {}
    assert store.corpus(CORPUS).schema_name == "tools"
    assert check(store, CORPUS)[1].is_empty()
    with scratch() as other:
        taken_in(other, [PLAIN])
        assert other.corpus(CORPUS).schema_name == "chat"


def test_what_is_trained_is_the_turn_as_it_came(store: Store) -> None:
    taken_in(store, ROWS)
    assert rendered(store) == sorted(ROWS, key=str)


def test_messages_leave_as_they_came(store: Store) -> None:
    taken_in(store, ROWS)
    found = lines(exported(store, "messages"))
    assert {json.dumps(row["messages"]) for row in found} == {json.dumps(row["messages"]) for row in ROWS}
    assert [row["tools"] for row in found if "tools" in row] == [TOOLS]


@pytest.mark.parametrize("format", KEPT)
def test_what_leaves_comes_back_as_the_same_records(store: Store, format: str) -> None:
    taken_in(store, ROWS)
    files = exported(store, format)
    with scratch() as other:
        ingest(other, Order(CORPUS, tuple(files)))
        assert other.corpus(CORPUS).schema_name == "tools"
        assert rendered(other) == rendered(store)


@pytest.mark.parametrize("format", ["chatml", "alpaca"])
def test_a_format_of_mere_texts_refuses_a_call_by_name(store: Store, format: str) -> None:
    taken_in(store, ROWS)
    with pytest.raises(DataError, match=r"a turn holds .*tool_calls.* beside role and content") as caught:
        exported(store, format)
    assert "messages" in caught.value.hint


@pytest.mark.parametrize("form", [list, json.dumps])
def test_a_chat_names_what_its_turns_do_not_keep(store: Store, form: Any) -> None:
    rows = [row | {"messages": form(row["messages"])} for row in ROWS]
    told = taken_in(store, rows, schema="chat")
    parts = {"messages[].name": 1, "messages[].tool_call_id": 1, "messages[].tool_calls": 1, "messages[].weight": 1}
    assert told.unread == {"tools": 1, **parts}
    assert "in no export; a corpus of --schema tools keeps what turns hold" in told.left_over
    kept = [json.loads(extra) for extra in state(store).records["extra"]]
    assert sum("messages" in extra for extra in kept) == 1


def test_a_look_before_the_ingest_names_the_same(store: Store) -> None:
    path = write(store, ROWS)
    told = preview(store, Order(CORPUS, (path,), schema="chat"))
    assert "messages[].tool_calls" in told.unread
    assert preview(store, Order(CORPUS, (path,))).unread == ()


def test_an_empty_call_in_a_chat_is_no_record_to_train_on(store: Store) -> None:
    taken_in(store, ROWS, schema="chat")
    assert check(store, CORPUS)[1]["rule"].to_list() == ["empty-turn"]
