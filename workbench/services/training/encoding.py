"""Take many records through tokenizer, template and collator, on all processors where there are enough of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path

import psutil
import pyarrow as pa

from workbench.lm.xray import AT_ONCE, Example
from workbench.processors import processors
from workbench.recipe import Recipe
from workbench.services.progress import Report, silent
from workbench.services.side_by_side import side_by_side

WORTH = 4 * AT_ONCE
"""Records from which on several processes take them: each loads its libraries first, as long as thousands take."""
_MEMORY = 1 << 30
"""Bytes that such a process may come to hold."""

Seen = tuple[pa.Table, pa.Table]
"""An X-ray and its token cache (`workbench.lm.xray`)."""


def encoded(of: tuple[Path, Recipe], examples: Iterable[Example], total: int, report: Report) -> Seen:
    """Return what a base and a recipe make of so many examples, in order: the same from one process and from several.

    `report` is told how many are done, after every few thousand.
    """
    works = (partial(_part, of, part) for part in _parts(examples))
    several = processes(total)
    made = side_by_side(works, several) if several > 1 else (work(silent) for work in works)
    tables: tuple[list[pa.Table], list[pa.Table]] = ([], [])
    done = 0
    with closing(made) as parts:
        for rows, tokens in parts:
            tables[0].append(rows)
            tables[1].append(tokens)
            done += rows.num_rows
            report("records through tokenizer, template and collator", done, total)
    return pa.concat_tables(tables[0]), pa.concat_tables(tables[1])


def processes(total: int) -> int:
    """Return how many processes so many records are worth, as far as processors and memory go."""
    if total < WORTH:
        return 1
    room = int(psutil.virtual_memory().available) // _MEMORY
    return max(min(processors(), -(-total // AT_ONCE), room), 1)


def _parts(examples: Iterable[Example]) -> Iterator[list[Example]]:
    """Yield the examples a few thousand at a time; of none one part of none, which has the tables' columns."""
    waiting = iter(examples)
    part = list(islice(waiting, AT_ONCE))
    yield part
    while part := list(islice(waiting, AT_ONCE)):
        yield part


def _part(of: tuple[Path, Recipe], examples: list[Example], report: Report) -> Seen:
    from workbench.training.prepare import look_through

    return look_through(*of, examples)
