"""QLoRA through TRL: the trainer that a recipe describes, exact on resume, its validation loss by token."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from transformers import PreTrainedTokenizerBase, PrinterCallback

from workbench.errors import CorruptionError, RefusedError
from workbench.fingerprint import digest_file
from workbench.lm.load import device, load_base, to_float32
from workbench.lm.precision import asked_precision, difference, run_precision
from workbench.lm.tokenizer import load_tokenizer
from workbench.lm.turns import with_turns
from workbench.lm.xray import build_collator
from workbench.processors import processors
from workbench.recipe import Recipe
from workbench.training.arguments import arguments, lora
from workbench.training.callbacks import Logbook, rewind_metrics
from workbench.training.carry import Carry, tokens_until
from workbench.training.checkpoints import last_checkpoint, step_of
from workbench.training.fast.choice import chosen, holds_whole, is_tight, obstacle
from workbench.training.fast.rows import Frame, OneRow, frame
from workbench.training.faults import explained
from workbench.training.finite import NonFiniteError
from workbench.training.following import Follower, Gathered
from workbench.training.packing import keep_rows, rows_of
from workbench.training.plan import Descent, Plan, named_plan, planned, shared
from workbench.training.probe import probe, try_longest
from workbench.training.reporting import point_to
from workbench.training.runs import RunFolder
from workbench.training.sharded import is_sharded, shard
from workbench.training.signals import StopRequest
from workbench.training.starting import Starting
from workbench.training.stepdown import with_steps_down
from workbench.training.together import processes, rank
from workbench.training.trainer import Trainer

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

    @property
    def longest(self) -> int:
        """Return the tokens of the longest row that goes through the model at once."""
        train = self.recipe.train
        return train.max_length if train.packing else int(pc.max(pc.list_value_length(self.train["input_ids"])).as_py())

    @property
    def measured(self) -> Recipe:
        """Return the recipe with the length of the longest row there is in place of the longest allowed."""
        train = self.recipe.train
        return self.recipe.model_copy(update={"train": train.model_copy(update={"max_length": self.longest})})

    def with_plan(self, plan: Plan | None) -> Material:
        """Return the same material in the micro-batches of a plan."""
        return replace(self, recipe=planned(self.recipe, plan, self.longest))


def train(run: RunFolder, stop: StopRequest, *, resume: bool = False) -> None:
    """Train a prepared run to its end or to a stop request, and write its last state."""
    material = read_material(run)
    material = replace(material, recipe=shared(material.recipe, processes()))
    _say_precision(run, material.recipe)
    point_to(run)

    def attempt(plan: Plan | None, checkpoint: Path | None) -> Trainer:
        with explained(run):
            return _attempt(run, stop, material.with_plan(plan or start), checkpoint)

    start = _starting_plan(run, material)
    first = start or named_plan(material.recipe, material.longest)
    descent = Descent(first, material.recipe, material.longest)
    trainer = with_steps_down(run, descent, attempt, last_checkpoint(run) if resume else None)
    _finish(run, trainer, material)


def _attempt(run: RunFolder, stop: StopRequest, material: Material, checkpoint: Path | None) -> Trainer:
    starting = Starting(run)
    trainer = build_trainer(material, run.checkpoints)
    starting.passed("load_s")
    if material.recipe.train.packing:
        keep_rows(run, trainer.train_dataset, checkpoint)
    _probe(run, trainer, material)
    _hasten(run, trainer, material)
    starting.passed("look_s")
    trainer.remove_callback(PrinterCallback)  # the logbook says the same in words
    # In this order: the logbook marks a checkpoint as whole, so all of it must be there before.
    trainer.add_callback(Gathered())
    if rank() == 0:
        rewind_metrics(run, step_of(checkpoint))
    trainer.add_callback(Carry(trainer, checkpoint))
    trainer.add_callback(Logbook(run, stop, tokens_until(checkpoint)) if rank() == 0 else Follower(stop))
    trainer.add_callback(starting)
    try:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except NonFiniteError as error:
        raise NonFiniteError(error.step, error.where, named(error.batches, material.train)) from error
    return trainer


def _probe(run: RunFolder, trainer: Trainer, material: Material) -> None:
    """Look at the loaded trainer, and on a GPU at the longest rows, before a step is paid for."""
    found = probe(trainer, material.recipe, material.train)
    run.note("probe", [asdict(finding) for finding in found])


def _starting_plan(run: RunFolder, material: Material) -> Plan | None:
    """Return the memory plan of a run on a GPU, chosen at its first start and kept; a CPU has none."""
    if kept := run.facts().get(_PLAN):
        return Plan(**kept)
    plan = chosen(material.base_path, material.measured, device())
    if plan is not None:
        run.note(_PLAN, asdict(plan))
    return plan


_PLAN = "plan"


def _hasten(run: RunFolder, trainer: Trainer, material: Material) -> None:
    """Put the fast way under a trainer where the recipe allows it; else say in the log why not."""
    recipe = material.recipe
    if reason := obstacle(recipe, device(), trainer.model.get_base_model()):
        logging.getLogger(__name__).warning("trained through PEFT's own layers: %s", reason)
    else:
        # Imported here: a CPU needs none of it.
        from workbench.training.fast.ready import make_fast

        make_fast(trainer.model, named_plan(recipe, material.longest).checkpointing)
        trainer.data_collator = OneRow(trainer.data_collator, _frame(material))
    if not recipe.train.packing and is_tight(material.base_path, recipe, device(), material.longest):
        try_longest(trainer, material.train, material.recipe.train.batch_size)


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
    if rank() == 0:
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
    base = load_base(
        material.base_path,
        quantization=recipe.quantization.kind,
        double_quant=recipe.quantization.double_quant,
        compute_dtype=recipe.quantization.compute_dtype,
        device=_place_of_base(material),
        divisible=is_sharded(recipe),
    )
    trainer = Trainer(
        model=base,
        args=arguments(recipe, output, **_laid_out(recipe, base)),
        train_dataset=rows_of(material.train, recipe),
        eval_dataset=rows_of(material.validation, recipe) if recipe.train.eval_steps else None,
        processing_class=material.tokenizer,
        peft_config=lora(recipe),
    )
    # As arrays: lists of numbers would be turned into tensors one number at a time, while the GPU waits.
    trainer.train_dataset = trainer.train_dataset.with_format("numpy")
    # TRL left them in bfloat16: small updates would be lost, and a resume, which reads float32, would drift.
    to_float32(trainer.model)
    if is_sharded(recipe):
        shard(trainer.model, device())
    if trainer.data_collator != build_collator(material.tokenizer, recipe):
        raise RefusedError("the trainer's collator is not the X-ray's", "use the pinned version of trl")
    return trainer


def _place_of_base(material: Material) -> str | None:
    """Return where the base is loaded: on the host where it is shared and no GPU has room for all of it."""
    recipe = material.recipe
    if not is_sharded(recipe) or holds_whole(material.base_path, recipe, device()):
        return None
    # The launcher left this process one thread, and there all of the base is quantised.
    torch.set_num_threads(max(processors() // processes(), 1))
    return "cpu"


def _laid_out(recipe: Recipe, base: torch.nn.Module) -> dict[str, Any]:
    """Return the arguments that the memory plan decides: on the fast way the compiler does what they would."""
    if not obstacle(recipe, device(), base):
        return {"gradient_checkpointing": False}
    # On a CPU there is no other memory to move anything to.
    return {"activation_offloading": True} if recipe.train.plan == "offload" and device() != "cpu" else {}


def _frame(material: Material) -> Frame:
    train = material.recipe.train
    tables = [material.train, *([material.validation] if train.eval_steps else [])]
    lengths = [length for table in tables for length in pc.list_value_length(table["input_ids"]).to_pylist()]
    return frame(lengths, train.batch_size, train.batch_size * train.max_length if train.packing else None)


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
