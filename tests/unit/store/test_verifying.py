"""Whatever is changed behind the workbench's back is named by verify, and verify itself never falls over."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.corpora import CORPUS, cut, deliver, facts, ids, quick_folder, scratch, write
from workbench.errors import CorruptionError, OutsideError, WorkbenchError
from workbench.services.intake.ingest import Order, ingest
from workbench.services.records.editing import edit
from workbench.services.verify import verify
from workbench.store.catalogue import Catalogue
from workbench.store.store import Store
from workbench.store.versions import versions
from workbench.workspace import Workspace

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace with a delivery, a quarantined unit, edits and two versions, to be copied."""
    with scratch() as store:
        path = write(store, facts(*range(8)))
        path.write_bytes(path.read_bytes() + b'{"question": "torn\n')
        ingest(store, Order("facts", (path,), schema="qa"))
        for number in range(2):
            edit(store, "facts", ids(store)[number], {"answer": "x"})
            cut(store)
        return Path(shutil.copytree(store.workspace.root, tmp_path_factory.mktemp("template") / "w"))


@pytest.fixture
def filled(template: Path) -> Iterator[Store]:
    with TemporaryDirectory(dir=quick_folder()) as folder:
        with Store(Workspace(Path(shutil.copytree(template, Path(folder) / "w")))) as store:
            assert verify(store) == []
            yield store


def tampered(store, *statements: str) -> list[str]:
    """Change the log as somebody with an editor could, and return what verify says."""
    with sqlite3.connect(store.workspace.catalogue) as db:
        db.execute("DROP TRIGGER log_is_never_updated")
        db.execute("DROP TRIGGER log_is_never_deleted")
        for statement in statements:
            db.execute(statement)
    db.close()
    return verify(store)


@pytest.mark.parametrize("statement", ["UPDATE log SET who = 'x'", "DELETE FROM log", "DELETE FROM log WHERE seq = 1"])
def test_the_log_refuses_changes(filled, statement):
    with sqlite3.connect(filled.workspace.catalogue) as db, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        db.execute(statement)
    db.close()
    assert verify(filled) == []


def test_replacing_a_row_is_no_way_around_the_triggers(filled):
    with sqlite3.connect(filled.workspace.catalogue) as db:
        try:
            db.execute(
                "INSERT OR REPLACE INTO log "
                "SELECT seq, at, 'x', kind, corpus, subject, body, body_digest, chain FROM log"
            )
        except sqlite3.IntegrityError:
            return
    db.close()
    assert verify(filled) != []


@pytest.mark.parametrize("column", ["at", "who", "kind", "corpus", "subject", "body", "body_digest", "chain"])
def test_a_changed_cell_is_named_by_its_row(filled, column):
    assert any(
        "log row 2" in fault for fault in tampered(filled, f"UPDATE log SET {column} = {column} || 'x' WHERE seq = 2")
    )


@pytest.mark.parametrize("seq", [1, 2, 3])
def test_a_deleted_row_is_named(filled, seq):
    assert any(f"log row {seq}" in fault for fault in tampered(filled, f"DELETE FROM log WHERE seq = {seq}"))


def test_a_log_whose_end_was_cut_off_is_named(filled):
    last = filled.catalogue.rows()[-1].seq
    found = tampered(filled, f"DELETE FROM log WHERE seq >= {last - 1}")
    assert any(f"log row {last - 1}" in fault for fault in found)


def test_an_inserted_row_is_named(filled):
    found = tampered(
        filled,
        "INSERT INTO log SELECT 99, at, who, kind, corpus, subject, body, body_digest, chain FROM log WHERE seq = 1",
    )
    assert found != []


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    _replace(path, bytes(data))


def _replace(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


DAMAGES = {
    "flipped": _flip,
    "cut": lambda path: _replace(path, path.read_bytes()[: path.stat().st_size // 2]),
    "emptied": lambda path: _replace(path, b""),
    "swapped": lambda path: _replace(path, b"PAR1 not really PAR1"),
    "missing": lambda path: path.unlink(),
}


@pytest.mark.parametrize("damage", sorted(DAMAGES))
def test_every_damaged_object_is_named_and_nothing_falls_over(filled, damage):
    for path in sorted(filled.workspace.objects.iterdir()):
        whole = path.read_bytes()
        DAMAGES[damage](path)
        found = verify(filled)
        assert any(path.name in fault for fault in found), path.name
        if path.exists():
            path.unlink()
        path.write_bytes(whole)
    assert verify(filled) == []


def test_random_bytes_in_a_segment_never_crash_a_reader(filled):
    name = filled.catalogue.rows(kinds=("delivery",))[0].body["segments"][0]
    path = filled.objects.path(name)
    whole, draw = path.read_bytes(), random.Random(0)
    for _ in range(40):
        data = bytearray(whole)
        for _ in range(draw.randrange(1, 4)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        _replace(path, bytes(data))
        if bytes(data) != whole:
            assert any(name in fault for fault in verify(filled))


def test_an_edited_assignment_is_named_even_under_a_name_of_its_own(filled):
    version = versions(filled.catalogue, "facts")[-1]
    table = filled.objects.table(version.assignment)
    forged = filled.objects.put_table(table.with_columns(split=table["split"].reverse()))
    body = f"replace(body, '{version.assignment}', '{forged}')"
    assert tampered(filled, f"UPDATE log SET body = {body} WHERE kind = 'version'") != []


def test_a_missing_object_is_one_clear_error_for_a_command(filled):
    name = filled.catalogue.rows(kinds=("delivery",))[0].body["segments"][0]
    filled.objects.path(name).unlink()
    with pytest.raises(CorruptionError, match=name):
        _ = filled.state(filled.corpus("facts")).records


@pytest.mark.parametrize(
    "content", [b"no database at all, but long enough" * 40, b"SQLite format 3\x00" + b"\xff" * 4096]
)
def test_a_file_that_is_no_log_is_one_clear_error(workspace, content):
    workspace.catalogue.write_bytes(content)
    with pytest.raises(CorruptionError, match=r"store\.db"):
        Store(workspace)


def test_a_torn_log_is_one_clear_error_or_named(filled):
    path = filled.workspace.catalogue
    whole = path.read_bytes()
    filled.catalogue.close()
    for size in range(512, len(whole), 4096):
        path.write_bytes(whole[:size])
        try:
            with Store(filled.workspace) as torn:
                assert verify(torn) != []
        except WorkbenchError:
            continue
    path.write_bytes(whole)


def test_an_interrupted_transaction_leaves_nothing(store):
    deliver(store, facts(1))
    log = store.catalogue.rows()
    with pytest.raises(KeyboardInterrupt), store.catalogue.transaction() as append:
        append(("edit", "facts", "r", {"field": "x"}))
        raise KeyboardInterrupt
    assert store.catalogue.rows() == log
    assert verify(store) == []


def test_a_user_without_a_name_can_write_the_log(store, monkeypatch):
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", _nobody)
    assert deliver(store, facts(1)).kept == 1


def _nobody(uid: int) -> None:
    raise KeyError(f"getpwuid(): uid not found: {uid}")


def test_a_busy_log_is_one_clear_error(filled, monkeypatch):
    monkeypatch.setattr("workbench.store.catalogue.BUSY_SECONDS", 0)
    other = Catalogue(filled.workspace.catalogue)
    with filled.catalogue.transaction(), pytest.raises(OutsideError, match="busy"):
        other.append(("edit", "facts", "r", {}))
    other.close()


WRITER = """
import sys
from pathlib import Path
from tests.corpora import ids
from workbench.services.records.editing import edit
from workbench.store.store import Store
from workbench.workspace import Workspace
with Store(Workspace(Path(sys.argv[1]))) as store:
    records = ids(store)
    sys.stdin.readline()
    for number in range(int(sys.argv[3])):
        edit(store, "facts", records[number % len(records)], {"answer": f"{sys.argv[2]} {number}"})
"""


def test_two_processes_at_once_lose_nothing():
    with scratch() as store:
        deliver(store, facts(*range(5)))
        command = [sys.executable, "-c", WRITER, str(store.workspace.root)]
        env = {**os.environ, "POLARS_MAX_THREADS": "1"}
        writers = [
            subprocess.Popen([*command, name, "25"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, env=env)
            for name in ("one", "two")
        ]
        said = [writer.communicate(b"go\n")[1].decode() for writer in writers]
        assert [writer.returncode for writer in writers] == [0, 0], said
        values = [row.body["value"] for row in store.catalogue.rows(kinds=("edit",))]
        for name in ("one", "two"):
            assert [value for value in values if value.startswith(name)] == [f"{name} {i}" for i in range(25)]
        assert store.state(store.corpus("facts")).replayed.conflicts == ()
        assert verify(store) == []


def forged(store: Store, kind: str, **changes: object) -> list[str]:
    """Append the newest row of a kind again, its chain whole but its body changed, and return what verify says."""
    body = store.catalogue.rows(CORPUS, kinds=(kind,))[-1].body | changes
    subject = store.catalogue.rows(CORPUS, kinds=(kind,))[-1].subject
    store.catalogue.append((kind, CORPUS, subject, body))
    return verify(store)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"read": 99}, "read is not kept + merged + quarantined"),
        ({"read": 19, "kept": 18}, "other numbers of rows"),
        ({"read": 9, "merged": 0, "kept": 9, "quarantined": 0, "rejects": None}, "other numbers of rows"),
    ],
)
def test_a_delivery_that_does_not_add_up_is_named(filled, changes, said):
    assert any(said in fault and "delivery of" in fault for fault in forged(filled, "delivery", **changes))


def test_a_delivery_whose_objects_are_whole_but_no_tables_is_named(filled):
    schema = versions(filled.catalogue, CORPUS)[-1].schema_object
    assert any("delivery of" in fault and schema in fault for fault in forged(filled, "delivery", members=schema))


def test_a_version_with_another_assignment_is_named(filled):
    table = filled.objects.table(versions(filled.catalogue, CORPUS)[-1].assignment)
    other = filled.objects.put_table(table.with_columns(split=table["split"].reverse()))
    assert any("is not what its id says" in fault for fault in forged(filled, "version", assignment=other))


def test_a_version_whose_assignment_is_no_table_is_named(filled):
    schema = versions(filled.catalogue, CORPUS)[-1].schema_object
    assert any("version v" in fault and schema in fault for fault in forged(filled, "version", assignment=schema))
