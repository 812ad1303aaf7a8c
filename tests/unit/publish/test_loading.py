"""An export loads in the tools that people have, with the same rows in each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from datasets import load_dataset

from tests.exports import an_export, an_export_of, tables
from workbench.schema import load_schema

SCHEMAS = Path(__file__).resolve().parents[3] / "schemas"
TALK = [{"role": "user", "content": "a\n\u2028é"}, {"role": "assistant", "content": "b"}]
Rows = list[dict[str, Any]]


def by_datasets(path: Path) -> Rows:
    kind = {".parquet": "parquet", ".jsonl": "json"}[path.suffix]
    loaded = load_dataset(kind, data_files=str(path), split="train", cache_dir=str(path.parent.parent / "cache"))
    return loaded.to_list()


def by_polars(path: Path) -> Rows:
    read = pl.read_parquet if path.suffix == ".parquet" else pl.read_ndjson
    return read(path).to_dicts()


def by_duckdb(path: Path) -> Rows:
    found = duckdb.sql(f"SELECT * FROM '{path}'")
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


READERS = [by_datasets, by_polars, by_duckdb]


@pytest.mark.parametrize("read", READERS)
def test_a_parquet_file_holds_the_same_rows_for_every_reader(read: Callable[[Path], Rows], tmp_path):
    folder = an_export(tmp_path / "out")
    assert read(folder / "data" / "train-00000-of-00001.parquet") == tables()["train"].to_pylist()


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("format", ["messages", "prompt-completion"])
def test_a_trainers_file_holds_the_same_rows_for_every_reader(read: Callable[[Path], Rows], format: str, tmp_path):
    chat = load_schema(SCHEMAS / "chat.yaml")
    an_export_of(chat, [{"messages": TALK, "lang": None}, {"messages": TALK * 2, "lang": "fr"}], tmp_path / "o", format)
    rows = read(tmp_path / "o" / "train.jsonl")
    said = [row["messages"] if format == "messages" else row["prompt"] + row["completion"] for row in rows]
    assert said == [TALK, TALK * 2]
    assert [(row["lang"], row["source"]) for row in rows] == [(None, "rows"), ("fr", "rows")]


def test_the_folder_of_a_trainers_export_loads_by_its_card_with_its_splits(tmp_path):
    qa = load_schema(SCHEMAS / "qa.yaml")
    record = {"question": "q", "answer": "a", "context": None, "lang": None, "concept": None}
    an_export_of(qa, [record], tmp_path / "out", "alpaca")
    loaded = load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert list(loaded) == ["train"]
    assert loaded["train"].column_names == ["instruction", "input", "output", "lang", "concept", "record_id", "source"]
    assert loaded["train"][0]["instruction"] == "q" and loaded["train"][0]["input"] is None
