"""Answers per second of one GPU: how many prompts go through the model at once, and how the base is held.

    python benchmarks/generation.py FOLDER [--prompts N] [--tokens N]   # on the GPU host

FOLDER is what `qlora.py prepare` wrote and `qlora.py measure` gave weights. The weights are random, so no answer
ends early: every one has all its tokens. `room` is what an evaluation takes by itself.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch
from peft import LoraConfig, get_peft_model

from benchmarks.qlora import make_weights
from workbench.evaluation import answering
from workbench.evaluation.bench import BATCH_TOKENS, Bench
from workbench.evaluation.losses import losses
from workbench.lm.load import load_base
from workbench.lm.tokenizer import load_tokenizer
from workbench.recipe import Recipe, with_overrides

_LORA = {"r": 16, "lora_alpha": 32, "target_modules": "all-linear", "task_type": "CAUSAL_LM"}


def bench_of(folder: Path, kind: str, tokens: int) -> Bench:
    """Return the base of a folder with a fresh adapter, held as `kind` says, answering so many tokens."""
    recipe = with_overrides(
        Recipe(name="generation", base="random-7b"),
        [f"quantization.kind={kind}", f"generate.max_new_tokens={tokens}"],
    )
    base = load_base(str(folder / "base"), quantization=recipe.quantization.kind, double_quant=True)
    model = get_peft_model(base, LoraConfig(**_LORA))
    model.eval()
    return Bench(model, load_tokenizer(str(folder / "base")), recipe)


def timed(name: str, kind: str, tokens: int, work: Any) -> None:  # noqa: ANN401 - a call
    """Do some work and print its tokens a second and the most memory it held."""
    torch.cuda.reset_peak_memory_stats()
    torch.cuda.synchronize()
    began = time.perf_counter()
    work()
    torch.cuda.synchronize()
    seconds = time.perf_counter() - began
    peak = torch.cuda.max_memory_allocated() / 2**30
    print(f"RESULT {name:24} {kind:5} {tokens / seconds:9,.0f} tokens/s  {seconds:6.1f} s  {peak:5.1f} GiB", flush=True)


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--prompts", type=int, default=256)
    parser.add_argument("--tokens", type=int, default=64)
    said = parser.parse_args()
    make_weights(said.folder / "base")
    rows = pq.read_table(said.folder / "runs" / "none-16k" / "tokens.parquet").slice(0, said.prompts).to_pylist()
    for kind in ("nf4", "none"):
        _measure(bench_of(said.folder, kind, said.tokens), kind, rows)


def _measure(bench: Bench, kind: str, rows: list[dict[str, Any]]) -> None:
    prompts = [row["prompt_ids"] for row in rows]
    answers = len(prompts) * bench.recipe.generate.max_new_tokens
    own = answering.room(bench)
    answering.answer(bench, prompts[:4], lambda _: None)  # warms up
    for room in (BATCH_TOKENS, 4 * BATCH_TOKENS, own):
        timed(f"answers, room {room:,}", kind, answers, partial(_answer, bench, prompts, room))
    read = sum(len(row["input_ids"]) for row in rows)
    timed("losses", kind, read, partial(losses, bench, rows, lambda _: None))


def _answer(bench: Bench, prompts: list[list[int]], room: int) -> None:
    answering.room = lambda _: room  # type: ignore[assignment]
    answering.answer(bench, prompts, lambda _: None)


if __name__ == "__main__":
    main()
