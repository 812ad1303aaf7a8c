"""QLoRA through TRL: the trainer that a recipe describes, exact on resume, its validation loss by token."""

from __future__ import annotations

import logging
import shutil
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import PreTrainedTokenizerBase, TrainerControl
from trl import SFTConfig, SFTTrainer

from workbench.errors import CorruptionError, RefusedError
from workbench.fingerprint import digest_file
from workbench.lm.load import device, enough_memory, load_base, to_float32
from workbench.lm.precision import asked_precision, difference, run_precision
from workbench.lm.template import NOT_LEARNED
from workbench.lm.tokenizer import load_tokenizer
from workbench.lm.turns import with_turns
from workbench.lm.xray import build_collator
from workbench.recipe import Recipe
from workbench.training.callbacks import Logbook, NonFiniteError, last_checkpoint, rewind_metrics
from workbench.training.carry import Carry, tokens_until
from workbench.training.runs import RunFolder
from workbench.training.signals import StopRequest

_SMALLER = "lower train.batch_size or train.max_length, or set train.gradient_checkpointing=true"
_NAMED = 8
"""How many records of a broken batch are named."""


@dataclass(frozen=True)
class Material:
    """What a trainer is built from: recipe, the base's path, its tokenizer, the rows of two splits."""

    recipe: Recipe
    base_path: str
    tokenizer: PreTrainedTokenizerBase
    train: pa.Table
    validation: pa.Table


class Trainer(SFTTrainer):  # type: ignore[misc]
    """SFTTrainer that stops at a loss that is not a number and weighs the validation loss by token."""

    control: TrainerControl
    recent: deque[dict[str, Any]]
    """The micro-batches of one optimizer step, to name the records of a broken one."""

    def training_step(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        num_items_in_batch: Any = None,  # noqa: ANN401
    ) -> torch.Tensor:
        """Train one micro-batch; raises NonFiniteError before its loss can spread."""
        self.recent.append({key: inputs.get(key) for key in ("input_ids", "attention_mask", "position_ids")})
        loss: torch.Tensor = super().training_step(model, inputs, num_items_in_batch)
        if not torch.isfinite(loss).item():
            self.recent = deque([self.recent[-1]], self.recent.maxlen)
            raise NonFiniteError(self.state.global_step + 1, "loss")
        return loss

    @torch.no_grad()
    def evaluate(
        self,
        eval_dataset: Dataset | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> dict[str, float]:
        """Return and log the validation loss: summed NLL over learned tokens, divided by their number.

        The trainer's own is a mean over batches weighted by rows, which is another number on ragged rows.
        """
        self.model.eval()
        nll, tokens = 0.0, 0
        for inputs in self.get_eval_dataloader(eval_dataset):
            prepared = self._prepare_inputs(inputs)
            with self.compute_loss_context_manager():
                # Divided by 1 instead of the batch's tokens, the loss is the sum.
                nll += float(self.compute_loss(self.model, prepared, num_items_in_batch=1).item())
            tokens += int((prepared["labels"][:, 1:] != NOT_LEARNED).sum().item())
        metrics = {f"{metric_key_prefix}_loss": nll / max(tokens, 1)}
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


def train(run: RunFolder, stop: StopRequest, *, resume: bool = False) -> None:
    """Train a prepared run to its end or to a stop request, and write its last state."""
    material = read_material(run)
    _say_precision(run, material.recipe)
    trainer = build_trainer(material, run.checkpoints)
    checkpoint = last_checkpoint(run) if resume else None
    step = int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0
    rewind_metrics(run, step)
    # In this order: the logbook marks a checkpoint as whole, so the sums must lie in it before.
    trainer.add_callback(Carry(trainer, checkpoint))
    trainer.add_callback(Logbook(run, stop, tokens_until(checkpoint)))
    try:
        with enough_memory("this training", _SMALLER):
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except NonFiniteError as error:
        raise NonFiniteError(error.step, error.where, named(trainer.recent, material.train)) from error
    _finish(run, trainer, material)


def _say_precision(run: RunFolder, recipe: Recipe) -> None:
    """Write into run.json what the recipe asked for and what this device runs; a difference stands in the log too."""
    here = device()
    run.note("precision", {"asked": asdict(asked_precision(recipe)), "runs": asdict(run_precision(recipe, here))})
    if told := difference(recipe, here):
        logging.getLogger(__name__).warning(told)


def _finish(run: RunFolder, trainer: Trainer, material: Material) -> None:
    done, total = trainer.state.global_step, trainer.state.max_steps
    if done < total:
        run.set_state("stopped", f"stopped at step {done} of {total}", step=done, total=total)
        return
    save_adapter(trainer, material, run.adapter)
    run.set_state("finished", step=done, total=total)


def read_material(run: RunFolder) -> Material:
    """Read a prepared run; raises CorruptionError where tokens, recipe or base changed since the X-ray."""
    facts = run.facts()
    for path, key in ((run.tokens, "tokens_digest"), (run.recipe_file, "recipe_digest")):
        if digest_file(path) != facts[key]:
            raise CorruptionError(f"{path.name} changed since the X-ray", "prepare a new run")
    run.check_base()
    table = pq.read_table(run.tokens)
    rows = {split: table.filter(pc.field("split") == split) for split in ("train", "validation")}
    if not rows["train"].num_rows:
        raise RefusedError("the train split is empty", "prepare the run again")
    base = run.base_path()
    recipe = run.recipe()
    tokenizer = with_turns(load_tokenizer(base), recipe.template)
    return Material(recipe, base, tokenizer, rows["train"], rows["validation"])


def build_trainer(material: Material, output: Path) -> Trainer:
    """Return the trainer of a recipe: frozen base, LoRA weights in float32.

    TRL sets the seed before it draws them, so they follow from `train.seed` alone.
    """
    recipe = material.recipe
    if device() == "cpu":
        torch.set_num_threads(1)
    trainer = Trainer(
        model=load_base(
            material.base_path,
            quantization=recipe.quantization.kind,
            double_quant=recipe.quantization.double_quant,
            compute_dtype=recipe.quantization.compute_dtype,
        ),
        args=_arguments(recipe, output),
        train_dataset=_rows(material.train),
        eval_dataset=_rows(material.validation) if recipe.train.eval_steps else None,
        processing_class=material.tokenizer,
        peft_config=_lora(recipe),
    )
    trainer.recent = deque(maxlen=recipe.train.gradient_accumulation)
    # TRL left them in bfloat16: small updates would be lost, and a resume, which reads float32, would drift.
    to_float32(trainer.model)
    if trainer.data_collator != build_collator(material.tokenizer, recipe):
        raise RefusedError("the trainer's collator is not the X-ray's", "use the pinned version of trl")
    return trainer


def _rows(table: pa.Table) -> Dataset:
    return Dataset(table.select(["input_ids", "labels"]).combine_chunks())


def _lora(recipe: Recipe) -> LoraConfig:
    modules = recipe.lora.target_modules
    return LoraConfig(
        r=recipe.lora.r,
        lora_alpha=recipe.lora.alpha,
        lora_dropout=recipe.lora.dropout,
        target_modules=modules if isinstance(modules, str) else list(modules),
        use_rslora=recipe.lora.use_rslora,
        use_dora=recipe.lora.use_dora,
        task_type="CAUSAL_LM",
    )


def _arguments(recipe: Recipe, output: Path) -> SFTConfig:
    return SFTConfig(output_dir=str(output), **_loop(recipe), **_surroundings(recipe))


def _loop(recipe: Recipe) -> dict[str, Any]:
    train = recipe.train
    return {
        "num_train_epochs": train.epochs,
        "max_steps": train.max_steps or -1,
        "per_device_train_batch_size": train.batch_size,
        "per_device_eval_batch_size": train.batch_size,
        "gradient_accumulation_steps": train.gradient_accumulation,
        "learning_rate": train.learning_rate,
        "lr_scheduler_type": train.scheduler,
        "warmup_steps": train.warmup,
        "optim": train.optimizer,
        "weight_decay": train.weight_decay,
        "max_grad_norm": train.max_grad_norm,
        "train_sampling_strategy": train.sampling,
        "max_length": train.max_length,
        "packing": train.packing,
        "packing_strategy": "bfd",
        "gradient_checkpointing": train.gradient_checkpointing,
        "seed": train.seed,
        "data_seed": train.seed,
        "save_steps": train.save_steps,
        "eval_strategy": "steps" if train.eval_steps else "no",
        "eval_steps": train.eval_steps,
        "logging_steps": train.logging_steps,
    }


def _surroundings(recipe: Recipe) -> dict[str, Any]:
    on_cpu = device() == "cpu"
    dtype = run_precision(recipe, device()).mixed
    return {
        "bf16": dtype == "bfloat16",
        "fp16": dtype == "float16",
        "use_cpu": on_cpu,
        "dataloader_pin_memory": not on_cpu,
        "dataloader_num_workers": 0,
        # The rows are cut and labelled already; only packing is left to do.
        "dataset_kwargs": {"skip_prepare_dataset": not recipe.train.packing},
        "save_strategy": "steps",
        "save_total_limit": 2,
        "logging_first_step": True,
        "logging_nan_inf_filter": False,
        "disable_tqdm": True,
        "report_to": "none",
    }


def save_adapter(trainer: Trainer, material: Material, folder: Path) -> None:
    """Write adapter and tokenizer, whole or not at all, and without a path of this machine in them.

    PEFT's own card is left out (it is empty and names the base's folder); publishing writes a real one.
    """
    partial = folder.with_name(f".{folder.name}")
    shutil.rmtree(partial, ignore_errors=True)
    trainer.model.peft_config["default"].base_model_name_or_path = _base_name(material)
    # No recipe adds tokens, so the embeddings are the base's own; asked to find out, PEFT would need the Hub.
    trainer.model.save_pretrained(str(partial), save_embedding_layers=False)
    material.tokenizer.save_pretrained(str(partial))
    (partial / "README.md").unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    partial.replace(folder)


def _base_name(material: Material) -> str:
    """Return how others name the base: its Hub id, or of a folder its name and never the way to it."""
    folder = Path(material.base_path)
    if not folder.is_dir():
        return material.recipe.base.partition("@")[0]
    return Path(material.recipe.base).name or folder.resolve().name


def named(batch: Iterable[dict[str, Any]], table: pa.Table) -> tuple[str, ...]:
    """Return the first few records whose tokens are in a batch, padded or packed."""
    wanted = {ids for inputs in batch for ids in _documents(inputs)}
    pairs = zip(table["record"].to_pylist(), table["input_ids"].to_pylist(), strict=True)
    return tuple(record for record, ids in pairs if tuple(ids) in wanted)[:_NAMED]


def _documents(inputs: dict[str, Any]) -> Iterator[tuple[int, ...]]:
    ids = inputs["input_ids"]
    if inputs["attention_mask"] is not None:
        for row, mask in zip(ids, inputs["attention_mask"], strict=True):
            yield tuple(row[mask.bool()].tolist())
        return
    starts = (inputs["position_ids"][0] == 0).nonzero().flatten().tolist()
    for start, end in zip(starts, [*starts[1:], ids.shape[1]], strict=True):
        yield tuple(ids[0, start:end].tolist())
