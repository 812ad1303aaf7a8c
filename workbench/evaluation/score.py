"""Score base and tuned model alike: one loaded model, the adapter off and on, one table of the result."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from workbench.errors import RefusedError, UsageError
from workbench.lm.load import attach_adapter, enough_memory, load_base
from workbench.lm.template import NOT_LEARNED
from workbench.lm.tokenizer import load_tokenizer
from workbench.recipe import Generate, Recipe
from workbench.workspace import out_of_space

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import GenerationConfig, PreTrainedTokenizerBase

Model = Literal["base", "tuned"]
MODELS: tuple[Model, ...] = ("base", "tuned")

Report = Callable[[str, int, int], None]
"""Told after every batch: what is being done, rows done, rows in all."""

SCORES = pa.schema(
    [
        ("record", pa.string()),
        ("model", pa.string()),
        ("nll", pa.float64()),
        ("tokens", pa.int64()),
        ("bytes", pa.int64()),
        ("prediction", pa.string()),
        ("reference", pa.string()),
    ]
)
"""One row a record and model: `nll` in nats, summed over the `tokens` learned tokens, which stand for `bytes`
UTF-8 bytes of text; `reference` is null for plain text, whose prediction is empty."""

_LESS = "free the device; train with a shorter train.max_length, generate.max_new_tokens or a smaller base"

_BATCH_TOKENS = 4096
"""Padded tokens in one scored batch: bounds the logits (tokens x vocabulary) in memory."""


class Run(Protocol):
    """What scoring reads of a run."""

    @property
    def name(self) -> str:
        """The run's name."""

    @property
    def tokens(self) -> Path:
        """The token cache."""

    @property
    def adapter(self) -> Path:
        """The finished adapter."""

    @property
    def evaluation(self) -> Path:
        """Folder for score tables."""

    def recipe(self) -> Recipe:
        """Return the resolved recipe."""

    def base_path(self) -> str:
        """Return where the base is loaded from."""

    def check_base(self) -> None:
        """Raise CorruptionError where the base is not the one that was trained on."""


@dataclass(frozen=True)
class Bench:
    """A loaded pair: the tuned model (base with the adapter off), its tokenizer, the recipe."""

    model: PeftModel
    tokenizer: PreTrainedTokenizerBase
    recipe: Recipe

    def switched(self, which: Model) -> AbstractContextManager[object]:
        """Return a context in which the model is the base or the tuned one."""
        return self.model.disable_adapter() if which == "base" else nullcontext()


def quiet(_what: str, _done: int, _total: int) -> None:
    """Report to nobody."""


def score(run: Run, split: str = "test", *, report: Report = quiet) -> pa.Table:
    """Score a split with base and tuned model, save and return the table, in the order of the cache.

    Both share weights in memory, precision, template, batches and decoding (`recipe.generate`). Raises
    RefusedError for an empty split and UsageError for a run without an adapter.
    """
    rows = _rows(run, split)
    bench = load_bench(run)
    tables = [_score_model(bench, rows, which, report) for which in MODELS]
    table = pa.concat_tables(tables)
    _save(table, run.evaluation / f"scores-{split}.parquet")
    return table


def load_bench(run: Run) -> Bench:
    """Load a finished run's base in the recipe's precision with the adapter on it, in eval mode.

    Raises CorruptionError where the base changed since it was trained on: the adapter is for the old one.
    """
    from transformers import GenerationConfig

    if not run.adapter.is_dir():
        raise UsageError(f"the run {run.name!r} has no adapter", "evaluate a run that has finished")
    run.check_base()
    recipe = run.recipe()
    base = load_base(
        run.base_path(),
        quantization=recipe.quantization.kind,
        double_quant=recipe.quantization.double_quant,
        compute_dtype=recipe.quantization.compute_dtype,
    )
    # Whatever generate() is not told it takes from here, where the base may ask for a repetition penalty.
    base.generation_config = GenerationConfig()
    model = attach_adapter(base, run.adapter)
    model.eval()
    return Bench(model, load_tokenizer(run.base_path()), recipe)


def _rows(run: Run, split: str) -> list[dict[str, Any]]:
    table = pq.read_table(run.tokens)
    rows: list[dict[str, Any]] = table.filter(pc.field("split") == split).to_pylist()
    if not rows:
        there = ", ".join(sorted(table["split"].unique().to_pylist())) or "none"
        raise RefusedError(f"the split {split!r} has no record", f"splits of this run: {there}")
    return rows


def _save(table: pa.Table, path: Path) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with out_of_space(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(table, partial, compression="zstd")
            partial.replace(path)
    finally:
        with suppress(OSError):  # on a read-only disk this would hide the first error
            partial.unlink()


def _score_model(bench: Bench, rows: list[dict[str, Any]], which: Model, report: Report) -> pa.Table:
    with computing(bench, which, _LESS):
        losses = _losses(bench, rows, lambda done: report(f"{which}: loss", done, len(rows)))
        asked = [place for place, row in enumerate(rows) if row["reference"] is not None]
        prompts = [rows[place]["prompt_ids"] for place in asked]
        texts = answer(bench, prompts, lambda done: report(f"{which}: answers", done, len(asked)))
    predictions = dict(zip(asked, texts, strict=True))
    scored = [
        {**_given(row), "model": which, "nll": nll, "tokens": count, "prediction": predictions.get(place, "")}
        for place, (row, (nll, count)) in enumerate(zip(rows, losses, strict=True))
    ]
    return pa.Table.from_pylist(scored, SCORES)


def _given(row: dict[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in ("record", "bytes", "reference")}


@contextmanager
def computing(bench: Bench, which: Model, hint: str) -> Iterator[None]:
    """Compute with the base or the tuned model; raises OutsideError with the hint where the memory is full."""
    with enough_memory(f"the {which} model's answers", hint), _one_thread_on_cpu(bench), bench.switched(which):
        yield


@contextmanager
def _one_thread_on_cpu(bench: Bench) -> Iterator[None]:
    """Compute on one core where there is no GPU: on shared cores a second thread mostly waits."""
    import torch

    before = torch.get_num_threads()
    if bench.model.device.type == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _losses(bench: Bench, rows: list[dict[str, Any]], report: Callable[[int], None]) -> list[tuple[float, int]]:
    """Return (summed NLL in nats, learned tokens) of every row."""
    found: dict[int, tuple[float, int]] = {}
    for places in batches([len(row["input_ids"]) for row in rows]):
        found |= zip(places, _batch_losses(bench, [rows[place] for place in places]), strict=True)
        report(len(found))
    return [found[place] for place in range(len(rows))]


def _batch_losses(bench: Bench, rows: list[dict[str, Any]]) -> list[tuple[float, int]]:
    import torch

    device = bench.model.device
    ids = padded([row["input_ids"] for row in rows], bench.tokenizer.pad_token_id or 0).to(device)
    mask = padded([[1] * len(row["input_ids"]) for row in rows], 0).to(device)
    labels = padded([row["labels"] for row in rows], NOT_LEARNED).to(device)[:, 1:]
    with torch.no_grad():
        logits = bench.model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1]
    learned = labels != NOT_LEARNED
    # Only the learned positions are lifted to float32: the rest of (rows, length, vocabulary) is never read.
    each = torch.nn.functional.cross_entropy(logits[learned].float(), labels[learned], reduction="none")
    nothing = torch.zeros(labels.shape, dtype=torch.float64, device=device)
    whole = nothing.masked_scatter(learned, each.double())
    return list(zip(whole.sum(1).tolist(), learned.sum(1).tolist(), strict=True))


def answer(bench: Bench, prompts: Sequence[Sequence[int]], report: Callable[[int], None]) -> list[str]:
    """Return what the model says to each prompt (ids), decoded without special tokens and stripped."""
    found: dict[int, str] = {}
    room = bench.recipe.generate.max_new_tokens
    _seed(bench.recipe)
    for places in batches([len(prompt) + room for prompt in prompts]):
        found |= zip(places, _batch_texts(bench, [prompts[place] for place in places]), strict=True)
        report(len(found))
    return [found[place] for place in range(len(prompts))]


def _seed(recipe: Recipe) -> None:
    # With sampling, base and tuned must at least draw the same numbers.
    if recipe.generate.do_sample:
        from transformers import set_seed

        set_seed(recipe.train.seed)


def _batch_texts(bench: Bench, prompts: list[Sequence[int]]) -> list[str]:
    import torch

    tokenizer, device = bench.tokenizer, bench.model.device
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    ids = padded(prompts, pad, left=True).to(device)
    mask = padded([[1] * len(prompt) for prompt in prompts], 0, left=True).to(device)
    with torch.no_grad():
        out = bench.model.generate(
            input_ids=ids,
            attention_mask=mask,
            generation_config=_decoding(bench.recipe.generate, pad, tokenizer.eos_token_id),
        )
    texts = tokenizer.batch_decode(out[:, ids.shape[1] :], skip_special_tokens=True)
    return [text.strip() for text in texts]


def _decoding(generate: Generate, pad: int, eos: int | None) -> GenerationConfig:
    """Return what the recipe says about decoding and nothing else, so that all bases are asked alike."""
    from transformers import GenerationConfig

    chosen: dict[str, Any] = {"max_new_tokens": generate.max_new_tokens, "do_sample": generate.do_sample}
    if generate.do_sample:
        chosen |= {"temperature": generate.temperature, "top_p": generate.top_p, "top_k": 0}
    return GenerationConfig(**chosen, pad_token_id=pad, eos_token_id=eos)


def padded(rows: Sequence[Sequence[int]], value: int, *, left: bool = False) -> torch.Tensor:
    """Return rows as one tensor (rows, longest), filled with `value` on the right, or on the left."""
    import torch

    width = max(map(len, rows))
    fills = [[value] * (width - len(row)) for row in rows]
    pairs = zip(rows, fills, strict=True)
    return torch.tensor([[*fill, *row] if left else [*row, *fill] for row, fill in pairs], dtype=torch.long)


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield places grouped by length, longest first: `_BATCH_TOKENS` padded tokens at most, or one row."""
    places = sorted(range(len(lengths)), key=lambda place: -lengths[place])
    group: list[int] = []
    for place in places:
        if group and (len(group) + 1) * lengths[group[0]] > _BATCH_TOKENS:
            yield group
            group = []
        group.append(place)
    if group:
        yield group
