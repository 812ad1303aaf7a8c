"""Every shape in which people keep conversations in pieces is read as one list of turns; nothing else is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.readers.units import records, rejects, units
from workbench.readers.detect import detect
from workbench.readers.field_spec import MappingError
from workbench.readers.turn_shapes import from_chatml, gathered, is_in_pieces

USER, BOT = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}
SYSTEM, WORSE = {"role": "system", "content": "s"}, {"role": "assistant", "content": "w"}
SHAREGPT = [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]

CONVERSATIONS: dict[str, tuple[dict[str, Any], list[dict[str, str]]]] = {
    "sharegpt with a system column": ({"system": "s", "conversations": SHAREGPT}, [SYSTEM, USER, BOT]),
    "messages with a system prompt": ({"system_prompt": "s", "messages": [USER, BOT]}, [SYSTEM, USER, BOT]),
    "a system turn wins over the column": ({"system": "x", "messages": [SYSTEM, USER, BOT]}, [SYSTEM, USER, BOT]),
    "an empty system column": ({"system": "", "conversations": SHAREGPT}, [USER, BOT]),
    "turns to complete": ({"prompt": [SYSTEM, USER], "completion": [BOT]}, [SYSTEM, USER, BOT]),
    "alpaca with a system column": (
        {"instruction": "q", "input": "", "output": "a", "system": "s"},
        [SYSTEM, USER, BOT],
    ),
    "alpaca with a history": (
        {"instruction": "q", "input": None, "output": "a", "history": [["q", "a"]]},
        [USER, BOT, USER, BOT],
    ),
    "chatml in a text": (
        {"text": "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\na<|im_end|>\n"},
        [USER, BOT],
    ),
}
PAIRS: dict[str, tuple[dict[str, Any], list[dict[str, str]]]] = {
    "texts": ({"prompt": "q", "chosen": "a", "rejected": "w"}, [USER, BOT]),
    "texts with a system column": ({"prompt": "q", "system": "s", "chosen": "a", "rejected": "w"}, [SYSTEM, USER, BOT]),
    "turns behind a prompt of turns": (
        {"prompt": [SYSTEM, USER], "chosen": [BOT], "rejected": [WORSE]},
        [SYSTEM, USER, BOT],
    ),
    "whole conversations": ({"chosen": [USER, BOT], "rejected": [USER, WORSE]}, [USER, BOT]),
    "whole conversations behind a prompt": (
        {"prompt": "q", "chosen": [USER, BOT], "rejected": [USER, WORSE]},
        [USER, BOT],
    ),
    "whole conversations behind a prompt, and the better one once more": (
        {"prompt": "q", "chosen": [USER, BOT], "rejected": [USER, WORSE], "messages": [USER, BOT]},
        [USER, BOT],
    ),
    "single turns behind a conversation": (
        {"conversations": SHAREGPT[:1], "chosen": SHAREGPT[1], "rejected": {"from": "gpt", "value": "w"}},
        [USER, BOT],
    ),
    "instruction and input": (
        {"instruction": "q", "input": "i", "chosen": "a", "rejected": "w"},
        [{"role": "user", "content": "q\n\ni"}, BOT],
    ),
}


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_a_conversation_in_pieces_becomes_its_turns(name):
    row, turns = CONVERSATIONS[name]
    found = gathered(row | {"id": 7})
    assert found is not None and found["messages"] == turns and found["id"] == 7


@pytest.mark.parametrize("name", PAIRS)
def test_a_pair_becomes_the_better_conversation_and_the_worse_answer(name):
    row, turns = PAIRS[name]
    assert gathered(row | {"score": 1}) == {"messages": turns, "rejected": "w", "score": 1}
    assert is_in_pieces(row)


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [USER, BOT]},
        {"conversations": SHAREGPT},
        {"instruction": "q", "input": "", "output": "a"},
        {"prompt": "q", "completion": "a"},
        {"text": "no marks"},
        {"chosen": "only one"},
        {"chosen": "\n\nHuman: q", "rejected": "\n\nHuman: q"},
    ],
    ids=str,
)
def test_what_a_mapping_reads_whole_is_left_to_it(row):
    assert gathered(row) is None


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "q", "chosen": [USER, BOT, USER, BOT], "rejected": "w"},
        {"chosen": [USER, BOT], "rejected": [SYSTEM, WORSE]},
        {"prompt": "q", "chosen": None, "rejected": "w"},
        {"text": "<|im_start|>user\nq<|im_end|> stray"},
        {"text": "<|im_start|>user\nq\n<|im_start|>assistant\na<|im_end|>"},
        {"prompt": "q", "chosen": [USER], "rejected": "w"},
        {"prompt": "q", "chosen": "a", "rejected": "w", "messages": "[]"},
        {"prompt": "q", "chosen": "a", "rejected": "w", "messages": [USER, WORSE]},
        {"prompt": "q", "chosen": "a", "rejected": [WORSE | {"score": 1}]},
        {"instruction": "q", "output": "a", "history": ["q", "a"]},
    ],
    ids=str,
)
def test_pieces_that_do_not_fit_together_are_told(row):
    with pytest.raises(MappingError):
        gathered(row)


def test_what_a_turn_holds_beside_its_text_stays_with_it():
    called = BOT | {"tool_calls": [{"name": "look"}]}
    found = gathered({"system": "s", "messages": [USER, called], "system_prompt": None})
    assert found == {"messages": [SYSTEM, USER, called]}


def test_a_system_column_that_a_conversation_overrules_is_kept_beside_it():
    found = gathered({"system": "x", "messages": [SYSTEM, USER, BOT]})
    assert found == {"messages": [SYSTEM, USER, BOT], "system": "x"}


def test_an_input_that_is_no_text_stays_beside_the_turns():
    found = gathered({"instruction": "q", "input": 7, "output": "a", "system": "s"})
    assert found == {"messages": [SYSTEM, USER, BOT], "input": 7}


def test_an_empty_system_column_leaves_plain_alpaca_plain(tmp_path: Path):
    path = tmp_path / "alpaca.jsonl"
    row = {"instruction": "q", "input": "", "output": "a", "system": "", "history": []}
    path.write_text(json.dumps(row) + "\n" + json.dumps(row) + "\n")
    assert detect(path).reader == "jsonl"


@pytest.mark.parametrize("indent", [None, 2])
def test_json_and_json_lines_are_read_alike_and_a_misfit_keeps_its_bytes(indent, tmp_path: Path):
    rows = [row for row, _ in CONVERSATIONS.values()] + [{"prompt": "q", "chosen": None, "rejected": "é"}]
    path = tmp_path / "talks.json"
    text = json.dumps(rows, indent=indent, ensure_ascii=False)
    path.write_text(text if indent else "\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n")
    assert detect(path).reader == "conversations"
    found = units(path)
    assert [unit.fields["messages"] for unit in records(found)] == [turns for _, turns in CONVERSATIONS.values()]
    (misfit,) = rejects(found)
    assert json.loads(misfit.raw) == rows[-1] and "answer is missing" in misfit.reason


def test_a_blank_line_and_a_system_turn_part_the_conversations_of_a_text(tmp_path: Path):
    path = tmp_path / "talks.txt"
    talk = "<|im_start|>user\nq\n\nq<|im_end|>\n<|im_start|>assistant\na<|im_end|>\n"
    path.write_text(f"{talk}{talk}\n{talk}<|im_start|>system\ns<|im_end|>\n{talk}")
    assert [len(unit.fields["messages"]) for unit in records(units(path))] == [4, 2, 3]


@pytest.mark.parametrize(
    ("text", "contents"),
    [
        ("<|im_start|>user\n\nq\n<|im_end|>\n\n<|im_start|>bot\n<|im_end|>", ["\nq\n", ""]),
        ("  <|im_start|> user \nq<|im_end|>", ["q"]),
    ],
)
def test_a_turn_of_chatml_keeps_its_text_to_the_letter(text, contents):
    assert [turn["content"] for turn in from_chatml(text)] == contents


def test_marks_of_chatml_that_nothing_closes_take_no_longer_than_other_text(tmp_path: Path):
    path = tmp_path / "talks.chatml"
    path.write_text("<|im_start|>user\nq<|im_end|>\n" + "<|im_start|>a\n" * 200_000)
    talk, stray = units(path)
    assert talk.fields["messages"] == [USER]
    assert stray.raw.count(b"<|im_start|>") == 200_000
    with pytest.raises(MappingError):
        from_chatml("<|im_start|>a\n" * 200_000)
