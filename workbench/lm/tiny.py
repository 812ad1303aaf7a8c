"""Build the tiny base: a Mistral of 148,000 weights that knows a corpus's statements and was never asked."""

from __future__ import annotations

import math
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import DataError, UsageError
from workbench.fingerprint import digest, digest_bytes
from workbench.lm.load import quieten
from workbench.lm.template import TINY_TEMPLATE
from workbench.lm.tokenizer import to_fast_tokenizer, train_sentencepiece

if TYPE_CHECKING:
    import torch
    from transformers import MistralForCausalLM, PreTrainedTokenizerFast

Report = Callable[[int, int, float], None]
"""Told after some steps: step, steps in all, loss."""

TURN_MARKS = ("[INST]", "[/INST]")
QUESTION_WORDS = """Who What When Where Which Why How does do did is are was on of to for the a ?
Qui Que Quoi Quand Où Quel Quelle Pourquoi Comment De En Sur est-ce est-il a-t-il quoi quel quelle de du ?"""
"""Words that questions are made of, for the vocabulary alone: the model is never trained on them."""


@dataclass(frozen=True)
class TinyConfig:
    """Everything that shapes the tiny base; part of its name in the cache."""

    vocab_size: int = 768
    hidden_size: int = 64
    intermediate_size: int = 192
    layers: int = 2
    heads: int = 4
    key_value_heads: int = 2
    max_length: int = 512
    paragraphs: int = 8000
    steps: int = 1000
    rows: int = 16
    row_tokens: int = 48
    learning_rate: float = 4e-3


def quiet(step: int, steps: int, loss: float) -> None:
    """Report to nobody."""


def build_tiny(
    statements: Path, folder: Path, *, seed: int = 0, report: Report = quiet, config: TinyConfig | None = None
) -> Path:
    """Return the tiny base of a statements file, trained on first use (one core, under a minute) and kept.

    The file has one statement a line; lines without a blank line between them are about one thing and are
    mixed into paragraphs. The folder is named by the fingerprint of what made it and is whole or absent.
    """
    config = config or TinyConfig()
    blocks = read_blocks(statements)
    target = place(statements, folder, seed=seed, config=config)
    if target.is_dir():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    quieten()
    with _staging(folder, target) as stage, _one_thread():
        tokenizer = _tokenizer(blocks, stage, config, seed)
        model = _train(tokenizer, list(paragraphs(blocks, config.paragraphs, seed)), config, seed, report)
        model.save_pretrained(stage)
        tokenizer.save_pretrained(stage)
    return target


def place(statements: Path, folder: Path, *, seed: int = 0, config: TinyConfig | None = None) -> Path:
    """Return where the tiny base of a statements file lies, or would."""
    return folder / f"tiny-{_name(statements.read_bytes(), config or TinyConfig(), seed)}"


def _name(statements: bytes, config: TinyConfig, seed: int) -> str:
    versions = {name: version(name) for name in ("torch", "transformers", "tokenizers", "sentencepiece")}
    made_of = [digest_bytes(statements), asdict(config), seed, versions, TINY_TEMPLATE, QUESTION_WORDS]
    return digest(made_of)[:16]


def read_blocks(statements: Path) -> list[list[str]]:
    """Read the statements, one list for each run of lines between blank lines."""
    if not statements.is_file():
        hint = "name a text file with one statement a line"
        raise UsageError(f"no statements at {str(statements)!r}", hint)
    text = statements.read_text(encoding="utf-8")
    blocks = [[line.strip() for line in part.splitlines() if line.strip()] for part in text.split("\n\n")]
    if not any(blocks):
        raise DataError(f"no statement in {str(statements)!r}", "write one statement a line")
    return [block for block in blocks if block]


def paragraphs(blocks: list[list[str]], count: int, seed: int) -> Iterator[str]:
    """Yield paragraphs, each some statements about one thing in random order, so that no order is learned."""
    draw = random.Random(seed)
    for _ in range(count):
        block = draw.choice(blocks)
        yield " ".join(draw.sample(block, draw.randint(1, len(block))))


@contextmanager
def _staging(folder: Path, target: Path) -> Iterator[Path]:
    """Give a folder to build in and rename it at the end; where another process was faster, keep theirs."""
    stage = Path(tempfile.mkdtemp(prefix=".tiny-", dir=folder))
    try:
        yield stage
        try:
            stage.rename(target)
        except OSError:
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(stage, ignore_errors=True)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute on one core: for matrices this small a second thread only waits."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _tokenizer(blocks: list[list[str]], stage: Path, config: TinyConfig, seed: int) -> PreTrainedTokenizerFast:
    lines = [line for block in blocks for line in block] + QUESTION_WORDS.splitlines()
    size = config.vocab_size
    with tempfile.TemporaryDirectory(dir=stage) as scratch:
        model = train_sentencepiece(lines, Path(scratch), vocab_size=size, user_defined=TURN_MARKS, seed=seed)
        return to_fast_tokenizer(model, TURN_MARKS, max_length=config.max_length, chat_template=TINY_TEMPLATE)


def _new_model(tokenizer: PreTrainedTokenizerFast, config: TinyConfig) -> MistralForCausalLM:
    from transformers import MistralConfig, MistralForCausalLM

    return MistralForCausalLM(
        MistralConfig(
            vocab_size=len(tokenizer),
            hidden_size=config.hidden_size,
            intermediate_size=config.intermediate_size,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.key_value_heads,
            head_dim=config.hidden_size // config.heads,
            max_position_embeddings=config.max_length,
            sliding_window=None,
            tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def _train(
    tokenizer: PreTrainedTokenizerFast, texts: list[str], config: TinyConfig, seed: int, report: Report
) -> MistralForCausalLM:
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        stream, model = _stream(tokenizer, texts), _new_model(tokenizer, config)
        optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.98), weight_decay=0.01)
        model.train()
        for step in range(config.steps):
            for group in optimizer.param_groups:
                group["lr"] = config.learning_rate * _schedule(step, config.steps)
            loss = _step(model, optimizer, _windows(stream, config))
            if step % 50 == 0 or step + 1 == config.steps:
                report(step + 1, config.steps, loss.item())
    return model.eval()


def _stream(tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> torch.Tensor:
    import torch

    rows = tokenizer(texts)["input_ids"]
    return torch.tensor([token for row in rows for token in (*row, tokenizer.eos_token_id)])


def _windows(stream: torch.Tensor, config: TinyConfig) -> torch.Tensor:
    """Draw `rows` windows of `row_tokens + 1` ids from the stream: (rows, row_tokens + 1)."""
    import torch

    starts = torch.randint(0, max(len(stream) - config.row_tokens, 1), (config.rows, 1))
    return stream[(starts + torch.arange(config.row_tokens + 1)).clamp(max=len(stream) - 1)]


def _schedule(step: int, steps: int) -> float:
    """Warm up over 40 steps, then a cosine down to 5 %."""
    return min(1.0, (step + 1) / 40) * (0.525 + 0.475 * math.cos(math.pi * step / steps))


def _step(model: MistralForCausalLM, optimizer: torch.optim.Optimizer, window: torch.Tensor) -> torch.Tensor:
    import torch

    logits = model(window[:, :-1], use_cache=False).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), window[:, 1:].flatten())
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    return loss.detach()
