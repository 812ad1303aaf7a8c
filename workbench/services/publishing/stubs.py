"""A trainer's own configuration for an export: the recipe's settings in that trainer's words."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.errors import UsageError, unknown
from workbench.publish.configured import Configured
from workbench.publish.facts import ExportFacts
from workbench.publish.formats import Stub
from workbench.publish.stubs import STUBS
from workbench.recipe import Recipe, load_recipe, with_overrides
from workbench.schema import Schema
from workbench.store.store import Store


@dataclass(frozen=True)
class StubOrder:
    """Which trainer is to read an export, and by which recipe."""

    trainer: str
    recipe: str
    overrides: tuple[str, ...] = ()
    """Recipe keys set for this export alone, for example `train.epochs=2`."""


def check_order(store: Store, order: StubOrder, format: str) -> Recipe:
    """Return the recipe of an order; UsageError for a trainer, format or recipe with which no stub can be written."""
    if order.trainer not in STUBS:
        raise unknown("trainer", order.trainer, STUBS)
    formats = STUBS[order.trainer].formats
    if format not in formats:
        hint = f"give --format, one of: {', '.join(formats)}"
        raise UsageError(f"no stub makes {order.trainer} read --format {format}", hint)
    return with_overrides(load_recipe(store.workspace.recipe_file(order.recipe)), order.overrides)


def stub_for(store: Store, order: StubOrder, format: str, told: tuple[Schema, ExportFacts]) -> Stub:
    """Return what writes the configuration of a trainer beside an export; UsageError for what it cannot read."""
    recipe = check_order(store, order, format)
    schema, facts = told
    trainer = STUBS[order.trainer]
    return lambda written: trainer.write(Configured(recipe, schema, facts, format, written))
