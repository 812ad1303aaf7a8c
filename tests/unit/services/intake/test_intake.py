"""Rows come in batch by batch: late columns, limits and changes of the file on the way do no harm."""

from __future__ import annotations

import os
import tempfile

import pytest

from tests.corpora import by_question, deliver, fact, facts, ids, state, write
from workbench.errors import OutsideError, UsageError
from workbench.services import purge
from workbench.services.intake import ingest as service
from workbench.services.intake import rows as taken
from workbench.services.intake.head import head_of
from workbench.services.intake.order import Order
from workbench.store import intake as rows_in
from workbench.store.store import Store


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
def test_columns_that_no_field_takes_are_counted_once_also_where_rows_are_read_again(store):
    rows = [fact(0, url="u"), *facts(1, 2, 3), {"prompt": "p", "completion": "c"}, fact(4, url="v", lang="fr"), {}]
    told = deliver(store, rows)
    assert (told.unread, told.quarantined) == ({"url": 2}, 2)
    assert told.left_over.startswith("no field takes url (2 rows): kept with the records")
    assert deliver(store, rows).unread == told.unread


def test_many_columns_that_no_field_takes_are_named_in_part(store):
    told = deliver(store, [fact(0, **{f"note {number}": 1 for number in range(12)}), fact(1)])
    assert len(told.unread) == 12
    assert "note 7 (1 row) and 4 more" in told.left_over and "note 8" not in told.left_over
    assert deliver(store, facts(0, 1), name="other").left_over == ""


def test_columns_of_rows_that_went_to_quarantine_are_not_kept_with_any_record(store):
    told = deliver(store, [fact(0, note="n"), {"text": "t", "url": "u"}, {"text": "v", "note": "n"}])
    assert (told.kept, told.quarantined, told.unread) == (1, 2, {"note": 1})
    assert sum(told.reasons.values()) == 2 and list(told.reasons.values()) == [1, 1]


def test_a_row_of_another_shape_is_set_aside_with_its_bytes(store):
    odd = b'{"prompt": "p",   "completion": "c"}'
    path = write(store, facts(1, 2))
    path.write_bytes(path.read_bytes() + odd + b"\n{}\n")
    told = service.ingest(store, Order("facts", (path,), schema="qa"))[0]
    assert (told.read, told.kept, told.quarantined) == (4, 2, 2)
    first, second = state(store).rejects.sort("position").to_dicts()
    assert first["raw"] == odd and "which holds prompt, completion" in first["reason"]
    assert second["raw"] == b"{}" and "which holds nothing" in second["reason"]


def test_a_row_that_holds_one_mapped_column_is_a_record(store):
    told = deliver(store, [fact(1), {"question": None, "note": "x"}, {"answer": "alone"}])
    assert (told.kept, told.quarantined) == (3, 0)


def test_a_file_that_is_touched_while_it_is_read_is_taken_in(store, monkeypatch):
    path = write(store, facts(1, 2))
    whole = service.read

    def touching(reading):
        yield from whole(reading)
        os.utime(path, ns=(1, 1))

    monkeypatch.setattr(service, "read", touching)
    assert service.ingest(store, Order("facts", (path,), schema="qa"))[0].kept == 2


def test_a_file_that_grows_between_the_first_look_and_its_copy_is_refused(store, monkeypatch):
    path = write(store, facts(1, 2))
    look = service.seen

    def growing(*given):
        sight = look(*given)
        path.write_bytes(path.read_bytes() + '{"question": "é"}\n'.encode("cp1252"))
        return sight

    monkeypatch.setattr(service, "seen", growing)
    with pytest.raises(OutsideError, match="changed while it was read"):
        service.ingest(store, Order("facts", (path,), schema="qa"))
    assert store.catalogue.rows() == []


def test_a_binary_file_that_no_reader_takes_leaves_nothing_in_the_store(store):
    path = store.workspace.root.parent / "rows.bin"
    path.write_bytes(bytes(range(256)) * 9)
    with pytest.raises(UsageError, match="no reader knows it"):
        service.ingest(store, Order("facts", (path,), schema="qa"))
    assert list(store.workspace.objects.iterdir()) == []


@pytest.mark.usefixtures("small_batches")
def test_a_limit_counts_records_and_not_torn_units(store):
    path = write(store, facts(*range(9)))
    path.write_bytes(b'{"torn\n' + path.read_bytes())
    told = service.ingest(store, Order("facts", (path,), schema="qa", settings={"name": "rows", "limit": 4}))[0]
    assert (told.read, told.kept, told.quarantined) == (5, 4, 1)


def test_a_file_that_changes_while_it_is_read_is_refused(store, monkeypatch):
    path = write(store, facts(1, 2))
    whole = service.read

    def changing(reading):
        yield from whole(reading)
        path.write_bytes(path.read_bytes() + b"\n")

    monkeypatch.setattr(service, "read", changing)
    with pytest.raises(OutsideError, match="changed while it was read"):
        service.ingest(store, Order("facts", (path,), schema="qa"))
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


@pytest.mark.parametrize("moment", ["read", "take"])
def test_a_text_that_is_purged_while_a_file_with_it_is_read_does_not_come_back(store, monkeypatch, moment):
    secret = "what nobody may read again"
    deliver(store, [fact(1), fact(2, answer=secret)])
    path = write(store, [fact(3), fact(4, answer=f"once more: {secret}")], "other.jsonl")
    whole = getattr(service, moment)

    def purging(*given):
        done = list(whole(*given)) if moment == "read" else whole(*given)
        if secret in str(state(store).records["answer"].to_list()):
            with Store(store.workspace) as other:
                purge.purged(other, purge.planned(other, "facts", [secret]))
        return iter(done) if moment == "read" else done

    monkeypatch.setattr(service, moment, purging)
    with pytest.raises(OutsideError, match="texts were purged while"):
        service.ingest(store, Order("others", (path,), schema="qa"))
    assert store.catalogue.rows("others") == []


def test_an_ingest_needs_no_place_outside_of_the_workspace(store, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    told = service.ingest(store, Order("facts", (write(store, facts(1, 2)),), schema="qa"))[0]
    assert told.kept == 2
    assert list(store.workspace.scratch.iterdir()) == []
    with pytest.raises(OutsideError, match="no place for the head of a file"), head_of(write(store, facts(1))):
        pass
