"""Merge a run's adapter into its base, and keep the result only where it answers as the adapter did."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import OutsideError, RefusedError, UsageError
from workbench.services.progress import Report, silent
from workbench.training.runs import RunFolder, as_json
from workbench.training.runs import replace as write_whole
from workbench.workspace import out_of_space

if TYPE_CHECKING:
    import pyarrow as pa

    from workbench.evaluation.bench import Bench

LIMIT = 0.05
"""Largest relative difference of a record's NLL: rounding in 16 bits makes far less, another base far more."""
_SLIGHT = 0.02
"""Nats a token below which a difference is none: relative to a loss near zero any rounding is large."""
_RECORDS = 64
"""Records that are compared, of the splits that were not trained on where there are any."""
_FACTS = "merge.json"


@dataclass(frozen=True)
class Drift:
    """One record's mean NLL in nats a token, with the adapter and merged."""

    record: str
    before: float
    after: float

    @property
    def difference(self) -> float:
        """Return the relative difference, 0 where it is too slight to tell from rounding."""
        if not (math.isfinite(self.before) and math.isfinite(self.after)):
            return math.inf  # what is not a number compares as no difference with anything
        apart = abs(self.after - self.before)
        return 0.0 if apart < _SLIGHT else apart / max(self.before, _SLIGHT)


@dataclass(frozen=True)
class Merged:
    """A merged model on disk, and how its answers compare."""

    folder: Path
    drifts: tuple[Drift, ...]

    @property
    def before(self) -> float:
        """Return the mean over records with the adapter."""
        return sum(drift.before for drift in self.drifts) / len(self.drifts)

    @property
    def after(self) -> float:
        """Return the mean over records of the merged model."""
        return sum(drift.after for drift in self.drifts) / len(self.drifts)

    @property
    def worst(self) -> Drift:
        """Return the record whose loss changed most."""
        return max(self.drifts, key=lambda drift: drift.difference)


def merge(run: RunFolder, folder: Path, report: Report = silent) -> Merged:
    """Write a finished run's base with its adapter merged into a new folder, as safetensors with the tokenizer.

    Base and adapter are scored first, then the files that were written: where a record's NLL differs by more than
    `LIMIT`, nothing is kept and RefusedError says by how much. Raises UsageError for a folder that exists, a run
    without an adapter and a GPTQ base.
    """
    if folder.exists():
        raise UsageError(f"{str(folder)!r} exists", "name another folder with --out, or remove it")
    from workbench.lm.load import enough_memory

    report("scoring base and adapter")
    rows = _rows(run)
    before = _scored_tuned(run, rows)
    with enough_memory("the merged model", "free the device, or merge on a machine with more"), _draft(folder) as draft:
        report("merging the adapter into the base")
        _write(run, draft)
        report("scoring the merged model")
        after = _scored_merged(run, draft, rows)
        done = Merged(folder, tuple(map(Drift, (row["record"] for row in rows), before, after)))
        _judge(done)
        write_whole(draft / _FACTS, as_json(_facts(run, done)))
        with out_of_space(folder):
            draft.rename(folder)
    return done


def _judge(done: Merged) -> None:
    worst = done.worst
    if worst.difference <= LIMIT:
        return
    told = f"record {worst.record}: {worst.before:.4f} nats a token with the adapter, {worst.after:.4f} merged"
    hint = "nothing was kept; use the adapter beside its base, or compute in another quantization.compute_dtype"
    raise RefusedError(f"the merged model answers otherwise ({worst.difference:.1%}): {told}", hint)


def _facts(run: RunFolder, done: Merged) -> dict[str, Any]:
    facts = run.facts()
    gate = {"before": done.before, "after": done.after, "records": len(done.drifts), "worst": asdict(done.worst)}
    known = {key: facts.get(key) for key in ("corpus", "version", "version_name")}
    return {"run": run.name, **known, "base": facts["base"]["name"], "nll_per_token": gate, "limit": LIMIT}


def _rows(run: RunFolder) -> list[dict[str, Any]]:
    """Return the records to compare: of test and validation, else of what was trained on.

    A record of which nothing is learned has no loss, so it would agree with any model.
    """
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(run.tokens)
    unseen = list(islice(_learned(table.filter(pc.field("split") != "train")), _RECORDS))
    return unseen or list(islice(_learned(table), _RECORDS))


def _learned(table: pa.Table) -> Iterator[dict[str, Any]]:
    from workbench.lm.template import NOT_LEARNED

    for batch in table.to_batches(max_chunksize=_RECORDS):
        yield from (row for row in batch.to_pylist() if any(label != NOT_LEARNED for label in row["labels"][1:]))


def _scored_tuned(run: RunFolder, rows: Sequence[dict[str, Any]]) -> list[float]:
    from workbench.evaluation.bench import load_bench

    return _losses(load_bench(run), rows)


def _scored_merged(run: RunFolder, folder: Path, rows: Sequence[dict[str, Any]]) -> list[float]:
    from workbench.evaluation.bench import Bench
    from workbench.lm.load import load_base
    from workbench.lm.tokenizer import load_tokenizer

    recipe = run.recipe()
    model = load_base(folder, quantization="none", compute_dtype=recipe.quantization.compute_dtype).eval()
    return _losses(Bench(model, load_tokenizer(folder), recipe), rows)


def _losses(bench: Bench, rows: Sequence[dict[str, Any]]) -> list[float]:
    """Return the mean NLL of each row, in nats a token."""
    from workbench.evaluation.losses import losses

    return [loss.nll / max(loss.tokens, 1) for loss in losses(bench, rows, lambda _: None)]


def _write(run: RunFolder, folder: Path) -> None:
    from safetensors import SafetensorError

    from workbench.lm.merge import merged
    from workbench.lm.tokenizer import load_tokenizer
    from workbench.lm.turns import with_turns

    recipe = run.recipe()
    model = merged(run.base_path(), run.adapter, recipe)
    tokenizer = with_turns(load_tokenizer(run.base_path()), recipe.template)
    # What ends an answer follows from the template it was trained with, and not from the base alone.
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    try:
        with out_of_space(folder):
            model.save_pretrained(str(folder))
            tokenizer.save_pretrained(str(folder))
    except SafetensorError as error:
        raise OutsideError(f"cannot write {str(folder)!r}: {error}", "is there space for the whole model?") from error


@contextmanager
def _draft(folder: Path) -> Iterator[Path]:
    """Give a folder to write in, which is gone at the end unless it was renamed."""
    draft = folder.with_name(f".{folder.name}.{os.getpid()}")
    with out_of_space(draft):
        draft.mkdir(parents=True)
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)
