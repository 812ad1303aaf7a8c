"""Objects on an S3-compatible server: what it acknowledged is there, what it refused was not committed."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.corpora import CORPUS, cut, deliver, facts, ids, scratch, write
from tests.s3 import BUCKET, KEY, SECRET, Server, bucket, running
from workbench.errors import CorruptionError, OutsideError
from workbench.services.elsewhere import keep_at
from workbench.services.purge import planned, purged
from workbench.services.verify import verify
from workbench.store.store import Store

pytestmark = pytest.mark.slow
ADDRESS = f"s3://{BUCKET}/tuning"
UNTIL_THE_COMMIT = """
import os, signal, sys
from pathlib import Path
from workbench.services.intake.ingest import Order, ingest
from workbench.store.catalogue import Catalogue
from workbench.store.store import Store
from workbench.workspace import Workspace
Catalogue.transaction = lambda self: os.kill(os.getpid(), signal.SIGKILL)
with Store(Workspace(Path(sys.argv[1]))) as store:
    ingest(store, Order("facts", (Path(sys.argv[2]),), schema="qa", settings={"name": "rows"}))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch, running(patch) as started:
        bucket()
        yield started


@pytest.fixture
def store(server: Server) -> Iterator[Store]:
    server.fails = lambda method, path: False
    with scratch() as made:
        keep_at(made.workspace, f"{ADDRESS}/{made.workspace.root.parent.name}")
        with Store(made.workspace) as opened:
            yield opened


def there(store: Store) -> dict[str, str]:
    """Return the path in the bucket of each object there, by its name."""
    import s3fs

    root = str(store.objects.address).removeprefix("s3://")
    listed = s3fs.S3FileSystem(skip_instance_cache=True).find(root)
    return {name: path for path in listed if (name := path.rpartition("/")[2]) != "owner"}


def system():
    import s3fs

    return s3fs.S3FileSystem(skip_instance_cache=True)


def forget(store: Store) -> None:
    for path in store.workspace.objects.iterdir():
        path.unlink()


def test_a_corpus_is_read_back_from_the_server_alone(store):
    deliver(store, facts(*range(10)))
    version, before = cut(store), ids(store)
    assert set(there(store)) == {path.name for path in store.workspace.objects.iterdir()}
    forget(store)
    with Store(store.workspace) as fresh:
        assert (ids(fresh), fresh.version(CORPUS).id) == (before, version.id)
        assert verify(fresh) == []


def test_a_server_that_fails_takes_nothing_into_the_log(store, server):
    deliver(store, facts(1))
    seen = store.catalogue.last()
    server.fails = lambda method, path: method in ("PUT", "POST")
    with pytest.raises(OutsideError, match="does not take object") as refused:
        deliver(store, facts(1, 2))
    assert store.catalogue.last() == seen
    assert SECRET not in str(refused.value.what) and KEY not in str(refused.value.what)
    server.fails = lambda method, path: False
    assert deliver(store, facts(1, 2)).kept == 1
    assert verify(store) == []


def test_a_server_that_fails_while_it_is_read_is_an_outside_error_and_no_damage(store, server):
    deliver(store, facts(*range(3)))
    forget(store)
    server.fails = lambda method, path: method == "GET" and path.endswith(".parquet")
    with Store(store.workspace) as fresh, pytest.raises(OutsideError, match="does not give object"):
        ids(fresh)
    server.fails = lambda method, path: False
    with Store(store.workspace) as fresh:
        assert len(ids(fresh)) == 3


def test_missing_and_damaged_objects_are_named(store):
    deliver(store, facts(*range(5)))
    (segment,) = store.state(store.corpus(CORPUS)).segments
    (raw,) = (name for name in there(store) if name.endswith(".raw"))
    places = there(store)
    system().rm_file(places[raw])
    system().pipe_file(places[segment], b"other bytes")
    said = verify(store)
    assert f"object {raw}: missing at {store.objects.address}" in said
    assert f"object {segment}: its bytes are not what was written, at {store.objects.address}" in said
    forget(store)
    with Store(store.workspace) as fresh, pytest.raises(CorruptionError, match=segment):
        ids(fresh)


def test_a_purge_leaves_nothing_on_the_server(store):
    secret = "hf_" + "q" * 34
    deliver(store, [{"question": "what is the token", "answer": secret}, *facts(1, 2)])
    before = set(there(store))
    done = purged(store, planned(store, CORPUS, [secret]))
    assert done.still == ()
    assert len(before - set(there(store))) == 2  # the raw file and its segment
    assert all(secret.encode() not in system().cat_file(path) for path in there(store).values())
    assert verify(store) == []


def test_a_process_killed_between_the_last_put_and_the_commit_leaves_the_log_as_it_was(store):
    deliver(store, facts(1))
    seen, held = store.catalogue.last(), set(there(store))
    command = [sys.executable, "-c", UNTIL_THE_COMMIT, str(store.workspace.root), str(write(store, facts(1, 2)))]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert set(there(store)) > held
    with Store(store.workspace) as fresh:
        assert fresh.catalogue.last() == seen
        assert verify(fresh) == []
        assert deliver(fresh, facts(1, 2)).kept == 1
