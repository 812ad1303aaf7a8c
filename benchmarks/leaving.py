"""What `build`, `describe` and `export` hold in memory: by this process alone, and on a local Ray cluster.

Run: .venv/bin/python benchmarks/leaving.py --records 200000 --workers 2
Each command runs in a process of its own on a copy of one workspace; both ways must end with the same result.
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
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from documents import planted, texts_of
from measuring import holding, machine, table
from scale import CORPUS, cluster, prepared, spent_by, workers_here

COMMANDS = ("build", "describe", "export parquet", "export jsonl")
HEAD = ["command", "way", "wall s", "CPU s", "MiB here", "MiB a worker"]


def done(command: str, folder: Path) -> dict[str, Any]:
    """Run one command in a workspace, and return what it took and what it made."""
    from workbench.scale.engine import started
    from workbench.services.checking.describe import describe
    from workbench.services.publishing.export import export
    from workbench.services.versions.build import build
    from workbench.store.store import Store
    from workbench.workspace import Workspace

    def tell(line: str, done: int = 0, total: int = 0) -> None:
        pass

    workspace = Workspace(folder)
    begun = time.perf_counter()
    spread = started(workspace, None, tell) if _is_spread() else nullcontext()
    with holding() as held, holding(workers_here, 0.2) as worker, Store(workspace) as store, spread as engine:
        if command == "build":
            made: Any = build(store, CORPUS, tell, engine)[1].id
        elif command == "describe":
            made = describe(store, CORPUS, engine=engine).facts()
        else:
            written = export(store, CORPUS, "latest", format=command.split()[1], engine=engine)
            made = json.loads((written.folder / "curation.json").read_text())["files"]
        wall, spent = time.perf_counter() - begun, spent_by(workers_here())  # they end with the command
    return {
        "made": made,
        "wall": wall,
        "cpu": time.process_time() + spent,
        "here": held(),
        "worker": worker(),
    }


def _is_spread() -> bool:
    return "RAY_ADDRESS" in os.environ


def measured(command: str, folder: Path, way: str, environment: dict[str, str]) -> dict[str, Any]:
    """Run one command in a fresh process on a copy of a workspace."""
    copy = folder / "copy"
    shutil.copytree(folder / ("workspace" if command == "build" else "built"), copy)
    child = [sys.executable, __file__, "--child", str(copy), "--command", command]
    ended = subprocess.run(child, env=os.environ | environment, capture_output=True, text=True, check=False)
    if command == "build" and not environment and not ended.returncode:
        copy.rename(folder / "built")
    shutil.rmtree(copy, ignore_errors=True)
    if ended.returncode:
        raise SystemExit(f"{command}, {way}: {ended.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    print({key: value for key, value in found.items() if key != "made"} | {"command": command}, file=sys.stderr)
    return found


def line(command: str, way: str, found: dict[str, Any]) -> list[str]:
    """Return one line of the table."""
    memory = [f"{found[key] / 2**20:,.0f}" if found[key] else "-" for key in ("here", "worker")]
    return [command, way, f"{found['wall']:.1f}", f"{found['cpu']:.1f}", *memory]


def main() -> None:
    """Measure every command in both ways and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=2, help="of a cluster on this machine")
    parser.add_argument("--child", type=Path, help="run one command in a workspace and print what it took")
    parser.add_argument("--command", choices=COMMANDS)
    asked = parser.parse_args()
    if asked.child:
        print(json.dumps(done(asked.command, asked.child)))
        return
    rows, differ = [HEAD], []
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        prepared(folder, texts_of(planted(asked.records)))
        shutil.rmtree(folder / "workspace" / ".workbench")
        alone = {command: measured(command, folder, "alone", {}) for command in COMMANDS}
        with cluster(asked.workers) as address:
            for command, found in alone.items():
                spread = measured(command, folder, "cluster", {"RAY_ADDRESS": address})
                rows += [line(command, "alone", found), line(command, f"Ray, {asked.workers} workers", spread)]
                differ += [command] if spread["made"] != found["made"] else []
    print(f"{asked.records:,} texts, planted; {machine()}")
    print(table(rows))
    print(f"THEY DIFFER: {differ}" if differ else "version, numbers and files: the same")


if __name__ == "__main__":
    main()
