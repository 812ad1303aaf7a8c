"""Facts about a training as a process: it outlives its starter, and stopping or killing it costs nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import MistralConfig, MistralForCausalLM

from workbench.errors import UsageError
from workbench.evaluation.metrics import evaluate
from workbench.evaluation.score import score
from workbench.lm.template import TINY_TEMPLATE
from workbench.lm.tokenizer import to_fast_tokenizer, train_sentencepiece
from workbench.lm.xray import Example
from workbench.recipe import Recipe, with_overrides
from workbench.training.launch import Progress, follow, launch, look, stop
from workbench.training.prepare import prepare
from workbench.training.runs import LOST, RunFolder

pytestmark = pytest.mark.slow

MARKS = ("[INST]", "[/INST]")
TOWNS = ("Brest", "Lyon", "Metz", "Nice")
BANNED = ("polars", "pandera", "textual")
STARTER = """
import sys
from pathlib import Path
from workbench.training.launch import follow, launch
from workbench.training.runs import RunFolder
run = RunFolder.read(Path(sys.argv[1]))
launch(run)
print("started", flush=True)
follow(run, lambda progress: None)
"""
RESUMER = f"""
import sys
from workbench.training import process
process.main([sys.argv[1], "--resume"])
print("imported:", sorted(set({BANNED!r}) & set(sys.modules)))
"""


class Reached(Exception):
    """The run got as far as a test wants it."""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Mistral of one layer."""
    folder: Path = tmp_path_factory.mktemp("base")
    lines = [f"Where is {town}?" for town in TOWNS]
    model = train_sentencepiece(lines, folder, vocab_size=330, user_defined=MARKS, seed=0)
    tokenizer = to_fast_tokenizer(model, MARKS, chat_template=TINY_TEMPLATE)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    shape = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1, "head_dim": 16}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 4, "sliding_window": None}
    ends = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3}
    config = MistralConfig(vocab_size=len(tokenizer), **shape, **heads, **ends)
    MistralForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of this module's runs."""
    folder: Path = tmp_path_factory.mktemp("runs")
    return folder


def make(runs: Path, name: str, base: Path) -> RunFolder:
    """Prepare a run of 200 short steps."""
    wanted = ["max_steps=200", "batch_size=4", "learning_rate=1e-2", "save_steps=20", "eval_steps=50"]
    recipe = with_overrides(Recipe(name="flow", base="small"), [f"train.{item}" for item in wanted])
    recipe = with_overrides(recipe, ["train.logging_steps=5", "generate.max_new_tokens=8"])
    run = RunFolder(runs / name)
    prepare(run, recipe, {"base_path": str(base)}, rows())
    return run


def rows() -> list[Example]:
    """A question for each number, with a town as its answer."""
    splits = ("train", "train", "validation", "test")
    pairs = [{"prompt": f"Where is {place}? ", "completion": TOWNS[place // 4 % 4]} for place in range(48)]
    return [Example(f"r{place}", splits[place % 4], pair) for place, pair in enumerate(pairs)]


def wait_for_step(run: RunFolder, step: int) -> None:
    """Follow a run until it has done some steps."""

    def report(progress: Progress) -> None:
        if progress.step >= step:
            raise Reached

    with suppress(Reached):
        pytest.fail(f"the run was {follow(run, report)} before step {step}: {run.log.read_text()}")


@pytest.fixture(scope="module")
def uninterrupted(runs: Path, base: Path) -> RunFolder:
    """A run whose starter, which also follows it, is killed with its whole process group."""
    run = make(runs, "whole", base)
    command = [sys.executable, "-c", STARTER, str(run.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as starter:
        assert starter.stdout is not None and starter.stdout.readline() == b"started\n"
        os.killpg(starter.pid, signal.SIGKILL)
    assert run.status() == "running"
    return run


def test_killing_who_follows_a_run_does_not_stop_it(uninterrupted: RunFolder) -> None:
    seen: list[Progress] = []
    assert follow(uninterrupted, seen.append) == "finished", uninterrupted.log.read_text()
    assert seen[-1].step == seen[-1].total == 200
    steps = [progress.step for progress in seen]
    assert steps == sorted(steps)


def test_a_killed_then_resumed_then_stopped_then_resumed_run_equals_the_uninterrupted_one(
    uninterrupted: RunFolder, runs: Path, base: Path
) -> None:
    run = make(runs, "parts", base)
    os.kill(launch_until(run, 30), signal.SIGKILL)
    assert follow(run, lambda _: None) == LOST
    with pytest.raises(UsageError):
        launch(run)
    launch_until(run, 60, resume=True)
    with pytest.raises(UsageError):
        launch(run, resume=True)
    assert stop(run) == "stopped"
    assert 60 <= look(run).step < 200
    said = subprocess.run([sys.executable, "-c", RESUMER, str(run.path)], check=True, capture_output=True, text=True)
    assert "imported: []" in said.stdout
    assert run.status() == "finished" and follow(uninterrupted, lambda _: None) == "finished"
    expected = load_file(uninterrupted.adapter / "adapter_model.safetensors")
    got = load_file(run.adapter / "adapter_model.safetensors")
    assert all(torch.equal(expected[name], got[name]) for name in expected | got)
    assert losses(run) == losses(uninterrupted)


def launch_until(run: RunFolder, step: int, *, resume: bool = False) -> int:
    """Launch a run and return its process id once it has done some steps."""
    pid = launch(run, resume=resume)
    wait_for_step(run, step)
    return pid


def losses(run: RunFolder) -> list[tuple[int, float]]:
    """Return every validation loss with its step."""
    return [(line["step"], line["eval_loss"]) for line in run.metrics() if "eval_loss" in line]


def test_a_finished_run_can_be_scored(uninterrupted: RunFolder) -> None:
    assert follow(uninterrupted, lambda _: None) == "finished"
    table = score(uninterrupted)
    base, tuned = evaluate(table, "base"), evaluate(table, "tuned")
    assert base["n"] == tuned["n"] == 12
    assert tuned["perplexity"] < base["perplexity"]
    assert score(uninterrupted, "validation").num_rows == 24


def test_a_training_that_cannot_start_says_so_in_one_line(runs: Path, base: Path) -> None:
    run = make(runs, "broken", base)
    run.tokens.write_bytes(b"")
    launch(run)
    assert follow(run, lambda _: None) == "failed"
    assert "tokens.parquet changed since the X-ray" in run.state()["reason"]
    assert "Traceback" in run.log.read_text()


def test_a_run_stopped_while_it_starts_is_stopped_and_not_lost(runs: Path, base: Path) -> None:
    run = make(runs, "early", base)
    launch(run)
    assert stop(run) == "stopped"
    assert not run.adapter.exists()
