"""The review queue: which records of a corpus to look at first, and why; accepted ones stay out until they change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from workbench.curation.clusters import KINDS
from workbench.curation.split import SPLITS
from workbench.errors import UsageError, WorkbenchError, unknown
from workbench.fingerprint import digest
from workbench.services.duplicates.clusters import Look, look
from workbench.services.evaluation import scored
from workbench.services.progress import Report, silent
from workbench.services.records.editing import find, refuse_stale
from workbench.services.records.marks import REVIEW, marks
from workbench.services.training.train import runs
from workbench.store.state import State
from workbench.store.store import Store
from workbench.training.runs import RunFolder

if TYPE_CHECKING:
    from workbench.evaluation.hardest import Ranked

WEIGHTS = {"error": 4.0, "warning": 2.0}
"""How much an issue weighs; a record without one weighs 1."""
FAR = 2.0
"""Robust deviations above the usual loss of its length from which on a loss alone puts a record into the queue."""
BY_HEART = 0.05
"""Nats a token below which records are learned by heart: each token is given with a probability over 95 %."""
_UNCOUNTED = 100
"""Deviations from which on their number says no more."""
CONFLICT = "conflict"
SCORE = pl.col("severity_weight") * pl.col("loss_weight") * pl.col("cluster_weight")
QUEUE = {
    "record": pl.String,
    "score": pl.Float64,
    "severity": pl.String,
    "rule": pl.String,
    "message": pl.String,
    "severity_weight": pl.Float64,
    "loss": pl.Float64,
    "tuned": pl.Float64,
    "base": pl.Float64,
    "usual": pl.Float64,
    "loss_weight": pl.Float64,
    "cluster": pl.Int64,
    "kind": pl.String,
    "cluster_weight": pl.Float64,
    "told": pl.String,
}
"""A record that waits: its worst issue; deviations of its loss above the usual one of its length, both losses and the
usual one in nats a token; records in its duplicate cluster, and their class; the three weights and their product;
what its loss says where the queue goes by that. Null where there is no such thing."""


@dataclass(frozen=True)
class Queue:
    """The records that ask for a look, the most pressing first, and honest counts."""

    corpus: str
    run: str | None
    """The run whose losses count; None where none was measured."""
    split: str
    rows: pl.DataFrame
    """Of QUEUE."""
    records: int
    """Of the corpus."""
    accepted: int
    """That would stand here if nobody had looked at them."""
    leaving: int
    """That leave as duplicates, so that nobody needs to look at them."""
    stale: int
    """Whose loss does not count, because they were edited since."""
    by: str | None = None
    """What the rows are ordered by where it is not their score: `loss`, `gap` or `memorised`."""

    def plain(self, limit: int) -> dict[str, Any]:
        """Return it as JSON holds it, with the first rows."""
        facts = {key: value for key, value in vars(self).items() if key != "rows"}
        return facts | {"waiting": self.rows.height, "rows": self.rows.head(limit).to_dicts()}


def why(row: Mapping[str, Any]) -> list[tuple[float, str]]:
    """Return the weights whose product is a row's score, each with what it comes from."""
    issue = f"{row['severity']} {row['rule']}: {row['message']}" if row["severity"] else "no issue"
    loss = "its loss was not measured" if row["loss"] is None else _told_loss(row)
    alike = f"{row['cluster']:,} records alike: {row['kind']}" if row["cluster"] > 1 else "no other record is alike"
    weights = (row["severity_weight"], row["loss_weight"], row["cluster_weight"])
    return list(zip(weights, (issue, row.get("told") or loss, alike), strict=True))


def _told_loss(row: Mapping[str, Any]) -> str:
    """Return a loss in words; where its like are learned by heart, deviations of almost nothing would say nothing."""
    said = f"loss {row['tuned']:.2f} nats a token, where {row['usual']:.2f} is usual for its length"
    if row["loss"] >= FAR and row["usual"] < BY_HEART:
        return f"{said}: its like are learned by heart"
    count = f"{abs(row['loss']):.1f}" if abs(row["loss"]) < _UNCOUNTED else f"over {_UNCOUNTED}"
    return f"{said} ({count} deviations {'above' if row['loss'] >= 0 else 'below'})"


def reasons(row: Mapping[str, Any]) -> list[str]:
    """Return what makes a row stand in the queue, the weights that say nothing left out."""
    return [said for weight, said in why(row) if weight > 1 or said == row.get("told")]


def queue(
    store: Store,
    corpus: str,
    run: str | None = None,
    split: str = "train",
    report: Report = silent,
    *,
    by: str | None = None,
) -> Queue:
    """Return the records of a corpus to look at, by severity of issue x gap of loss x size of duplicate cluster.

    A record stands here for an issue (error or warning), a loss at least FAR deviations above the usual, or an answer
    that contradicts another record's. `run` is one that was evaluated on the split, by default the newest such run of
    the corpus. Weights: WEIGHTS; 1 + log2 of the deviations; 1 + log2 of the records in the cluster.

    `by` asks for the measured records alone, in the order of `workbench.evaluation.hardest`; raises UsageError where
    no run was measured.
    """
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    chosen = _run_of(store, corpus, run, split)
    if by is not None and chosen is None:
        raise UsageError(f"no run of {corpus!r} was measured on {split}", f"workbench evaluate RUN --split {split}")
    report(f"comparing the records of {corpus}")
    seen = look(store, corpus)
    losses, stale = _losses(store, chosen, (split, by), seen.curated.state)
    whole = seen.curated.records.select(record="id").join(_issues(seen), on="record", how="left")
    whole = whole.join(losses, on="record", how="left").join(_clusters(seen), on="record", how="left")
    leaving = seen.curated.judgement.removed["id"]
    standing = _weighed(whole).filter(~pl.col("record").is_in(leaving.implode()))
    waiting = _waiting(standing, by)
    accepted = _accepted(store, corpus, seen.curated.state)
    left = waiting.filter(~pl.col("record").is_in(accepted)).select(list(QUEUE))
    name = chosen.name if chosen else None
    return Queue(corpus, name, split, left, whole.height, waiting.height - left.height, len(leaving), stale, by)


def _waiting(standing: pl.DataFrame, by: str | None) -> pl.DataFrame:
    """Return the records that ask for a look in their order."""
    if by is not None:
        return standing.filter(pl.col("place").is_not_null()).sort("place")
    asks = pl.col("severity").is_not_null() | (pl.col("loss") >= FAR) | (pl.col("kind") == CONFLICT)
    return standing.filter(asks).sort(["score", "record"], descending=[True, False])


def _run_of(store: Store, corpus: str, name: str | None, split: str) -> RunFolder | None:
    """Return the run whose losses count; a UsageError where the one that is named has none."""
    from workbench.services.training.train import found

    if name is not None:
        run = found(store.workspace, name)
        if run.facts().get("corpus") != corpus:
            raise UsageError(f"the run {run.name!r} trains {run.facts().get('corpus')!r}", "name a run of this corpus")
        return run
    measured = [run for run in runs(store.workspace) if _is_measured(run, corpus, split)]
    return max(measured, key=lambda run: run.state_file.stat().st_mtime, default=None)


def _is_measured(run: RunFolder, corpus: str, split: str) -> bool:
    if not (run.evaluation / f"scores-{split}.parquet").is_file():
        return False
    try:
        return bool(run.facts().get("corpus") == corpus)
    except WorkbenchError:  # a damaged run folder hides no other
        return False


def _losses(
    store: Store, run: RunFolder | None, asked: tuple[str, str | None], state: State
) -> tuple[pl.DataFrame, int]:
    """Return the losses of the records that still are as the run saw them, and how many are not.

    `asked` is the split, and what is ranked by: a record's `place` and what is `told` of it.
    """
    from workbench.evaluation.hardest import hardest
    from workbench.evaluation.scores import read_scores

    numbers = dict.fromkeys(("loss", "tuned", "base", "usual"), pl.Float64)
    kept = {"record": pl.String, **numbers, "place": pl.Int64, "told": pl.String}
    if run is None:
        return pl.DataFrame(schema=kept), 0
    split, by = asked
    table = read_scores(run.evaluation, split, run.name)
    order = hardest(table, by, len(table)) if by else []
    ranks = {one.record: (place, _told(by, one)) for place, one in enumerate(order)}
    found = [
        (one.record, one.score, one.tuned, one.base, one.usual, *ranks.get(one.record, (None, None)))
        for one in hardest(table, "loss", len(table))
    ]
    losses = pl.DataFrame(found, schema=kept, orient="row")
    version = scored.version_of(store, run)
    if version is None:
        return losses, 0
    now = state.records.select("id", *state.schema.columns)
    then = scored.records(store, version)
    fields = [name for name in state.schema.columns if name in then.columns]
    both = then.select("id", *fields).join(now, on="id", suffix="_now")
    same = both.filter(pl.all_horizontal([pl.col(name).eq_missing(pl.col(f"{name}_now")) for name in fields]))
    fresh = losses.join(same.select(record="id"), on="record", how="semi")
    return fresh, losses.join(both.select(record="id"), on="record", how="semi").height - fresh.height


def _told(by: str | None, one: Ranked) -> str:
    """Return what a record's losses say where the queue goes by them."""
    if by == "memorised":
        return f"given word for word, at {one.tuned:.3f} nats a token"
    if by == "gap":
        return f"improved by {one.base - one.tuned:.2f} nats a token, where {-(one.usual or 0.0):.2f} is usual"
    return _told_loss({"loss": one.score, "tuned": one.tuned, "usual": one.usual})


def _issues(seen: Look) -> pl.DataFrame:
    """Return the worst issue of each record that has an error or a warning."""
    found = seen.curated.issues.filter(pl.col("severity").is_in(list(WEIGHTS)))
    worst = found.sort(pl.col("severity") != "error", maintain_order=True)
    return worst.unique("record", keep="first", maintain_order=True).select("record", "severity", "rule", "message")


def _clusters(seen: Look) -> pl.DataFrame:
    """Return the size and the class of the duplicate cluster of each record that stands in one."""
    found = seen.at(seen.threshold)
    rows = np.repeat(np.arange(len(found)), np.diff(found.start))
    kinds = pl.Series([KINDS[code] for code in found.kind[rows]], dtype=pl.String)
    units = pl.DataFrame({"unit": found.unit, "cluster": found.size[rows], "kind": kinds})
    members = seen.curated.units.members
    return members.join(units.cast({"unit": members.schema["unit"]}), on="unit").select(
        pl.col("id").alias("record"), pl.col("cluster").cast(pl.Int64), "kind"
    )


def _weighed(whole: pl.DataFrame) -> pl.DataFrame:
    far = pl.max_horizontal(pl.col("loss").fill_null(1.0), pl.lit(1.0))
    return (
        whole.with_columns(pl.col("cluster").fill_null(1))
        .with_columns(
            severity_weight=pl.col("severity").replace_strict(WEIGHTS, default=1.0, return_dtype=pl.Float64),
            loss_weight=1 + far.log(2),
            cluster_weight=1 + pl.col("cluster").cast(pl.Float64).log(2),
        )
        .with_columns(score=SCORE)
    )


def _accepted(store: Store, corpus: str, state: State) -> list[str]:
    """Return the accepted records that still hold what was accepted."""
    held = {state.today(row.subject): row.body["fields"] for row in marks(store, corpus, REVIEW)}
    present = state.present(held) if held else []
    return [row["id"] for row in present if held[row["id"]] == _fields(state, row)]


def _fields(state: State, row: Mapping[str, Any]) -> str:
    return digest({name: row[name] for name in state.schema.columns})


def accept(store: Store, corpus: str, prefix: str, reason: str = "", *, seen: Mapping[str, Any] | None = None) -> str:
    """Say that a record is right as it stands, as one row of the log; return its id. A change brings it back.

    `seen` holds its fields as the person saw them: where they are others by now, a UsageError says so.
    """
    state = store.desk(store.corpus(corpus), [prefix])
    record = find(state, prefix)
    refuse_stale(state, {record: seen or {}}, {record: seen or {}})
    fields = _fields(state, state.present([record])[0])
    if all(row.subject != record or row.body["fields"] != fields for row in marks(store, corpus, REVIEW)):
        body = {"verdict": "accepted", "fields": fields, "reason": reason}
        store.catalogue.append((REVIEW, corpus, record, body))
    return record


def accept_all(store: Store, corpus: str, prefixes: Sequence[str]) -> list[str]:
    """Accept several records and return their ids; none where one of them is not found."""
    state = store.desk(store.corpus(corpus), list(prefixes))
    return [accept(store, corpus, record) for record in [find(state, prefix) for prefix in prefixes]]
