"""A CSV export runs nothing in a spreadsheet, unless it is asked for exactly, and says which of both it is."""

from __future__ import annotations

import csv
import json

import pyarrow as pa
import pytest

from tests.exports import facts
from workbench.publish.formats import write_export
from workbench.publish.pieces import held

HOSTILE = ['=HYPERLINK("http://x")', "+1", "-1+1", "@SUM(A1)", "\tx", "\rx", "\n=1+1", "\uff1d1+1"]
HARMLESS = ["plain = text", 'with, "quotes"\nand lines', ""]
ROWS = [*HOSTILE, *HARMLESS, None]


def exported(tmp_path, format: str) -> tuple[list[dict[str, str]], str]:
    table = pa.table({"question": ROWS, "tags": [["=a", "b"]] * len(ROWS), "=n": list(range(-5, 7))})
    folder = tmp_path / format
    write_export(facts(), held({"train": table}), folder, format=format)
    with (folder / "records.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle)), (folder / "README.md").read_text() + (folder / "curation.json").read_text()


def test_no_text_of_a_csv_export_begins_like_a_formula(tmp_path):
    rows, told = exported(tmp_path, "csv")
    assert [row["question"] for row in rows] == [f"'{text}" for text in HOSTILE] + [*HARMLESS, ""]
    assert [row["'=n"] for row in rows] == [str(number) for number in range(-5, 7)]
    assert {row["tags"] for row in rows} == {'["=a", "b"]'} and {row["split"] for row in rows} == {"train"}
    assert told.count("apostrophe") == 2


def test_an_exact_csv_holds_every_text_as_it_is(tmp_path):
    rows, told = exported(tmp_path, "csv-exact")
    assert [row["question"] for row in rows] == [text or "" for text in ROWS]
    assert "apostrophe" not in told


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_other_formats_are_exact(tmp_path, format):
    write_export(facts(), held({"train": pa.table({"question": HOSTILE})}), tmp_path / "out", format=format)
    if format == "jsonl":
        lines = (tmp_path / "out" / "records.jsonl").read_text().split("\n")
        assert [json.loads(line)["question"] for line in lines if line] == HOSTILE
    else:
        import pyarrow.parquet as pq

        (file,) = (tmp_path / "out" / "data").iterdir()
        assert pq.read_table(file)["question"].to_pylist() == HOSTILE
