"""Records in the forms that trainers read: one function a form."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from workbench.errors import DataError, UsageError
from workbench.publish.rendering import (
    Row,
    Turn,
    checked,
    fields_under,
    holds_more,
    is_conversation,
    merged,
    tools_in,
    turns,
    used,
)
from workbench.schema import Schema
from workbench.text import show

CHATML_START, CHATML_END = "<|im_start|>", "<|im_end|>"
_ROLE = re.compile(r"[^\s<]+")
PAIR = ("messages", "rejected")
"""The columns of a preference pair: a conversation that ends with the better answer, and the worse one."""
_TURNS = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
_SHAREGPT_TURNS = pa.list_(pa.struct([("from", pa.string()), ("value", pa.string())]))
_SHAREGPT_ROLES = {"user": "human", "assistant": "gpt"}


@dataclass(frozen=True)
class Form:
    """How a record of one schema becomes a trainer's row."""

    fields: Mapping[str, pa.DataType]
    """What the trainer reads, in order."""
    row: Callable[[Row], Row]
    """Returns those fields of a record; DataError where it cannot have them."""
    taken: frozenset[str]
    """Columns of the schema that stand in these fields; the others ride along under their own names."""
    note: str = ""
    """What cannot be told from the row any more."""


def messages(schema: Schema) -> Form:
    """Return the form of the OpenAI API and of `apply_chat_template`: `messages` with role and content."""
    return _with_tools(schema, _of_turns(schema, {"messages": _TURNS}, lambda turns: {"messages": turns}))


def sharegpt(schema: Schema) -> Form:
    """Return the form of the ShareGPT collection: `conversations` with `from` and `value`, the system turn first."""
    fields = {"conversations": _SHAREGPT_TURNS}
    return _with_tools(schema, _of_turns(schema, fields, lambda turns: {"conversations": _renamed(turns)}))


def chatml(schema: Schema) -> Form:
    """Return conversations as one `text` in the marks of ChatML."""
    return _of_turns(schema, {"text": pa.string()}, lambda turns: {"text": "".join(map(_marked, turns))})


def alpaca(schema: Schema) -> Form:
    """Return the form of Stanford Alpaca: instruction, input and output.

    A schema that knows these three under names of its own keeps them apart; conversations have `system` and
    `history` beside them, as LLaMA-Factory reads them.
    """
    fields = dict.fromkeys(("instruction", "input", "output"), pa.string())
    if is_conversation(schema):
        beside = {"system": pa.string(), "history": pa.list_(pa.list_(pa.string()))}
        return _of_turns(schema, fields | beside, _with_history)
    known = fields_under(schema, tuple(fields))
    if not known:
        return _of_turns(schema, fields, _without_history)
    columns = {name: known.get(name) for name in fields}
    return Form(
        fields,
        lambda record: {name: record[column] if column else None for name, column in columns.items()},
        frozenset(known.values()),
    )


def prompt_completion(schema: Schema) -> Form:
    """Return the form of TRL and of the older OpenAI API: prompt and completion, of a conversation both as turns."""
    if is_conversation(schema):
        return _with_tools(
            schema, _of_turns(schema, dict.fromkeys(("prompt", "completion"), _TURNS), _before_and_answer)
        )
    fields = dict.fromkeys(("prompt", "completion"), pa.string())
    if "prompt" in schema.declared.render["default"]:
        return Form(fields, schema.render, used(schema), merged(schema))
    return _of_turns(schema, fields, _asked_and_answered)


def text(schema: Schema) -> Form:
    """Return each record as the one `text` that is learned, as continued pretraining wants it."""
    if not {"text", "prompt"} & set(schema.declared.render["default"]):
        hint = "use --format messages" + ("" if holds_more(schema) else ", or --format chatml")
        raise UsageError(f"{schema.name!r} records are turns, and only a chat template makes one text of them", hint)
    return Form(
        {"text": pa.string()},
        lambda record: {"text": "".join(schema.render(record).values())},
        used(schema),
        merged(schema),
    )


def preference(schema: Schema) -> Form:
    """Return the form of TRL's DPO and reward trainers: the turns of a prompt, of a chosen and of a rejected answer.

    It is made from the columns PAIR, those of the schema or those of pairs that were judged.
    """
    return Form(dict.fromkeys(("prompt", "chosen", "rejected"), _TURNS), _pair, frozenset(PAIR))


FORMS: dict[str, Callable[[Schema], Form]] = {
    "messages": messages,
    "sharegpt": sharegpt,
    "chatml": chatml,
    "alpaca": alpaca,
    "prompt-completion": prompt_completion,
    "preference": preference,
    "text": text,
}


def _of_turns(schema: Schema, fields: Mapping[str, pa.DataType], shaped: Callable[[list[Turn]], Row]) -> Form:
    """Return a form made from the turns that a record renders to; what defines tools rides along as it is."""
    taken, note = used(schema) - tools_in(schema), merged(schema, framed=False)
    return Form(fields, lambda record: shaped(turns(schema, record)), taken, note)


def _with_tools(schema: Schema, form: Form) -> Form:
    """Return a form whose turns keep what else they hold, with the tools they call as `tools`, as OpenAI has them."""
    if not holds_more(schema):
        return form
    fields = dict.fromkeys(form.fields, pa.json_()) | dict.fromkeys(("tools",) if tools_in(schema) else (), pa.json_())

    def row(record: Row) -> Row:
        tools = schema.render(record).get("tools")
        return form.row(record) | ({"tools": tools} if tools else {})

    return replace(form, fields=fields, row=row, taken=used(schema))


def _renamed(turns: list[Turn]) -> list[Turn]:
    if any({"from", "value"} & _beside(turn).keys() for turn in turns):
        raise DataError("a turn holds a part called from or value beside role and content", "use --format messages")
    return [
        {"from": _SHAREGPT_ROLES.get(turn["role"], turn["role"]), "value": turn["content"]} | _beside(turn)
        for turn in turns
    ]


def _beside(turn: Turn) -> Turn:
    return {key: value for key, value in turn.items() if key not in ("role", "content")}


def _refuse_more(turns: Iterable[Turn]) -> None:
    """Raise DataError where a turn holds what a form of mere texts would lose."""
    more = sorted({key for turn in turns for key in _beside(turn)})
    if more:
        what = f"a turn holds {show(', '.join(more), limit=80)} beside role and content"
        raise DataError(what, "use --format messages, which keeps it")


def _marked(turn: Turn) -> str:
    _refuse_more([turn])
    role, content = turn["role"], turn["content"]
    if any(mark in content for mark in (CHATML_START, CHATML_END)) or not _ROLE.fullmatch(role):
        raise DataError("a turn holds a mark of ChatML, and would end where it does not", "use --format messages")
    return f"{CHATML_START}{role}\n{content}{CHATML_END}\n"


def _with_history(turns: list[Turn]) -> Row:
    _refuse_more(turns)
    system = turns[0]["content"] if turns and turns[0]["role"] == "system" else None
    exchanges = turns if system is None else turns[1:]
    roles = [turn["role"] for turn in exchanges]
    if not roles or roles != ["user", "assistant"] * (len(roles) // 2):
        raise DataError("its turns are not question and answer by turns", "use --format messages")
    contents = [turn["content"] for turn in exchanges]
    history = [list(pair) for pair in zip(contents[:-2:2], contents[1:-2:2], strict=True)]
    return {"instruction": contents[-2], "input": "", "output": contents[-1], "system": system, "history": history}


def _without_history(turns: list[Turn]) -> Row:
    asked = _asked_and_answered(turns)
    return {"instruction": asked["prompt"], "input": "", "output": asked["completion"]}


def _asked_and_answered(turns: list[Turn]) -> Row:
    if [turn["role"] for turn in turns] != ["user", "assistant"]:
        raise DataError("it is not one question and its answer", "use --format messages")
    return {"prompt": turns[0]["content"], "completion": turns[1]["content"]}


def _before_and_answer(turns: list[Turn]) -> Row:
    if len(turns) < 2 or turns[-1]["role"] != "assistant":
        raise DataError("it does not end with an answer", "use --format messages")
    return {"prompt": turns[:-1], "completion": turns[-1:]}


def _pair(record: Row) -> Row:
    both = _before_and_answer(checked(record["messages"]))
    rejected = [{"role": "assistant", "content": record["rejected"]}]
    return {"prompt": both["prompt"], "chosen": both["completion"], "rejected": rejected}
