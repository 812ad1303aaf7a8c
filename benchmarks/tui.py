"""The table of records beside Textual's DataTable and textual-fastdatatable: first paint, page-down, memory.

Run: .venv/bin/python benchmarks/tui.py --rows 1000 100000 --python PEERS/bin/python
Every figure comes from a fresh process in a terminal of its own, 160 columns by 50 lines, which draws for real. The
clock starts when the libraries are loaded and the screen is there, before any data is opened.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import os
import pty
import select
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from measuring import machine, table
from textual.app import App

CORPUS = "questions"
PAGES = 20
SPACING = 0.15
"""Seconds between two pages: enough for all that a page makes anybody do."""
PATIENCE = 1800.0
SHOWN = ("question", "answer", "lang", "source", "id")
LOOKS = "searches"
INGESTED = 1_000_000
"""Rows up to which a corpus is ingested; a larger one holds this one several times."""
OURS, DATA_TABLE, FAST = "workbench", "textual DataTable", "textual-fastdatatable"


class Figures(NamedTuple):
    """What one process was seen to need: seconds, and MiB of memory."""

    paint: float
    paint_cpu: float
    page_cpu: float
    held: float
    """Resident memory without the pages of mapped data files, which the system takes back whenever it wants."""
    resident: float


# -- the measured process ---------------------------------------------------------------------------------------------


def memory() -> tuple[float, float]:
    """Return resident MiB without pages of mapped data files, and with them."""
    mapped = is_data = 0
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines():
        if "-" in line.split(" ", 1)[0]:
            is_data = line.endswith((".arrow", ".npy"))
        elif is_data and line.startswith("Rss:"):
            mapped += int(line.split()[1])
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    whole = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    return (whole - mapped) / 1024, whole / 1024


class Stopwatch:
    """Drives an application that draws in this very process, and notes what that costs."""

    def __init__(self, app: App[Any], note: Path) -> None:
        """Write the figures to a file in the end."""
        self.app, self.note = app, note

    async def drawn(self) -> None:
        """Wait until everything asked for was drawn."""
        done = asyncio.Event()
        self.app.call_after_refresh(done.set)
        await done.wait()

    async def run(self, show: Any, is_shown: Any) -> None:  # noqa: ANN401 - two functions
        """Show the data, turn pages, and write down what was needed."""
        begin, cpu = time.perf_counter(), time.process_time()
        await show()
        while not is_shown():
            await asyncio.sleep(0.002)
        await self.drawn()
        paint, paint_cpu = time.perf_counter() - begin, time.process_time() - cpu
        await asyncio.sleep(5)
        idle = await self._turned("f12")
        pages = await self._turned("pagedown")
        self.note.write_text(json.dumps([paint, paint_cpu, max(pages - idle, 0), *memory()]))
        self.app.exit()

    async def _turned(self, key: str) -> float:
        before = time.process_time()
        for _ in range(PAGES):
            self.app.simulate_key(key)
            await asyncio.sleep(SPACING)
        return (time.process_time() - before) / PAGES


async def looks(screen: Any, note: Path) -> None:  # noqa: ANN401 - our screen, which the peers' environment lacks
    """Search, filter and sort on our screen, and write down the seconds from the key to the last line drawn."""
    from workbench.services.looking.lens import Sorting

    await asyncio.sleep(5)
    word = screen.contents.opened.delivered["question"][len(screen.found.selection) // 2].split()[3]
    asked = {
        "first hits of a search": {"text": word},
        "filter over two fields": {"text": "", "where": "lang = 'en' AND LENGTH(answer) > 120"},
        "sort by a text": {"where": "", "sorting": Sorting("question")},
        "sort by another text": {"sorting": Sorting("answer")},
    }
    found = {}
    for name, lens in asked.items():
        begin, cpu = time.perf_counter(), time.process_time()
        screen.look_at(**lens)
        while screen.shown != screen.lens:
            await asyncio.sleep(0.001)
        await Stopwatch(screen.app, note).drawn()
        found[name] = (time.perf_counter() - begin, time.process_time() - cpu)
        while not screen.found.is_whole:
            await asyncio.sleep(0.001)
        if not name.startswith("first"):
            continue
        found["search to the end"] = (time.perf_counter() - begin, time.process_time() - cpu)
    note.write_text(json.dumps([found, *memory()]))
    screen.app.exit()


def measure_ours(folder: Path, note: Path, *, looking: bool) -> None:
    """Open a corpus in the workbench's own screen, and turn pages there or look for something."""
    import workbench.services.looking.detail
    import workbench.services.looking.finding
    import workbench.services.looking.preparing  # noqa: F401 - loaded before the clock starts, like the peers' libraries
    from workbench.services.apart import Apart
    from workbench.tui.app import WorkbenchApp
    from workbench.tui.desk import Desk
    from workbench.tui.screens.base import WorkScreen
    from workbench.tui.screens.records import RecordsScreen
    from workbench.workspace import Workspace

    class Start(WorkScreen):
        def compose_body(self) -> Any:  # noqa: ANN401 - nothing at all
            yield from ()

        def on_mount(self) -> None:
            self.run_worker(self._go())

        async def _go(self) -> None:
            await asyncio.sleep(1)
            screen = RecordsScreen(self.desk, CORPUS)

            async def show() -> None:
                await self.app.push_screen(screen)

            if looking:
                await show()
                await looks(screen, note)
            else:
                await Stopwatch(self.app, note).run(show, lambda: screen.table.source.n_rows > 0)

    class OurApp(WorkbenchApp):
        def get_default_screen(self) -> Any:  # noqa: ANN401 - a screen
            return Start(self.desk)

    apart = Apart()
    OurApp(Desk(Workspace(folder / "w"), apart=apart)).run()
    apart.close()


def measure_peer(kind: str, folder: Path, note: Path) -> None:
    """Show the same rows in another table."""
    import pyarrow.parquet as pq
    from textual.widgets import DataTable

    rows_file = folder / "rows.parquet"

    class PeerApp(App[None]):
        def on_mount(self) -> None:
            self.run_worker(self._go())

        async def _go(self) -> None:
            await asyncio.sleep(1)
            await Stopwatch(self, note).run(self._show, self._is_shown)

        async def _show(self) -> None:
            if kind == FAST:
                from textual_fastdatatable import DataTable as FastTable
                from textual_fastdatatable.backend import ArrowBackend

                peer = FastTable(backend=ArrowBackend.from_parquet(rows_file), cursor_type="row")
            else:
                rows = pq.read_table(rows_file).to_pydict()
                peer = DataTable(cursor_type="row")
                peer.add_columns(*rows)
                peer.add_rows(zip(*rows.values(), strict=True))
            await self.mount(peer)
            peer.focus()

        def _is_shown(self) -> bool:
            # Textual's table measures all new rows when it is idle: before that, none of them is on the screen.
            return self.query("DataTable").first().virtual_size.height >= pq.read_metadata(rows_file).num_rows

    PeerApp().run()


# -- the process that measures -----


def figures(kind: str, folder: Path, python: str) -> Figures | str:
    """Run one kind in a fresh process in a terminal of its own; or return why there are no figures."""
    with tempfile.TemporaryDirectory() as scratch:
        note = Path(scratch) / "figures.json"
        primary, secondary = pty.openpty()
        fcntl.ioctl(secondary, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))
        environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        environment |= {"TERM": "xterm-256color", "TEXTUAL_ANIMATIONS": "none"}
        command = [python, __file__, "--child", kind, str(folder), str(note)]
        child = subprocess.Popen(command, stdin=secondary, stdout=secondary, stderr=secondary, env=environment)
        os.close(secondary)
        written = _drained(child, primary)
        os.close(primary)
        if not note.is_file():
            return written[-300:].decode("utf-8", "replace")
        return written_down(json.loads(note.read_text()))


def written_down(found: list[Any]) -> Figures | str:
    """Return the figures of a process; what was looked for is a text of its own."""
    if not isinstance(found[0], dict):
        return Figures(*found)
    lines = [["", "wall ms", "CPU ms"]]
    lines += [[name, f"{wall * 1000:.0f}", f"{cpu * 1000:.0f}"] for name, (wall, cpu) in found[0].items()]
    return f"{table(lines)}\nmemory {found[1]:.0f} MiB, with mapped pages {found[2]:.0f} MiB"


def _drained(child: subprocess.Popen[bytes], primary: int) -> bytes:
    """Read what a terminal would show until the process ends; return the end of it."""
    deadline, written = time.monotonic() + PATIENCE, b""
    while child.poll() is None and time.monotonic() < deadline:
        if select.select([primary], [], [], 0.2)[0]:
            try:
                written = (written + os.read(primary, 65536))[-4000:]
            except OSError:
                break
    child.kill()
    child.wait()
    return written


def prepare(folder: Path, rows: int) -> None:
    """Make a workspace with a corpus of some rows, looked at once, and the same rows as Parquet for the peers."""
    if rows > INGESTED:
        prepare(folder.parent / str(INGESTED), INGESTED)
        repeat(folder.parent / str(INGESTED), folder, rows)
        return
    import polars as pl
    from documents import write_questions

    from workbench.services.intake.ingest import Order, ingest
    from workbench.store.store import Store
    from workbench.workspace import Workspace

    if (folder / "rows.parquet").is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "questions.jsonl"
    write_questions(source, rows)
    with Store(Workspace.create(folder / "w", with_samples=False)) as store:
        ingest(store, Order(CORPUS, (source,), schema="qa"))
        store.desk(store.corpus(CORPUS)).view.frame.select(SHOWN).write_parquet(
            folder / "rows.parquet", row_group_size=5000
        )
    assert pl.scan_parquet(folder / "rows.parquet").select(pl.len()).collect().item() == rows


def repeat(small: Path, folder: Path, rows: int) -> None:
    """Make a workspace whose view holds the records of a smaller one several times, each time under other ids.

    A screen reads the view alone, so that this costs what as many ingested records would, but not the time of an
    ingest. What is not in the view, such as the raw bytes of a record, is there for the first ones only.
    """
    import numpy as np
    import polars as pl

    if (folder / "rows.parquet").is_file():
        return
    shutil.copytree(small / "w", folder / "w", ignore=shutil.ignore_patterns("objects"), dirs_exist_ok=True)
    (folder / "w/.workbench/objects").symlink_to(small / "w/.workbench/objects")
    view = next((folder / "w/.workbench/cache").glob("view-*.arrow"))
    stamp = view.stat().st_mtime_ns
    view.unlink()
    once = pl.scan_ipc(next((small / "w/.workbench/cache").glob("view-*.arrow")))
    ids = (pl.concat_str(pl.lit(f"{copy:02x}"), pl.col("id").str.slice(2)).alias("id") for copy in range(256))
    whole = pl.concat([once.with_columns(other) for other in islice(ids, rows // INGESTED)])
    whole.sink_ipc(view, compression="uncompressed")
    order = view.with_suffix(".npy")
    np.save(order, pl.scan_ipc(view).select("id").collect()["id"].arg_sort().to_numpy().astype(np.int64))
    for path in (view, order):
        os.utime(path, ns=(stamp, stamp))
    whole.select(SHOWN).sink_parquet(folder / "rows.parquet", row_group_size=5000)


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 100_000])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--kinds", nargs="+", default=[OURS, DATA_TABLE, FAST])
    parser.add_argument("--python", default=sys.executable, help="interpreter of the peers' environment")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "workbench-tui")
    parser.add_argument("--searches", action="store_true", help="measure search, filter and sort instead")
    asked = parser.parse_args()
    if asked.searches:
        for rows in asked.rows:
            prepare(asked.folder / str(rows), rows)
            print(
                f"{machine()}; {rows:,} rows, one process\n{figures(LOOKS, asked.folder / str(rows), sys.executable)}"
            )
        return
    print(f"{machine()}; fresh processes, medians of {asked.runs}")
    lines = [["rows, table", "first paint s", "CPU s", "page-down CPU ms", "memory MiB", "with mapped pages"]]
    for rows in asked.rows:
        prepare(asked.folder / str(rows), rows)
        for kind in asked.kinds:
            lines.append([f"{rows:,} {kind}", *_measured(kind, asked.folder / str(rows), asked)])
            print(lines[-1], file=sys.stderr)
    print(table(lines))


def _measured(kind: str, folder: Path, asked: argparse.Namespace) -> list[str]:
    python = sys.executable if kind == OURS else asked.python
    runs = [figures(kind, folder, python) for _ in range(asked.runs)]
    whole = [run for run in runs if isinstance(run, Figures)]
    if len(whole) < len(runs):
        return [str(next(run for run in runs if isinstance(run, str))), "", "", "", ""]
    paint, cpu, page, held, resident = (statistics.median(column) for column in zip(*whole, strict=True))
    return [f"{paint:.3f}", f"{cpu:.3f}", f"{page * 1000:.1f}", f"{held:.0f}", f"{resident:.0f}"]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        kind, folder, note = sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])
        if kind in (OURS, LOOKS):
            measure_ours(folder, note, looking=kind == LOOKS)
        else:
            measure_peer(kind, folder, note)
    else:
        main()
