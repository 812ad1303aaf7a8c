"""Full disks, read-only places and torn files: one WorkbenchError each, and nothing lost."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.corpora import cut, deliver, fact, facts, ids, scratch, state, words, write
from workbench.errors import OutsideError, UsageError, WorkbenchError
from workbench.services.checking.check import check
from workbench.services.checking.curate import curate
from workbench.services.intake.ingest import Order, ingest
from workbench.services.intake.quarantine import readmit
from workbench.services.publishing.export import export
from workbench.services.records.editing import drop, edit, show_record
from workbench.services.verify import verify
from workbench.services.versions.build import build, save
from workbench.store.store import Store
from workbench.workspace import Workspace


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 3 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = os.geteuid() == 0 and shutil.which("mount") is not None
    mounted = (
        mounted
        and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", place], check=False).returncode == 0
    )
    if not mounted:
        pytest.skip("NOT TESTED: a full disk needs root and mount(8)")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def fill(folder: Path) -> Path:
    """Take all free space of a disk and return the file that holds it."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as handle:
        for size in (65536, 4096, 1):
            try:
                while True:
                    handle.write(b"\xff" * size)
            except OSError:
                continue
    return ballast


COMMANDS: dict[str, Callable[[Store], Any]] = {
    "ingest": lambda store: _ingest_more(store),
    "edit": lambda store: [edit(store, "facts", record, {"answer": "long " * 9000}) for record in ids(store)],
    "drop": lambda store: drop(store, "facts", ids(store), reason="long " * 4000),
    "split": lambda store: cut(store),
    "save": lambda store: save(store, "facts"),
    "export": lambda store: export(store, "facts", "latest"),
    "build": lambda store: build(store, "facts"),
    "readmit": lambda store: readmit(store, "facts", "rows", 30, fact(77) | {"answer": words(77, 20_000)}),
}
LOOKS: dict[str, Callable[[Store], Any]] = {
    "check": lambda store: check(store, "facts")[1].to_dicts(),
    "show": lambda store: show_record(store, "facts", ids(store)[0]),
    "trace": lambda store: state(store).found(ids(store)[0][:8]),
    "desk": lambda store: store.desk(store.corpus("facts")).view.frame.to_dicts(),
}
"""What only looks, and keeps what it found for the next time."""


def _ingest_more(store: Store) -> Any:
    path = store.workspace.root.parent.parent / "more.jsonl"
    return ingest(store, Order("facts", (path,), schema="qa", settings={"name": "rows"}))


@pytest.fixture
def filled(disk: Path) -> Iterator[Store]:
    """Open a store on the small disk: 30 facts, a quarantined unit, a version; beside the disk lies a longer file."""
    with scratch() as other:
        shutil.copyfile(write(other, facts(*range(200)), "more.jsonl"), disk.parent / "more.jsonl")
    with Store(Workspace.create(disk / "w", with_samples=False)) as store:
        path = write(store, facts(*range(30)))
        path.write_bytes(path.read_bytes() + b'{"question": "torn\n')
        ingest(store, Order("facts", (path,), schema="qa", settings={"name": "rows"}))
        cut(store)
        edit(store, "facts", ids(store)[0], {"answer": "edited"})
        shutil.rmtree(store.workspace.cache)
        yield store


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_a_full_disk_is_one_error_and_loses_nothing(disk, filled, command):
    before, log = ids(filled), filled.catalogue.rows()
    ballast = fill(disk)
    for _ in range(2):
        with pytest.raises(OutsideError):
            COMMANDS[command](filled)
    assert ids(filled) == before
    assert filled.catalogue.rows()[: len(log)] == log
    ballast.unlink()
    assert verify(filled) == []
    assert list(filled.workspace.scratch.iterdir()) == []
    COMMANDS[command](filled)
    assert verify(filled) == []


@pytest.mark.parametrize("look", sorted(LOOKS))
def test_a_full_disk_keeps_nobody_from_looking(disk, filled, look):
    filled.workspace.cache.mkdir(exist_ok=True)
    ballast = fill(disk)
    found = LOOKS[look](filled)
    assert LOOKS[look](filled) == found
    assert verify(filled) == []
    ballast.unlink()
    assert LOOKS[look](filled) == found


def test_duplicates_on_a_full_disk_are_found_or_one_error(disk, filled):
    ballast = fill(disk)
    with suppress(OutsideError):
        curate(filled, "facts")
    ballast.unlink()
    assert curate(filled, "facts").judgement.removed.is_empty()
    assert verify(filled) == []


def test_a_read_only_workspace_can_be_read_and_refuses_writes_in_one_sentence(disk):
    with Store(Workspace.create(disk / "w", with_samples=False)) as store:
        deliver(store, facts(*range(5)))
        before = ids(store)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    with Store(Workspace(disk / "w")) as store:
        assert ids(store) == before
        assert check(store, "facts")[1].is_empty()
        assert verify(store) == []
        for write in (
            lambda: edit(store, "facts", before[0], {"answer": "x"}),
            lambda: cut(store),
            lambda: save(store, "facts"),
        ):
            with pytest.raises(OutsideError):
                write()
        assert ids(store) == before


def test_a_read_only_workspace_without_a_store_is_one_error(disk):
    Workspace.create(disk / "w", with_samples=False)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    with pytest.raises(OutsideError):
        Store(Workspace(disk / "w"))


@pytest.mark.parametrize("content", [b"\xff\xfe", b"- a", b"schema: [", b"schema: nothing", b"schema: qa\nsources: x"])
def test_an_unreadable_corpus_file_is_one_error_and_loses_nothing(store, content):
    deliver(store, facts(1, 2))
    path = store.workspace.corpus_file("facts")
    whole = path.read_bytes()
    path.write_bytes(content)
    for command in (
        lambda: cut(store),
        lambda: ids(store),
        lambda: build(store, "facts"),
        lambda: deliver(store, facts(3)),
    ):
        with pytest.raises(UsageError):
            command()
    assert verify(store) == []
    path.write_bytes(whole)
    assert len(ids(store)) == 2


def test_a_lost_corpus_file_is_read_from_the_log_and_comes_back_with_the_next_ingest(store):
    deliver(store, facts(1, 2))
    store.workspace.corpus_file("facts").unlink()
    assert len(ids(store)) == 2
    assert deliver(store, facts(1, 2)).merged == 2
    assert len(ids(store)) == 2


@pytest.mark.parametrize("what", ["missing.jsonl", "folder"])
def test_a_raw_file_that_is_not_there_is_one_error(store, what):
    (store.workspace.root.parent / "folder").mkdir()
    with pytest.raises(WorkbenchError):
        ingest(store, Order("facts", (store.workspace.root.parent / what,), schema="qa"))
    assert store.catalogue.rows() == []
    assert not store.workspace.corpus_file("facts").exists()


def test_a_source_that_vanished_before_build_is_one_error(store):
    deliver(store, facts(1, 2))
    (store.workspace.root.parent / "rows.jsonl").unlink()
    with pytest.raises(WorkbenchError, match=r"rows\.jsonl"):
        build(store, "facts")
    assert len(ids(store)) == 2


def test_two_looks_at_duplicates_at_once_do_not_disturb_each_other(store):
    deliver(store, facts(*range(50)))

    def look() -> None:
        with Store(store.workspace) as own:
            for number in range(5):
                for kept in store.workspace.cache.glob(f"near-*/*{number}.np?"):
                    kept.unlink(missing_ok=True)
                curate(own, "facts")

    with ThreadPoolExecutor(4) as pool:
        for one in [pool.submit(look) for _ in range(4)]:
            one.result()


def test_leftovers_of_a_killed_writer_disturb_nobody(store):
    deliver(store, facts(1))
    (store.workspace.scratch / "leftover").write_bytes(b"half")
    (store.workspace.corpus_folder("facts") / ".corpus.yaml.123").write_bytes(b"half")
    assert verify(store) == []
    assert state(store).records.height == 1
