"""The token X-ray: what every record becomes after tokenizer, template and collator, counted and flagged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from workbench.errors import DataError
from workbench.lm.calls import called_texts, has_call, is_plain, without_calls
from workbench.lm.template import NOT_LEARNED, Encoded, SkewError, apply_template, encode

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from workbench.recipe import Recipe

FLAGS: Mapping[str, str] = {
    "double-bos": "more than one BOS: the text already holds a literal one",
    "literal-mark": "a field's own text holds a special token, which the model would read as a command",
    "lost-call": "the chat template leaves out a call of a tool: the model would learn to say nothing instead",
    "no-eos": "an answer does not end with EOS: the model would never learn to stop",
    "no-label": "nothing is learned from this record",
    "out-of-range": "a token id is beyond the vocabulary",
    "prompt-not-prefix": "the prompt asked later is not the beginning of the trained text",
    "not-encodable": "the record cannot be rendered into tokens at all",
    "truncated": "longer than train.max_length: the rest is cut away",
    "wrong-label": "what is learned is not the answer: the chat template marks other text as its own",
}
"""Every flag and what it means."""

FIXES: Mapping[str, str] = {
    "double-bos": "`workbench edit CORPUS --fix literal-marker` removes it from the records",
    "literal-mark": "`workbench edit CORPUS --fix literal-marker` removes it from the records",
    "lost-call": "use a base whose own template writes calls of tools: --set template=auto",
    "no-eos": "use a template that writes EOS behind every answer: --set template=inst, or a base tuned for turns",
    "no-label": "raise train.max_length, or shorten or drop the record: nothing of its answer is left",
    "not-encodable": "correct the turns as the reason says, or choose another template",
    "out-of-range": "use the tokenizer that belongs to the base: they come in one folder",
    "prompt-not-prefix": "use a template whose turns only append: --set template=inst",
    "truncated": "raise train.max_length, cut the source into chunks, or accept the loss",
    "wrong-label": "use a template whose generation marks enclose the answer, or one without such marks",
}
"""What to do about each flag."""

UNREAD = frozenset({"not-encodable", "prompt-not-prefix"})
"""Flags of records that became no tokens: they have no row in the token cache."""

WARNINGS = frozenset({"truncated"})
"""Flags that do not stop a training."""

XRAY = pa.schema(
    [
        ("record", pa.string()),
        ("split", pa.string()),
        ("tokens", pa.int32()),
        ("learned", pa.int32()),
        ("bos", pa.int32()),
        ("eos", pa.int32()),
        ("ends_with_eos", pa.bool_()),
        ("truncated", pa.bool_()),
        ("lost", pa.int32()),
        ("fully_masked", pa.bool_()),
        ("out_of_range", pa.int32()),
        ("flags", pa.list_(pa.string())),
        ("reason", pa.string()),
    ]
)
"""One row a record; counts are in tokens, `lost` are those cut away; `reason` only where nothing could be encoded."""

TOKENS = pa.schema(
    [
        ("record", pa.string()),
        ("split", pa.string()),
        ("input_ids", pa.list_(pa.int32())),
        ("labels", pa.list_(pa.int32())),
        ("prompt_ids", pa.list_(pa.int32())),
        ("reference", pa.string()),
        ("bytes", pa.int32()),
    ]
)
"""The token cache: what training and scoring read. `reference` is null where a record has no answer of its
own (plain text); `bytes` counts the UTF-8 bytes that the learned tokens stand for, EOS as 0."""

REVISION = 2
"""Changes with what an X-ray says of the same record, so that none of an older kind is taken for a new one."""

AT_ONCE = 4096
"""Records that become one batch of the tables."""


@dataclass(frozen=True)
class Example:
    """One record as the schema renders it: `{"messages"}`, `{"prompt", "completion"}` or `{"text"}`."""

    record: str
    split: str
    rendered: Mapping[str, Any]


class Collator(Protocol):
    """What turns rows of ids and labels into a batch of tensors."""

    def __call__(self, features: list[dict[str, Any]], /) -> dict[str, Any]:
        """Return the batch of some rows."""


@dataclass(frozen=True)
class _Bench:
    """Everything a record passes through, with the ids that matter looked up once."""

    tokenizer: PreTrainedTokenizerBase
    collator: Collator
    recipe: Recipe
    vocabulary: int
    bos: int | None
    eos: int | None
    special: frozenset[int]
    turns: dict[tuple[str, ...], _Turns]
    """What the template was found to do, by the roles of a conversation."""


@dataclass(frozen=True)
class _Turns:
    """What a template does with a conversation of certain roles, whatever is said in it."""

    bos: int = 1
    """How many BOS it writes: Llama 2 writes one a turn."""
    learns_other_text: bool = False
    """Whether the learned tokens leave out an answer, or hold a question."""


def build_collator(tokenizer: PreTrainedTokenizerBase, recipe: Recipe) -> Collator:
    """Return the collator that SFTTrainer makes for this recipe: same class, same arguments (trl 1.16)."""
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    collator: Collator = DataCollatorForLanguageModeling(
        pad_token_id=tokenizer.pad_token_id, padding_free=recipe.train.packing, pad_to_multiple_of=None
    )
    return collator


def xray(
    examples: Iterable[Example],
    tokenizer: PreTrainedTokenizerBase,
    recipe: Recipe,
    *,
    vocabulary: int | None = None,
) -> tuple[pa.Table, pa.Table]:
    """Return the X-ray (`XRAY`) and the token cache (`TOKENS`) of all examples, in order.

    `vocabulary` is the number of embedding rows of the base, where the tokenizer's own length differs.
    A record that cannot be encoded has a row in the X-ray and none in the cache.
    """
    bench = _bench(tokenizer, recipe, vocabulary)
    rows: list[dict[str, Any]] = []
    cache: list[dict[str, Any]] = []
    batches: tuple[list[pa.RecordBatch], list[pa.RecordBatch]] = ([], [])
    for example in examples:
        row, cached = _look(example, bench)
        rows.append(row)
        cache += cached
        if len(rows) == AT_ONCE:
            _flush(rows, cache, batches)
    _flush(rows, cache, batches)
    return pa.Table.from_batches(batches[0], XRAY), pa.Table.from_batches(batches[1], TOKENS)


def errors_of(table: pa.Table, allow: frozenset[str] = frozenset()) -> list[tuple[str, list[str]]]:
    """Return (record, codes) of every row with an error flag that `allow` does not name."""
    rows = zip(table["record"].to_pylist(), table["flags"].to_pylist(), strict=True)
    left = ((record, [code for code in flags if code not in WARNINGS | allow]) for record, flags in rows)
    return [(record, codes) for record, codes in left if codes]


def _flush(
    rows: list[dict[str, Any]],
    cache: list[dict[str, Any]],
    batches: tuple[list[pa.RecordBatch], list[pa.RecordBatch]],
) -> None:
    if not rows:
        return
    batches[0].append(pa.RecordBatch.from_pylist(rows, XRAY))
    batches[1].append(pa.RecordBatch.from_pylist(cache, TOKENS))
    rows.clear()
    cache.clear()


def _bench(tokenizer: PreTrainedTokenizerBase, recipe: Recipe, vocabulary: int | None) -> _Bench:
    # A base that uses one token for both (GPT-2) has no BOS that could be doubled.
    bos = tokenizer.bos_token_id if tokenizer.bos_token_id != tokenizer.eos_token_id else None
    collator = build_collator(tokenizer, recipe)
    size, special = vocabulary or len(tokenizer), _special(tokenizer)
    return _Bench(tokenizer, collator, recipe, size, bos, tokenizer.eos_token_id, special, {})


def _special(tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Return the ids that no plain text may become; the unknown token stands for any rare letter."""
    marks = {tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id}
    unknown = {tokenizer.unk_token_id} - marks
    return frozenset(tokenizer.all_special_ids) - unknown


def _look(example: Example, bench: _Bench) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    train = bench.recipe.train
    try:
        encoded = encode(
            bench.tokenizer,
            example.rendered,
            max_length=train.max_length,
            completion_only=train.completion_only,
        )
    except SkewError as error:
        return _unread(example, error, "prompt-not-prefix"), []
    except DataError as error:
        return _unread(example, error, "not-encodable"), []
    ids, labels = _collated(encoded, bench.collator)
    return _counted(example, encoded, (ids, labels), bench), [_cached(example, encoded, bench)]


def _unread(example: Example, error: DataError, flag: str) -> dict[str, Any]:
    counts = dict.fromkeys(("tokens", "learned", "bos", "eos", "lost", "out_of_range"), 0)
    flags = {"ends_with_eos": False, "truncated": False, "fully_masked": True, "flags": [flag]}
    return {"record": example.record, "split": example.split, **counts, **flags, "reason": error.what}


def _collated(encoded: Encoded, collator: Collator) -> tuple[list[int], list[int]]:
    """Return ids and labels as the loss sees them: out of the collator, in one row."""
    batch = collator([{"input_ids": encoded.input_ids, "labels": encoded.labels}])
    return batch["input_ids"][0].tolist(), batch["labels"][0].tolist()


def _counted(example: Example, encoded: Encoded, seen: tuple[list[int], list[int]], bench: _Bench) -> dict[str, Any]:
    ids, labels = seen
    # A causal loss predicts token n from those before it, so the first label never counts.
    learned = [label for label in labels[1:] if label != NOT_LEARNED]
    row: dict[str, Any] = {
        "record": example.record,
        "split": example.split,
        "tokens": len(ids),
        "learned": len(learned),
        "bos": ids.count(bench.bos) if bench.bos is not None else 0,
        "eos": ids.count(bench.eos) if bench.eos is not None else 0,
        "ends_with_eos": bool(learned) and learned[-1] == bench.eos,
        "truncated": encoded.truncated,
        "lost": encoded.lost,
        "fully_masked": not learned,
        "out_of_range": sum(not 0 <= token < bench.vocabulary for token in ids),
    }
    turns = _turns_of(example.rendered, bench)
    raised = {
        "double-bos": _has_extra_bos(ids, turns, bench),
        "literal-mark": _holds_a_mark(example.rendered, bench),
        "lost-call": _loses_a_call(example.rendered, bench),
        # Where the end was cut away, a missing EOS is the cut's doing and says nothing about the template.
        "no-eos": _has_unended_answer(labels, bench) and not encoded.truncated,
        "no-label": not learned,
        "out-of-range": row["out_of_range"] > 0,
        "prompt-not-prefix": ids[: len(encoded.prompt_ids)] != encoded.prompt_ids,
        "truncated": encoded.truncated,
        "wrong-label": turns.learns_other_text,
    }
    return {**row, "flags": [code for code, is_raised in raised.items() if is_raised], "reason": None}


def _holds_a_mark(rendered: Mapping[str, Any], bench: _Bench) -> bool:
    """Say whether a field's own text, read alone, holds a token that only the template may write."""
    texts = [message["content"] for message in rendered.get("messages", ())]
    texts += called_texts(rendered)
    texts += [rendered[key] for key in ("prompt", "completion", "text") if isinstance(rendered.get(key), str)]
    rows = bench.tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
    return any(not bench.special.isdisjoint(row) for row in rows)


def _loses_a_call(rendered: Mapping[str, Any], bench: _Bench) -> bool:
    """Say whether turns that call tools become the same text as the same turns without the calls."""
    messages = rendered.get("messages", ())
    if not any(map(has_call, messages)):
        return False
    try:
        bare = apply_template(bench.tokenizer, without_calls(messages))
        return bare == apply_template(bench.tokenizer, messages)
    except DataError:  # what a tool gave back has no place without the call, or a call none without its definition
        return False


def _has_extra_bos(ids: list[int], turns: _Turns, bench: _Bench) -> bool:
    """Say whether BOS stands twice at the start, or more often than the template writes it for these turns."""
    return bench.bos is not None and (ids[:2] == [bench.bos] * 2 or ids.count(bench.bos) > turns.bos)


def _has_unended_answer(labels: list[int], bench: _Bench) -> bool:
    """Say whether a learned stretch ends with another token than EOS."""
    ends = zip(labels, [*labels[1:], NOT_LEARNED], strict=True)
    return any(label not in (NOT_LEARNED, bench.eos) and after == NOT_LEARNED for label, after in ends)


def _turns_of(rendered: Mapping[str, Any], bench: _Bench) -> _Turns:
    """Return what the template does with turns like these; found once for all records of the same roles."""
    roles = tuple(message["role"] for message in rendered.get("messages", ()))
    if not roles:
        return _Turns()
    if roles not in bench.turns:
        bench.turns[roles] = _tried(roles, bench)
    return bench.turns[roles]


def _tried(roles: tuple[str, ...], bench: _Bench) -> _Turns:
    """Render a conversation of words that no template writes, and look at what becomes of them."""
    said = {role: _ANSWER if role == "assistant" else _QUESTION for role in roles}
    messages = [{"role": role, "content": said[role]} for role in roles]
    try:
        encoded = encode(bench.tokenizer, {"messages": messages}, max_length=_ENOUGH * len(roles))
    except DataError:
        return _Turns()  # a template that also minds what is said: nothing is known of it beforehand
    bos = encoded.input_ids.count(bench.bos) if bench.bos is not None else 0
    learned = [label for label in encoded.labels if label != NOT_LEARNED]
    # Without a label there is a flag of its own; the unknown token spells nothing.
    if not bench.recipe.train.completion_only or not learned or bench.tokenizer.unk_token_id in learned:
        return _Turns(bos)
    text = bench.tokenizer.decode(learned, skip_special_tokens=True)
    return _Turns(bos, text.count(_ANSWER) != roles.count("assistant") or _QUESTION in text)


_QUESTION, _ANSWER = "whichquestion", "thatanswer"
_ENOUGH = 4096
"""Tokens that no turn of one word takes, with all that a template writes around it."""


def _cached(example: Example, encoded: Encoded, bench: _Bench) -> dict[str, Any]:
    return {
        "record": example.record,
        "split": example.split,
        "input_ids": encoded.input_ids,
        "labels": encoded.labels,
        "prompt_ids": encoded.prompt_ids,
        "reference": encoded.reference if _has_reference(example.rendered) else None,
        "bytes": _bytes(example.rendered, encoded, bench),
    }


def _has_reference(rendered: Mapping[str, Any]) -> bool:
    """Say whether a record has an answer to compare with: running text has none, and a call is no text."""
    return "text" not in rendered and not any(map(has_call, rendered.get("messages", ())[-1:]))


def _bytes(rendered: Mapping[str, Any], encoded: Encoded, bench: _Bench) -> int:
    is_told = is_plain(rendered.get("messages", ()))  # a call is learned too, and an answer of weight 0 is not
    if bench.recipe.train.completion_only and not encoded.truncated and is_told:
        return sum(len(answer.encode()) for answer in encoded.answers)
    learned = [label for label in encoded.labels if label != NOT_LEARNED]
    return len(bench.tokenizer.decode(learned, skip_special_tokens=True).encode())
