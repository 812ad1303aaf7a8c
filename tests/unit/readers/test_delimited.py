"""CSV and TSV: exact rows, exact spans, and a repair only where it is written down."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.readers.units import records, rejects, units, units_by
from workbench.errors import UsageError
from workbench.readers import detect


def written(folder: Path, data: bytes, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def test_line_ends_inside_a_cell_stay_as_they_are(tmp_path: Path) -> None:
    path = written(tmp_path, b'a,b\r\n"one\r\ntwo\nthree",2\r\n\r\n3,4')
    found = records(units(path))
    assert [unit.fields for unit in found] == [{"a": "one\r\ntwo\nthree", "b": "2"}, {"a": "3", "b": "4"}]
    assert path.read_bytes()[found[0].origin.start : found[0].origin.end] == b'"one\r\ntwo\nthree",2'


def test_a_byte_order_mark_at_the_start_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    path = written(tmp_path, b"\xef\xbb\xbfid,name\n1,x\n")
    assert detect.detect(path).encoding == "utf-8-sig"
    assert records(units(path))[0].fields == {"id": "1", "name": "x"}


def test_a_byte_order_mark_inside_the_first_cell_is_repaired_by_an_edit(tmp_path: Path) -> None:
    [unit] = records(units(written(tmp_path, 'text\n"\ufeffThe start, of it"\n'.encode())))
    assert unit.fields["text"].startswith("\ufeff")
    [repair] = unit.repairs
    assert (repair.field, repair.value) == ("text", "The start, of it")
    assert repair.reason == "byte order mark inside the cell"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"1,2", "2 cells"),
        (b"1,2,3,4", "4 cells"),
        (b"\x00,2,3", "NUL"),
        (b'"open,2,3', "end of data"),
        (b"\xff,2,3", "encoding"),
    ],
)
def test_a_faulty_row_is_set_aside_with_its_bytes_and_takes_no_neighbour_along(
    row: bytes, reason: str, tmp_path: Path
) -> None:
    found = units_by("delimited", written(tmp_path, b"a,b,c\n1,2,3\n" + row + b"\n4,5,6\n7,8,9\n"))
    [reject] = rejects(found)
    assert reject.raw == row and reason in reject.reason and reject.origin.position == 1
    assert [unit.fields["a"] for unit in records(found)] == ["1", "4", "7"]


def test_quotes_that_were_not_doubled_are_text_when_the_cells_still_add_up(tmp_path: Path) -> None:
    found = units(written(tmp_path, b'q,a\n"He "has, it" now","1"\n"x","2"\n'))
    assert [unit.fields for unit in records(found)] == [
        {"q": 'He "has, it" now', "a": "1"},
        {"q": "x", "a": "2"},
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_by_its_rows(delimiter: str, tmp_path: Path) -> None:
    rows = [["name", "price", "note"], ["x", "1,5", "a; b | c"], ["y", "2,5", "d; e | f"]]
    text = "\n".join(delimiter.join(f'"{cell}"' if delimiter in cell else cell for cell in row) for row in rows)
    [first, _] = records(units(written(tmp_path, text.encode())))
    assert first.fields == {"name": "x", "price": "1,5", "note": "a; b | c"}


def test_a_quiz_without_a_header_is_read_by_column_numbers(tmp_path: Path) -> None:
    path = written(tmp_path, b"Capital of Italy?,Rome,Oslo,Bern,Kiev,A\nCapital of Norway?,Rome,Oslo,Bern,Kiev,B\n")
    reading = detect.plan(path)
    assert reading.header is False and any("numbered" in guess for guess in reading.proposal.guesses)
    assert records(units(path))[0].fields == dict(
        zip("012345", ["Capital of Italy?", "Rome", "Oslo", "Bern", "Kiev", "A"], strict=True)
    )


def test_a_file_whose_first_row_holds_numbers_has_no_header(tmp_path: Path) -> None:
    assert detect.plan(written(tmp_path, b"1,2\n3,4\n")).header is False
    assert detect.plan(written(tmp_path, b"a,b\n3,4\n")).header is True


def test_repeated_and_missing_column_names_lose_no_column(tmp_path: Path) -> None:
    [unit] = records(units_by("delimited", written(tmp_path, b",a,a\n1,2,3\n")))
    assert unit.fields == {"0": "1", "a": "2", "a_2": "3"}


def test_an_unreadable_header_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="header row"):
        units_by("delimited", written(tmp_path, b'a,"b\n1,2\n'))


def test_carriage_returns_alone_end_rows_too(tmp_path: Path) -> None:
    assert [unit.fields["b"] for unit in records(units(written(tmp_path, b"a,b\r1,2\r3,4\r")))] == ["2", "4"]


def test_a_cell_longer_than_the_csv_modules_default_is_read(tmp_path: Path) -> None:
    [unit] = records(units(written(tmp_path, b"a,b\n" + b"x" * 300_000 + b",1\n")))
    assert len(unit.fields["a"]) == 300_000


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"sep=;\r\nname;note\r\nx;a,b\r\ny;c,d\r\n", {"name": "x", "note": "a,b"}),
        (b"\xef\xbb\xbfsep=\t\nname\tnote\nx\ta,b\ny\tc,d\n", {"name": "x", "note": "a,b"}),
        (b'"sep=|"\nname|note\nx|1\ny|2\n', {"name": "x", "note": "1"}),
        (b"SEP=,\nname,note\nx;y,1\ny;z,2\n", {"name": "x;y", "note": "1"}),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.txt"])
def test_the_line_that_excel_writes_in_front_says_the_delimiter_and_is_no_header(
    data: bytes, expected: dict[str, str], name: str, tmp_path: Path
) -> None:
    path = written(tmp_path, data, name)
    assert detect.plan(path).proposal.reader == "delimited" and detect.plan(path).header
    assert records(units(path))[0].fields == expected


def test_a_file_of_nothing_but_the_line_that_excel_writes_has_no_rows(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="header row"):
        units_by("delimited", written(tmp_path, b"sep=;\n"))
