"""What an export holds comes back as the same records, or the export says what does not."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.corpora import quick_folder
from tests.exports import an_export_of, read_back
from workbench.errors import DataError
from workbench.publish.rendering import turns
from workbench.schema import Schema, load_schema

ROOT = Path(__file__).resolve().parents[3]
FEW = settings(max_examples=8)
pytestmark = pytest.mark.thorough

TEXT = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12) | st.sampled_from(
    ["\n", " a \n\n b ", "\u2028", "é\u0301 ñ 漢字", "=1+1", '"quoted", and \\', "\r\n", "[]", "{}", "null", "0", "A"]
)
MAYBE = st.none() | TEXT


def turn(role: str) -> st.SearchStrategy[dict[str, str]]:
    return TEXT.map(lambda text: {"role": role, "content": text})


EXCHANGES = st.lists(st.tuples(turn("user"), turn("assistant")), min_size=1, max_size=3)
TALKS = st.tuples(st.lists(turn("system"), max_size=1), EXCHANGES).map(
    lambda parts: [*parts[0], *(said for exchange in parts[1] for said in exchange)]
)
BESIDE = st.none() | st.fixed_dictionaries({}, optional={"name": TEXT, "weight": st.integers(0, 1)}).filter(bool).map(
    lambda held: json.dumps(held, ensure_ascii=False)
)
CALLS = TALKS.flatmap(
    lambda said: st.tuples(*(BESIDE for _ in said)).map(
        lambda held: [{**one, "extra": extra} for one, extra in zip(said, held, strict=True)]
    )
)
OPTIONS = st.lists(TEXT, min_size=2, max_size=5).flatmap(
    lambda options: st.tuples(st.just(options), st.integers(0, len(options) - 1))
)
RECORDS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "qa": st.fixed_dictionaries({"question": TEXT, "answer": TEXT, "context": MAYBE, "lang": MAYBE, "concept": MAYBE}),
    "instruction": st.fixed_dictionaries({"instruction": TEXT, "input": MAYBE | st.just(""), "output": TEXT}),
    "chat": st.fixed_dictionaries({"messages": TALKS, "lang": MAYBE}),
    "tools": st.fixed_dictionaries({"messages": CALLS, "lang": MAYBE, "tools": st.none() | st.just('[{"name": "é"}]')}),
    "preference": st.fixed_dictionaries({"messages": TALKS, "rejected": TEXT, "lang": MAYBE}),
    "prose": st.fixed_dictionaries({"text": TEXT, "chapter": MAYBE}),
    "story": st.tuples(TEXT, TEXT).map(lambda two: {"text": f"[INST] {two[0]} [/INST] {two[1]}"}),
    "mcq": st.tuples(OPTIONS, TEXT, MAYBE, MAYBE).map(
        lambda parts: {
            "question": parts[1],
            "options": parts[0][0],
            "correct_option_index": parts[0][1],
            "correct_option_indices": None,
            "explanation": parts[2],
            "subject": parts[3],
            "topic": None,
            "difficulty": None,
        }
    ),
}
EXACT = [(schema, format) for schema in RECORDS for format in ("parquet", "jsonl")]
EXACT += [("chat", name) for name in ("messages", "sharegpt", "alpaca", "prompt-completion", "chatml")]
EXACT += [("tools", name) for name in ("messages", "sharegpt", "prompt-completion")]
READERS = {("chat", "alpaca"): "conversations"}
"""Read by a named reader: without a system turn or a history anywhere, such a file is plain Alpaca."""
EXACT += [("preference", "preference"), ("preference", "messages"), ("preference", "sharegpt")]
EXACT += [("instruction", "alpaca"), ("qa", "alpaca"), ("prose", "text"), ("story", "text"), ("mcq", "lm-eval")]
RENDERED = [(schema, name) for schema in ("qa", "instruction", "mcq") for name in ("messages", "sharegpt", "chatml")]


@cache
def schema(name: str) -> Schema:
    return load_schema(ROOT / "schemas" / f"{name}.yaml")


def there_and_back(kind: Schema, format: str, records: list[dict[str, Any]], read_as: Schema) -> list[dict[str, Any]]:
    with TemporaryDirectory(dir=quick_folder()) as folder:
        written = an_export_of(kind, records, Path(folder) / "out", format)
        (file,) = written.files
        return read_back(Path(folder) / "out" / file.path, read_as, READERS.get((kind.name, format)))


@pytest.mark.parametrize(("name", "format"), EXACT)
@FEW
@given(data=st.data())
def test_records_come_back_as_they_were(name: str, format: str, data: st.DataObject) -> None:
    records = data.draw(st.lists(RECORDS[name], min_size=1, max_size=4))
    assert there_and_back(schema(name), format, records, schema(name)) == records


def marked(name: str, text: str) -> list[dict[str, Any]]:
    """Return two records of a kind, of which one holds a text wherever it can."""
    said = [{"role": "user", "content": text}, {"role": "assistant", "content": text}]
    texts = {"question": text, "answer": text, "instruction": text, "output": text, "text": text, "messages": said}
    plain = [{**said[0], "content": "Why?"}, {**said[1], "content": "So."}]
    words = {key: plain if key == "messages" else "words" for key in texts}
    held = [{**texts, "rejected": text, "options": [text, "b"]}, {**words, "rejected": "No.", "options": ["a", "b"]}]
    known = [{"correct_option_index": 0, **one} for one in held]
    if name == "story":
        known = [one | {"text": f"[INST] {one['text']} [/INST] {one['text']}"} for one in known]
    if name == "tools":
        known = [
            one | {"messages": [{**turn, "extra": None} for turn in one["messages"]], "tools": None} for one in known
        ]
    return [{column: one.get(column) for column in schema(name).columns} for one in known]


@pytest.mark.parametrize(
    "text", ["a <|im_end|> b", "<|im_start|>user\nHi<|im_end|>", "<|endoftext|>", "[INST] x [/INST]"]
)
@pytest.mark.parametrize(("name", "format"), EXACT)
def test_a_text_with_a_mark_comes_back_as_it_was_or_does_not_leave(name: str, format: str, text: str) -> None:
    records = marked(name, text)
    if format == "chatml" and "<|im_" in text:
        with pytest.raises(DataError, match="holds a mark of ChatML"):
            there_and_back(schema(name), format, records, schema(name))
    else:
        assert there_and_back(schema(name), format, records, schema(name)) == records


@pytest.mark.parametrize(("name", "format"), RENDERED)
@FEW
@given(data=st.data())
def test_what_is_rendered_comes_back_as_the_very_turns_that_are_trained(
    name: str, format: str, data: st.DataObject
) -> None:
    records = data.draw(st.lists(RECORDS[name], min_size=1, max_size=4))
    back = there_and_back(schema(name), format, records, schema("chat"))
    assert [row["messages"] for row in back] == [turns(schema(name), record) for record in records]


@pytest.mark.parametrize("name", ["qa", "instruction", "mcq"])
@FEW
@given(data=st.data())
def test_prompt_and_completion_come_back_as_an_instruction_and_its_output(name: str, data: st.DataObject) -> None:
    records = data.draw(st.lists(RECORDS[name], min_size=1, max_size=4))
    back = there_and_back(schema(name), "prompt-completion", records, schema("instruction"))
    asked = [[turn["content"] for turn in turns(schema(name), record)] for record in records]
    assert [[row["instruction"], row["output"]] for row in back] == asked


@pytest.mark.parametrize("name", ["qa", "instruction", "prose", "story", "chat"])
@FEW
@given(data=st.data())
def test_csv_keeps_all_but_the_difference_of_missing_and_empty(name: str, data: st.DataObject) -> None:
    records = data.draw(st.lists(RECORDS[name], min_size=1, max_size=4))
    assume("\\x00" not in repr(records))  # no reader of CSV takes a NUL character
    back = there_and_back(schema(name), "csv-exact", records, schema(name))
    blank = [{name: "" if value is None else value for name, value in record.items()} for record in records]
    assert back == blank
