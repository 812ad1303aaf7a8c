"""A Ray cluster on this machine, of which nothing is left, however far its start came."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil
import pytest

SHARED = 200 * 2**20
"""Bytes of shared memory that a node takes."""
_PATIENCE = 10.0
"""Seconds within which a killed process is gone."""


@contextmanager
def running(nodes: int = 2) -> Iterator[Any]:
    """Run a head that works for nobody, and so many nodes of one processor."""
    pytest.importorskip("ray", reason="the extra `scale` is not installed: pip install '.[scale]'")
    from ray.cluster_utils import Cluster

    with nothing_left(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_worker_niceness", "0")  # Ray's own 15 lets all other tests go before its workers
        head = {"num_cpus": 0, "object_store_memory": SHARED // 2, "include_dashboard": False}
        made = Cluster(initialize_head=True, head_node_args=head)
        try:
            for _ in range(nodes):
                made.add_node(num_cpus=1, object_store_memory=SHARED)
            made.wait_for_nodes()
            yield made
        finally:
            made.shutdown()


@contextmanager
def nothing_left() -> Iterator[None]:
    """Kill what was started in the block and is still there: of a node that does not come up, Ray knows nothing."""
    own = psutil.Process()
    before, started = set(own.children(recursive=True)), set[psutil.Process]()
    try:
        try:
            yield
        finally:
            started = set(own.children(recursive=True)) - before
    finally:
        for process in started:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(started, _PATIENCE)
