"""What is refused leaves no copy of itself, whoever else takes in the same bytes; what is accepted is kept first."""

from __future__ import annotations

import json

import pytest

from tests.corpora import CORPUS, deliver, fact, facts, state, write
from workbench.errors import OutsideError, UsageError
from workbench.services.intake import ingest as taking
from workbench.services.intake.ingest import Order, ingest
from workbench.services.intake.raw_files import copied, stamps_of
from workbench.services.verify import verify
from workbench.store.store import Store


def held(store: Store) -> list[str]:
    """Return what lies in the folders of objects and of files being written."""
    return sorted(
        path.name for folder in (store.workspace.objects, store.workspace.scratch) for path in folder.iterdir()
    )


def take(store: Store, path, **settings) -> None:
    ingest(store, Order(CORPUS, (path,), schema="qa", settings={"name": "rows"} | settings))


@pytest.mark.parametrize(
    ("rows", "settings"),
    [
        ([{"weight": 1, "height": 2}], {"name": "other"}),
        (facts(1, 2), {"where": "nothing = 1"}),
        (facts(1), {"map": {"answer": "x"}}),
    ],
)
def test_a_refused_file_leaves_nothing_behind(store, rows, settings):
    deliver(store, facts(0))
    before = held(store)
    with pytest.raises(UsageError):
        take(store, write(store, rows, "other.jsonl"), **settings)
    assert held(store) == before


def test_a_refused_folder_leaves_nothing_behind(store):
    deliver(store, facts(0))
    folder = store.workspace.root.parent / "delivered"
    folder.mkdir()
    (folder / "state.json").write_text("{}", encoding="utf-8")
    before = held(store)
    with pytest.raises(UsageError):
        take(store, folder)
    assert held(store) == before


def test_a_delivery_of_another_key_leaves_no_copy_of_its_file(store, monkeypatch):
    deliver(store, facts(0))
    path = write(store, facts(1), "other.jsonl")
    before = [name for name in held(store) if name.endswith(".raw")]

    def refuse(*_: object) -> None:
        raise UsageError("the key of source 'rows' is frozen", "use a new source name")

    monkeypatch.setattr(taking, "_refuse_other_key", refuse)
    with pytest.raises(UsageError, match="frozen"):
        take(store, path)
    assert [name for name in held(store) if name.endswith(".raw")] == before


def test_a_file_that_another_process_takes_in_while_it_is_refused_here_stays(store, monkeypatch):
    path = write(store, facts(1, 2), "rows.jsonl")
    read = taking._read

    def other_first(*given):
        monkeypatch.setattr(taking, "_read", read)
        with Store(store.workspace) as other:
            take(other, path)
        raise OutsideError("the first one is refused", "")

    monkeypatch.setattr(taking, "_read", other_first)
    with pytest.raises(OutsideError):
        take(store, path)
    assert state(store).records.height == 2
    assert verify(store) == []


def test_a_delivery_whose_copy_is_gone_is_not_told_to_the_log(store, monkeypatch):
    path = write(store, facts(1, 2), "rows.jsonl")
    read = taking._read

    def swept(*given):
        out = read(*given)
        for copy in store.workspace.scratch.rglob("rows.jsonl"):
            copy.unlink()
        return out

    monkeypatch.setattr(taking, "_read", swept)
    with pytest.raises(OutsideError, match="removed while it was read"):
        take(store, path)
    assert store.catalogue.rows(kinds=("delivery",)) == [] and verify(store) == []


def test_only_its_owner_sees_a_folder_on_its_way_in(store):
    folder = store.workspace.root.parent / "delivered"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "rows.jsonl").write_text("{}", encoding="utf-8")
    with copied(store.objects, folder, stamps_of(folder)) as raw:
        assert raw.place.parent.stat().st_mode & 0o777 == 0o700


def test_the_bytes_last_before_the_log_names_them(store, monkeypatch):
    path = write(store, facts(1, 2), "rows.jsonl")
    named = []
    transaction = store.catalogue.transaction

    def watched():
        named.append({path.suffix for path in store.workspace.objects.iterdir()})
        return transaction()

    monkeypatch.setattr(store.catalogue, "transaction", watched)
    take(store, path)
    assert named == [{".raw", ".parquet"}]
    raw = state(store).deliveries["rows"].body["raw"]
    assert [json.loads(line) for line in store.objects.path(f"{raw[0]}.raw").read_text().splitlines()] == [
        fact(1),
        fact(2),
    ]
