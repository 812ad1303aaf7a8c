"""Near-duplicate removal beside its peers: processor time, memory, and what each tool loses and leaves.

Run: .venv/bin/python benchmarks/duplicates.py --documents 20000 --python PEERS/bin/python
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from measuring import Cost, child, machine, measured, median, table
from numpy.typing import NDArray
from peers import PEERS

OURS, OURS_TEXTS = "workbench dedup", "workbench, peers' work"
WARM = 2000
"""Texts that the workbench looks at before the clock, to load what numba compiled."""
WARM_CROWD = 300
"""Further ones that are near copies of one another, since crowded buckets have loops of their own."""
NGRAM = 5
Kept = NDArray[np.bool_]


def whole() -> Callable[[pl.DataFrame], Kept]:
    """Return all that `workbench dedup` does with records once they are read: units, verified pairs, judgement."""
    from workbench.curation.duplicates import verified_pairs
    from workbench.curation.judge import judge
    from workbench.curation.units import units
    from workbench.schema import load_schema

    schema = load_schema(Path(__file__).parents[1] / "schemas" / "prose.yaml")

    def work(records: pl.DataFrame) -> Kept:
        found = units(schema.derived(records), schema)
        removed = judge(found, verified_pairs(found, NGRAM), records["id"]).removed
        return (~records["id"].is_in(removed["id"].implode())).to_numpy()

    return work


def peers_work() -> Callable[[pl.DataFrame], Kept]:
    """Return what the peers do as well, with the same loops: from texts alone to what stays at one threshold."""
    from workbench.curation.comparing import leaders
    from workbench.curation.judge import THRESHOLD
    from workbench.curation.nearness import near_pairs

    def work(records: pl.DataFrame) -> Kept:
        near = near_pairs(records["text"], NGRAM, floor=THRESHOLD)
        one, other = np.concatenate([near.one, near.other]), np.concatenate([near.other, near.one])
        by_one = np.argsort(one, kind="stable")
        start = np.concatenate([[0], np.cumsum(np.bincount(one, minlength=records.height))])
        order = np.arange(records.height)
        winner, _ = leaders(order, start, other[by_one], np.tile(near.jaccard, 2)[by_one])
        return np.asarray(winner == order)

    return work


def run_ours(work: Callable[[pl.DataFrame], Kept], path: Path) -> tuple[Kept, Cost]:
    """Return what the workbench keeps of the records in a file, and the cost."""
    texts = pl.read_ipc(path)["text"]
    ids = pl.Series([f"{number:032x}" for number in range(len(texts))])
    records = pl.DataFrame({"id": ids, "text": texts}).with_columns(chapter=pl.lit(None, dtype=pl.String))
    work(_warming(records))
    return measured(lambda: work(records))


def _warming(records: pl.DataFrame) -> pl.DataFrame:
    crowd = records.slice(WARM, WARM_CROWD)
    return pl.concat([records.head(WARM), crowd.with_columns(text=records["text"][0] + " " + pl.col("id"))])


def run_tool(tool: str, path: Path, kept: Path) -> dict[str, Any]:
    """Run one tool in this process; its choice goes to a file."""
    if tool in (OURS, OURS_TEXTS):
        found, cost = run_ours(whole() if tool == OURS else peers_work(), path)
    else:
        work = PEERS[tool]()
        texts = pl.read_ipc(path)["text"].to_list()
        found, cost = measured(lambda: work(texts))
    np.save(kept, found)
    return {"cost": cost}


def written(corpus: str, count: int, folder: Path) -> Path:
    """Return the file of a corpus' texts, made where it is missing; beside it `.npz`, the truth about it."""
    path = folder / f"{corpus}-{count}.arrow"
    if not path.is_file():
        import documents
        import truth

        made = getattr(documents, corpus)(count)
        if corpus == "planted":
            truth.pairs_of(made, path.with_suffix(".npz"))
        documents.texts_of(made).alias("text").to_frame().write_ipc(path)
    return path


def main() -> None:
    """Compare the tools on one corpus and print a table of medians."""
    asked = _arguments()
    if asked.tool:
        with open(os.devnull, "w") as nowhere:
            out, sys.stdout = sys.stdout, nowhere
            told = run_tool(asked.tool, asked.texts, asked.kept)
        print(json.dumps(told), file=out)
        return
    folder = asked.folder
    folder.mkdir(parents=True, exist_ok=True)
    path = written(asked.corpus, asked.documents, folder)
    print(f"{asked.documents:,} documents, {asked.corpus}; {machine()}; one thread each, medians of {asked.runs}")
    runs: dict[str, list[dict[str, Any]]] = {tool: [] for tool in asked.tools}
    for _ in range(asked.runs):  # tool by tool within a run, so that all meet the same neighbours on the machine
        for tool, found in runs.items():
            python = sys.executable if tool in (OURS, OURS_TEXTS) else asked.python
            kept = str(_kept(path, tool))
            found.append(child([__file__, "--tool", tool, "--texts", str(path), "--kept", kept], python=python))
    print(table(_rows(runs, asked.corpus, path)))


def _kept(texts: Path, tool: str) -> Path:
    return texts.with_name(f"{texts.stem}-{''.join(filter(str.isalnum, tool))}.npy")


def _rows(runs: dict[str, list[dict[str, Any]]], corpus: str, path: Path) -> list[list[str]]:
    count = pl.scan_ipc(path).select(pl.len()).collect().item()
    costs = {tool: median(run["cost"] for run in found) for tool, found in runs.items() if "cost" in found[-1]}
    rows = [
        ["tool", "CPU s", "us/doc", "x dedup", "x ours", "KB/doc", "removed", "lost", "left", "precision", "recall"]
    ]
    for tool, found in runs.items():
        if tool not in costs:
            print(f"{tool}: not run: {found[-1]['error']}")
            continue
        cost = costs[tool]
        ratios = [f"{cost.cpu / costs[own].cpu:.1f}" if own in costs else "" for own in (OURS, OURS_TEXTS)]
        figures = [f"{cost.cpu:.2f}", f"{cost.cpu / count * 1e6:.1f}", *ratios, f"{cost.memory / count / 1000:.2f}"]
        rows.append([tool, *figures, *_quality(tool, corpus, path)])
    return rows


def _quality(tool: str, corpus: str, path: Path) -> list[str]:
    kept = np.load(_kept(path, tool))
    if corpus != "planted":
        return [f"{(~kept).sum():,}", *[""] * 4]
    import truth

    with np.load(path.with_suffix(".npz")) as stored:
        found = truth.quality_of(kept, truth.Pairs(stored["one"], stored["other"], stored["jaccard"]))
    shares = [f"{found.precision:.4f}", f"{found.recall:.4f}"]
    return [f"{found.removed:,}", f"{found.lost:,}", f"{found.left:,}", *shares]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--corpus", choices=("planted", "boilerplate", "near_copies"), default="planted")
    parser.add_argument("--tools", nargs="+", default=[OURS, OURS_TEXTS, *PEERS], metavar="TOOL")
    parser.add_argument("--python", default=sys.executable, help="interpreter of the peers' environment")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "workbench-benchmarks")
    parser.add_argument("--tool", help=argparse.SUPPRESS)
    parser.add_argument("--texts", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--kept", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
