"""The same curation by this process alone, in Daft on one machine, and on a local Ray cluster of one worker and more.

Run: .venv/bin/python benchmarks/scale.py --records 200000 --threads 2 --workers 1 2 4
or:  .venv/bin/python benchmarks/scale.py --records 50000 --alike 200 --threads --workers 1
or:  .venv/bin/python benchmarks/scale.py --records 200000 --stages
Every way begins with a copy of one ingested workspace; all must end with the same judgements and the same version id.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import polars as pl
import psutil
from measuring import holding, machine, table

NGRAM = 5
CORPUS, SOURCE = "texts", "texts.jsonl"
SHARED = 200 * 2**20
"""Bytes of shared memory that a node of the cluster takes."""
WORKER = "RaySwordfishActor"
"""What the engine's own processes are called."""
ALONE = "this process alone"
HEAD = ["way", "begin s", "check s", "dedup s", "split s", "CPU s", "records/s", "MiB here", "MiB a worker"]
"""CPU: of the command and of the engine's workers."""


def prepared(folder: Path, texts: Iterable[str]) -> None:
    """Take texts into a workspace."""
    from workbench.services.intake.ingest import Order, ingest
    from workbench.store.store import Store
    from workbench.workspace import Workspace

    with (folder / SOURCE).open("w", encoding="utf-8") as handle:
        handle.writelines(json.dumps({"text": text}) + "\n" for text in texts)
    Workspace.create(folder / "workspace", with_samples=False)
    with Store(Workspace(folder / "workspace")) as store:
        ingest(store, Order(CORPUS, (folder / SOURCE,), schema="prose"))


def alike(records: int, size: int) -> Iterator[str]:
    """Yield texts in clusters of one size; each differs from all others of its cluster in two words of a hundred."""
    for number in range(records):
        words = [f"{word:x}of{number // size:x}" for word in range(100)]
        words[number % size % 100] = f"other{number % size}"
        yield " ".join(words)


def curated(folder: Path, threads: int | None) -> dict[str, Any]:
    """Check, compare and split one workspace, and return seconds and what came out."""
    from workbench.fingerprint import digest
    from workbench.scale.engine import started
    from workbench.services.checking.check import check
    from workbench.services.checking.curate import curate
    from workbench.services.versions.split import Request, requested, split
    from workbench.store.store import Store
    from workbench.workspace import Workspace

    def tell(line: str, done: int = 0, total: int = 0) -> None:
        pass

    asks = threads or "RAY_ADDRESS" in os.environ
    begun = time.perf_counter()
    workspace = Workspace(folder)
    spread = started(workspace, threads, tell) if asks else nullcontext()
    with holding() as held, holding(workers_here, 0.2) as worker, Store(workspace) as store, spread as engine:
        start, (_, issues) = _timed(lambda: check(store, CORPUS, engine=engine))
        compare, found = _timed(lambda: curate(store, CORPUS, engine=engine))
        asked = Request(CORPUS, requested(store, CORPUS, seed=42))
        cut, version = _timed(lambda: split(store, asked, engine=engine))
        spent = time.process_time() + spent_by(workers_here())  # they end with the command
        pairs = sum(int(part.hash_rows().cast(pl.Int128).sum()) for part in found.judgement.parts)
        judged = [pairs % 2**64, found.judgement.count, found.judgement.removed.rows(), issues.height]
    return {
        "begin": time.perf_counter() - begun - start - compare - cut,
        "check": start,
        "dedup": compare,
        "split": cut,
        "cpu": spent,
        "memory": held(),
        "worker": worker(),
        "judged": digest(json.loads(json.dumps(judged))),
        "version": version.id,
    }


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.perf_counter()
    made = work()
    return time.perf_counter() - begun, made


def run(folder: Path, way: str, environment: dict[str, str], threads: int = 0) -> dict[str, Any]:
    """Curate a copy of the workspace in a fresh process."""
    copy = folder / way.replace(" ", "-")
    shutil.copytree(folder / "workspace", copy)
    command = [sys.executable, __file__, "--child", str(copy), "--threads", str(threads)]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    shutil.rmtree(copy)
    if done.returncode:
        raise SystemExit(f"{way}: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found | {"way": way}


@contextmanager
def cluster(nodes: int) -> Iterator[str]:
    """Start a Ray cluster of so many nodes of one processor on loopback, and give its address."""
    from ray.cluster_utils import Cluster

    os.environ["RAY_worker_niceness"] = "0"  # Ray's own 15 lets all else on this machine go before its workers
    head = {"num_cpus": 0, "object_store_memory": SHARED // 2, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args=head)
    try:
        for _ in range(nodes):
            made.add_node(num_cpus=1, object_store_memory=SHARED)
        made.wait_for_nodes()
        yield made.address
    finally:
        made.shutdown()


def on_cluster(folder: Path, nodes: int) -> dict[str, Any]:
    """Curate on a cluster."""
    with cluster(nodes) as address:
        return run(folder, f"Ray, {nodes} workers" if nodes > 1 else "Ray, 1 worker", {"RAY_ADDRESS": address})


def workers_here() -> list[int]:
    """Return the engine's workers of our cluster."""
    found = psutil.Process(os.getppid()).children(recursive=True)
    return [process.pid for process in found if WORKER in " ".join(_command(process))]


def spent_by(processes: Iterable[int]) -> float:
    """Return the seconds of processor time that some processes took."""
    times = [psutil.Process(process).cpu_times() for process in processes]
    return sum(each.user + each.system for each in times)


class Stages:
    """What the stages cost, added up over the runs of each; rows and bytes are those of its last run."""

    def __init__(self, records: int) -> None:
        """Begin with nothing."""
        self.records = records
        self.held: dict[str, tuple[float, int, int]] = {}

    def add(self, name: str, begun: float, files: Sequence[Path] = ()) -> None:
        """Add processor time since a moment, and what lies in some files."""
        spent = time.process_time() - begun + self.held.get(name, (0.0, 0, 0))[0]
        rows = sum(pl.scan_parquet(path).select(pl.len()).collect().item() for path in files)
        self.held[name] = (spent, rows, sum(path.stat().st_size for path in files))

    def table(self) -> list[list[str]]:
        """Return one row a stage."""
        head = ["stage", "CPU s", "us/text", "rows/text", "bytes/text on disk"]
        lines = []
        for name, (spent, rows, size) in self.held.items():
            each = f"{spent / self.records * 1e6:.1f}", f"{rows / self.records:.2f}", f"{size / self.records:.0f}"
            lines.append([name, f"{spent:.1f}", *each])
        return [head, *lines]


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:  # it has ended meanwhile
        return []


def staged(records: int) -> list[list[str]]:
    """Return a table of what the stages of dedup cost, beside the same found by this process alone."""
    from documents import planted, texts_of

    from workbench.curation import duplicates, judge
    from workbench.curation.units import Units, units
    from workbench.scale import judging, near
    from workbench.scale.engine import Engine
    from workbench.scale.surface import Plan, connected
    from workbench.schema import load_schema

    schema = load_schema(Path(__file__).parents[1] / "schemas" / "prose.yaml")
    stages = Stages(records)

    class Timed(Engine):
        def ran(self, line: str, plan: Plan, folder: Path) -> list[Path]:
            begun = time.process_time()
            files = super().ran(line, plan, folder)
            stages.add(line, begun, files)
            return files

    def spread(engine: Engine, found: Units) -> dict[str, int]:
        pairs = judging.verified_pairs(engine, found, NGRAM, near.near_parts(engine, found.texts, NGRAM))
        return judging.judge(engine, found, pairs, found.members["id"]).counts()

    connected(None, 1)
    texts = texts_of(planted(records))
    frame = schema.table({**dict.fromkeys(schema.columns), "text": text} for text in texts)
    frame = frame.with_columns(id=pl.int_range(pl.len()).cast(pl.String).str.zfill(12))
    found = units(schema.derived(frame), schema)
    with tempfile.TemporaryDirectory() as made:
        engine = Timed(Path(made), lambda line: None)
        spread(engine, units(schema.derived(frame.head(3000)), schema))
        stages.held.clear()
        begun = time.process_time()
        there = spread(engine, found)
        stages.add("all of it", begun)
    begun = time.process_time()
    here = judge.judge(found, duplicates.verified_pairs(found, NGRAM), found.members["id"]).counts()
    stages.add(ALONE, begun)
    assert here == there
    return stages.table()


def measured(folder: Path, threads: Sequence[int], workers: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Yield what each way took, one after the other."""
    yield run(folder, ALONE, {})
    for count in threads:
        yield run(folder, f"Daft, {count} threads" if count > 1 else "Daft, 1 thread", {}, count)
    for nodes in workers:
        yield on_cluster(folder, nodes)


def line(found: dict[str, Any], records: int) -> list[str]:
    """Return one line of the table."""
    seconds = [found[name] for name in ("begin", "check", "dedup", "split")]
    rate = records / sum(seconds[1:])
    told = [f"{value:.1f}" for value in (*seconds, found["cpu"])]
    return [found["way"], *told, f"{rate:,.0f}", f"{found['memory'] / 2**20:,.0f}", _mebibytes(found)]


def _mebibytes(found: dict[str, Any]) -> str:
    return f"{found['worker'] / 2**20:,.0f}" if found.get("worker") else "-"


def main() -> None:
    """Measure every way in turn and print one table."""
    from documents import planted, texts_of

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--threads", type=int, nargs="*", default=[2], help="of Daft on this machine")
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2, 4], help="of a cluster on this machine")
    parser.add_argument("--alike", type=int, help="texts of which so many at a time are all near each other")
    parser.add_argument("--stages", action="store_true", help="what each stage of dedup costs, on one thread")
    parser.add_argument("--child", type=Path, help="curate one workspace and print what it took")
    asked = parser.parse_args()
    if asked.child:
        print(json.dumps(curated(asked.child, asked.threads[0] or None)))
        return
    how = f"in clusters of {asked.alike}" if asked.alike else "planted"
    print(f"{asked.records:,} texts, {how}; {machine()}")
    if asked.stages:
        print(table(staged(asked.records)))
        return
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        texts = alike(asked.records, asked.alike) if asked.alike else texts_of(planted(asked.records))
        prepared(folder, texts)
        ways = []
        for found in measured(folder, asked.threads, asked.workers):
            print(found, file=sys.stderr, flush=True)
            ways.append(found)
    print(table([HEAD, *(line(found, asked.records) for found in ways)]), flush=True)
    same = {(found["judged"], found["version"]) for found in ways}
    print("judgements and version id: the same" if len(same) == 1 else f"THEY DIFFER: {same}")


if __name__ == "__main__":
    main()
