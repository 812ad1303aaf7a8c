"""What is asked to come from the Hub, and its coming: light to import, as a screen and a process hand it on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import UsageError
from workbench.services.progress import Report
from workbench.services.publishing.named_repository import named_repository

if TYPE_CHECKING:
    from workbench.services.intake.ingest import Delivery
    from workbench.services.publishing.pull import Offered, Wanted
    from workbench.workspace import Workspace


@dataclass(frozen=True)
class Asked:
    """What is asked of a pull, as it was typed; empty is what is usual."""

    repository: str
    corpus: str = ""
    schema: str = ""
    config: str = ""


@dataclass(frozen=True)
class Arrived:
    """What a pull brought, as a person is told of it."""

    corpus: str
    deliveries: tuple[Delivery, ...]
    said: tuple[str, ...]


def offer(workspace: Workspace, asked: Asked) -> Offered:
    """Return what the repository holds, and where it would go; nothing is fetched or written."""
    from workbench.services.publishing.pull import offered
    from workbench.store.store import Store

    with Store(workspace) as store:
        return offered(store, _wanted(asked))


def arrive(workspace: Workspace, asked: Asked, report: Report) -> Arrived:
    """Pull what is asked."""
    from workbench.services.publishing.pull import pull, said
    from workbench.store.store import Store

    with Store(workspace) as store:
        done = pull(store, _wanted(asked), report)
    return Arrived(done.corpus, done.deliveries, tuple(said(done)))


def _wanted(asked: Asked) -> Wanted:
    from workbench.services.publishing.pull import Wanted

    named = named_repository(asked.repository, Path("/"))
    if named is None:
        raise UsageError(f"{asked.repository!r} is no repository", "write OWNER/NAME, or OWNER/NAME@REVISION")
    return Wanted(named.repo, named.revision, asked.corpus or None, asked.schema or None, asked.config or None)
