"""Whatever a raw file holds: it is refused in words, or each unit is kept, merged or quarantined with its bytes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.corpora import CORPUS, fact, facts, scratch, state, words
from workbench.errors import WorkbenchError
from workbench.readers.body import Body
from workbench.services.intake.ingest import Delivery, Order, ingest
from workbench.services.verify import verify
from workbench.store.store import Store

ROWS = [*facts(*range(6)), fact(6, answer='a "quoted", word\nand a line'), fact(7, answer="é\u2028\U0001f600")]


def _table(delimiter: str) -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows([["question", "answer"], *([*row.values()] for row in ROWS)])
    return out.getvalue().encode()


def _columns(write: Callable[[pa.Table, Any], Any]) -> bytes:
    out = io.BytesIO()
    write(pa.Table.from_pylist(ROWS), out)
    return out.getvalue()


def _stream(table: pa.Table, out: io.BytesIO) -> None:
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)


FILES = {
    "rows.jsonl": "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS).encode(),
    "escaped.jsonl": "".join(json.dumps(row) + "\r\n" for row in ROWS).encode(),
    "rows.json": json.dumps(ROWS, indent=2).encode(),
    "commented.json": b"// rows\n"
    + json.dumps(ROWS, ensure_ascii=False, indent=1).encode().replace(b"},", b"}, // next\n"),
    "wide.jsonl": "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS).encode("utf-16"),
    "rows.csv": _table(","),
    "rows.tsv": _table("\t"),
    "semicolons.csv": b"sep=;\r\n" + _table(";"),
    "rows.parquet": _columns(pq.write_table),
    "rows.arrow": _columns(_stream),
    "novel.txt": "\n\n".join(f"CHAPTER {i}\n\n{words(i, 60)}. {words(-i, 40)}.\r\n" for i in range(4)).encode(),
}
"""Valid files of every reader; a novel is taken as prose, everything else as questions and answers."""
TOKENS = (
    *(
        b'"',
        b"'",
        b"\n",
        b"\r",
        b"\x00",
        b"\xff",
        b"\xc3",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\\",
        b";",
        b"\t",
        b"//",
        b"/*",
    ),
    *(b"\\ud800", b"NaN", b"1e999", b"-0", b"9" * 40, b"[" * 3000, b'{"a":' * 500, b"\xef\xbb\xbf", b"\xe2\x80\xa8"),
    *(
        b"\x1b]0;x\x07",
        b"=cmd|' /C calc'!A0",
        b"null\n",
        b'{"question": 1}\n',
        b"\x80\x04",
        b"PAR1",
        b"*** START OF",
        b" ",
    ),
)
PLACES = st.floats(0, 1, exclude_max=True)
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("put"), PLACES, st.one_of(st.sampled_from(TOKENS), st.binary(min_size=1, max_size=8))),
        st.tuples(st.just("write over"), PLACES, st.one_of(st.sampled_from(TOKENS), st.binary(min_size=1, max_size=8))),
        st.tuples(st.just("leave out"), PLACES, st.integers(1, 200)),
        st.tuples(st.just("repeat"), PLACES, st.integers(1, 200)),
        st.tuples(st.just("cut"), PLACES, st.just(0)),
    ),
    max_size=5,
)


def changed(data: bytes, changes: list[tuple[str, float, Any]]) -> bytes:
    for how, place, what in changes:
        at = int(place * len(data))
        if how == "put":
            data = data[:at] + what + data[at:]
        elif how == "write over":
            data = data[:at] + what + data[at + len(what) :]
        elif how == "leave out":
            data = data[:at] + data[at + what :]
        elif how == "repeat":
            data = data[: at + what] + data[at:]
        else:
            data = data[:at]
    return data


def check_counts(store: Store, path: Path, order: Order) -> None:
    """Ingest a file twice: refused both times and nothing written, or every unit accounted for."""
    try:
        first = ingest(store, order)[0]
    except WorkbenchError as error:
        assert error.what
        assert store.catalogue.rows() == []
        assert verify(store) == []
        return
    assert first.read == first.kept + first.merged + first.quarantined
    records = state(store).delivered
    assert records["id"].n_unique() == records.height == first.kept
    check_bytes(store, path, first)
    again = ingest(store, order)[0]
    assert (again.kept, again.merged, again.quarantined) == (0, first.kept + first.merged, first.quarantined)
    assert state(store).delivered.equals(records)
    assert verify(store) == []


def check_bytes(store: Store, path: Path, told: Delivery) -> None:
    """Check that units lie apart in the file, quarantined ones with their bytes, and that lines are counted."""
    raw = path.read_bytes()
    assert store.objects.path(f"{told.digest}.raw").read_bytes() == raw
    if told.reader in ("parquet_file", "arrow_rows", "arrow_folder"):
        return
    rejects = state(store).rejects
    assert rejects.height == told.quarantined
    for start, end, reason, kept in rejects.select("start", "end", "reason", "raw").iter_rows():
        assert raw[start:end] == kept and reason
    spans = sorted([*state(store).members.select("start", "end").rows(), *rejects.select("start", "end").rows()])
    assert all(one[1] <= other[0] for one, other in pairwise(spans))
    if told.reader == "jsonl" and told.encoding.startswith("utf-8"):
        held = Body(raw, "utf-8", 3 if raw.startswith(b"\xef\xbb\xbf") else 0)
        lines = (raw[start:stop] for start, stop in held.lines(held.begin, held.end, held.newline()))
        assert told.read == sum(bool(line.strip()) for line in lines)


def survives(file: str, changes: list[tuple[str, float, Any]]) -> None:
    with scratch() as store:
        path = store.workspace.root.parent / file
        path.write_bytes(changed(FILES[file], changes))
        schema = "prose" if file.endswith(".txt") else "qa"
        check_counts(store, path, Order(CORPUS, (path,), schema=schema))


@pytest.mark.parametrize("file", sorted(FILES))
def test_the_file_as_it_was_is_kept_whole(file):
    with scratch() as store:
        path = store.workspace.root.parent / file
        path.write_bytes(FILES[file])
        made = ingest(store, Order(CORPUS, (path,), schema="prose" if file.endswith(".txt") else "qa"))[0]
        assert (made.kept, made.quarantined) == (made.read, 0)
        assert made.kept >= 4 if file.endswith(".txt") else made.kept == len(ROWS)


_EASY = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@given(st.sampled_from(sorted(FILES)), CHANGES)
@settings(max_examples=60, **_EASY)
def test_a_hostile_file_is_refused_or_accounted_for(file, changes):
    survives(file, changes)


@pytest.mark.slow
@pytest.mark.parametrize("file", sorted(FILES))
@given(changes=CHANGES)
@settings(max_examples=60, **_EASY)
def test_hostile_files_of_every_reader_are_refused_or_accounted_for(file, changes):
    survives(file, changes)
