"""A file that is read in parts, by several processes, gives what one process makes of the whole, to the byte."""

from __future__ import annotations

import json
import pickle
from functools import partial

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.corpora import CORPUS, fact, facts, scratch, write
from tests.unit.services.works import doubled, lost, refused
from workbench.errors import Cancelled, OutsideError
from workbench.services.intake import parts
from workbench.services.intake import rows as taken
from workbench.services.intake.ingest import Order, ingest
from workbench.services.progress import silent
from workbench.services.side_by_side import side_by_side
from workbench.store import intake as rows_in

SEEN = 3
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
DEEP = b'{"question": "deep", "answer": "c", "extra": ' + b"[" * 700 + b"]" * 700 + b"}"
"""A row that JSON can hold and pickle cannot."""
LINES = st.one_of(
    st.builds(lambda n: line_of(fact(n)), st.integers(0, 5)),
    st.builds(lambda n: line_of(fact(n, note="é" * n)), st.integers(0, 5)),
    st.sampled_from(
        [
            b'{"question": "torn',
            b'{"question": 7, "answer": ["no text"]}',
            b'{"question": "twice", "question": "twice", "answer": "a"}',
            b'{"question": "a number", "answer": "b", "extra": 1.5}',
            DEEP,
            b'{"question": "late", "answer": "column", "lang": "fr"}',
            b"\xff\xfe not UTF-8",
            b"\x00\x00",
            b"  \t ",
            b"",
            b"{}",
            b"[1, 2]",
            b'{"question": "' + b"long " * 200 + b'", "answer": "a"}',
        ]
    ),
)
NEWLINES = st.sampled_from([b"\n", b"\r\n", b"\r"])


def line_of(row) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode()


def one_after_the_other(works, processes):
    """Do work here, after it went the way to another process, and send back what came of it."""
    for work in works:
        yield pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(work))(silent)))


def taken_in(content: bytes, size: int | None):
    """Return what the log says of a file, read in parts of a size or in one process, and the columns it leaves."""
    with pytest.MonkeyPatch.context() as patch, scratch() as store:
        patch.setattr(rows_in, "SEGMENT_ROWS", 4)
        patch.setattr("workbench.services.intake.ingest.LOOKED_AT", SEEN)
        patch.setattr(taken, "LOOKED_AT", SEEN)
        patch.setattr(parts, "WORTH", 0 if size else 1 << 40)
        patch.setattr(parts, "SIZE", size)
        patch.setattr(parts, "processes", lambda: 2)
        patch.setattr(parts, "side_by_side", one_after_the_other)
        path = write(store, [])
        path.write_bytes(content)
        order = Order(CORPUS, (path,), schema="qa", settings={"name": "rows", "reader": "jsonl"})
        (delivery,) = ingest(store, order)
        assert list(store.workspace.scratch.iterdir()) == []
        rows = [(row.kind, row.subject, row.body) for row in store.catalogue.rows()]
        rows[0][2]["declared"].pop("path")  # each workspace has a place of its own
        return rows, delivery.unread


@given(st.lists(LINES, min_size=1, max_size=14), NEWLINES, st.integers(1, 400), st.booleans(), st.booleans())
@example([b"{}", b'{"question": "late", "answer": "column", "lang": "fr"}'], b"\n", 1, True, True)
@example([b"{}", DEEP, b"torn", b"{}"], b"\n", 1, False, True)
@QUICK
def test_parts_give_the_delivery_of_the_whole(lines, newline, size, marked, ended):
    whole = [line_of(fact(90 + number)) for number in range(SEEN)]
    content = b"\xef\xbb\xbf" * marked + newline.join([*whole, *lines]) + newline * ended
    assert taken_in(content, size) == taken_in(content, None)


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252", "shift_jis"])
def test_encodings_give_one_delivery_in_parts_or_not(encoding):
    content = "".join(f'{{"question": "What is {n}?", "answer": "n {n}"}}\n' for n in range(9)).encode(encoding)
    assert taken_in(content, 50) == taken_in(content, None)


def test_a_file_with_a_condition_or_a_limit_is_read_whole(monkeypatch):
    def refuse(*_):
        raise AssertionError

    with scratch() as store:
        monkeypatch.setattr(parts, "WORTH", 0)
        monkeypatch.setattr(parts, "processes", lambda: 2)
        monkeypatch.setattr(parts, "side_by_side", refuse)
        path = write(store, facts(*range(4)))
        for number, chosen in enumerate(({"limit": 2}, {"sample": 2}, {"where": "question <> 'x'"})):
            order = Order(CORPUS, (path,), schema="qa", settings={"name": f"rows-{number}", **chosen})
            assert ingest(store, order)[0].kept in (2, 4)


def test_results_come_in_the_order_of_the_work_and_failures_as_they_were_raised():
    works = [partial(doubled, number) for number in range(5)]
    assert list(side_by_side(works, 2)) == [0, 2, 4, 6, 8]
    with pytest.raises(OutsideError, match="the disk is full"):
        list(side_by_side([partial(doubled, 1), refused], 1))


def test_work_is_drawn_a_few_pieces_ahead_of_what_is_wanted():
    drawn = []

    def works():
        for number in range(9):
            drawn.append(number)
            yield partial(doubled, number)

    made = side_by_side(works(), 1)
    assert (next(made), len(drawn)) == (0, 3)
    assert (next(made), len(drawn)) == (2, 4)
    assert list(made) == [4, 6, 8, 10, 12, 14, 16]


def test_the_end_of_a_process_is_one_clear_error():
    found = side_by_side([partial(doubled, 1), lost, partial(doubled, 3)], 1)
    assert next(found) == 2
    with pytest.raises(OutsideError, match="ended by SIGKILL"):
        next(found)


def test_nothing_stays_of_parts_whose_process_wrote_them_and_was_killed(monkeypatch):
    def killed(works, processes):
        for number, work in enumerate(works):
            made = work(silent)
            if number == 1:
                raise OutsideError("the process that did the work ended by SIGKILL", "try again")
            yield made

    with scratch() as store:
        monkeypatch.setattr(parts, "WORTH", 0)
        monkeypatch.setattr(parts, "SIZE", 500)
        monkeypatch.setattr(parts, "processes", lambda: 2)
        monkeypatch.setattr(taken, "LOOKED_AT", SEEN)
        monkeypatch.setattr("workbench.services.intake.ingest.LOOKED_AT", SEEN)
        monkeypatch.setattr(parts, "side_by_side", killed)
        with pytest.raises(OutsideError, match="ended by SIGKILL"):
            ingest(store, Order(CORPUS, (write(store, facts(*range(40))),), schema="qa"))
        assert list(store.workspace.scratch.iterdir()) == []


def test_a_cancelled_ingest_of_parts_leaves_nothing_behind(monkeypatch):
    def cancelled(line, done=0, total=0):
        if ":" in line:
            raise Cancelled("enough")

    with scratch() as store:
        monkeypatch.setattr(parts, "WORTH", 0)
        monkeypatch.setattr(parts, "SIZE", 500)
        path = write(store, facts(*range(12)))
        monkeypatch.setattr(taken, "LOOKED_AT", SEEN)
        monkeypatch.setattr("workbench.services.intake.ingest.LOOKED_AT", SEEN)
        monkeypatch.setattr(parts, "processes", lambda: 2)
        with pytest.raises(Cancelled, match="enough"):
            ingest(store, Order(CORPUS, (path,), schema="qa"), cancelled)
        assert list(store.workspace.scratch.iterdir()) == []
        assert store.catalogue.rows() == []
