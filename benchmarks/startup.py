"""How long `workbench --help` takes, beside an interpreter that does nothing, and `workbench` until it has painted.

Run: .venv/bin/python benchmarks/startup.py
Each figure is a median of several fresh processes. The terminal interface opens on a workspace with the sample corpora,
in a pseudo-terminal of 120 columns by 36 lines; its clock stops when the frame has been written there, or the name of
the last corpus. The processor time of that process is told too: other work on the machine changes it less.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

from workbench.workspace import Workspace

RUNS = 9
PATIENCE = 60.0
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "workbench --help": [sys.executable, "-m", "workbench", "--help"],
    "workbench split --help": [sys.executable, "-m", "workbench", "split", "--help"],
}


def seconds(command: list[str]) -> float:
    """Return the wall time of one run."""
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def painted(workspace: Workspace, shown: str) -> tuple[float, float]:
    """Return the seconds from the start of `workbench` until a text stands in the terminal: of the clock, of a core."""
    primary, secondary = pty.openpty()
    fcntl.ioctl(secondary, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "36"}
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "workbench"],
        stdin=secondary,
        stdout=secondary,
        stderr=secondary,
        env=environment,
        cwd=workspace.root,
        start_new_session=True,
    ) as child:
        os.close(secondary)
        try:
            _read_until(primary, shown.encode())
            return time.perf_counter() - began, _processor_seconds(child.pid)
        finally:
            child.kill()
            os.close(primary)


def _processor_seconds(process: int) -> float:
    user, system = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _read_until(terminal: int, shown: bytes) -> None:
    written = b""
    while shown not in written:
        if not select.select([terminal], [], [], PATIENCE)[0]:
            raise SystemExit(f"{shown!r} never came; the end of what did: {written[-500:]!r}")
        written += os.read(terminal, 65536)


def main() -> None:
    """Print the medians and their ratio to the empty interpreter."""
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the begin")
    medians = {name: statistics.median(seconds(command) for _ in range(RUNS)) for name, command in COMMANDS.items()}
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace.create(Path(folder) / "bench")
        shown = {"workbench: frame": "> corpora", "workbench: list": workspace.corpora()[-1]}
        runs = {name: [painted(workspace, text) for _ in range(RUNS)] for name, text in shown.items()}
    floor = medians["python -c pass"]
    for name, median in medians.items():
        print(f"{name:24} {median * 1000:7.0f} ms   x{median / floor:.1f}")
    for name, found in runs.items():
        wall, processor = (statistics.median(times) for times in zip(*found, strict=True))
        print(f"{name:24} {wall * 1000:7.0f} ms   of a core {processor * 1000:.0f} ms")


if __name__ == "__main__":
    main()
