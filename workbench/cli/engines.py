"""The option that spreads a command's work over many machines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.scale.engine import Engine
    from workbench.store.store import Store


class EngineName(StrEnum):
    """What applies the rules and compares the texts."""

    local = "local"
    daft = "daft"


OnEngine = Annotated[
    EngineName,
    typer.Option(
        "--engine",
        help="daft: do the work on the workers of the Ray cluster that RAY_ADDRESS names, or in Daft on this "
        "machine; the result is the same. Needs the extra `scale`.",
    ),
]
Workers = Annotated[int | None, typer.Option(min=1, help="Threads of --engine daft on this machine; default: all.")]


@contextmanager
def engine_of(store: Store, name: EngineName, workers: int | None) -> Iterator[Engine | None]:
    """Give the engine that is asked for, None where this process does the work by itself."""
    if name is EngineName.local:
        if workers is not None:
            raise UsageError("--workers is for --engine daft", "leave it out")
        yield None
        return
    from workbench.cli.output import progress
    from workbench.scale.engine import started

    with started(store.workspace, workers, progress) as engine:
        yield engine
