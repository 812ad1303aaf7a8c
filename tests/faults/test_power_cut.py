"""The power goes while the store is written to: what was acknowledged is on the disk, and the rest is whole.

A small file system lies in a file behind a loop device. The writing process is stopped, and the file copied: the copy
holds what a disk would hold at that moment, nothing of what only the kernel's memory knew.
"""

from __future__ import annotations

import os
import random
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.corpora import CORPUS, cut, deliver, facts, ids, state
from tests.faults.writers import PATIENCE, ROOT
from workbench.services.checking.check import check
from workbench.services.records.editing import edit
from workbench.services.verify import verify
from workbench.store.store import Store
from workbench.store.versions import resolve, versions
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow
_WRITER = """
import sys
from pathlib import Path
from tests.corpora import CORPUS, cut, deliver, facts, ids
from workbench.services.records.editing import edit
from workbench.store.store import Store
from workbench.workspace import Workspace
if sys.argv[3] == "unsynced":
    import os
    from workbench.store import catalogue
    os.fsync = lambda descriptor: None
    catalogue._OPEN = catalogue._OPEN.replace("EXTRA", "OFF")
with Store(Workspace(Path(sys.argv[1]))) as store:
    print("ready", flush=True)
    records = ids(store)
    for number in range(1000):
        if sys.argv[2] == "ingest":
            deliver(store, facts(*range(20), *range(1000, 1001 + number)), file="w/more.jsonl")
            print("ingest", number, flush=True)
            continue
        record = records[number % len(records)]
        edit(store, CORPUS, record, {"answer": f"said {number}"})
        print("edit", record, number, flush=True)
        if sys.argv[2] == "split":
            print("version", cut(store).id, flush=True)
"""


def run(*command: str | Path) -> bool:
    return subprocess.run(command, check=False, capture_output=True, timeout=PATIENCE).returncode == 0


@contextmanager
def mounted(image: Path, place: Path) -> Iterator[Path]:
    """Mount a file system that lies in a file; it writes nothing on its own while it is copied."""
    place.mkdir(exist_ok=True)
    if not run("mount", "-o", "loop,commit=300", image, place):
        pytest.skip("NOT TESTED: a power cut needs root and loop devices")
    try:
        yield place
    finally:
        assert run("umount", place)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Return an ext4 file system of 64 MB that holds a workspace of 20 facts."""
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        pytest.skip("NOT TESTED: a power cut needs root and mkfs.ext4")
    path = tmp_path / "disk.img"
    with path.open("wb") as handle:
        handle.truncate(64 << 20)
    assert run("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", path)
    with mounted(path, tmp_path / "disk") as disk:
        with Store(Workspace.create(disk / "w", with_samples=False)) as store:
            deliver(store, facts(*range(20)), file="w/rows.jsonl")
            cut(store)
            check(store, CORPUS)
    return path


def power_cut(image: Path, job: str, draw: random.Random, how: str = "synced") -> list[list[str]]:
    """Let a process write, stop it at a random moment and keep the disk's copy; return what it acknowledged."""
    with mounted(image, image.parent / "disk") as disk:
        command = [sys.executable, "-c", _WRITER, str(disk / "w"), job, how]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as writer:
            assert writer.stdout is not None and writer.stderr is not None
            heard = [writer.stdout.readline() for _ in range(draw.randrange(2, 20))]
            # The moment of the cut is what is drawn.
            select.select([], [], [], draw.uniform(0, 0.1))
            writer.send_signal(signal.SIGSTOP)
            assert run("cp", "--sparse=always", image, image.with_name("cut.img"))
            writer.kill()
            said, wrong = b"".join(heard) + writer.stdout.read(), writer.stderr.read().decode()
        assert wrong == ""
    return [line.decode().split() for line in said[: said.rfind(b"\n")].split(b"\n")]


def check_kept(store: Store, said: list[list[str]]) -> None:
    assert verify(store) == []
    answers = dict(state(store).records.select("id", "answer").iter_rows())
    for words in said:
        if words[0] == "edit":
            name, _, last = answers[words[1]].partition(" ")
            assert name == "said" and int(last) >= int(words[2])
        elif words[0] == "version":
            assert resolve(store.catalogue, CORPUS, words[1]).id == words[1]
        elif words[0] == "ingest":
            assert set(facts_of(1000 + int(words[1]))) <= set(state(store).records["question"])


def facts_of(last: int) -> list[str]:
    return [fact["question"] for fact in facts(*range(20), *range(1000, last + 1))]


def check_goes_on(store: Store) -> None:
    """Torn or not, caches never break reading, and the next commands work."""
    mapped = store.desk(store.corpus(CORPUS))
    assert mapped.delivered.equals(state(store).delivered)
    check(store, CORPUS)
    assert edit(store, CORPUS, ids(store)[0], {"answer": "said 9999"}) == 1
    assert cut(store).id == versions(store.catalogue, CORPUS)[-1].id
    assert verify(store) == []


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("job", ["edit", "ingest", "split"])
def test_what_was_acknowledged_is_there_after_a_power_cut(image, job, seed):
    said = power_cut(image, job, random.Random(f"{job} {seed}"))
    assert said[0] == ["ready"]
    with mounted(image.with_name("cut.img"), image.parent / "after") as disk:
        with Store(Workspace(disk / "w")) as store:
            check_kept(store, said)
            check_goes_on(store)


def test_without_syncing_the_same_cut_loses_what_was_acknowledged(image):
    said = power_cut(image, "edit", random.Random(0), "unsynced")
    assert "edit" in {words[0] for words in said}
    with mounted(image.with_name("cut.img"), image.parent / "after") as disk:
        with Store(Workspace(disk / "w")) as store, pytest.raises(AssertionError):
            check_kept(store, said)
