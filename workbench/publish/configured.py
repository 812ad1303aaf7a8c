"""What a trainer's stub is made from: a recipe, the records' schema, and the files that were written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from workbench.errors import UsageError
from workbench.publish.facts import ExportFacts
from workbench.publish.rendering import holds_more, is_conversation
from workbench.publish.written import Written
from workbench.recipe import ALL_LINEAR, Recipe
from workbench.schema import Schema

TINY = "tiny"
"""The built-in base, which no other trainer knows by that name."""


@dataclass(frozen=True)
class Configured:
    """One export and the recipe that it is to be trained with."""

    recipe: Recipe
    schema: Schema
    facts: ExportFacts
    format: str
    written: Written

    @property
    def files(self) -> dict[str, str]:
        """Return the file of each split that holds records."""
        return {file.split: file.path for file in self.written.files}

    @property
    def base(self) -> tuple[str, str | None]:
        """Return the base as the Hub or the disk knows it, and the revision that the recipe pins."""
        name, _, revision = self.recipe.base.partition("@")
        return name, revision or None

    @property
    def targets(self) -> list[str] | None:
        """Return the modules that are adapted; None means all linear ones but the head."""
        targets = self.recipe.lora.target_modules
        return None if targets == ALL_LINEAR else list(targets)

    @property
    def precision(self) -> str:
        """Return the number format of the training loop."""
        return self.recipe.train.precision or self.recipe.quantization.compute_dtype

    @property
    def warmup_share(self) -> float | None:
        """Return the warmup as a share of all steps; None where the recipe counts steps."""
        return self.recipe.train.warmup if self.recipe.train.warmup < 1 else None

    @property
    def warmup_steps(self) -> int | None:
        """Return the warmup in steps; None where the recipe says a share."""
        return None if self.recipe.train.warmup < 1 else int(self.recipe.train.warmup)

    @property
    def evaluates(self) -> bool:
        """Return whether there is a validation split, and the recipe looks at it while it trains."""
        return "validation" in self.files and self.recipe.train.eval_steps is not None

    @property
    def checkpoints(self) -> bool:
        """Return whether layers are computed again in the backward pass; what `auto` finds on a card is unknown."""
        return self.recipe.train.recomputes

    @property
    def has_history(self) -> bool:
        """Return whether Alpaca rows have `system` and `history`."""
        return is_conversation(self.schema)


@dataclass(frozen=True)
class Trainer:
    """A trainer that a stub can be written for."""

    formats: tuple[str, ...]
    """Export formats that it reads."""
    write: Callable[[Configured], Mapping[str, str]]
    """Returns the texts of its own files, by name."""


def refuse_split_texts(configured: Configured) -> None:
    """Refuse prompt and completion that are not one text cut in two: joined as they are, nothing parts them."""
    if configured.format == "prompt-completion" and "prompt" not in configured.schema.declared.render["default"]:
        what = f"prompt and completion of {configured.schema.name!r} records are turns, and need a template"
        raise UsageError(what, "give --format messages")


def refuse_calls(configured: Configured, trainer: str) -> None:
    """Refuse conversations that call tools for a trainer that would leave the calls out, or write them otherwise."""
    if holds_more(configured.schema):
        what = f"{trainer} does not read calls of tools as records of {configured.schema.name!r} hold them"
        raise UsageError(what, "give --stub axolotl, or export without a stub")


def as_yaml(head: list[str], keys: Mapping[str, Any]) -> str:
    """Return a configuration under comments, one a line; keys that are None are left out."""
    # Through JSON every part is one of its own, and PyYAML writes no anchors.
    said = json.loads(json.dumps({key: value for key, value in keys.items() if value is not None}))
    comments = "".join(f"# {line}\n" for line in head)
    return comments + yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=1000)


def base_said(configured: Configured) -> list[str]:
    """Return what must be said of a base that only the workbench can find."""
    if configured.base[0] != TINY:
        return []
    return ["The base `tiny` is known to the workbench alone: put the folder or Hub id of a base in its place."]


def training_arguments(configured: Configured) -> dict[str, Any]:
    """Return the loop of a recipe in the words of `transformers.TrainingArguments`; None is a key to leave out."""
    train, evaluates = configured.recipe.train, configured.evaluates
    return {
        "num_train_epochs": train.epochs,
        "max_steps": train.max_steps,
        "per_device_train_batch_size": train.batch_size,
        "gradient_accumulation_steps": train.gradient_accumulation,
        "learning_rate": train.learning_rate,
        "lr_scheduler_type": train.scheduler,
        "warmup_ratio": configured.warmup_share,
        "warmup_steps": configured.warmup_steps,
        "optim": train.optimizer,
        "weight_decay": train.weight_decay,
        "max_grad_norm": train.max_grad_norm,
        "bf16": configured.precision == "bfloat16",
        "fp16": configured.precision == "float16",
        "seed": train.seed,
        "save_steps": train.save_steps,
        "eval_strategy": "steps" if evaluates else None,
        "eval_steps": train.eval_steps if evaluates else None,
        "logging_steps": train.logging_steps,
    }
