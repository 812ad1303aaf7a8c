"""How long `workbench --help` takes, beside an interpreter that does nothing: median of several runs each.

Run: .venv/bin/python benchmarks/startup.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

RUNS = 9
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


def main() -> None:
    """Print the medians and their ratio to the empty interpreter."""
    medians = {name: statistics.median(seconds(command) for _ in range(RUNS)) for name, command in COMMANDS.items()}
    floor = medians["python -c pass"]
    for name, median in medians.items():
        print(f"{name:24} {median * 1000:7.0f} ms   x{median / floor:.1f}")


if __name__ == "__main__":
    main()
