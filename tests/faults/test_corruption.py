"""Damage to any one file is named where the file is truth, mended where it is a cache, and spoils nothing beside it."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.cli import workbench
from tests.corpora import CORPUS, cut, fact, facts, ids, near, quick_folder, rows_of, scratch, state, write
from workbench.errors import ExitCode, WorkbenchError
from workbench.services.checking.check import check
from workbench.services.checking.curate import curate
from workbench.services.intake.ingest import Order, ingest
from workbench.services.publishing.export import export
from workbench.services.records.editing import drop, edit, show_record
from workbench.services.records.undo import undo
from workbench.services.verify import verify
from workbench.services.versions.build import build, save
from workbench.services.versions.refs import label
from workbench.store.store import Store
from workbench.store.versions import versions
from workbench.workspace import Workspace

OTHER = "beside"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace with every kind of file: a delivery with rejects, edits, two versions, saved files, caches."""
    with scratch() as store:
        path = write(store, [*facts(*range(12)), near(fact(3), "again")], "w/rows.jsonl")
        path.write_bytes(path.read_bytes() + b'{"question": "torn\n')
        ingest(store, Order(CORPUS, (path,), schema="qa", settings={"name": "rows"}))
        beside = write(store, facts(*range(50, 56)), "w/beside.jsonl")
        ingest(store, Order(OTHER, (beside,), schema="qa"))
        for number in range(2):
            edit(store, CORPUS, ids(store)[number], {"answer": f"said {number}"})
            cut(store)
        label(store, store.version(CORPUS), tag="good", note="the second one")
        save(store, CORPUS)
        check(store, OTHER)
        show_record(store, CORPUS, ids(store)[0])
        return Path(shutil.copytree(store.workspace.root, tmp_path_factory.mktemp("corruption") / "w"))


@contextmanager
def copied(template: Path) -> Iterator[Workspace]:
    with TemporaryDirectory(dir=quick_folder()) as folder:
        yield Workspace(Path(shutil.copytree(template, Path(folder) / "w")))


@pytest.fixture
def workspace(template: Path) -> Iterator[Workspace]:
    with copied(template) as made:
        yield made


def one(folder: Path, pattern: str) -> Path:
    return min(folder.glob(pattern))


def named(key: str) -> Callable[[Workspace], Path]:
    """Return where the object lies that a log row names under a key."""

    def place(workspace: Workspace) -> Path:
        with Store(workspace) as store:
            kind = "version" if key in ("assignment", "schema_object", "difference") else "delivery"
            name = store.catalogue.rows(CORPUS, kinds=(kind,))[-1].body[key]
            name = name[0] if isinstance(name, list) else name
            return store.objects.path(f"{name}.raw" if key == "raw" else name)

    return place


OBJECTS = {
    key: named(key) for key in ("segments", "members", "rejects", "raw", "assignment", "schema_object", "difference")
}
CACHES = {
    "view": lambda workspace: one(workspace.cache, f"view-{CORPUS}-*.arrow"),
    "order of a view": lambda workspace: one(workspace.cache, f"view-{CORPUS}-*.npy"),
    "issues": lambda workspace: one(workspace.cache, "issues-*.parquet"),
    "pairs": lambda workspace: one(workspace.cache, "near-*/known.npz"),
    "keys": lambda workspace: one(workspace.cache, "near-*/keys-*.npy"),
}
SAVED = ("corpus.yaml", "log.jsonl", "assignment.csv", "versions.jsonl", "tested.csv", "refs.jsonl")


def replaced(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    replaced(path, bytes(data))


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Callable[[Path], Any]] = {
    "flipped": flipped,
    "cut": lambda path: replaced(path, path.read_bytes()[: path.stat().st_size // 2]),
    "emptied": lambda path: replaced(path, b""),
    "removed": lambda path: path.unlink(),
    "grown": lambda path: replaced(path, path.read_bytes() + b"\x00garbage"),
    "a folder": a_folder,
}


def attempts(store: Store, corpus: str) -> Iterator[Callable[[], Any]]:
    """Yield everything that a person may try on a corpus."""
    yield lambda: check(store, corpus)
    yield lambda: curate(store, corpus)
    yield lambda: show_record(store, corpus, store.desk(store.corpus(corpus)).view.frame["id"][0])
    yield lambda: edit(store, corpus, store.state(store.corpus(corpus)).records["id"][0], {"answer": "tried"})
    yield lambda: drop(store, corpus, [store.state(store.corpus(corpus)).records["id"][-1]])
    yield lambda: undo(store, corpus)
    yield lambda: build(store, corpus)
    yield lambda: save(store, corpus)
    yield lambda: export(store, corpus, "latest")


def ends_in_words(store: Store, corpus: str) -> None:
    """Try everything on a corpus that may be damaged: each works, or ends with one WorkbenchError."""
    for attempt in attempts(store, corpus):
        try:
            attempt()
        except WorkbenchError as error:
            assert error.what, attempt


def works(store: Store, corpus: str) -> None:
    for attempt in attempts(store, corpus):
        if corpus != OTHER or store.catalogue.rows(corpus, kinds=("version",)):
            attempt()


@pytest.mark.parametrize("kind", sorted(OBJECTS))
def test_objects_that_were_swapped_are_both_named_and_the_corpus_beside_them_works(workspace, kind):
    path = OBJECTS[kind](workspace)
    beside = {named(key)(workspace) for key in OBJECTS}
    other = min(found for found in beside if found.suffix == path.suffix and found != path)
    one, two = path.read_bytes(), other.read_bytes()
    replaced(path, two)
    replaced(other, one)
    with Store(workspace) as store:
        found = " ".join(verify(store))
        assert path.name in found and other.name in found
        works(store, OTHER)


@pytest.mark.parametrize("damage", sorted(DAMAGES))
@pytest.mark.parametrize("kind", sorted(OBJECTS))
def test_a_damaged_object_is_named_and_the_corpus_beside_it_works(workspace, kind, damage):
    path = OBJECTS[kind](workspace)
    whole = path.read_bytes()
    DAMAGES[damage](path)
    with Store(workspace) as store:
        assert any(path.name in fault for fault in verify(store))
        ends_in_words(store, CORPUS)
        assert any(path.name in fault for fault in verify(store)) or (path.is_file() and path.read_bytes() == whole)
        works(store, OTHER)


def pages(path: Path) -> int:
    return path.stat().st_size // 4096


def overwritten(start: int, data: bytes) -> Callable[[Path], Any]:
    def damage(path: Path) -> None:
        content = bytearray(path.read_bytes())
        at = start if start >= 0 else len(content) + start
        content[at : at + len(data)] = data
        path.write_bytes(bytes(content))

    return damage


def changed_row(*statements: str) -> Callable[[Path], Any]:
    def damage(path: Path) -> None:
        with sqlite3.connect(path) as db:
            for trigger in ("log_is_never_updated", "log_is_never_deleted"):
                db.execute(f"DROP TRIGGER {trigger}")
            for statement in statements:
                db.execute(statement)
        db.close()

    return damage


LOGS: dict[str, Callable[[Path], Any]] = {
    "header": overwritten(0, b"\x00" * 16),
    "page size": overwritten(16, b"\x00\x03"),
    "first page": overwritten(100, b"\xff" * 300),
    "middle page": lambda path: overwritten(4096 * (pages(path) // 2), b"\xff" * 4096)(path),
    "zeroed page": lambda path: overwritten(4096 * (pages(path) // 2), b"\x00" * 4096)(path),
    "last page": overwritten(-4096, b"\xff" * 4096),
    "cut in a page": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3]),
    "cut between pages": lambda path: path.write_bytes(path.read_bytes()[: 4096 * (pages(path) // 2)]),
    "garbage": lambda path: path.write_bytes(random.Random(0).randbytes(8192)),
    "chain": changed_row("UPDATE log SET chain = substr(chain, 2) || 'f' WHERE seq = 3"),
    "body": changed_row("UPDATE log SET body = replace(body, 'said 0', 'said 9')"),
    "text that is no UTF-8": changed_row("UPDATE log SET body = CAST(x'7bff7d' AS TEXT) WHERE seq = 3"),
    "text that is no JSON": changed_row("UPDATE log SET body = '{' WHERE seq = 3"),
    "row": changed_row("DELETE FROM log WHERE seq = 3"),
    "last row": changed_row("DELETE FROM log WHERE seq = (SELECT max(seq) FROM log)"),
    "folder": a_folder,
}


def faults_of(workspace: Workspace) -> list[str]:
    """Return what verify finds, or the sentence with which the log cannot even be opened."""
    try:
        with Store(workspace) as store:
            return verify(store)
    except WorkbenchError as error:
        return [error.what]


@pytest.mark.parametrize("damage", sorted(LOGS))
def test_a_damaged_log_is_named_and_every_command_ends_in_words(workspace, damage):
    LOGS[damage](workspace.catalogue)
    assert faults_of(workspace) != []
    try:
        with Store(workspace) as store:
            ends_in_words(store, CORPUS)
    except WorkbenchError as error:
        assert "store.db" in error.what
    assert faults_of(workspace) != []


@pytest.mark.parametrize("damage", ["header", "body"])
def test_the_command_says_what_is_damaged_and_ends_with_one(workspace, damage):
    LOGS[damage](workspace.catalogue)
    said = workbench("verify", cwd=workspace.root)
    assert said.code == ExitCode.DATA, said
    assert "log" in said.out + said.talk
    assert "Traceback" not in said.talk


@pytest.mark.parametrize("damage", ["cut", "emptied", "flipped", "grown", "removed"])
@pytest.mark.parametrize("kind", sorted(CACHES))
def test_a_damaged_cache_is_made_again_and_changes_no_answer(workspace, kind, damage):
    with Store(workspace) as store:
        records, found = state(store).records, check(store, CORPUS)[1]
        pairs, shown = curate(store, CORPUS).pairs, store.desk(store.corpus(CORPUS)).view.frame
    DAMAGES[damage](CACHES[kind](workspace))
    with Store(workspace) as store:
        for _ in range(2):
            assert state(store).records.equals(records)
            assert check(store, CORPUS)[1].equals(found)
            assert curate(store, CORPUS).pairs.near.equals(pairs.near)
            assert store.desk(store.corpus(CORPUS)).view.frame.equals(shown)
        assert verify(store) == []
        works(store, CORPUS)


def test_any_changed_byte_in_the_list_of_kept_arrays_is_found(workspace):
    with Store(workspace) as store:
        pairs = curate(store, CORPUS).pairs
        path = CACHES["pairs"](workspace)
        for place in range(-200, -1, 7):
            data = bytearray(path.read_bytes())
            data[place] ^= 0xFF
            replaced(path, bytes(data))
            assert curate(store, CORPUS).pairs.near.equals(pairs.near), place


@pytest.mark.parametrize("damage", ["cut", "emptied", "grown", "flipped", "a folder"])
@pytest.mark.parametrize("file", SAVED)
def test_a_damaged_saved_file_is_one_message_that_names_it(workspace, file, damage):
    path = workspace.corpus_folder(CORPUS) / file
    DAMAGES[damage](path)
    with Store(workspace) as store:
        assert verify(store) == []
        works(store, OTHER)
    shutil.rmtree(workspace.hidden)
    with Store(workspace) as empty:
        try:
            build(empty, CORPUS)
        except WorkbenchError as error:
            # What a cut corpus.yaml still says may name another file.
            assert file in error.what or file == "corpus.yaml"
            assert error.exit_code in (ExitCode.DATA, ExitCode.USAGE)
        assert verify(empty) == []


def damaged_at_random(workspace: Workspace, draw: random.Random) -> Path:
    """Change a few bytes, the length or the existence of one file, and return it."""
    files = [path for path in sorted(workspace.root.rglob("*")) if path.is_file() and ".workbench" in path.parts]
    files += sorted(workspace.corpus_folder(CORPUS).iterdir())
    path = draw.choice([workspace.catalogue, draw.choice(files)])
    data = bytearray(path.read_bytes())
    how = draw.randrange(5)
    if how == 0:
        data = data[: draw.randrange(len(data) + 1)]
    elif how == 1:
        data += draw.randbytes(draw.randrange(1, 600))
    for _ in range(draw.choice((1, 3, 64)) if how > 1 and data else 0):
        data[draw.randrange(len(data))] = draw.randrange(256)
    replaced(path, bytes(data))
    return path


def survives_damage(template: Path, seeds: range) -> int:
    """Damage one file a seed; return how often the store itself was hit."""
    hit = 0
    with Store(Workspace(template)) as store:
        log, content = store.catalogue.rows(), {v.id: rows_of(store, v) for v in versions(store.catalogue, CORPUS)}
    for seed in seeds:
        with copied(template) as workspace:
            path = damaged_at_random(workspace, random.Random(seed))
            found = faults_of(workspace)
            hit += bool(found)
            assert found or path.parent.name != "objects", (seed, path)
            if found and path == workspace.catalogue:
                continue  # rows that verify calls damaged can say anything; what is asked of them is tested above
            with Store(workspace) as store:
                if not found:
                    # What verify calls whole is what was written, to the last row and value.
                    assert store.catalogue.rows() == log, (seed, path)
                    assert all(rows_of(store, store.version(CORPUS, v)).equals(r) for v, r in content.items())
                ends_in_words(store, CORPUS)
                if path.parent.name == "objects":
                    works(store, OTHER)
    return hit


def test_random_damage_is_named_or_harmless(template):
    assert survives_damage(template, range(25)) > 3


@pytest.mark.slow
def test_random_damage_is_named_or_harmless_five_hundred_times(template):
    assert survives_damage(template, range(1000, 1500)) > 100
