"""A large file is looked at by its head, in whichever form it comes; a small one by a copy."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import UsageError
from workbench.services.intake import head
from workbench.services.intake.head import head_of


@pytest.fixture
def small_heads(monkeypatch):
    monkeypatch.setattr(head, "HEAD_BYTES", 64)


def test_a_small_file_is_copied_whole(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("{}\n")
    with head_of(path) as found:
        path.write_text("")
        assert (found.path.name, found.path.read_text()) == ("a.jsonl", "{}\n")
        assert (found.size, found.is_whole, found.is_torn) == (3, True, False)
    assert not found.path.exists()


def test_a_folder_is_given_itself(tmp_path):
    with head_of(tmp_path) as found:
        assert (found.path, found.size, found.is_whole) == (tmp_path, 0, True)


@pytest.mark.usefixtures("small_heads")
def test_a_head_ends_with_a_line_keeps_its_name_and_goes(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"n": n}) + "\n" for n in range(100)))
    with head_of(path) as found:
        text = found.path.read_text()
        assert text.endswith("}\n") and len(text) <= 64 and path.read_text().startswith(text)
        assert (found.path.name, found.size, found.is_whole) == ("a.jsonl", path.stat().st_size, False)
    assert not found.path.exists()


@pytest.mark.usefixtures("small_heads")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le"])
@pytest.mark.parametrize("shift", range(4))
def test_a_head_tears_no_character(tmp_path, encoding, shift):
    path = tmp_path / "a.txt"
    path.write_text("x" * shift + "€" * 500, encoding=encoding)
    with head_of(path) as found:
        assert set(found.path.read_bytes().decode(encoding)) <= {"x", "€"}


@given(st.text(alphabet="aé€😀", min_size=40, max_size=200))
def test_a_cut_utf_8_text_without_lines_is_utf_8(text):
    raw = text.encode()
    for size in range(30, len(raw), 7):
        assert raw.startswith(head._cut(raw[:size]))
        head._cut(raw[:size]).decode()


@pytest.mark.usefixtures("small_heads")
def test_a_large_parquet_file_is_looked_at_by_its_first_rows(tmp_path):
    path = tmp_path / "a.parquet"
    table = pa.table({"q": [f"question {n}" for n in range(5000)], "n": list(range(5000))})
    pq.write_table(table, path, row_group_size=1000)
    with head_of(path) as found:
        assert pq.read_table(found.path).to_pylist() == table.slice(0, 256).to_pylist()
        assert not found.is_whole


@pytest.mark.usefixtures("small_heads")
def test_a_torn_parquet_file_is_refused(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1" + b"x" * 500)
    with pytest.raises(UsageError, match="no whole Parquet file"), head_of(path):
        pass


def test_a_folder_and_a_device_are_given_as_they_are(tmp_path):
    for path in (tmp_path, tmp_path.__class__("/dev/zero")):
        with head_of(path) as found:
            assert found.path == path and found.is_whole
