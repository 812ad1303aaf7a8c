"""The token X-ray: what every record becomes after tokenizer, template and collator, counted and flagged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from workbench.errors import DataError
from workbench.lm.template import NOT_LEARNED, Encoded, encode

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from workbench.recipe import Recipe

FLAGS: Mapping[str, str] = {
    "double-bos": "more than one BOS: the text already holds a literal one",
    "literal-mark": "a field's own text holds a special token, which the model would read as a command",
    "no-eos": "the last learned token is not EOS: the model would never learn to stop",
    "no-label": "nothing is learned from this record",
    "out-of-range": "a token id is beyond the vocabulary",
    "prompt-not-prefix": "the prompt asked later is not the beginning of the trained text",
    "not-encodable": "the record cannot be rendered into tokens at all",
    "truncated": "longer than train.max_length: the rest is cut away",
}
"""Every flag and what it means."""

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
        ("fully_masked", pa.bool_()),
        ("out_of_range", pa.int32()),
        ("flags", pa.list_(pa.string())),
        ("reason", pa.string()),
    ]
)
"""One row a record; counts are in tokens; `reason` only where the record could not be encoded."""

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

_CHUNK = 4096


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
        if len(rows) == _CHUNK:
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
    batches[0].append(pa.RecordBatch.from_pylist(rows, XRAY))
    batches[1].append(pa.RecordBatch.from_pylist(cache, TOKENS))
    rows.clear()
    cache.clear()


def _bench(tokenizer: PreTrainedTokenizerBase, recipe: Recipe, vocabulary: int | None) -> _Bench:
    # A base that uses one token for both (GPT-2) has no BOS that could be doubled.
    bos = tokenizer.bos_token_id if tokenizer.bos_token_id != tokenizer.eos_token_id else None
    collator = build_collator(tokenizer, recipe)
    size, special = vocabulary or len(tokenizer), _special(tokenizer)
    return _Bench(tokenizer, collator, recipe, size, bos, tokenizer.eos_token_id, special)


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
    except DataError as error:
        return _unread(example, error), []
    ids, labels = _collated(encoded, bench.collator)
    return _counted(example, encoded, (ids, labels), bench), [_cached(example, encoded, bench)]


def _unread(example: Example, error: DataError) -> dict[str, Any]:
    counts = dict.fromkeys(("tokens", "learned", "bos", "eos", "out_of_range"), 0)
    flags = {"ends_with_eos": False, "truncated": False, "fully_masked": True, "flags": ["not-encodable"]}
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
        "fully_masked": not learned,
        "out_of_range": sum(not 0 <= token < bench.vocabulary for token in ids),
    }
    prefix = ids[: len(encoded.prompt_ids)] == encoded.prompt_ids
    marked = _holds_a_mark(example.rendered, bench)
    return {**row, "flags": _flags(row, prefix=prefix, marked=marked), "reason": None}


def _holds_a_mark(rendered: Mapping[str, Any], bench: _Bench) -> bool:
    """Say whether a field's own text, read alone, holds a token that only the template may write."""
    texts = [message["content"] for message in rendered.get("messages", ())]
    texts += [rendered[key] for key in ("prompt", "completion", "text") if isinstance(rendered.get(key), str)]
    rows = bench.tokenizer(texts, add_special_tokens=False)["input_ids"]
    return any(not bench.special.isdisjoint(row) for row in rows)


def _flags(row: Mapping[str, Any], *, prefix: bool, marked: bool) -> list[str]:
    # Where the end was cut away, a missing EOS is the cut's doing and says nothing about the template.
    raised = {
        "double-bos": row["bos"] > 1,
        "literal-mark": marked,
        "no-eos": not row["ends_with_eos"] and not row["truncated"] and not row["fully_masked"],
        "no-label": row["fully_masked"],
        "out-of-range": row["out_of_range"] > 0,
        "prompt-not-prefix": not prefix,
        "truncated": row["truncated"],
    }
    return [code for code, is_raised in raised.items() if is_raised]


def _cached(example: Example, encoded: Encoded, bench: _Bench) -> dict[str, Any]:
    return {
        "record": example.record,
        "split": example.split,
        "input_ids": encoded.input_ids,
        "labels": encoded.labels,
        "prompt_ids": encoded.prompt_ids,
        "reference": None if "text" in example.rendered else encoded.reference,
        "bytes": _bytes(encoded, bench),
    }


def _bytes(encoded: Encoded, bench: _Bench) -> int:
    if bench.recipe.train.completion_only and not encoded.truncated:
        return sum(len(answer.encode()) for answer in encoded.answers)
    learned = [label for label in encoded.labels if label != NOT_LEARNED]
    return len(bench.tokenizer.decode(learned, skip_special_tokens=True).encode())
