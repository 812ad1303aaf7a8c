"""Tables fit where they are printed."""

from __future__ import annotations

import pytest

from workbench.cli.output import fitted, table

ROWS = [["1234567890ab", n, "x" * 500, "yes"] for n in range(3)]
HEADER = ("record", "row", "a column with a long name", "short")


def test_a_table_without_rows_has_no_header():
    assert table([], HEADER) == fitted([], HEADER) == []


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_a_table_is_cut_to_the_terminal_at_its_longest_cells_alone(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = fitted(ROWS, HEADER)
    assert max(map(len, lines)) <= columns
    assert all(line.startswith("1234567890ab") and line.endswith("yes") for line in lines[1:])


def test_a_cell_of_many_columns_still_names_its_record(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    assert all(line.startswith("1234567890ab") for line in fitted(ROWS, HEADER)[1:])


def test_a_number_with_a_sign_stands_right_like_any_other():
    assert table([["+1.5"], ["-10.25"]], ["difference"]) == ["difference", "      +1.5", "    -10.25"]
