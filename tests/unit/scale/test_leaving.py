"""Files that an engine's workers write are, byte for byte, those that this process writes."""

from __future__ import annotations

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.corpora import CORPUS, cut, deliver, fact, facts, ids, scratch, state
from workbench.errors import DataError, UsageError, WorkbenchError
from workbench.publish import formats, pieces
from workbench.publish.trainer_files import TRAINER_FORMATS
from workbench.scale.content import content_digest as content_digest_on
from workbench.scale.engine import Engine
from workbench.scale.records import NUMBER
from workbench.scale.surface import connected
from workbench.services.checking.describe import describe
from workbench.services.publishing.export import export
from workbench.services.records.editing import drop, edit
from workbench.store.store import Store
from workbench.store.versions import content_digest

FORMATS = (*formats.FORMATS, *TRAINER_FORMATS)
SAID = st.sampled_from(["=1+1", "a\r\nb", 'with, "quotes"', "Où ?", "\u2028", ""])
NUMBERS = st.lists(st.integers(0, 99), min_size=8, max_size=16, unique=True)
ROWS = st.tuples(NUMBERS, st.lists(st.one_of(st.none(), SAID), min_size=16, max_size=16)).map(
    lambda drawn: [fact(number, context=said) for number, said in zip(*drawn, strict=False)]
)


@pytest.fixture(scope="module", autouse=True)
def _small_pieces():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces.pieces_of, "__defaults__", (3,))
        patch.setattr(formats, "SHARD_BYTES", 1500)
        yield


@pytest.fixture
def spread(store) -> Engine:
    pytest.importorskip("daft", reason="the extra `scale` is not installed: pip install '.[scale]'")
    connected(None, 2)
    return Engine(store.workspace.scratch, lambda line, *counts: None)


def content(store: Store, name: str, format: str, engine: Engine | None) -> dict[str, bytes] | str:
    """Return the files of an export, or why there are none."""
    folder = store.workspace.root / "exports" / f"{format}-{name}"
    try:
        export(store, CORPUS, "latest", format=format, folder=folder, engine=engine)
    except WorkbenchError as error:
        return str(error.what)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def same(store: Store, engine: Engine, format: str) -> dict[str, bytes] | str:
    alone = content(store, "alone", format, None)
    assert content(store, "spread", format, engine) == alone
    return alone


@settings(max_examples=3, phases=(Phase.explicit, Phase.generate))
@given(first=ROWS, second=ROWS, data=st.data())
def test_files_are_the_same_to_the_last_byte(first, second, data):
    pytest.importorskip("daft", reason="the extra `scale` is not installed: pip install '.[scale]'")
    connected(None, 2)
    with scratch() as store:
        engine = Engine(store.workspace.scratch, lambda line, *counts: None)
        deliver(store, first, name="one")
        deliver(store, [*reversed(first[2:]), *second], name="one")
        edit(store, CORPUS, ids(store)[0], {"answer": "=another one"})
        drop(store, CORPUS, [ids(store)[-1]])
        cut(store)
        assert len(same(store, engine, "parquet")) > 3
        same(store, engine, data.draw(st.sampled_from(FORMATS)))


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_the_same(store, spread, format):
    deliver(store, facts(*range(20)))
    cut(store)
    same(store, spread, format)


def test_a_task_leaves_out_the_same_records(store, spread):
    rows = [
        fact(n) | {"options": ["a", "b"], "correct_option_index": n % 2 if n % 3 else None, "explanation": None}
        for n in range(20)
    ]
    deliver(store, [{key: value for key, value in row.items() if key != "answer"} for row in rows], schema="mcq")
    cut(store)
    for format in ("lm-eval", "parquet"):
        assert not isinstance(same(store, spread, format), str)


def test_a_torn_segment_is_named_and_nothing_is_left(store, spread):
    deliver(store, facts(*range(20)))
    cut(store)
    (segment,) = [store.objects.path(name) for name in state(store).segments]
    torn = bytearray(segment.read_bytes())
    place = pq.ParquetFile(segment).metadata.row_group(0).column(5).data_page_offset
    torn[place : place + 40] = bytes(40)
    segment.chmod(0o600)
    segment.write_bytes(torn)
    with pytest.raises(WorkbenchError, match=f"{segment.name} cannot be read"):
        export(store, CORPUS, "latest", format="jsonl", engine=spread)
    assert not list(store.workspace.scratch.iterdir()) and not list((store.workspace.root / "exports").glob("*-v1*"))


def test_a_record_that_does_not_fit_is_named_with_what_to_do(store, spread):
    deliver(store, [*facts(*range(20)), fact(20, answer="<|im_start|> it is")])
    cut(store)
    with pytest.raises(DataError, match="does not fit this format") as caught:
        export(store, CORPUS, "latest", format="chatml", engine=spread)
    assert "--format messages" in caught.value.hint
    with pytest.raises(UsageError, match="no options"):
        export(store, CORPUS, "latest", format="lm-eval", engine=spread)


def test_a_piece_that_arrives_short_is_refused(store, spread, monkeypatch):
    deliver(store, facts(*range(20)))
    cut(store)

    folder = store.workspace.scratch

    def cut_short(rows: pl.DataFrame, **_: object) -> pl.DataFrame:
        path = folder / f"{rows[NUMBER][0]}"
        path.write_bytes(b"half")
        return pl.DataFrame({"part": rows[NUMBER][:1], "path": [str(path)], "rows": [3], "memory": None, "size": [9]})

    monkeypatch.setattr("workbench.services.publishing.departing_on._put", cut_short)
    with pytest.raises(WorkbenchError, match="4 bytes here, and 9"):
        export(store, CORPUS, "latest", format="jsonl", engine=spread)


def test_fields_may_have_the_names_that_parts_and_files_go_by(store, spread):
    file = store.workspace.schema_file("prose")
    named = "columns:\n  part: {dtype: Int64, nullable: true}\n  path: {dtype: String, nullable: true}\n"
    file.write_text(file.read_text().replace("columns:\n", named))
    rows = [{"text": fact(number)["question"], "part": 70 + number, "path": f"p{number}"} for number in range(8)]
    deliver(store, rows, schema="prose")
    edit(store, CORPUS, ids(store)[0], {"path": "another"})
    version, curated = cut(store), state(store)
    standing = store.objects.table(version.assignment)
    assert content_digest_on(spread, curated, standing, curated.schema) == content_digest(
        curated.records, standing, curated.schema
    )
    assert describe(store, CORPUS, engine=spread) == describe(store, CORPUS)
    assert '"part":7' in str(same(store, spread, "jsonl"))
