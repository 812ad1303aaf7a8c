"""A file that an engine's workers take in gives the delivery that one process makes of it, to the byte."""

from __future__ import annotations

import csv
import io
import pickle
from functools import partial

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.corpora import CORPUS, fact, facts, scratch, write
from tests.unit.services.intake.test_parts import DEEP, LINES, NEWLINES, SEEN, line_of
from tests.unit.services.works import lost, lost_once
from workbench.errors import OutsideError
from workbench.scale.engine import Engine
from workbench.scale.surface import connected
from workbench.services.intake import parts, spread
from workbench.services.intake import rows as taken
from workbench.services.intake.ingest import Order, ingest
from workbench.services.progress import silent
from workbench.services.purge import planned, purged
from workbench.services.verify import verify
from workbench.store import intake as rows_in
from workbench.store.store import Store

pytest.importorskip("daft", reason="the extra `scale` is not installed: pip install '.[scale]'")
SEGMENT = 4
FEW = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


def here(work):
    """Do work in this process, after it went the way to another one, and send back what came of it."""
    return pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(work))(silent)))


def engine(store: Store, told: list[str] | None = None) -> Engine:
    connected(None, 2)
    return Engine(store.workspace.scratch, ([] if told is None else told).append)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut files into small parts and segments, and start no process."""
    make_small(monkeypatch, 200)


def make_small(patch: pytest.MonkeyPatch, size: int) -> None:
    for module in ("workbench.store.intake", "workbench.services.intake.spread", "workbench.services.intake.ingest"):
        patch.setattr(f"{module}.SEGMENT_ROWS", SEGMENT)
    patch.setattr("workbench.services.intake.ingest.LOOKED_AT", SEEN)
    patch.setattr(taken, "LOOKED_AT", SEEN)
    patch.setattr(parts, "WORTH", 1 << 40)
    patch.setattr(parts, "SIZE", size)
    patch.setattr(spread, "_apart", here)


def delivered(content: bytes, size: int, *, on_engine: bool, file: str = "rows.jsonl", reader: str = "jsonl"):
    """Return what the log says of a file, and the bytes of every object that was kept of it."""
    with pytest.MonkeyPatch.context() as patch, scratch() as store:
        make_small(patch, size)
        path = store.workspace.root.parent / file
        path.write_bytes(content)
        order = Order(CORPUS, (path,), schema="qa", settings={"name": "rows", "reader": reader})
        ingest(store, order, engine=engine(store) if on_engine else None)
        assert list(store.workspace.scratch.iterdir()) == []
        rows = [(row.kind, row.subject, row.body) for row in store.catalogue.rows()]
        rows[0][2]["declared"].pop("path")  # each workspace has a place of its own
        return rows, {path.name: path.read_bytes() for path in store.workspace.objects.iterdir()}


@given(st.lists(LINES, min_size=1, max_size=14), NEWLINES, st.integers(1, 400), st.booleans(), st.booleans())
@example([b"{}", b'{"question": "late", "answer": "column", "lang": "fr"}'], b"\n", 1, True, True)
@example([b"{}", DEEP, b"torn", b"{}"], b"\n", 1, False, True)
@FEW
def test_workers_give_the_delivery_of_one_process(lines, newline, size, marked, ended):
    whole = [line_of(fact(90 + number)) for number in range(SEEN)]
    content = b"\xef\xbb\xbf" * marked + newline.join([*whole, *lines]) + newline * ended
    assert delivered(content, size, on_engine=True) == delivered(content, size, on_engine=False)


@given(st.lists(st.integers(0, 6), min_size=SEEN + 1, max_size=20), st.integers(1, 9), st.integers(1, 2000))
@FEW
def test_the_row_groups_of_a_parquet_file_are_parts_too(numbers, group, size):
    rows = [fact(number, infinite=float("inf") if number == 6 else 1.0) for number in numbers]
    file = io.BytesIO()
    pq.write_table(pl.DataFrame(rows).to_arrow(), file, row_group_size=group)
    assert pq.ParquetFile(file).num_row_groups == -(-len(rows) // group)
    as_parquet = partial(delivered, file.getvalue(), size, file="rows.parquet", reader="parquet_file")
    assert as_parquet(on_engine=True) == as_parquet(on_engine=False)


def test_a_file_that_cannot_be_cut_is_said_to_be_read_here_and_kept_by_the_workers():
    told: list[str] = []
    file = io.StringIO()
    writer = csv.DictWriter(file, ["question", "answer"])
    writer.writeheader()
    writer.writerows(facts(*range(9)))
    with scratch() as store:
        path = store.workspace.root.parent / "rows.csv"
        path.write_text(file.getvalue())
        ingest(store, Order(CORPUS, (path,), schema="qa"), lambda line, *_: told.append(line), engine(store))
        ingest(store, Order(CORPUS, (write(store, facts(*range(20, 29))),), schema="qa", settings={"limit": 8}),
               lambda line, *_: told.append(line), engine(store))  # fmt: skip
        assert len(store.state(store.corpus(CORPUS)).segments) == 5
        assert verify(store) == []
    assert any("rows.csv is read by this machine alone" in line and "delimited" in line for line in told)
    assert any("rows.jsonl is read by this machine alone: a limit" in line for line in told)


def test_an_encoding_that_cannot_be_cut_is_said_too():
    told: list[str] = []
    with scratch() as store:
        path = write(store, facts(*range(9)))
        path.write_bytes(path.read_text(encoding="utf-8").encode("utf-16"))
        order = Order(CORPUS, (path,), schema="qa", settings={"reader": "jsonl", "encoding": "utf-16"})
        assert ingest(store, order, lambda line, *_: told.append(line), engine(store))[0].kept == 9
    assert any("alone: it is one part, or in an encoding" in line for line in told)


def test_several_files_and_a_file_again_count_as_without_an_engine():
    counts, lines = [], list[str]()
    for on_engine in (True, False):
        with scratch() as store:
            files = tuple(write(store, facts(*range(first, first + 12)), f"{first}.jsonl") for first in (0, 6))
            with_it = engine(store, lines) if on_engine else None
            order = Order(CORPUS, files, schema="qa")
            done = [*ingest(store, order, engine=with_it), *ingest(store, order, engine=with_it)]
            counts.append([(d.name, d.read, d.kept, d.merged, d.unread, d.mapping) for d in done])
            assert verify(store) == []
    assert counts[0] == counts[1]
    assert [line for line in lines if "reading 0.jsonl in" in line and "parts" in line]
    assert "keeping the rows of 6.jsonl in 3 segments" in lines
    assert [kept for _, _, kept, *_ in counts[0]] == [12, 12, 0, 0]


def test_a_part_whose_process_is_killed_is_read_by_another(tmp_path, monkeypatch):
    monkeypatch.undo()
    assert spread._apart(partial(lost_once, tmp_path / "died")) > 0
    with pytest.raises(OutsideError, match="SIGKILL"):
        spread._apart(lost)
    spread._dismiss()
    assert spread._idle.empty()


def test_workers_that_are_always_killed_end_the_command_and_leave_nothing(monkeypatch):
    def killed(work):
        raise OutsideError("the process that did the work ended by SIGKILL", "try again")

    monkeypatch.setattr(spread, "_apart", killed)
    with scratch() as store:
        path = write(store, facts(*range(12)))
        with pytest.raises(OutsideError, match="SIGKILL"):
            ingest(store, Order(CORPUS, (path,), schema="qa"), engine=engine(store))
        assert list(store.workspace.scratch.iterdir()) == []
        assert store.catalogue.rows() == []


def test_a_part_that_cannot_be_read_names_itself(monkeypatch):
    def unreadable(work):
        raise PermissionError("not for you")

    monkeypatch.setattr(spread, "_apart", unreadable)
    with scratch() as store:
        path = write(store, facts(*range(12)))
        with pytest.raises(OutsideError, match=r"part \d+ of 'rows.jsonl' cannot be read: not for you"):
            ingest(store, Order(CORPUS, (path,), schema="qa"), engine=engine(store))
        assert store.catalogue.rows() == []


def test_a_segment_that_was_purged_meanwhile_does_not_come_back(monkeypatch):
    secret = "hf_" + "q" * 34
    rows = [{"question": "what is the token", "answer": secret}, *facts(*range(9))]
    with scratch() as store:
        order = Order(CORPUS, (write(store, rows),), schema="qa", settings={"name": "rows"})
        ingest(store, order, engine=engine(store))
        (segment, *_) = store.state(store.corpus(CORPUS)).segments
        old = (store.workspace.objects / segment).read_bytes()
        purged(store, planned(store, CORPUS, [secret]))
        name = store.workspace.objects / segment
        assert not name.exists()
        name.write_bytes(old)
        store.objects.remove_purged([segment])
        assert not name.exists()
        assert verify(store) == []


def test_rows_that_wait_are_named_by_number_across_files():
    with scratch() as store:
        brought = []
        for first in (0, 3):
            path = store.workspace.scratch / f"{first}.arrow"
            pl.DataFrame({"extra": [str(first + n) for n in range(3)]}).write_ipc(path)
            brought.append((path, first, first + 3))
        found = spread._Brought(tuple(brought), (), store.workspace.scratch, "rows")
        assert found.frame(2, 5)["extra"].to_list() == ["2", "3", "4"]
        assert found.frame(4, 8)["extra"].to_list() == ["4", "5"]
    assert rows_in.SEGMENT_ROWS == SEGMENT
