"""The same rows on the same base through Unsloth, for the table of `qlora.py`; in an environment that has its versions.

    python benchmarks/qlora_unsloth.py FOLDER packed | packed-kept | rows

FOLDER is what `qlora.py prepare` wrote and `qlora.py measure` gave weights. Dropout 0, rank 16, seven modules; `packed`
is 16,384 tokens a row under its own offloaded checkpointing, `packed-kept` the same with nothing recomputed, `rows`
eight records a step.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import unsloth  # isort: skip  # before what it changes

import pyarrow.parquet as pq
import torch
from datasets import Dataset
from transformers import TrainerCallback
from trl import SFTConfig, SFTTrainer

SETTINGS: dict[str, tuple[str | bool, dict[str, Any]]] = {
    "packed": ("unsloth", {"packing": True, "max_length": 16384, "per_device_train_batch_size": 1}),
    "packed-kept": (False, {"packing": True, "max_length": 16384, "per_device_train_batch_size": 1}),
    "rows": (False, {"max_length": 1024, "per_device_train_batch_size": 8}),
}
_MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
_STEPS = {"packed": 10, "packed-kept": 10, "rows": 40}
_WARM = 4


class Clock(TrainerCallback):
    """Starts after the first steps."""

    def __init__(self) -> None:
        """Start at nothing."""
        self.steps, self.tokens, self.began = 0, 0, 0.0

    def on_step_end(self, *_: Any, **__: Any) -> None:  # noqa: ANN401
        """Start the clock after the warm-up."""
        self.steps += 1
        if self.steps == _WARM:
            torch.cuda.synchronize()
            self.began, self.tokens = time.perf_counter(), 0


def main(folder: Path, name: str) -> None:
    """Train a few steps and print one line."""
    clock = Clock()
    trainer = trainer_of(folder, name, clock)
    step = trainer.training_step

    def counted(model: Any, inputs: dict[str, Any], *more: Any, **named: Any) -> Any:  # noqa: ANN401
        mask = inputs.get("attention_mask")
        padded = mask is not None and mask.dim() == 2
        clock.tokens += int((mask > 0).sum()) if padded else inputs["input_ids"].numel()
        return step(model, inputs, *more, **named)

    trainer.training_step = counted
    torch.cuda.reset_peak_memory_stats()
    trainer.train()
    torch.cuda.synchronize()
    speed = clock.tokens / (time.perf_counter() - clock.began)
    print(f"RESULT unsloth {name:12} {speed:9,.0f} tok/s  peak {torch.cuda.max_memory_allocated() / 2**30:6.2f} GiB")


def trainer_of(folder: Path, name: str, clock: Clock) -> Any:  # noqa: ANN401 - what Unsloth makes of trl's
    """Return the trainer of a setting, over the texts of the rows."""
    checkpointing, shape = SETTINGS[name]
    model, tokenizer = unsloth.FastLanguageModel.from_pretrained(
        str(folder / "base"), max_seq_length=shape["max_length"], load_in_4bit=True, dtype=torch.bfloat16
    )
    adapter = {"r": 16, "lora_alpha": 32, "lora_dropout": 0, "target_modules": _MODULES, "random_state": 42}
    model = unsloth.FastLanguageModel.get_peft_model(model, **adapter, use_gradient_checkpointing=checkpointing)
    table = pq.read_table(folder / "runs" / "none-16k" / "tokens.parquet", columns=["input_ids"])
    texts = tokenizer.batch_decode(table["input_ids"].to_pylist(), skip_special_tokens=True)
    return SFTTrainer(
        model=model,
        processing_class=tokenizer,
        train_dataset=Dataset.from_list([{"text": text} for text in texts]),
        callbacks=[clock],
        args=SFTConfig(
            output_dir="/tmp/unsloth",
            dataset_text_field="text",
            max_steps=_STEPS[name],
            bf16=True,
            optim="adamw_8bit",
            learning_rate=2e-4,
            report_to="none",
            save_strategy="no",
            seed=42,
            gradient_checkpointing=bool(checkpointing),
            **shape,
        ),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
