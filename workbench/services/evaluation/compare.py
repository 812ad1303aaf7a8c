"""Compare two runs, or base and tuned of one: what they measure, record by record, beside what their data differ in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.curation.difference import IS
from workbench.curation.split import SPLITS
from workbench.errors import UsageError, unknown
from workbench.fingerprint import digest_file
from workbench.services.evaluation import scored
from workbench.services.versions.diff import Diff, End, diff
from workbench.store.store import Store
from workbench.training.runs import RunFolder

if TYPE_CHECKING:
    from workbench.evaluation.compare import Joined

LISTED = 1000
"""Records that only one run was measured on, or that were edited, that are listed; the counts are true."""


@dataclass(frozen=True)
class Asked:
    """Which runs to compare, on which side; without another run, tuned is compared with base."""

    one: RunFolder
    other: RunFolder | None
    split: str = "test"
    limit: int = 10
    """Records that got worst to list."""


def compare(store: Store, asked: Asked) -> dict[str, Any]:
    """Return {split, one, other, records, metrics, sources, worst, data, settings, how}.

    A difference is `other` minus `one`; what an edit between the two versions changed is not compared.
    Raises UsageError for a run without scores of the split, and where the two share no record.
    """
    from workbench.evaluation.compare import by_source, compared, worst
    from workbench.evaluation.differences import METHOD

    other = asked.other or asked.one
    joined, data = joined_rows(store, asked)
    unfit = _unfit(asked.one, other)
    return {
        "split": asked.split,
        "one": _side(asked.one, "tuned" if asked.other else "base"),
        "other": _side(other, "tuned"),
        "records": _records(joined),
        "metrics": compared(joined.one, joined.other, unfit),
        "sources": by_source(joined.one, joined.other, unfit),
        "worst": worst(joined.one, joined.other, asked.limit),
        "data": _told(data),
        "settings": _settings(asked.one, other),
        "how": {"intervals": METHOD},
    }


def joined_rows(store: Store, asked: Asked) -> tuple[Joined, Diff | str | None]:
    """Return the rows of the score tables that can be compared, and what differs in the data; see `compare`."""
    if asked.split not in SPLITS:
        raise unknown("split", asked.split, SPLITS)
    from workbench.evaluation.compare import join
    from workbench.evaluation.scores import read_scores, rows_of

    other = asked.other or asked.one
    tables = [read_scores(run.evaluation, asked.split, run.name) for run in (asked.one, other)]
    data = _data(store, asked.one, other)
    joined = join(rows_of(tables[0], "tuned" if asked.other else "base"), rows_of(tables[1], "tuned"), _edited(data))
    if not len(joined.one):
        raise UsageError(
            f"no record of the {asked.split} split is the same in {asked.one.name!r} and {other.name!r}",
            "compare runs of one corpus",
        )
    return joined, data


def _side(run: RunFolder, model: str) -> dict[str, Any]:
    facts = run.facts()
    named = {key: facts.get(key) for key in ("corpus", "version", "version_name")}
    return {"run": run.name, "model": model, **named}


def _records(joined: Joined) -> dict[str, Any]:
    parts = {"only_one": joined.only_one, "only_other": joined.only_other, "edited": joined.changed}
    counts: dict[str, Any] = {"compared": len(joined.one)} | {name: len(ids) for name, ids in parts.items()}
    return counts | {"ids": {name: ids[:LISTED] for name, ids in parts.items()}}


def _unfit(one: RunFolder, other: RunFolder) -> Mapping[str, str]:
    """Return the metrics that mean nothing between two runs, each with the reason."""
    from workbench.evaluation.compare import per_token

    unfit: dict[str, str] = {}
    if one.recipe().train.completion_only != other.recipe().train.completion_only:
        unfit |= dict.fromkeys(("perplexity", "bits_per_byte"), "one run learns the prompts and the other does not")
    if _tokenizer(one) != _tokenizer(other):
        unfit |= dict.fromkeys(per_token(), "the runs have different tokenizers")
    return unfit


def _settings(one: RunFolder, other: RunFolder) -> dict[str, list[Any]]:
    """Return {recipe key: [one, other]} for every key that the two runs have set differently."""
    both = [dict(_flat(run.recipe().model_dump(mode="json"))) for run in (one, other)]
    names = [name for name in both[0] | both[1] if name not in ("name", "description")]
    return {name: [part.get(name) for part in both] for name in names if both[0].get(name) != both[1].get(name)}


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _tokenizer(run: RunFolder) -> str:
    """Return what names a run's tokenizer: the digest of the file kept beside the adapter, else the base's."""
    kept = run.adapter / "tokenizer.json"
    if kept.is_file():
        return digest_file(kept)
    return str(run.facts().get("base", {}).get("fingerprint"))


def _data(store: Store, one: RunFolder, other: RunFolder) -> Diff | str | None:
    """Return what differs between the two runs' versions; None for one version, a text where it cannot be told."""
    if one.facts().get("version") == other.facts().get("version"):
        return None
    versions = [scored.version_of(store, run) for run in (one, other)]
    old, new = versions
    if old is None or new is None:
        return "a version is not in this workspace"
    if old.corpus != new.corpus:
        return "the runs train different corpora"
    return diff(store, End(old.corpus, old), End(new.corpus, new))


def _edited(data: Diff | str | None) -> frozenset[str]:
    return frozenset(data.rows.filter(IS["edited"])["id"]) if isinstance(data, Diff) else frozenset()


def _told(data: Diff | str | None) -> dict[str, Any]:
    """Return what differs in the data in a few numbers, those of the train split by themselves."""
    if not isinstance(data, Diff):
        return {"same": data is None, "counts": None, "train": None, "reason": data}
    trained = data.rows.filter((pl.col("was") == "train") | (pl.col("now") == "train"))
    train = {kind: trained.filter(test).height for kind, test in IS.items()}
    return {"same": not data.rows.height, "counts": data.counts(), "train": train, "reason": None}
