"""How long a key takes to show on the screen, in a real terminal, with nothing beside it and beside long work.

    .venv/bin/python benchmarks/latency.py --rows 1000000 --keys 150

The workbench runs in a pseudo-terminal. `j` moves the cursor to the next record; the clock stops when bytes arrive
that hold that record's word, which stands on the screen anew only because the cursor came to its row.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pty
import random
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LINES, COLUMNS = 40, 140
READ = 1_000
"""Records of the corpus that is looked at."""
BEGIN = "\x1b[24~"
"""The key F12, which begins the long work."""


def main() -> None:
    """Measure each kind of neighbour and print one line for it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the file that is ingested meanwhile")
    parser.add_argument("--keys", type=int, default=150, help="keys pressed beside each neighbour")
    parser.add_argument("--beside", nargs="*", default=["nothing", "thread", "process"])
    parser.add_argument(
        "--first", action="store_true", help="real-time priority, where others use the machine too; needs root"
    )
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.inside:
        inside(Path(said.inside), said.beside[0])
        return
    if said.first:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(5))
    with tempfile.TemporaryDirectory(prefix="workbench-latency-", ignore_cleanup_errors=True) as folder:
        workspace = Path(folder) / "bench"
        prepare(workspace, said.rows)
        load = os.getloadavg()[0]
        print(f"{said.rows:,} rows ingested meanwhile; {os.cpu_count()} processors, load {load:.1f} at the begin")
        print(
            f"{'beside':<10}{'keys':>6}{'median ms':>12}{'p95 ms':>10}{'p99 ms':>10}{'worst ms':>10}  state at the end"
        )
        for beside in said.beside:
            milliseconds, state = measured(workspace, beside, said.keys)
            print(line(beside, milliseconds, state), flush=True)


def line(beside: str, found: list[float], state: str) -> str:
    """Return one measurement as a line of the table."""
    cuts = statistics.quantiles(found, n=100)
    numbers = (statistics.median(found), cuts[94], cuts[98], max(found))
    return (
        f"{beside:<10}{len(found):>6}{numbers[0]:>12.1f}" + "".join(f"{n:>10.1f}" for n in numbers[1:]) + f"  {state}"
    )


def prepare(root: Path, rows: int) -> None:
    """Make a workspace with the corpus `small`, ingested, and `wide`, whose file waits."""
    from workbench.corpus import Corpus, Source, save_corpus
    from workbench.services.intake.ingest import Order, ingest
    from workbench.store.store import Store
    from workbench.workspace import Workspace

    workspace = Workspace.create(root, with_samples=False)
    lots = random.Random(7)
    for name, count in (("small", READ), ("wide", rows)):
        folder = workspace.corpus_folder(name)
        folder.mkdir()
        with (folder / "rows.jsonl").open("w", encoding="utf-8") as handle:
            for number in range(count):
                words = " ".join(f"w{lots.randrange(40_000)}" for _ in range(24))
                row = {"question": f"mark{number:06d}x {words}?", "answer": f"{lots.randrange(10**6)} {words[:40]}"}
                handle.write(json.dumps(row) + "\n")
        source = Source(name="rows.jsonl", path=f"corpora/{name}/rows.jsonl")
        save_corpus(Corpus(name=name, schema_name="qa", sources=(source,)), workspace.corpus_file(name))
    with Store(workspace) as store:
        ingest(store, Order("small"))


def measured(workspace: Path, beside: str, keys: int) -> tuple[list[float], str]:
    """Return the milliseconds of each key, and what the work beside it said last."""
    lots = random.Random(1)
    with terminal(workspace, beside) as screen:
        screen.until("small")
        screen.press("\r")
        screen.until(f"mark{3:06d}x")
        time.sleep(1.5)
        if beside != "nothing":
            screen.press(BEGIN)
            screen.until("job wide")
            time.sleep(2.0)
        found = []
        for row in range(1, keys + 1):
            time.sleep(lots.uniform(0.05, 0.25))
            screen.drain()
            began = time.perf_counter()
            screen.press("j")
            screen.until(f"mark{row:06d}x")
            found.append(1000 * (time.perf_counter() - began))
        return found, screen.said_of("job wide")


class Terminal:
    """The program in a terminal of its own, and what it wrote there since the last key."""

    def __init__(self, primary: int) -> None:
        """Read from one end of a pseudo-terminal."""
        self.primary = primary
        self.written = b""
        self.all = b""

    def until(self, shown: str, patience: float = 90.0) -> None:
        """Read until a text was written after the last key."""
        deadline = time.monotonic() + patience
        while shown.encode() not in self.written:
            self._read(deadline - time.monotonic(), shown)

    def _read(self, patience: float, wanted: str) -> None:
        ready, _, _ = select.select([self.primary], [], [], max(patience, 0))
        if not ready:
            raise SystemExit(f"{wanted!r} never came; the end of what did: {self.written[-1500:]!r}")
        found = os.read(self.primary, 65536)
        self.written += found
        self.all = (self.all + found)[-200_000:]

    def drain(self) -> None:
        """Read what is there."""
        while select.select([self.primary], [], [], 0)[0]:
            self._read(0, "")

    def press(self, keys: str) -> None:
        """Press keys."""
        self.written = b""
        os.write(self.primary, keys.encode())

    def said_of(self, job: str) -> str:
        """Return what stood behind a job's name last."""
        _, found, rest = self.all.rpartition(job.encode())
        return rest[:60].partition(b"\x1b")[0].decode("utf-8", "replace").strip() if found else ""


@contextmanager
def terminal(workspace: Path, beside: str) -> Iterator[Terminal]:
    """Run the application in a pseudo-terminal."""
    primary, secondary = pty.openpty()
    fcntl.ioctl(secondary, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    command = [sys.executable, __file__, "--inside", str(workspace), "--beside", beside]
    child = subprocess.Popen(
        command,
        stdin=secondary,
        stdout=secondary,
        stderr=secondary,
        env=inherited
        | {"PYTHONPATH": str(Path(__file__).parent), "TERM": "xterm-256color", "TEXTUAL_ANIMATIONS": "none"},
        start_new_session=True,
        cwd=Path(__file__).parents[1],
    )
    os.close(secondary)
    try:
        yield Terminal(primary)
    finally:
        child.kill()
        child.wait()
        os.close(primary)


def inside(workspace: Path, beside: str) -> None:
    """Run the application; F12 begins the long work."""
    from functools import partial

    import latency  # by this name the other process finds it too
    from textual.binding import Binding

    from workbench.services.apart import Apart, Here
    from workbench.tui.app import WorkbenchApp
    from workbench.tui.desk import Desk
    from workbench.workspace import Workspace

    class Measured(WorkbenchApp):
        BINDINGS = [Binding("f12", "work", "Work")]  # noqa: RUF012 - as App declares it

        def action_work(self) -> None:
            """Begin the long work."""
            work = partial(latency.taken, self.desk.workspace, beside)
            self.screen.begin("job wide", lambda report: self.desk.apart(work, report), lambda _: None, corpus="wide")

    Measured(Desk(Workspace(workspace), apart=Apart() if beside == "process" else Here())).run()


def taken(workspace, beside, report):  # noqa: ANN001, ANN201
    """Ingest the file that waits; a process of its own has no part in the priority of the one that draws."""
    if beside == "process":
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    from workbench.services.intake.ingest import Order, ingest
    from workbench.store.store import Store

    with Store(workspace) as store:
        return ingest(store, Order("wide"), report)


if __name__ == "__main__":
    main()
