"""All that is asked of Daft: read shards, run a function over each group of rows, write shards."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.errors import DataError, OutsideError, UsageError, WorkbenchError
from workbench.scale.receipts import SIGN, is_balanced, receipt
from workbench.scale.torn import readable, refuse_other_columns, refuse_torn

if TYPE_CHECKING:
    import daft

FAULT = "_fault"
"""Column of what went wrong in a group, in words, or of its receipt; null where its rows are what was asked for."""
_PARTITIONS, _SHARING = 512, 32
"""Partitions up to which each group has its own, and groups that share one where there are far more of them."""
TRIES = 3
"""Times that a plan is run before what got lost on the way is told."""
Work = Callable[[pl.DataFrame], pl.DataFrame]
"""A function over all rows of one group; it is sent to the workers, so it is a module's function or a partial of one.

Every worker may be asked for the same group again, so it writes nothing that another run would not write alike.
"""
Kinds = Mapping[str, Any]
"""Columns and polars types of a table."""
_ROWS = "rows"
_THEN = "\x1f"
"""Stands between the kind of an error, what happened and what to do: no text of ours holds a unit separator."""
_QUIET = {
    **{"DO_NOT_TRACK": "true", "RAY_USAGE_STATS_ENABLED": "0"},
    **{"DAFT_PROGRESS_BAR": "0", "RAY_LOG_TO_DRIVER": "0"},
}
"""Both packages would else report their use over the network, and fill a screen that is not theirs."""


class LostError(OutsideError):
    """A node, or a worker, went with what it alone held; the same can be asked for again."""


@cache  # an engine takes the number of its threads only once
def connected(address: str | None, workers: int | None) -> None:
    """Choose where plans run: on the Ray cluster at an address, else on this machine with so many threads.

    A process keeps its first choice. UsageError without the extra, OutsideError where no cluster answers.
    """
    os.environ.update(_QUIET)
    try:
        import daft
    except ImportError as error:
        hint = "pip install 'workbench[scale]'; without --engine the same work is done by this machine alone"
        raise UsageError("the packages that spread work over machines are not installed", hint) from error
    try:
        if address is None:
            daft.set_runner_native(num_threads=workers)
            return
        import ray

        ray.init(address, logging_level="ERROR")
        daft.set_runner_ray(noop_if_initialized=True)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise OutsideError(f"the cluster at {address!r} cannot be used: {error}", "see: ray status") from error


def disconnected(address: str | None) -> None:
    """Leave the cluster at an address; this machine's own threads stay."""
    if address is not None:
        import ray

        ray.shutdown()


@dataclass(frozen=True)
class Plan:
    """Tables on their way through the engine; nothing runs before `written`."""

    frame: daft.DataFrame
    parts: int
    """How many groups are made of rows at most, see `partitions`: left alone, the engine takes one for small tables."""
    begun: int | Sequence[Path]
    """The rows that it begins with, or the files that hold them."""
    marks: Path | None
    """Folder in which each group leaves an empty file when it is done; None counts none."""
    steps: int = 0
    """How many times rows are grouped."""

    @classmethod
    def of(cls, table: pl.DataFrame, parts: int, marks: Path | None = None) -> Plan:
        """Return a plan that begins with a small table."""
        import daft

        return cls(daft.from_arrow(table.to_arrow(compat_level=pl.CompatLevel.oldest())), parts, table.height, marks)

    @classmethod
    def read(cls, shards: Sequence[Path], parts: int, kinds: Kinds, marks: Path | None = None) -> Plan:
        """Return a plan that begins with some columns of what another one wrote.

        A shard that is gone, torn, or holds other columns is an OutsideError that names it.
        """
        import daft

        for path in shards:
            refuse_other_columns(path, kinds)
        frame = daft.read_parquet([str(path) for path in shards])
        if FAULT in frame.column_names:
            frame = frame.where(daft.col(FAULT).is_null())
        return cls(frame.select(*kinds), parts, shards, marks)

    @property
    def groups(self) -> int:
        """Return how many groups are worked on at most, over all steps."""
        return self.parts * self.steps

    def grouped(self, key: str, work: Work, kinds: Kinds) -> Plan:
        """Bring the rows of equal keys together and run some work over each group; `kinds` is what it returns.

        A group whose work fails on its data becomes one row that says so, and what follows leaves it alone.
        """
        import daft

        names = [column for column in self.frame.column_names if column != FAULT]
        told = [*names, FAULT] if FAULT in self.frame.column_names else names
        out = daft.DataType.struct(_types({**kinds, FAULT: pl.String}))
        guarded = _Guarded(work, tuple(told), tuple(kinds.items()), self.steps + 1, self.marks)

        def called(*columns: daft.Series) -> daft.Series:
            return guarded(columns)

        run = daft.func.batch(return_dtype=out)(called)
        spread = self.frame.repartition(partitions(self.parts), key) if _is_spread() else self.frame
        made = spread.groupby(key).map_groups(run(*map(daft.col, told)).alias(_ROWS))
        return Plan(made.select(daft.col(_ROWS).unnest()), self.parts, self.begun, self.marks, self.steps + 1)

    def each(self, work: Work, kinds: Kinds) -> Iterator[pl.DataFrame]:
        """Run some work on each row by itself, and yield what is made as it comes: one row of one, in no order.

        It goes to threads, as many at once as a worker has: what holds the interpreter for long belongs in a process
        that the work asks and waits for. The first fault is raised as the error that it is.
        """
        import daft

        names = self.frame.column_names
        guarded = _Guarded(work, tuple(names), tuple(kinds.items()))

        def called(*columns: daft.Series) -> daft.Series:
            return guarded(columns)

        out = daft.DataType.struct(_types({**kinds, FAULT: pl.String}))
        run = daft.func.batch(return_dtype=out, use_process=False, batch_size=1)(called)
        spread = self.frame.into_partitions(self.parts) if _is_spread() else self.frame
        made = spread.select(run(*map(daft.col, names)).alias(_ROWS)).select(daft.col(_ROWS).unnest())
        try:
            for row in made.iter_rows():
                if row[FAULT]:
                    raise _raised(row[FAULT])
                yield pl.DataFrame([row], schema=dict(kinds))
        except _failures() as error:
            raise _broken(error) from error

    def written(self, folder: Path) -> list[Path]:
        """Run the plan and return the Parquet files that hold its table; the first fault is raised as DataError.

        Only the files that the engine names count: what a killed worker left beside them belongs to nobody. Where rows
        were lost or doubled all the same, or a node went with rows that it alone held, the plan is run again. An
        engine that cannot go on (no worker left, no space, a file gone) is an OutsideError.
        """
        for left in reversed(range(TRIES)):
            try:
                files = self._written(folder)
            except LostError:
                if not left:
                    raise
                continue
            raise_fault(files)
            if not self.steps or self._is_balanced(files):
                return files
        raise OutsideError(f"the engine lost rows {TRIES} times", "do its workers stay up? then run the command again")

    def _written(self, folder: Path) -> list[Path]:
        try:
            done = self.frame.write_parquet(str(folder), write_mode="append", compression="zstd")
        except _failures() as error:
            broken = _broken(error)
            if not isinstance(broken, LostError) and not isinstance(self.begun, int):
                for path in self.begun:
                    refuse_torn(path)  # the engine does not say which one it stumbled over
            raise broken from error
        return [Path(path) for path in done.to_pydict()["path"]]

    def _is_balanced(self, files: Sequence[Path]) -> bool:
        receipts = (told for path in files for told in _faults(path).drop_nulls())
        begun = self.begun if isinstance(self.begun, int) else _rows(self.begun)
        return is_balanced(receipts, begun, _rows(files))


def partitions(groups: int) -> int:
    """Return into how many partitions rows go that are put into so many groups: several groups may share one.

    Every partition takes a piece from every other one, so with a partition a group the pieces of a hundred million
    texts would be forty million. A worker has the rows of one partition at a time, and works on one group of them.
    """
    return min(groups, max(_PARTITIONS, groups // _SHARING))


def _faults(path: Path) -> pl.Series:
    """Return the faults and receipts in a file, null for a row that is one."""
    with readable(path):
        return pl.read_parquet(path, columns=[FAULT])[FAULT]


def _rows(files: Sequence[Path]) -> int:
    """Return how many rows some files hold, without receipts."""
    return sum(map(_height, files))


def _height(path: Path) -> int:
    with readable(path):
        if FAULT in pl.read_parquet_schema(path):
            return _faults(path).null_count()
        return int(pl.scan_parquet(path).select(pl.len()).collect().item())


def _broken(error: Exception) -> OutsideError:
    cause = getattr(error, "cause", error)  # what Ray says of a task holds what was raised there
    if type(cause).__name__ == "OutOfDiskError":
        hint = "free space where Ray keeps what memory does not hold: a node takes nothing once 95 % are used"
        return OutsideError("a node's disk is full: rows between two steps have no place", hint)
    if _is_spread() and _is_lost(cause):
        hint = "do its nodes stay up? see: ray status; then run the command again"
        return LostError(f"the engine lost a node, or a worker: {type(cause).__name__}", hint)
    hint = "is there space, and are workers left? see: ray status; then run the command again"
    return OutsideError(f"the engine cannot go on: {cause}", hint)


def _is_lost(error: Exception) -> bool:
    from ray.exceptions import RayError, RayTaskError

    return isinstance(error, RayError) and not isinstance(error, RayTaskError)


def _failures() -> tuple[type[Exception], ...]:
    """Return what the engine raises where the fault is neither the data's nor ours."""
    from daft.exceptions import DaftCoreException

    if not _is_spread():
        return DaftCoreException, OSError
    from ray.exceptions import RayError

    return DaftCoreException, OSError, RayError


def _is_spread() -> bool:
    """Return whether plans run on several machines; on one there are no parts to put rows into."""
    import daft.runners

    runner: str = daft.runners.get_or_infer_runner_type()
    return runner == "ray"


def raise_fault(files: Sequence[Path]) -> None:
    """Raise the first fault, by its words, that some files hold."""
    told = {fault for path in files for fault in _faults(path).drop_nulls().unique()}
    if faults := sorted(fault for fault in told if not fault.startswith(SIGN)):
        more = f"; so say {len(faults)} groups" if len(faults) > 1 else ""
        raise _raised(faults[0], more)


def _told(error: WorkbenchError) -> str:
    """Return an error as the text of a fault: its kind, what happened, and what to do."""
    return _THEN.join((type(error).__name__, error.what, error.hint))


def _raised(fault: str, more: str = "") -> WorkbenchError:
    """Return the error that a fault tells of; it ends the command with the exit code that it has on one machine."""
    kind, what, hint = fault.split(_THEN, 2)
    known = {one.__name__: one for one in (UsageError, OutsideError)}
    return known.get(kind, DataError)(f"{what}{more}", hint or "run: workbench verify, then the command again")


def collected(files: Sequence[Path], kinds: Kinds) -> pl.DataFrame:
    """Return the rows that a plan wrote as one table."""
    return pl.concat([pl.DataFrame(schema=dict(kinds)), *(_table(path, kinds) for path in files)])


def _table(path: Path, kinds: Kinds) -> pl.DataFrame:
    with readable(path):
        table = pl.read_parquet(path, columns=[*kinds, FAULT]).filter(pl.col(FAULT).is_null())
        return table.select(*kinds).cast(pl.Schema(kinds))


def _types(kinds: Kinds) -> dict[str, daft.DataType]:
    import daft

    fields = pl.DataFrame(schema=dict(kinds)).to_arrow(compat_level=pl.CompatLevel.oldest()).schema
    return {field.name: daft.DataType.from_arrow_type(field.type) for field in fields}


@dataclass(frozen=True)
class _Guarded:
    """Some work as the engine calls it: columns in, one column of rows out, and faults as rows."""

    work: Work
    names: tuple[str, ...]
    kinds: tuple[tuple[str, Any], ...]
    step: int | None = None
    """Which grouping of the plan it is; its receipts say so. None where rows are not grouped."""
    marks: Path | None = None

    def __call__(self, columns: Sequence[daft.Series]) -> daft.Series:
        """Return the rows made of one group as a column of structs."""
        import daft

        frame = pl.DataFrame([_series(name, column) for name, column in zip(self.names, columns, strict=True)])
        rows = self._made(frame).to_struct(_ROWS)
        if self.marks:
            with suppress(OSError):  # it is only counted: nothing depends on it
                (self.marks / uuid.uuid4().hex).touch()
        return daft.Series.from_arrow(rows.to_arrow(compat_level=pl.CompatLevel.oldest()))

    def _made(self, frame: pl.DataFrame) -> pl.DataFrame:
        wanted = {**dict(self.kinds), FAULT: pl.String}
        told = frame[FAULT].drop_nulls().to_list() if FAULT in frame.columns else []
        if faults := {fault for fault in told if not fault.startswith(SIGN)}:
            return _only_faults(sorted(faults), wanted)
        if told:
            frame = frame.filter(pl.col(FAULT).is_null())
        if told and frame.is_empty():  # receipts of another step, which have no key
            return _only_faults(told, wanted)
        try:
            made = self.work(frame.drop(FAULT, strict=False))
        except WorkbenchError as error:
            return _only_faults([_told(error)], wanted)
        if self.step is not None:
            told.append(receipt(self.step, frame.height, made.height))
        made = made.with_columns(pl.lit(None, dtype=pl.String).alias(FAULT)).select(*wanted).cast(pl.Schema(wanted))
        return pl.concat([made, _only_faults(told, wanted)])


def _only_faults(faults: list[str], wanted: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame({FAULT: faults}, schema={FAULT: pl.String}).select(
        pl.col(name) if name == FAULT else pl.lit(None, dtype=kind).alias(name) for name, kind in wanted.items()
    )


def _series(name: str, column: daft.Series) -> pl.Series:
    made = pl.from_arrow(column.to_arrow())
    assert isinstance(made, pl.Series)
    return made.alias(name)
