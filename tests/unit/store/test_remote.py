"""Objects are kept at an address too: acknowledged there before the log names them, proved by digest when fetched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem

from tests.corpora import CORPUS, cut, deliver, fact, facts, ids, scratch
from workbench.errors import CorruptionError, OutsideError, UsageError
from workbench.services.elsewhere import keep_at
from workbench.services.purge import planned, purged
from workbench.services.verify import verify
from workbench.store.objects import Objects
from workbench.store.remote import Remote, checked, remote_of, without_credentials
from workbench.store.store import Store
from workbench.workspace import Workspace


class Faulty(LocalFileSystem):
    """A store on this disk that fails as it is told, under a name of its own."""

    protocol = ("faulty",)
    fault = ""

    def put_file(self, lpath, rpath, **more):
        if self.fault == "refuses":
            raise OSError(f"500 from https://me:{'x' * 8}@store.example/")
        super().put_file(lpath, rpath, **more)
        if self.fault == "keeps half":
            Path(rpath).chmod(0o600)
            Path(rpath).write_bytes(Path(lpath).read_bytes()[:-1])
        if self.fault == "is killed":
            raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def faulty(monkeypatch: pytest.MonkeyPatch) -> type[Faulty]:
    fsspec.register_implementation("faulty", Faulty, clobber=True)
    monkeypatch.setattr(Faulty, "fault", "")
    return Faulty


@pytest.fixture
def store() -> Iterator[Store]:
    """Return a store whose objects are kept in a folder beside it, through a store's own interface."""
    with scratch() as made:
        keep_at(made.workspace, f"faulty://{made.workspace.root.parent / 'there'}")
        with Store(made.workspace) as opened:
            yield opened


def there(store: Store) -> Path:
    return store.workspace.root.parent / "there"


def held(store: Store) -> set[str]:
    """Return the names of the objects at the address."""
    return {path.name for path in there(store).iterdir() if path.is_file() and path.name != "owner"}


def forget(store: Store) -> None:
    """Empty the folder on this disk: it is a cache."""
    for path in store.workspace.objects.iterdir():
        path.unlink()


def again(store: Store) -> Store:
    return Store(store.workspace)


def damaged(path: Path) -> None:
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[::-1])


def test_every_object_lies_at_the_address_under_its_digest(store):
    deliver(store, facts(1, 2, 3))
    assert held(store) == {path.name for path in store.workspace.objects.iterdir()}
    assert len(held(store)) == 3  # the file, its rows, their places


def test_what_is_gone_from_this_disk_is_fetched(store):
    deliver(store, facts(*range(10)))
    version = cut(store)
    before = ids(store)
    forget(store)
    with again(store) as fresh:
        assert ids(fresh) == before
        assert fresh.version(CORPUS).id == version.id
        assert verify(fresh) == []


def test_the_version_is_the_same_wherever_objects_lie(store):
    with scratch() as local:
        for each in (store, local):
            deliver(each, facts(*range(10)))
        assert cut(store).id == cut(local).id
        assert held(store) == {path.name for path in local.workspace.objects.iterdir()}


def test_nothing_is_committed_that_the_address_did_not_take(store, faulty):
    deliver(store, facts(1))
    seen = store.catalogue.last()
    for faulty.fault in ("refuses", "keeps half"):
        with pytest.raises(OutsideError):
            deliver(store, facts(1, 2))
    assert store.catalogue.last() == seen
    assert store.state(store.corpus(CORPUS)).records["question"].to_list() == [fact(1)["question"]]
    faulty.fault = ""
    assert deliver(store, facts(1, 2)).kept == 1
    assert verify(store) == []


def test_a_kill_between_put_and_commit_leaves_the_store_as_it_was(store, faulty):
    deliver(store, facts(1))
    seen, whole = store.catalogue.last(), verify(store)
    faulty.fault = "is killed"
    with pytest.raises(KeyboardInterrupt):
        deliver(store, facts(1, 2))
    faulty.fault = ""
    with again(store) as fresh:
        assert (fresh.catalogue.last(), verify(fresh)) == (seen, whole) == (seen, [])
        assert deliver(fresh, facts(1, 2)).kept == 1


def test_verify_names_what_is_missing_or_damaged_at_the_address(store):
    deliver(store, facts(*range(5)))
    state = store.state(store.corpus(CORPUS))
    (segment,) = state.segments
    (raw,) = (name for name in held(store) if name.endswith(".raw"))
    (there(store) / segment).unlink()
    damaged(there(store) / raw)
    address = remote_of(store.workspace).address
    assert verify(store) == [
        f"object {name}: {fault}"
        for name, fault in sorted(
            [
                (segment, f"missing at {address}"),
                (raw, f"its bytes are not what was written, at {address}"),
            ]
        )
    ]


def test_what_this_disk_holds_mends_the_address(store):
    deliver(store, facts(*range(5)))
    whole = held(store)
    for name in sorted(whole)[:2]:
        (there(store) / name).unlink()
    assert keep_at(store.workspace, remote_of(store.workspace).address) == 2
    assert held(store) == whole
    assert verify(store) == []


def test_other_bytes_than_were_written_are_not_read(store):
    deliver(store, facts(*range(5)))
    (segment,) = store.state(store.corpus(CORPUS)).segments
    damaged(there(store) / segment)
    forget(store)
    with again(store) as fresh, pytest.raises(CorruptionError, match=segment):
        ids(fresh)
    assert not (store.workspace.objects / segment).exists()


def test_a_missing_object_is_named(store):
    deliver(store, facts(*range(5)))
    (segment,) = store.state(store.corpus(CORPUS)).segments
    (there(store) / segment).unlink()
    forget(store)
    with again(store) as fresh, pytest.raises(CorruptionError, match=f"{segment}.*missing"):
        ids(fresh)


def test_a_purge_removes_there_too(store):
    secret = "hf_" + "q" * 34
    deliver(store, [{"question": "what is the token", "answer": secret}, *facts(1, 2)])
    (there(store) / "tmp").mkdir(exist_ok=True)
    (there(store) / "tmp" / "left").write_text(secret)
    forget(store)  # what only the address holds is looked through as well
    with again(store) as fresh:
        done = purged(fresh, planned(fresh, CORPUS, [secret]))
        assert done.still == ()
        assert verify(fresh) == []
    files = [path for path in there(store).rglob("*") if path.is_file()]
    assert files
    assert all(secret.encode() not in path.read_bytes() for path in files)
    assert held(store) == {path.name for path in store.workspace.objects.iterdir()}


def test_a_purge_killed_before_it_removed_anything_is_known_and_done_again(store, monkeypatch):
    secret = "hf_" + "q" * 34
    deliver(store, [{"question": "what is the token", "answer": secret}])
    plan = planned(store, CORPUS, [secret])
    with monkeypatch.context() as patch:
        patch.setattr("workbench.store.purge.remove_objects", lambda store: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            purged(store, plan)
    forget(store)  # so that only the address holds the old objects
    with again(store) as fresh:
        assert any("was purged but is still here" in fault for fault in verify(fresh))
        purged(fresh, planned(fresh, CORPUS, [secret]))
        assert verify(fresh) == []
    assert all(secret.encode() not in (there(store) / name).read_bytes() for name in held(store))


def test_a_workspace_that_is_in_use_sends_what_it_has():
    with scratch() as store:
        deliver(store, facts(*range(5)))
        objects = sorted(path.name for path in store.workspace.objects.iterdir())
        assert keep_at(store.workspace, f"file://{there(store)}/") == len(objects)
        assert sorted(held(store)) == objects
        assert keep_at(store.workspace, f"file://{there(store)}") == 0


def test_a_change_of_address_takes_all_objects_along(store):
    deliver(store, facts(*range(5)))
    objects = held(store)
    forget(store)
    other = there(store).with_name("elsewhere")
    assert keep_at(store.workspace, f"file://{other}") == len(objects)
    assert {path.name for path in other.glob("*.*")} == objects


def test_a_damaged_object_is_not_sent():
    with scratch() as store:
        deliver(store, facts(1))
        damaged(next(store.workspace.objects.glob("*.raw")))
        with pytest.raises(CorruptionError, match="not what was written"):
            keep_at(store.workspace, f"file://{there(store)}")
        assert remote_of(store.workspace) is None


def test_an_address_that_cannot_be_written_is_refused_before_anything_is_set(store, faulty):
    with scratch() as other:
        faulty.fault = "refuses"
        with pytest.raises(OutsideError, match="does not take object owner"):
            keep_at(other.workspace, f"faulty://{there(other)}")
        assert remote_of(other.workspace) is None
        assert list(other.workspace.scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("module", "name", "said"),
    [
        ("builtins", "PermissionError", (13, "not yours")),
        ("builtins", "ValueError", ("Invalid endpoint",)),
        ("builtins", "NotImplementedError", ("read only",)),
        ("builtins", "EOFError", ("hung up",)),
        ("botocore.exceptions", "NoCredentialsError", ()),
        ("botocore.exceptions", "ClientError", ({"Error": {"Code": "SlowDown"}}, "PutObject")),
        ("aiohttp", "ClientPayloadError", ("cut off",)),
        ("ftplib", "error_perm", ("530 Login incorrect",)),
    ],
)
def test_what_a_stores_client_raises_is_the_outside_worlds(store, faulty, monkeypatch, module, name, said):
    error = getattr(pytest.importorskip(module), name)(*said)  # S3's client comes with the extra `scale` only
    monkeypatch.setattr(faulty, "put_file", lambda *_, **__: (_ for _ in ()).throw(error))
    with pytest.raises(OutsideError, match=f"does not take object .*{name}"):
        deliver(store, facts(1))


def test_a_bug_of_ours_is_not_taken_for_a_fault_of_the_store(store, faulty, monkeypatch):
    monkeypatch.setattr(faulty, "put_file", lambda *_, **__: len(3))
    with pytest.raises(TypeError):
        deliver(store, facts(1))


def test_a_setting_that_cannot_be_read_is_not_taken_for_none(store):
    for text in ("", "{}", "[]", '{"objects": 3}'):
        store.workspace.remote.write_text(text)
        with pytest.raises(CorruptionError, match="where objects are kept"):
            Store(store.workspace)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("bucket/prefix", "no address"),
        ("s3://", "no address"),
        ("memory://objects", "keeps nothing"),
        ("file://relative/path", "the folder one stands in"),
        ("sftp://me:longsecret@host/objects", "credentials"),
        ("s3://bucket/prefix?key=longsecret", "credentials"),
        ("simplecache::s3://bucket", "options"),
    ],
)
def test_an_address_that_cannot_be_kept_is_refused(address, said):
    with pytest.raises(UsageError, match=said) as refused:
        checked(address)
    assert "longsecret" not in f"{refused.value.what} {refused.value.hint}"


def test_an_address_of_a_store_that_nobody_knows_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="cannot be reached"):
        Remote("nosuchstore://bucket", "me").holds("x", 1)


def test_a_client_that_cannot_be_made_tells_no_credentials(monkeypatch):
    login = f"https://me:{'p' * 9}@store.example"

    class Refused(LocalFileSystem):
        protocol = ("refused",)

        def __init__(self, **more):
            raise ValueError(f"Invalid endpoint: {login}")

    fsspec.register_implementation("refused", Refused, clobber=True)
    with pytest.raises(UsageError, match="Invalid endpoint: https://") as refused:
        Remote("refused:///there", "me").holds("x", 1)
    assert "p" * 9 not in refused.value.what


def test_messages_hold_no_credentials(monkeypatch, store, faulty):
    monkeypatch.setenv("SOME_SECRET_KEY", "quite-a-secret")
    token = "hf_" + "z" * 34
    told = without_credentials(f"no: quite-a-secret, {token} and http://me:{'p' * 9}@host/ {'long ' * 200}")
    assert not any(secret in told for secret in ("quite-a-secret", token, "p" * 9))
    assert len(told) < 400
    faulty.fault = "refuses"
    with pytest.raises(OutsideError) as refused:
        deliver(store, facts(1))
    assert "x" * 8 not in refused.value.what


def test_an_address_belongs_to_one_workspace(store):
    """A purge goes through all that lies there, and would take the other workspace's objects."""
    with scratch() as other:
        with pytest.raises(UsageError, match="another workspace"):
            keep_at(other.workspace, store.objects.address)
        assert remote_of(other.workspace) is None
    assert keep_at(store.workspace, store.objects.address) == 0


def test_a_share_that_is_not_mounted_is_not_taken_for_an_empty_one(store):
    deliver(store, facts(1))
    away = there(store).rename(there(store).with_name("away"))
    there(store).mkdir()
    seen = store.catalogue.last()
    with again(store) as fresh:
        with pytest.raises(OutsideError, match="does not say whose objects it holds"):
            deliver(fresh, facts(1, 2))
        with pytest.raises(OutsideError, match="whose objects"):
            fresh.objects.held()
        assert fresh.catalogue.last() == seen
    there(store).rmdir()
    away.rename(there(store))
    assert deliver(store, facts(1, 2)).kept == 1


def test_a_share_that_is_unmounted_in_the_middle_takes_nothing_more(store):
    deliver(store, facts(1))
    there(store).rename(there(store).with_name("away"))
    there(store).mkdir()
    seen = store.catalogue.last()
    with pytest.raises(OutsideError, match="does not say whose objects it holds"):
        deliver(store, facts(1, 2))
    assert store.catalogue.last() == seen
    assert list(there(store).iterdir()) == []


def test_a_share_that_is_not_mounted_lacks_nothing(store):
    deliver(store, facts(1))
    forget(store)
    there(store).rename(there(store).with_name("away"))
    with again(store) as fresh:
        with pytest.raises(OutsideError, match="does not say whose objects it holds"):
            ids(fresh)
        with pytest.raises(OutsideError, match="does not say whose objects it holds"):
            verify(fresh)


def test_what_this_disk_holds_is_read_without_the_address(store):
    deliver(store, facts(1, 2))
    before = ids(store)
    there(store).rename(there(store).with_name("away"))
    with again(store) as fresh:
        assert ids(fresh) == before


def test_a_store_whose_client_cannot_log_in_is_an_outside_error():
    class Silent(LocalFileSystem):
        def __init__(self, *arguments, **options):
            raise OSError("no route to host")

    fsspec.register_implementation("silent", Silent, clobber=True)
    with pytest.raises(OutsideError, match=r"does not answer.*no route to host"):
        Remote("silent:///x/y", "me").holds("x", 1)


def test_a_process_that_was_there_before_the_address_sends_its_objects_there_too():
    """A terminal interface may be open for days while another command gives the workspace an address."""
    with scratch() as store:
        deliver(store, facts(1))
        keep_at(store.workspace, f"file://{there(store)}")
        deliver(store, facts(1, 2))
        assert verify(store) == []
        assert held(store) == {path.name for path in store.workspace.objects.iterdir()}


def test_an_object_on_its_way_when_the_address_is_given_is_sent_there_too(monkeypatch):
    with scratch() as store:
        settle = Objects._settle

        def slow(self: Objects, draft: Path, name: str) -> None:
            if remote_of(store.workspace) is None:
                keep_at(store.workspace, f"file://{there(store)}")
            settle(self, draft, name)

        monkeypatch.setattr(Objects, "_settle", slow)
        name = store.objects.put_bytes(b"bytes")
        assert held(store) == {name}


def purging(store: Store, secret: str) -> None:
    """Purge a text as another process would."""
    with again(store) as other:
        purged(other, planned(other, CORPUS, [secret]))


def holds_nowhere(store: Store, secret: str) -> bool:
    files = [path for path in store.workspace.root.parent.rglob("*") if path.is_file() and path.name != "rows.jsonl"]
    return all(secret.encode() not in path.read_bytes() for path in files)


def test_what_is_purged_while_it_is_put_does_not_come_back(store, monkeypatch):
    secret, done = "hf_" + "q" * 34, []
    deliver(store, [{"question": "what is the token", "answer": secret}, *facts(1)])
    (segment,) = store.state(store.corpus(CORPUS)).segments
    rows, before = store.objects.table(segment), Remote.put

    def slow(self: Remote, path: Path, name: str) -> None:
        if name == segment and not done:
            done.append(name)
            purging(store, secret)
            (store.workspace.scratch / path.name).write_bytes(bytes(whole))
        before(self, path, name)

    whole = store.objects.path(segment).read_bytes()
    monkeypatch.setattr(Remote, "put", slow)
    with again(store) as fresh:
        assert fresh.objects.put_table(rows) == segment
        assert done and verify(fresh) == []
    assert holds_nowhere(store, secret)


def test_what_is_purged_while_it_is_fetched_does_not_come_back(store, monkeypatch):
    secret, done = "hf_" + "q" * 34, []
    deliver(store, [{"question": "what is the token", "answer": secret}, *facts(1)])
    (segment,) = store.state(store.corpus(CORPUS)).segments
    forget(store)
    whole = Objects._settle

    def slow(self: Objects, draft: Path, name: str) -> None:
        if name == segment and not done:
            done.append(draft.read_bytes())
            purging(store, secret)
            draft.write_bytes(done[0])
        whole(self, draft, name)

    monkeypatch.setattr(Objects, "_settle", slow)
    with again(store) as fresh:
        assert secret not in fresh.objects.table(segment)["answer"].to_list()
        assert done and verify(fresh) == []
    assert holds_nowhere(store, secret)


def test_what_is_purged_while_an_address_gets_all_objects_does_not_stay_there(monkeypatch):
    secret, done = "hf_" + "q" * 34, []
    with scratch() as store:
        deliver(store, [{"question": "what is the token", "answer": secret}, *facts(1)])
        before = Remote.put

        def put(self: Remote, path: Path, name: str) -> None:
            before(self, path, name)
            if not done:
                done.append(name)
                purging(store, secret)

        monkeypatch.setattr(Remote, "put", put)
        keep_at(store.workspace, f"file://{there(store)}")
        assert done and verify(store) == []
        assert holds_nowhere(store, secret)


def test_the_setting_is_one_line_without_credentials(store):
    said = json.loads(store.workspace.remote.read_text())
    assert said["objects"] == f"faulty://{there(store)}"
    assert said["owner"] == (there(store) / "owner").read_text()
    assert Workspace(store.workspace.root).remote.stat().st_mode & 0o002 == 0
