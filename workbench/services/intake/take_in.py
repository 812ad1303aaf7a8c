"""An ingest as a front end begins it, in whichever process: an order, the declared sources, or the first sample."""

from __future__ import annotations

from workbench.services.intake.ingest import Delivery, ingest
from workbench.services.intake.order import Order
from workbench.services.progress import Report, silent
from workbench.store.store import Store
from workbench.workspace import FIRST_SAMPLE, Workspace


def take_in(workspace: Workspace, order: Order, report: Report = silent) -> list[Delivery]:
    """Ingest what an order names and return its deliveries."""
    with Store(workspace) as store:
        return ingest(store, order, report)


def take_in_sample(workspace: Workspace, report: Report = silent) -> list[Delivery]:
    """Copy the first sample corpus into the workspace, keeping what is there, and ingest it."""
    workspace.take_sample(FIRST_SAMPLE)
    return take_in(workspace, Order(FIRST_SAMPLE), report)
