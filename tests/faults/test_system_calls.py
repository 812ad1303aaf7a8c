"""Whatever call fails at whatever moment: one error for the outside world, nothing lost, and the next try works."""

from __future__ import annotations

import errno
import resource
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pytest

from tests.corpora import CORPUS, cut, deliver, fact, facts, ids, quick_folder, scratch, state, write
from tests.faults.system_calls import NEVER, Calls, counted, counted_reads, faulty_log
from workbench.errors import ExitCode, WorkbenchError
from workbench.services.intake.ingest import Order, ingest
from workbench.services.publishing.export import export
from workbench.services.records.editing import drop, edit
from workbench.services.records.fixing import fix
from workbench.services.verify import verify
from workbench.services.versions.build import build, save
from workbench.store.store import Store
from workbench.workspace import Workspace

ROWS = [*facts(*range(8)), fact(8, context=" "), fact(9, context=" ")]


def _ingest(store: Store, file: str, corpus: str) -> None:
    path = store.workspace.root / file
    ingest(store, Order(corpus, (path,), schema="qa", settings={"name": "rows"}))


OPERATIONS: dict[str, Callable[[Store], Any]] = {
    "ingest": lambda store: _ingest(store, "new.jsonl", "fresh"),
    "ingest grown": lambda store: _ingest(store, "grown.jsonl", CORPUS),
    "edit": lambda store: edit(store, CORPUS, ids(store)[0], {"answer": "another"}),
    "drop": lambda store: drop(store, CORPUS, ids(store)[:3], reason="gone"),
    "fix": lambda store: fix(store, CORPUS, "blank-field") if _blank(store) else None,
    "split": lambda store: cut(store),
    "save": lambda store: save(store, CORPUS),
    "export": lambda store: export(store, CORPUS, "latest"),
    "build": lambda store: build(store, CORPUS),
}
QUICK = ("ingest grown", "edit", "split")


def _blank(store: Store) -> bool:
    return " " in state(store).records["context"].to_list()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace with a version, a later edit and files to ingest, without caches."""
    with scratch() as store:
        # Inside of the workspace, so that its copies find them.
        write(store, [*ROWS, *facts(20, 21)], "w/grown.jsonl")
        write(store, facts(30, 31), "w/new.jsonl")
        deliver(store, ROWS, file="w/rows.jsonl")
        cut(store)
        edit(store, CORPUS, ids(store)[1], {"answer": "edited"})
        save(store, CORPUS)
        shutil.rmtree(store.workspace.cache)
        return Path(shutil.copytree(store.workspace.root, tmp_path_factory.mktemp("calls") / "w"))


@contextmanager
def copied(template: Path) -> Iterator[Workspace]:
    with TemporaryDirectory(dir=quick_folder()) as folder:
        yield Workspace(Path(shutil.copytree(template, Path(folder) / "w")))


def tried(workspace: Workspace, operation: Callable[[Store], Any], calls: Calls) -> WorkbenchError | None:
    """Open the store as a command does, run one operation under faults, and return the error it ended with."""
    with ExitStack() as faults:
        faults.enter_context(faulty_log(calls))
        faults.enter_context(counted(calls))
        try:
            with Store(workspace) as store:
                operation(store)
        except WorkbenchError as error:
            return error
    return None


def _standing(store: Store) -> dict[str, Any]:
    """Return what must not depend on whether a try failed before: records, versions, saved and exported files."""
    states = {name: store.state(store.corpus(name)).records for name in store.corpora()}
    records = {name: frame.drop("rid").sort("id").to_dicts() for name, frame in states.items()}
    held = [row.subject for row in store.catalogue.rows(CORPUS, kinds=("version",))]
    names = sorted(str(path.relative_to(store.workspace.root)) for path in store.workspace.root.glob("[ce]*/**/*"))
    return {"records": records, "versions": held, "files": names}


def after(workspace: Workspace, operation: Callable[[Store], Any]) -> dict[str, Any]:
    with Store(workspace) as store:
        assert verify(store) == []
        operation(store)
        assert verify(store) == []
        return _standing(store)


def survives_every_fault(template: Path, name: str, number: int) -> int:
    """Let each call of an operation fail in turn with an error; return how many there were."""
    with copied(template) as workspace:
        expected = after(workspace, OPERATIONS[name])
    failing = 0
    while True:
        calls = Calls(failing, number)
        with copied(template) as workspace:
            with Store(workspace) as store:
                log = store.catalogue.rows()
            error = tried(workspace, OPERATIONS[name], calls)
            if not calls.fired:
                assert error is None
                return failing
            where = f"{name}: call {failing}, {calls.made[failing]}"
            assert error is None or error.exit_code == ExitCode.OUTSIDE, (where, error)
            with Store(workspace) as store:
                assert store.catalogue.rows()[: len(log)] == log, where
            # An operation that told of no error has done its work.
            again = OPERATIONS[name] if error else (lambda store: None)
            assert after(workspace, again) == expected, where
        failing += 1


@pytest.mark.parametrize("name", QUICK)
def test_every_call_of_an_operation_may_fail(template, name):
    assert survives_every_fault(template, name, errno.ENOSPC) >= 5


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(OPERATIONS))
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EINTR], ids=errno.errorcode.__getitem__)
def test_every_call_of_every_operation_may_fail_in_every_way(template, name, number):
    assert survives_every_fault(template, name, number) >= 5


def survives_every_unread_byte(template: Path, name: str) -> int:
    """Let each read of an operation fail in turn; return how many there were."""
    with copied(template) as workspace:
        expected = after(workspace, OPERATIONS[name])
    failing = 0
    while True:
        calls = Calls(failing, errno.EIO)
        with copied(template) as workspace:
            error = None
            try:
                with counted_reads(calls), Store(workspace) as store:
                    OPERATIONS[name](store)
            except WorkbenchError as raised:
                error = raised
            if not calls.fired:
                assert error is None
                return failing
            again = OPERATIONS[name] if error else (lambda store: None)
            assert after(workspace, again) == expected, (name, calls.made[failing])
        failing += 1


@pytest.mark.parametrize("name", ["ingest grown", "edit"])
def test_every_read_of_an_operation_may_fail(template, name):
    assert survives_every_unread_byte(template, name) > 3


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_read_of_every_operation_may_fail(template, name):
    assert survives_every_unread_byte(template, name) > 3


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """Let every write behind so many bytes of a file fail, also those of SQLite and polars."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def no_page_beyond(spare: int) -> Iterator[None]:
    """Let the log be full after so many further pages."""

    class Log(sqlite3.Connection):
        def executescript(self, script: str) -> sqlite3.Cursor:
            done = super().executescript(script)
            pages = self.execute("PRAGMA page_count").fetchone()[0]
            self.execute(f"PRAGMA max_page_count = {pages + spare}").fetchone()
            return done

    plain = sqlite3.connect
    with patch.object(sqlite3, "connect", lambda *given, **named: plain(*given, factory=Log, **named)):
        yield


def fails_clean(template: Path, name: str, limit: AbstractContextManager[None]) -> WorkbenchError | None:
    """Run an operation under a limit; whatever came of it, nothing is lost and it works without the limit."""
    with copied(template) as workspace:
        with Store(workspace) as store:
            log = store.catalogue.rows()
        error = None
        try:
            with limit, Store(workspace) as store:
                OPERATIONS[name](store)
        except WorkbenchError as raised:
            error = raised
        assert error is None or error.exit_code == ExitCode.OUTSIDE, error
        with Store(workspace) as store:
            assert store.catalogue.rows()[: len(log)] == log
        after(workspace, OPERATIONS[name] if error else lambda store: None)
        return error


@pytest.mark.parametrize("name", ["ingest grown", "drop", "split"])
def test_a_limit_of_file_size_stops_sqlite_and_polars_in_one_sentence(template, name):
    log = (template / ".workbench" / "store.db").stat().st_size
    errors = [fails_clean(template, name, no_file_beyond(size)) for size in (0, 600, 4096, log - 4096, log, log + 512)]
    assert [error is None for error in errors[:3]] == [False] * 3


@pytest.mark.parametrize("name", ["drop", "split"])
def test_a_log_that_is_full_is_one_sentence(template, name):
    long = {"drop": lambda store: drop(store, CORPUS, ids(store), reason="long " * 4000)}
    with patch.dict(OPERATIONS, long):
        errors = [fails_clean(template, name, no_page_beyond(spare)) for spare in (0, 1, 2, 1000)]
    assert errors[0] is not None
    assert errors[-1] is None


def test_without_a_fault_the_calls_are_only_counted(template):
    calls = Calls(NEVER)
    with copied(template) as workspace:
        assert tried(workspace, OPERATIONS["ingest"], calls) is None
    assert {"COMMIT", "os.fsync", "os.replace", "write", "write_parquet"} <= set(calls.made)
