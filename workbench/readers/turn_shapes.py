"""The shapes in which rows hold a conversation in pieces, and the one list of turns that each means."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from workbench.readers.conversion import messages
from workbench.readers.field_spec import MappingError

Row = Mapping[str, Any]
Turns = list[dict[str, Any]]

START, END = "<|im_start|>", "<|im_end|>"
_LISTS = ("messages", "conversations", "conversation")
_SYSTEMS = ("system", "system_prompt")
_OPENED = re.compile(r"\s*<\|im_start\|>([^\n<]+)\n")
_SAID = ("role", "content", "from", "value", "text")


def gathered(row: Row) -> dict[str, Any] | None:
    """Return a row with its conversation as `messages`, and of two answers the worse one as `rejected`.

    The other columns stay as they are, and a turn keeps what it holds beside role and content. None for a row that is
    in none of these shapes; MappingError for one that begins like one and does not hold what it needs.
    """
    return next((found for shape in _SHAPES if (found := shape(row)) is not None), None)


def is_in_pieces(row: Row) -> bool:
    """Return whether a row says more in its pieces than a reader of whole columns would see of its conversation."""
    told = _first(row, _SYSTEMS, str) or _first(row, ("history",), list)
    return any(shape(row) is not None for shape in (_pair, _completed, _marked)) or bool(told and gathered(row))


def from_chatml(text: str) -> Turns:
    """Return the turns of a text in the marks of ChatML; MappingError where a mark or a text is out of place."""
    found, at = [], 0
    while opened := _OPENED.match(text, at):
        begin = opened.end()
        end = text.find(END, begin)  # a search, not a pattern: over marks that nothing closes, one would never end
        if end < 0 or text.find(START, begin, end) >= 0:
            break
        found.append(_turn(opened[1].strip(), text[begin:end]))
        at = end + len(END)
    if not found or text[at:].strip():
        raise MappingError(f"something stands outside of {START} and {END}")
    return _turns(found)


def _pair(row: Row) -> dict[str, Any] | None:
    """Gather a prompt, a chosen and a rejected answer, as texts or turns; the prompt may stand in both answers."""
    if not ("chosen" in row and "rejected" in row):
        return None
    asked, taken = _asked(row)
    if asked is None:
        return None
    chosen, rejected = (_answer(row[name], asked) for name in ("chosen", "rejected"))
    if not asked:
        asked, chosen, rejected = _apart(chosen, rejected)
    if [turn["role"] for turn in (*chosen, *rejected)] != ["assistant"] * 2:
        raise MappingError("the chosen and the rejected answer are not one answer each behind one prompt")
    if len(rejected[0]) > len(_turn("", "")):
        raise MappingError("the rejected answer holds more than a role and a content")
    found = _with_messages(row, [*asked, *chosen], {*taken, "chosen", "rejected"})
    return found | {"rejected": rejected[0]["content"]}


def _completed(row: Row) -> dict[str, Any] | None:
    """Gather a prompt and a completion that are turns."""
    if not (isinstance(row.get("prompt"), list) and isinstance(row.get("completion"), list)):
        return None
    return _with_messages(row, _turns(row["prompt"] + row["completion"]), {"prompt", "completion"})


def _opened(row: Row) -> dict[str, Any] | None:
    """Gather turns and the system message that stands in a column beside them."""
    name = _first(row, _LISTS, list)
    if not name or not _named(row, _SYSTEMS):
        return None
    turns, (system, taken) = _turns(row[name]), _system(row)
    if system and turns[0]["role"] == "system":
        return _with_messages(row, turns, {name})  # the conversation's own wins, and the column stays beside it
    return _with_messages(row, [*system, *turns], {name, *taken})


def _instructed(row: Row) -> dict[str, Any] | None:
    """Gather Alpaca's instruction, input and output with the `system` and `history` that LLaMA-Factory adds."""
    if not all(isinstance(row.get(name), str) for name in ("instruction", "output")):
        return None
    if not _named(row, (*_SYSTEMS, "history")):
        return None
    asked, taken = _asked({name: value for name, value in row.items() if name not in ("prompt", *_LISTS)})
    return _with_messages(row, [*(asked or []), _turn("assistant", row["output"])], {*taken, "output"})


def _marked(row: Row) -> dict[str, Any] | None:
    """Gather the turns of a text in the marks of ChatML."""
    text = row.get("text")
    if not isinstance(text, str) or not text.lstrip().startswith(START):
        return None
    return _with_messages(row, from_chatml(text), {"text"})


_SHAPES: tuple[Callable[[Row], dict[str, Any] | None], ...] = (_pair, _completed, _opened, _instructed, _marked)


def _with_messages(row: Row, turns: Turns, taken: Iterable[str]) -> dict[str, Any]:
    """Return a row with its turns and what stands in none of them; MappingError where it holds another conversation."""
    others = {name: value for name, value in row.items() if name not in set(taken)}
    beside = others.pop("messages", None)
    if beside is not None and _turns(beside) != turns:
        raise MappingError("it holds two conversations that differ")
    return {"messages": turns} | others


def _asked(row: Row) -> tuple[Turns | None, set[str]]:
    """Return the turns that ask and the columns they stand in; no turns where the answers repeat them."""
    system, taken = _system(row)
    if row.get("prompt") and isinstance(row["prompt"], list):
        return [*system, *_turns(row["prompt"])], {*taken, "prompt"}
    text = _first(row, ("prompt", "instruction", "question"), str)
    if text:
        more = row.get("input") if text == "instruction" else None
        asked = "\n\n".join(filter(None, (row[text], more))) if isinstance(more, str) else row[text]
        taken |= {text, "history"} | ({"input"} if isinstance(more, str) else set())
        return [*system, *_past(row.get("history")), _turn("user", asked)], taken
    name = _first(row, ("conversations", "conversation"), list)
    if name:
        return [*system, *_turns(row[name])], {*taken, name}
    return ([], taken) if isinstance(row.get("chosen"), list) and not system else (None, set())


def _system(row: Row) -> tuple[Turns, set[str]]:
    """Return the system turn of a column, none where it is empty, and the columns that say no more than that."""
    name = _first(row, _SYSTEMS, str)
    blank = {other for other in _SYSTEMS if row.get(other) in (None, "")}
    return ([_turn("system", row[name])], {name, *blank}) if name else ([], blank)


def _past(history: Any) -> Turns:  # noqa: ANN401 - any raw value
    pairs = history or []
    if not all(isinstance(pair, list) and len(pair) == 2 and all(isinstance(t, str) for t in pair) for pair in pairs):
        raise MappingError("the history is not a list of questions with their answers")
    return [_turn(role, text) for pair in pairs for role, text in zip(("user", "assistant"), pair, strict=True)]


def _answer(value: Any, asked: Turns) -> Turns:  # noqa: ANN401 - any raw value
    """Return an answer's turns, without the prompt where they begin with it."""
    if isinstance(value, str):
        return [_turn("assistant", value)]
    if not value:
        raise MappingError("an answer is missing")
    turns = _turns(value if isinstance(value, list) else [value])
    return turns[len(asked) :] if asked and turns[: len(asked)] == asked else turns


def _apart(chosen: Turns, rejected: Turns) -> tuple[Turns, Turns, Turns]:
    """Return what two conversations share before their last turns, and those turns."""
    if chosen[:-1] != rejected[:-1]:
        raise MappingError("the chosen and the rejected answer do not follow the same turns")
    return chosen[:-1], chosen[-1:], rejected[-1:]


def _turns(value: Any) -> Turns:  # noqa: ANN401 - any raw value
    """Return turns by role and content, each with what else it holds."""
    if not isinstance(value, list):
        raise MappingError("its turns are no list")
    plain = messages(value)  # refuses what is no turn
    more = ({key: held for key, held in turn.items() if key not in _SAID} for turn in value)
    return [said | beside for said, beside in zip(plain, more, strict=True)]


def _turn(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "content": content}


def _first(row: Row, names: tuple[str, ...], kind: type) -> str:
    return next((name for name in names if isinstance(row.get(name), kind) and row[name]), "")


def _named(row: Row, names: tuple[str, ...]) -> bool:
    return any(name in row for name in names)
