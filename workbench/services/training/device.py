"""What this machine trains on, read without any training library: its GPUs as the driver tells them, or its CPU."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from itertools import takewhile

import psutil

_QUERY = "index,name,utilization.gpu,memory.used,memory.total"
_PATIENCE = 3.0
"""Seconds that the driver has to answer: one that hangs must not hold the screen."""
_MIB, _GIB = 2**20, 2**30


@dataclass(frozen=True)
class Gpu:
    """One GPU: its load as a share, its memory in bytes."""

    index: int
    name: str
    load: float
    used: int
    total: int

    def __str__(self) -> str:
        """Return it in one line."""
        return f"gpu {self.index} {self.load:.0%}  {self.used / _GIB:.1f}/{self.total / _GIB:.0f} GiB  {self.name}"


def gpus() -> tuple[Gpu, ...]:
    """Return the NVIDIA GPUs in sight of a training; none where there is no driver or it does not answer."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    command = [program, f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    return in_sight(parsed(said), os.environ.get(_VISIBLE))


_VISIBLE = "CUDA_VISIBLE_DEVICES"


def in_sight(found: tuple[Gpu, ...], visible: str | None) -> tuple[Gpu, ...]:
    """Return the GPUs that CUDA_VISIBLE_DEVICES names by number, in its order; all where it names them otherwise.

    As CUDA does it, the first number that no GPU has hides those behind it.
    """
    if visible is None:
        return found
    wanted = [part.strip() for part in visible.split(",")]
    if any(part and not part.lstrip("-").isdigit() for part in wanted):
        return found
    known = {str(gpu.index): gpu for gpu in found}
    return tuple(known[part] for part in takewhile(known.__contains__, wanted))


def parsed(said: str) -> tuple[Gpu, ...]:
    """Return the GPUs of nvidia-smi's CSV; a number that the driver does not know (`[N/A]`) counts as 0."""
    rows = [[cell.strip() for cell in line.split(",")] for line in said.splitlines() if line.strip()]
    return tuple(
        Gpu(int(index), name, _number(load) / 100, int(_number(used) * _MIB), int(_number(total) * _MIB))
        for index, name, load, used, total in rows
    )


def _number(cell: str) -> float:
    return float(cell) if cell.replace(".", "", 1).isdigit() else 0.0


def in_words(found: tuple[Gpu, ...], process: psutil.Process | None = None) -> str:
    """Return the devices, and what a process holds, a line each."""
    lines = [str(gpu) for gpu in found] or [_cpu()]
    if process is not None:
        try:
            lines.append(f"the run holds {process.memory_info().rss / _GIB:.1f} GiB of memory")
        except psutil.NoSuchProcess:
            pass  # it ended just now
    return "\n".join(lines)


def _cpu() -> str:
    memory, busy = psutil.virtual_memory(), os.getloadavg()[0]
    used = memory.total - memory.available
    return f"CPU, {os.cpu_count()} cores, load {busy:.1f}  {used / _GIB:.1f}/{memory.total / _GIB:.0f} GiB"
