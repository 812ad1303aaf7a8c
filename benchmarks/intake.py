"""One JSON Lines file taken in by one process, by its processes side by side, in Daft on one machine, and on a cluster.

Run: .venv/bin/python benchmarks/intake.py --records 200000 --threads 1 2 --workers 1 2
All must keep the same objects, which are named by their digests.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from measuring import machine, table
from scale import cluster

READER = "workbench.services.apart"
"""What the processes that read parts are called."""
HEAD = ["way", "s", "CPU s", "records/s", "MiB here", "MiB a reader"]


def written(path: Path, records: int) -> None:
    """Write rows of some 700 bytes; every thousandth is torn."""
    with path.open("w", encoding="utf-8") as out:
        for number in range(records):
            text = " ".join(f"{number * 7919 + word:x}" for word in range(90))
            out.write(json.dumps({"question": text, "answer": f"{number}"})[: 20 if number % 1000 == 999 else None])
            out.write("\n")


def taken_in(folder: Path, file: Path, way: str, threads: int) -> dict[str, Any]:
    """Take the file into a new workspace and return what it took, in this process and in those that read parts."""
    from workbench.scale.engine import started
    from workbench.services.intake import parts
    from workbench.services.intake.ingest import Order, ingest
    from workbench.store.store import Store
    from workbench.workspace import Workspace

    if way == "one process":
        parts.WORTH = sys.maxsize
    workspace = Workspace.create(folder, with_samples=False)
    watch = _Watch()
    begun = time.perf_counter()
    order = Order("big", (file,), schema="qa")
    with Store(workspace) as store, watch:
        if way in ("one process", "side by side"):
            ingest(store, order)
        else:
            with started(workspace, threads or None, lambda line: None) as engine:
                ingest(store, order, engine=engine)
    own = resource.getrusage(resource.RUSAGE_SELF)
    objects = sorted(path.name for path in workspace.objects.iterdir())
    spent = own.ru_utime + own.ru_stime + watch.cpu
    return {
        "way": way, "s": time.perf_counter() - begun, "cpu": spent, "here": own.ru_maxrss * 1024,
        "reader": watch.peak, "objects": objects,
    }  # fmt: skip


class _Watch(threading.Thread):
    """Looks at the reading processes now and then: the most memory that one held, and the processor time of all."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._spent: dict[int, float] = {}
        self._ended = threading.Event()

    @property
    def cpu(self) -> float:
        return sum(self._spent.values())

    def __enter__(self) -> None:
        self.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        whole = psutil.Process(os.getppid())  # which has started the cluster, too
        while not self._ended.wait(0.1):
            for process in whole.children(recursive=True):
                with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                    if READER in " ".join(process.cmdline()):
                        self.peak = max(self.peak, process.memory_info().rss)
                        self._spent[process.pid] = sum(process.cpu_times()[:2])


def run(folder: Path, file: Path, way: str, environment: dict[str, str], threads: int = 0) -> dict[str, Any]:
    """Take the file in within a fresh process."""
    room = folder / way.replace(" ", "-")
    command = [sys.executable, __file__, "--child", str(room), str(file), way, str(threads)]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    shutil.rmtree(room, ignore_errors=True)
    if done.returncode:
        raise SystemExit(f"{way}: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Compare the ways."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--threads", type=int, nargs="*", default=[2])
    parser.add_argument("--workers", type=int, nargs="*", default=[])
    parser.add_argument("--child", nargs=4)
    given = parser.parse_args()
    if given.child:
        room, file, way, threads = given.child
        print(json.dumps(taken_in(Path(room), Path(file), way, int(threads))))
        return
    with tempfile.TemporaryDirectory() as made:
        file = Path(made) / "rows.jsonl"
        written(file, given.records)
        print(f"{given.records:,} records, {file.stat().st_size / 2**20:,.0f} MiB; {machine()}")
        found = [run(Path(made), file, way, {}) for way in ("one process", "side by side")]
        found += [run(Path(made), file, f"Daft, {n} threads", {}, n) for n in given.threads]
        for nodes in given.workers:
            with cluster(nodes) as address:
                found.append(run(Path(made), file, f"Ray, {nodes} workers", {"RAY_ADDRESS": address}))
    assert all(one["objects"] == found[0]["objects"] for one in found), "the ways kept other objects"
    print(table([HEAD, *(_line(one, given.records) for one in found)]))


def _line(one: dict[str, Any], records: int) -> list[str]:
    here, reader = (f"{one[name] / 2**20:,.0f}" for name in ("here", "reader"))
    return [one["way"], f"{one['s']:.1f}", f"{one['cpu']:.1f}", f"{records / one['s']:,.0f}", here, reader]


if __name__ == "__main__":
    main()
