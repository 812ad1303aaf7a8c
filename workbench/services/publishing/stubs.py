"""A trainer's own configuration for an export: the recipe's settings in that trainer's words."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.errors import UsageError, unknown
from workbench.publish.configured import Configured
from workbench.publish.facts import ExportFacts
from workbench.publish.formats import Stub
from workbench.publish.stubs import STUBS
from workbench.recipe import load_recipe, with_overrides
from workbench.schema import Schema
from workbench.store.store import Store


@dataclass(frozen=True)
class StubOrder:
    """Which trainer is to read an export, and by which recipe."""

    trainer: str
    recipe: str
    overrides: tuple[str, ...] = ()
    """Recipe keys set for this export alone, for example `train.epochs=2`."""


def stub_for(store: Store, order: StubOrder, format: str, told: tuple[Schema, ExportFacts]) -> Stub:
    """Return what writes the configuration of a trainer beside an export; UsageError for what it cannot read."""
    if order.trainer not in STUBS:
        raise unknown("trainer", order.trainer, STUBS)
    schema, facts = told
    recipe = with_overrides(load_recipe(store.workspace.recipe_file(order.recipe)), order.overrides)
    trainer = STUBS[order.trainer]
    if format not in trainer.formats:
        hint = f"give --format, one of: {', '.join(trainer.formats)}"
        raise UsageError(f"no stub makes {order.trainer} read --format {format}", hint)
    return lambda written: trainer.write(Configured(recipe, schema, facts, format, written))
