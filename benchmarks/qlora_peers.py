"""The same rows on the same base through plain trl, for the table of `qlora.py`.

    python benchmarks/qlora_peers.py FOLDER as-written   # a row at a time, 8 to a step, checkpointed, padded
    python benchmarks/qlora_peers.py FOLDER tuned             # packed to 16,384, torch's packed attention, all kept

FOLDER is what `qlora.py prepare` wrote and `qlora.py measure` gave weights. Dropout 0, rank 16, seven modules.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, TrainerCallback
from trl import SFTConfig, SFTTrainer

from workbench.training.fast import attention

SETTINGS: dict[str, dict[str, Any]] = {
    "as-written": {
        "per_device_train_batch_size": 1,
        "gradient_accumulation_steps": 8,
        "gradient_checkpointing": True,
        "max_length": 1024,
        "max_steps": 8,
    },
    "tuned": {
        "per_device_train_batch_size": 1,
        "gradient_checkpointing": False,
        "packing": True,
        "max_length": 16384,
        "max_steps": 12,
    },
}
_WARM = 4


class Clock(TrainerCallback):
    """Counts the tokens and the seconds after the first steps."""

    def __init__(self) -> None:
        """Start at nothing."""
        self.tokens, self.began, self.seconds = 0, 0.0, 0.0

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ANN401
        """Start the clock after the warm-up, and read it at the end."""
        torch.cuda.synchronize()
        if state.global_step == _WARM:
            self.began, self.tokens = time.perf_counter(), 0
        self.seconds = time.perf_counter() - self.began


def main(folder: Path, name: str) -> None:
    """Train a few steps and print one line."""
    table = pq.read_table(folder / "runs" / "none-16k" / "tokens.parquet").select(["input_ids", "labels"])
    attention.register()
    model = AutoModelForCausalLM.from_pretrained(
        folder / "base",
        quantization_config=BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        ),
        dtype=torch.bfloat16,
        device_map={"": 0},
        attn_implementation=attention.PACKED if name == "tuned" else "sdpa",
    )
    clock = Clock()
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(output_dir="/tmp/peer", bf16=True, report_to="none", save_strategy="no", **SETTINGS[name]),
        train_dataset=Dataset(table.combine_chunks()),
        processing_class=AutoTokenizer.from_pretrained(folder / "base"),
        peft_config=LoraConfig(
            r=16, lora_alpha=32, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"
        ),
        callbacks=[clock],
    )
    step = trainer.training_step

    def counted(model: Any, inputs: dict[str, Any], *more: Any) -> Any:  # noqa: ANN401
        mask = inputs.get("attention_mask")
        clock.tokens += int(mask.sum()) if mask is not None else inputs["input_ids"].numel()
        return step(model, inputs, *more)

    trainer.training_step = counted
    trainer.train()
    peak = torch.cuda.max_memory_allocated() / 2**30
    print(f"RESULT trl {name:12} {clock.tokens / clock.seconds:9,.0f} tok/s  peak {peak:6.2f} GiB")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
