"""What a hostile file, a hostile folder or a careless machine can do: one message each, and nothing is lost."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import socket
import stat
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.corpora import cut, deliver, fact, facts, ids, state
from workbench.errors import DataError, OutsideError, UsageError, WorkbenchError
from workbench.readers import unpacked
from workbench.services.checking.check import check
from workbench.services.checking.curate import curate
from workbench.services.intake.ingest import Order, ingest
from workbench.services.records.editing import show_record
from workbench.services.verify import verify
from workbench.store import mounts
from workbench.store.catalogue import Catalogue
from workbench.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
ROWS = "".join(json.dumps(row) + "\n" for row in facts(1, 2, 3)).encode()


def taken(store, path: Path, **settings):
    return ingest(store, Order("facts", (path,), schema="qa", settings={"name": "rows", **settings}))[0]


def refused(store, path: Path, *words: str, **settings) -> None:
    """Check that a source is refused with a message that holds these words, and that nothing came of it."""
    log = store.catalogue.rows()
    with pytest.raises(WorkbenchError) as caught:
        taken(store, path, **settings)
    said = f"{caught.value.what} / {caught.value.hint}"
    assert all(word in said for word in (path.name, *words)), said
    assert caught.value.hint
    assert store.catalogue.rows() == log and verify(store) == []


def packed(kind: str) -> bytes:
    out = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("../rows.jsonl", ROWS)
    elif kind.startswith("tar"):
        with tarfile.open(fileobj=out, mode="w", format=getattr(tarfile, kind[4:] + "_FORMAT")) as archive:
            member = tarfile.TarInfo("../rows.jsonl")
            member.size = len(ROWS)
            archive.addfile(member, io.BytesIO(ROWS))
    else:
        return {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}[kind](ROWS)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["zip", "gzip", "bzip2", "xz", "tar GNU", "tar PAX", "tar USTAR"])
@pytest.mark.parametrize("suffix", [".jsonl", ".zip"])
def test_an_archive_is_never_opened_and_the_message_says_to_unpack_it(store, tmp_path, kind, suffix):
    path = tmp_path / f"rows{suffix}"
    path.write_bytes(packed(kind))
    for settings in ({}, {"reader": "jsonl", "encoding": "utf-8"}):
        refused(store, path, kind.split()[0], "unpack it first", **settings)


def test_a_zstandard_file_is_refused(store, tmp_path):
    path = tmp_path / "rows.jsonl.zst"
    path.write_bytes(pa.compress(ROWS, codec="zstd", asbytes=True))
    refused(store, path, "zstandard", "unpack it first")


def bomb(path: Path, *, rows: int, length: int, nested: bool = False) -> Path:
    """Write a small file whose one long text stands in every row."""
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * length])).cast(pa.string())
    answers = pa.array([[{"note": text}] for text in texts.to_pylist()]) if nested else texts
    table = pa.table({"question": [f"what is {row}" for row in range(rows)], "answer": texts, "more": answers})
    pq.write_table(table, path, compression="zstd")
    return path


@pytest.mark.parametrize("nested", [False, True])
def test_a_parquet_bomb_is_refused_at_the_cap_before_it_unpacks(store, tmp_path, monkeypatch, nested):
    path = bomb(tmp_path / "bomb.parquet", rows=2000, length=10_000, nested=nested)
    assert path.stat().st_size < 100_000
    monkeypatch.setattr(unpacked, "FREE", 5_000_000)
    monkeypatch.setattr(unpacked, "RATIO", 2)
    refused(store, path, "5,000,000", "cap")


def test_a_real_bomb_of_twenty_gigabytes_costs_no_memory(tmp_path):
    path = tmp_path / "bomb.parquet"
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 2000, pa.int32()), pa.array(["x" * 10_000_000]))
    pq.write_table(pa.table({"answer": texts}), path, compression="zstd", store_schema=False)
    code = (
        "import sys; from pathlib import Path; from workbench.readers.detect import plan\n"
        "from workbench.readers.registry import read; from workbench.errors import DataError\n"
        "try: next(read(plan(Path(sys.argv[1])))); print('read')\n"
        "except DataError as error: print(error.what)\n"
        # ru_maxrss would count what the process held that this one was forked from.
        "print(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])"
    )
    said = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True, cwd=ROOT)
    message, peak = said.stdout.splitlines()
    assert "1,073,741,824" in message and int(peak) < 1_000_000


def test_a_bomb_of_nulls_and_an_arrow_bomb_are_refused_too(store, tmp_path, monkeypatch):
    monkeypatch.setattr(unpacked, "FREE", 100_000)
    monkeypatch.setattr(unpacked, "RATIO", 1)
    nulls = pa.table({"question": pa.array(["q"] * 50_000), "answer": pa.nulls(50_000, pa.string())})
    pq.write_table(nulls, tmp_path / "nulls.parquet", compression="zstd")
    refused(store, tmp_path / "nulls.parquet", "cap")
    with pa.ipc.new_file(
        tmp_path / "rows.arrow", nulls.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")
    ) as out:
        out.write_table(nulls)
    refused(store, tmp_path / "rows.arrow", "cap")


def test_a_file_of_repeated_text_below_the_cap_is_read(store, tmp_path):
    assert taken(store, bomb(tmp_path / "same.parquet", rows=300, length=2000)).read == 300


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_json_nested_a_million_deep_is_set_aside(store, tmp_path, opening):
    deep = '{"question": "q", "answer": ' + opening * 1_000_000 + "\n"
    (tmp_path / "deep.jsonl").write_bytes(ROWS + deep.encode() + ROWS)
    told = taken(store, tmp_path / "deep.jsonl")
    assert told.quarantined == 1 and told.read == 7 and told.read == told.kept + told.merged + told.quarantined


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv"])
def test_a_huge_line_is_kept_or_set_aside_and_hides_no_other(store, tmp_path, suffix):
    huge = fact(9) | {"answer": "long " * 4_000_000}
    rows = [*facts(1, 2), huge, fact(4)]
    path = tmp_path / f"huge{suffix}"
    if suffix == ".json":
        path.write_text(json.dumps(rows))
    elif suffix == ".csv":
        path.write_text("question,answer\n" + "".join(f"{row['question']},{row['answer']}\n" for row in rows))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = taken(store, path)
    assert told.read == 4 == told.kept + told.quarantined and told.quarantined <= 1


@pytest.mark.parametrize("kind", ["fifo", "socket", "device"])
def test_what_is_no_file_is_refused_and_does_not_hang(store, tmp_path, kind):
    path = tmp_path / "rows.jsonl"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(path))
    else:
        path = Path("/dev/zero")
    refused(store, path, "neither a file nor a folder")
    with pytest.raises((UsageError, OutsideError)):
        store.objects.put_file(path)
    assert list(store.workspace.scratch.iterdir()) == []


def test_a_link_that_is_given_by_hand_is_read_and_what_it_named_is_kept(store, tmp_path):
    (tmp_path / "rows.jsonl").write_bytes(ROWS)
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "rows.jsonl")
    told = taken(store, tmp_path / "link.jsonl")
    kept = store.objects.path(f"{told.digest}.raw")
    assert told.kept == 3 and not kept.is_symlink() and kept.read_bytes() == ROWS


def test_a_link_in_the_workspace_that_leads_out_of_it_is_refused_until_the_file_itself_is_named(store, tmp_path):
    folder = store.workspace.corpus_folder("facts")
    folder.mkdir(parents=True)
    (tmp_path / "private.jsonl").write_bytes(ROWS)
    (folder / "rows.jsonl").symlink_to(tmp_path / "private.jsonl")
    declared = "schema: qa\nsources:\n- name: rows.jsonl\n  path: corpora/facts/rows.jsonl\n"
    (folder / "corpus.yaml").write_text(declared)
    with pytest.raises(UsageError, match="leads out of the workspace") as caught:
        ingest(store, Order("facts"))
    assert str(tmp_path / "private.jsonl") in caught.value.hint and store.catalogue.rows() == []


def test_a_link_in_a_delivered_folder_that_leads_out_of_it_is_refused(store, tmp_path):
    folder = tmp_path / "rows"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    (folder / "state.json").write_text('{"_data_files": [{"filename": "data.arrow"}]}')
    (folder / "data.arrow").symlink_to(tmp_path / "secret")
    refused(store, folder, "leads out of it")
    assert not list(store.workspace.objects.iterdir())


def test_a_link_in_the_place_of_an_object_is_named_and_not_followed(store):
    deliver(store, facts(1, 2))
    name = state(store).deliveries["rows"].body["segments"][0]
    path = store.objects.path(name)
    elsewhere = store.workspace.root / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    assert [fault for fault in verify(store) if "a link" in fault and name in fault]
    with pytest.raises(DataError, match=name):
        ids(store)


def test_a_file_that_turns_into_a_link_while_it_is_kept_changes_nothing(store, tmp_path, monkeypatch):
    (tmp_path / "rows.jsonl").write_bytes(ROWS)
    (tmp_path / "secret").write_bytes(b"secret")
    real = os.fstat

    def swapped(descriptor):
        (tmp_path / "rows.jsonl").unlink(missing_ok=True)
        (tmp_path / "rows.jsonl").symlink_to(tmp_path / "secret")
        return real(descriptor)

    monkeypatch.setattr("workbench.store.objects.os.fstat", swapped)
    name = store.objects.put_file(tmp_path / "rows.jsonl")
    assert store.objects.path(f"{name}.raw").read_bytes() == ROWS


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_nobody_else_can_read_the_store_whatever_the_umask_is(tmp_path, mask):
    before = os.umask(mask)
    try:
        from workbench.store.store import Store

        with Store(Workspace.create(tmp_path / "w", with_samples=False)) as store:
            (tmp_path / "w" / ".workbench").chmod(0o755)
            deliver(store, [*facts(*range(12)), fact(3)])
            cut(store)
            check(store, "facts")
            curate(store, "facts")
            show_record(store, "facts", ids(store)[0])
            modes = {}
            with store.catalogue.transaction() as append:
                append(("note", "facts", "0" * 64, {"note": "x"}))
                modes |= _modes(store.workspace.hidden)
            modes |= _modes(store.workspace.hidden)
    finally:
        os.umask(before)
    assert {"store.db", "store.db-journal", "lock"} <= {path.name for path in modes}
    assert any(path.parent.name == "cache" for path in modes)
    assert {path: oct(mode) for path, mode in modes.items() if mode & 0o077} == {}


def _modes(folder: Path) -> dict[Path, int]:
    return {path: stat.S_IMODE(path.lstat().st_mode) for path in (folder, *folder.rglob("*"))}


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb1 /home/me/disk ext4 rw 0 0
//server/share /mnt/two\\040words cifs rw 0 0
sshfs /mnt/far fuse.sshfs rw 0 0
/dev/sdc1 /over ext4 rw 0 0
server:/over /over nfs rw 0 0
"""


@pytest.mark.parametrize(
    ("place", "kind"),
    [("/home/you/w", "nfs4"), ("/mnt/two words/w", "cifs"), ("/mnt/far", "fuse.sshfs"), ("/over/w", "nfs")],
)
def test_the_log_is_refused_on_a_network_file_system_and_the_way_on_is_named(tmp_path, monkeypatch, place, kind):
    table = tmp_path / "mounts"
    table.write_text(MOUNTS)
    with pytest.raises(OutsideError, match=kind) as caught:
        mounts.refuse_network(Path(place) / "store.db", table)
    assert f"{mounts.AT_OWN_RISK}=1" in caught.value.hint
    monkeypatch.setenv(mounts.AT_OWN_RISK, "1")
    mounts.refuse_network(Path(place) / "store.db", table)


@pytest.mark.parametrize("place", ["/home/me/disk/w", "/var/w", "/homes/w"])
def test_a_local_disk_is_no_network_file_system(tmp_path, place):
    table = tmp_path / "mounts"
    table.write_text(MOUNTS)
    mounts.refuse_network(Path(place) / "store.db", table)
    mounts.refuse_network(Path(place) / "store.db", tmp_path / "none")


def test_opening_the_log_looks_at_its_file_system(tmp_path, monkeypatch):
    table = tmp_path / "mounts"
    table.write_text(f"server:/x {tmp_path} nfs rw 0 0\n")
    monkeypatch.setattr("workbench.store.mounts.MOUNTS", table)
    with pytest.raises(OutsideError, match="network"):
        Catalogue(tmp_path / "store.db")
    assert not (tmp_path / "store.db").exists()
