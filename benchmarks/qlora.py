"""Tokens per second and peak memory of QLoRA on one card or several, each plan through the training process itself.

    python benchmarks/qlora.py prepare FOLDER --rows QUIZ.json --tokenizer FOLDER   # beside the corpus
    python benchmarks/qlora.py measure FOLDER [RUN ...] [--gpus N]   # on the GPU host

`prepare` needs neither a GPU nor weights. `measure` makes a Mistral-7B of random weights from a seed, which is as
fast as a trained one, and starts `python -m workbench.training.process` for every prepared run. Speed counts the
records' own tokens, never padding, over the steps after the first few; the peak is the allocator's.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHAPE = {"hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32}
SHAPE |= {"num_key_value_heads": 8, "vocab_size": 32000, "max_position_embeddings": 32768, "head_dim": 128}
COMMON = ("train.eval_steps=null", "train.logging_steps=4", "train.save_steps=100000", "train.epochs=100")
"""What every run sets: nothing is saved or validated while the clock runs."""
_PACKED = ("train.batch_size=1", "train.packing=true")
_QUIZ = ("train.batch_size=8", "train.max_length=1024")
_SMALL = ("train.batch_size=8", "train.max_length=1024", "train.packing=true", "train.kernels=plain", "train.plan=full")
_CARD = ("train.batch_size=8", "train.max_length=2048", "train.packing=true")
RUNS: dict[str, tuple[str, ...]] = {
    "none-16k": (*_PACKED, "train.max_length=16384", "train.plan=none", "train.max_steps=20"),
    "selective-16k": (*_PACKED, "train.max_length=16384", "train.plan=selective", "train.max_steps=20"),
    "none-8k": (*_PACKED, "train.max_length=8192", "train.plan=none", "train.max_steps=20"),
    "full-8k": (*_PACKED, "train.max_length=8192", "train.plan=full", "train.max_steps=20"),
    "full-16k": (*_PACKED, "train.max_length=16384", "train.plan=full", "train.max_steps=16"),
    "offload-2k": (*_PACKED, "train.max_length=2048", "train.plan=offload", "train.max_steps=20"),
    "offload-8k": (*_PACKED, "train.max_length=8192", "train.plan=offload", "train.max_steps=16"),
    "quiz-8": (*_QUIZ, "train.max_steps=60"),
    "plain-quiz-8": (*_QUIZ, "train.kernels=plain", "train.plan=none", "train.max_steps=20"),
    "card-16": (*_CARD, "train.max_steps=12"),
    "card-24": (*_CARD, "train.max_steps=12"),
    "card-80": (*_CARD, "train.max_steps=12"),
    "share-16k": (*_CARD, "train.plan=none", "train.max_steps=24"),
    "share-32k": (*_CARD, "train.batch_size=16", "train.plan=none", "train.max_steps=24"),
    "share-64k": (*_CARD, "train.batch_size=32", "train.plan=none", "train.max_steps=24"),
    "whole-base": (*_CARD, "train.kernels=plain", "train.plan=full", "train.max_steps=16"),
    "shared-base": (*_CARD, "train.shard_base=true", "train.plan=full", "train.max_steps=16"),
    "small-whole": (*_SMALL, "train.max_steps=8"),
    "small-shared": (*_SMALL, "train.shard_base=true", "train.max_steps=8"),
    "float16": (*_PACKED, "train.max_length=4096", "quantization.compute_dtype=float16", "train.max_steps=16"),
}
"""Every run that is measured, by name: what it sets in the recipe."""
LIMITS = {"card-16": 16, "card-24": 24, "card-80": 80, "small-whole": 4.75, "small-shared": 4.75}
"""GiB of each card that a run may use; its plan follows from that. The small ones have no room for all of the base."""
_WARM = 2
"""Logged lines left out after the first: the first steps compile, the next ones fill the allocator."""


@dataclass(frozen=True)
class Result:
    """What one run came to."""

    name: str
    state: str
    tokens_per_s: float
    peak_gib: float
    estimate_gib: float
    losses: list[float]
    facts: dict[str, Any]


def prepare_runs(folder: Path, rows: Path, tokenizer: Path) -> None:
    """Write the base's configuration and tokenizer, and one prepared run for each entry of `RUNS`."""
    from workbench.lm.xray import Example
    from workbench.recipe import Recipe, with_overrides
    from workbench.schema import load_schema
    from workbench.training.prepare import prepare
    from workbench.training.runs import RunFolder

    base = _base(folder, tokenizer)
    schema = load_schema(Path(__file__).parents[1] / "schemas" / "mcq.yaml")
    records = json.loads(rows.read_text(encoding="utf-8"))
    examples = [Example(str(place), "train", schema.render(row)) for place, row in enumerate(records)]
    for name, overrides in RUNS.items():
        recipe = with_overrides(
            Recipe(name=name, base="random-7b", template="instruction-response"), [*COMMON, *overrides]
        )
        prepare(RunFolder(folder / "runs" / name), recipe, {"base_path": str(base)}, examples)


def _base(folder: Path, tokenizer: Path) -> Path:
    base = folder / "base"
    base.mkdir(parents=True)
    for path in tokenizer.iterdir():
        (base / path.name).write_bytes(path.read_bytes())
    config = {"model_type": "mistral", "architectures": ["MistralForCausalLM"], **SHAPE, "sliding_window": None}
    config |= {"rms_norm_eps": 1e-5, "rope_theta": 10000.0, "bos_token_id": 1, "eos_token_id": 2, "dtype": "bfloat16"}
    (base / "config.json").write_text(json.dumps(config))
    return base


def make_weights(base: Path) -> None:
    """Write random weights for the configuration, on the device, from a seed; once."""
    if list(base.glob("*.safetensors")):
        return
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda"):
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(base))
    torch.set_default_dtype(torch.float32)
    model.save_pretrained(base)


def place(run: Path, base: Path) -> None:
    """Tell a run that was prepared elsewhere where the base lies here."""
    from workbench.lm.identity import stamps

    facts = json.loads((run / "run.json").read_text())
    facts["base"] |= {"path": str(base), "files": stamps(base)}
    (run / "run.json").write_text(json.dumps(facts))


def measure(folder: Path, name: str, gpus: int) -> Result:
    """Train one prepared run to its end and return what it came to."""
    run = folder / "runs" / name
    place(run, (folder / "base").resolve())
    with (run / "log.txt").open("wb") as log:
        subprocess.run(_command(run, name, gpus), stdout=log, stderr=subprocess.STDOUT, check=False)
    return read(run, gpus)


def _command(run: Path, name: str, gpus: int) -> list[str]:
    training = ["-m", "workbench.training.process"]
    if name in LIMITS:
        training = ["-c", _LIMITED.format(gib=LIMITS[name])]
    if gpus == 1:
        return [sys.executable, *training, str(run)]
    launcher = ["-m", "torch.distributed.run", "--standalone", "--no-python", "--nproc-per-node", str(gpus)]
    return [sys.executable, *launcher, sys.executable, *training, str(run), "--led"]


_LIMITED = """
import os, sys, torch
from workbench.training.process import main
torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
torch.cuda.set_per_process_memory_fraction({gib} * 2**30 / torch.cuda.mem_get_info()[1])
main(sys.argv[1:])
"""


def read(run: Path, gpus: int) -> Result:
    """Return what the own files of a run on so many cards say; the peak is that of the first one."""
    from workbench.recipe import load_recipe
    from workbench.training.memory import estimate, read_shape
    from workbench.training.plan import Plan

    lines = (
        [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        if (run / "metrics.jsonl").is_file()
        else []
    )
    facts = json.loads((run / "run.json").read_text())
    seconds = [
        (after["tokens_seen"] - before["tokens_seen"]) / after["tokens_per_s"]
        for before, after in itertools.pairwise(lines)
    ]
    tokens = [after["tokens_seen"] - before["tokens_seen"] for before, after in itertools.pairwise(lines)]
    speed = sum(tokens[_WARM:]) / max(sum(seconds[_WARM:]), 1e-9)
    expected = 0.0
    if "plan" in facts:
        shape = read_shape(Path(facts["base"]["path"]))
        expected = estimate(shape, load_recipe(run / "recipe.yaml"), Plan(**facts["plan"]), gpus).total / 2**30
    said = json.loads((run / "state.json").read_text())
    return Result(
        run.name,
        said["state"] if said["state"] == "finished" else f"{said['state']}: {said['reason']}"[:300],
        speed,
        max((line.get("vram_mb", 0) for line in lines), default=0) / 1024,
        expected,
        [round(line["loss"], 3) for line in lines[:3] + lines[-1:]],
        {key: facts.get(key) for key in ("plan", "start", "packages")},
    )


def ceiling() -> float:
    """Return the TFLOP/s of a large product of random bfloat16 matrices."""
    import torch

    left, right = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    times = []
    for _ in range(12):
        torch.cuda.synchronize()
        began = time.perf_counter()
        left @ right
        torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return 2 * 8192**3 / statistics.median(times[4:]) / 1e12


def flops_of_a_token() -> float:
    """Return the arithmetic of a token without recomputation: each frozen product forward and for its input."""
    hidden, wide = SHAPE["hidden_size"], SHAPE["intermediate_size"]
    layer = hidden * hidden * 2 + hidden * SHAPE["head_dim"] * SHAPE["num_key_value_heads"] * 2 + 3 * hidden * wide
    return float(4 * SHAPE["num_hidden_layers"] * layer)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=("prepare", "measure"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("runs", nargs="*", help="names of prepared runs; all where none is named")
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--tokenizer", type=Path)
    parser.add_argument("--gpus", type=int, default=1)
    said = parser.parse_args()
    if said.verb == "prepare":
        prepare_runs(said.folder, said.rows, said.tokenizer)
        return
    _measure_all(said.folder, said.runs or list(RUNS), said.gpus)


def _measure_all(folder: Path, names: list[str], gpus: int) -> None:
    began = time.monotonic()
    make_weights(folder / "base")
    print(f"weights made in {time.monotonic() - began:.0f} s", flush=True)
    bound = ceiling()
    print(f"ceiling {bound:.0f} TFLOP/s = {bound * 1e12 / flops_of_a_token():,.0f} tokens/s", flush=True)
    for name in names:
        began = time.monotonic()
        got = measure(folder, name, gpus)
        share = got.tokens_per_s * flops_of_a_token() / (bound * 1e12 * gpus)
        print(
            f"RESULT {name:16} {gpus} x {got.tokens_per_s:9,.0f} tok/s  {share:6.1%}  peak {got.peak_gib:6.2f} GiB"
            f"  estimate {got.estimate_gib:6.2f}  {time.monotonic() - began:4.0f} s  {got.state}  {got.losses}",
            f"{json.dumps(got.facts)}",
            flush=True,
        )


if __name__ == "__main__":
    main()
