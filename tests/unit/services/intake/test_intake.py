"""Rows come in batch by batch: late columns, limits and changes of the file on the way do no harm."""

from __future__ import annotations

import pytest

from tests.corpora import by_question, deliver, fact, facts, ids, state, write
from workbench.errors import OutsideError, UsageError
from workbench.services.intake import ingest as service
from workbench.services.intake import rows as taken
from workbench.store import intake as rows_in


@pytest.fixture
def small_batches(monkeypatch):
    """Let every third row fill a segment, so that a small file is a long one."""
    monkeypatch.setattr(rows_in, "SEGMENT_ROWS", 3)
    monkeypatch.setattr(taken, "_BATCH", 3)
    monkeypatch.setattr(service, "LOOKED_AT", 2)
    monkeypatch.setattr(taken, "LOOKED_AT", 2)


@pytest.mark.usefixtures("small_batches")
def test_a_delivery_of_many_batches_is_the_one_of_few(store):
    rows = [*facts(*range(10)), fact(3), fact(3)]
    told = deliver(store, rows)
    assert (told.read, told.kept) == (12, 12)
    assert len(set(ids(store))) == 12
    again = deliver(store, rows[::-1])
    assert (again.kept, again.merged) == (0, 12)
    assert list(store.workspace.scratch.iterdir()) == []


@pytest.mark.usefixtures("small_batches")
def test_ids_do_not_depend_on_the_size_of_batches(store, tmp_path):
    rows = [*facts(*range(8)), fact(3), fact(1, note="x"), fact(1)]
    deliver(store, rows)
    small = ids(store)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows_in, "SEGMENT_ROWS", 1000)
        patch.setattr(taken, "_BATCH", 1000)
        from tests.corpora import scratch

        with scratch() as other:
            deliver(other, rows)
            assert ids(other) == small


@pytest.mark.usefixtures("small_batches")
def test_a_column_that_appears_late_is_mapped_in_all_rows(store):
    rows = [*facts(*range(9)), fact(9, lang="fr")]
    told = deliver(store, rows)
    assert told.mapping["lang"] == "lang"
    assert by_question(store)[fact(9)["question"]]
    assert state(store).records.filter(question=fact(9)["question"])["lang"].to_list() == ["fr"]
    assert told.kept == 10


@pytest.mark.usefixtures("small_batches")
def test_a_limit_counts_records_and_not_torn_units(store):
    path = write(store, facts(*range(9)))
    path.write_bytes(b'{"torn\n' + path.read_bytes())
    from workbench.services.intake.ingest import Order, ingest

    told = ingest(store, Order("facts", (path,), schema="qa", settings={"name": "rows", "limit": 4}))[0]
    assert (told.read, told.kept, told.quarantined) == (5, 4, 1)


def test_a_file_that_changes_while_it_is_read_is_refused(store, monkeypatch):
    path = write(store, facts(1, 2))
    whole = service.read

    def changing(reading):
        yield from whole(reading)
        path.write_bytes(path.read_bytes() + b"\n")

    monkeypatch.setattr(service, "read", changing)
    from workbench.services.intake.ingest import Order, ingest

    with pytest.raises(OutsideError, match="changed while it was read"):
        ingest(store, Order("facts", (path,), schema="qa"))
    assert store.catalogue.rows() == []
    assert list(store.workspace.scratch.iterdir()) == []


def test_two_first_deliveries_at_once_with_different_keys_leave_one_key(store, monkeypatch):
    rows = [fact(number, k=number) for number in range(4)]
    whole = service._brought

    def meanwhile(*given):
        brought = whole(*given)
        monkeypatch.setattr(service, "_brought", whole)
        deliver(store, rows, key=("k",))
        return brought

    monkeypatch.setattr(service, "_brought", meanwhile)
    with pytest.raises(UsageError, match="the key of source 'rows' is frozen: k"):
        deliver(store, rows)
    assert [row.body["key"] for row in state(store).of("delivery")] == [["k"]]
    assert deliver(store, rows).merged == 4
