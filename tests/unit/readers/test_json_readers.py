"""JSON in all its raw shapes: nothing turns silently into something else, and one fault costs one unit."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.unit.readers.units import records, rejects, units, units_by
from workbench.errors import UsageError
from workbench.readers.detect import detect


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_bytes(text.encode("utf-8"))
    return path


def test_an_integer_beyond_64_bits_stays_an_integer(tmp_path: Path) -> None:
    [unit] = records(units(written(tmp_path, "a.jsonl", '{"n": 1180591620717411303424}\n')))
    assert unit.fields["n"] == 2**70 and isinstance(unit.fields["n"], int)


@pytest.mark.parametrize(
    "value",
    ["NaN", "Infinity", "1e999", '"\\ud800"', "1" * 5000, "[" * 5000 + "]" * 5000, "1234567890123456789e999"],
)
def test_what_no_fingerprint_could_take_is_a_reject(value: str, tmp_path: Path) -> None:
    found = units_by("jsonl", written(tmp_path, "a.jsonl", f'{{"v": {value}}}\n{{"v": 1}}\n'))
    assert [type(unit).__name__ for unit in found] == ["Reject", "Record"]


def test_a_torn_line_is_rejected_with_its_bytes_and_its_offset(tmp_path: Path) -> None:
    found = units(written(tmp_path, "a.jsonl", '{"a": 1}\r\n\r\n{"a": 2, "b\r\n{"a": 3}\r\n'))
    [torn] = rejects(found)
    assert (torn.raw, torn.origin.start, torn.origin.position) == (b'{"a": 2, "b', 12, 1)
    assert [unit.fields["a"] for unit in records(found)] == [1, 3]


def test_a_pretty_printed_array_named_jsonl_is_read_as_an_array(tmp_path: Path) -> None:
    path = written(tmp_path, "a.jsonl", '[\n  {\n    "a": 1\n  },\n  {\n    "a": 2\n  }\n]\n')
    assert detect(path).reader == "json_array"
    assert [unit.fields for unit in records(units(path))] == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("lead", ["", '"version": "1.0", "size": {"rows": [1, 2]}, '])
def test_a_list_inside_one_object_is_unwrapped(lead: str, tmp_path: Path) -> None:
    path = written(tmp_path, "a.json", '{%s"data": [{"a": 1}, {"a": 2}], "end": null}\n' % lead)  # noqa: UP031
    found = units(path)
    assert [unit.fields for unit in records(found)] == [{"a": 1}, {"a": 2}] and not rejects(found)


def test_a_single_conversation_is_one_record_and_not_a_wrapped_list(tmp_path: Path) -> None:
    text = '{\n "messages": [\n  {"role": "user", "content": "hi"}\n ]\n}\n'
    [unit] = units(written(tmp_path, "a.json", text))
    assert records([unit])[0].fields["messages"][0]["content"] == "hi"


def test_objects_one_after_another_over_several_lines_are_units(tmp_path: Path) -> None:
    found = units(written(tmp_path, "a.json", '{\n "a": 1\n}\n{\n "a": 2\n}\n'))
    assert [unit.fields for unit in records(found)] == [{"a": 1}, {"a": 2}]


def test_two_lists_of_records_in_one_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="2 lists"):
        units(written(tmp_path, "a.json", '{"train": [{"a": 1}], "test": [{"a": 2}]}'))


@pytest.mark.parametrize(
    "broken",
    ['{"a": "open}', '{"a": [1}', '{"a": {"b": 1}', '{"a": "line\nbreak"}', "{'a': 1}", '{"a": 1 "b": 2}'],
)
def test_one_broken_element_costs_one_unit_and_no_neighbour(broken: str, tmp_path: Path) -> None:
    found = units_by(
        "json_array", written(tmp_path, "a.json", f'[\n{{"n": 1}},\n{broken},\n{{"n": 3}},\n{{"n": 4}}\n]')
    )
    assert [unit.fields["n"] for unit in records(found)] == [1, 3, 4]
    assert [unit.raw.decode() for unit in rejects(found)] == [broken]


def test_an_array_cut_off_keeps_its_whole_elements_and_says_so(tmp_path: Path) -> None:
    path = written(tmp_path, "a.json", '[{"a": 1}, {"a": 2}, {"a": ')
    found = units(path)
    assert len(records(found)) == 2 and [unit.raw for unit in rejects(found)] == [b'{"a": ']
    assert any("cut off" in guess for guess in detect(path).guesses)


def test_comments_and_trailing_commas_go_but_not_those_inside_strings(tmp_path: Path) -> None:
    text = '// head\n[{"a": "x // y, ]", /* c */ "b": [1, 2,],}, // , {"a": 0}\n {"a": "/* kept */"},\n]\n'
    path = written(tmp_path, "a.json", text)
    found = units(path)
    assert detect(path).reader == "json_comments" and detect(path).guesses
    assert [unit.fields for unit in records(found)] == [{"a": "x // y, ]", "b": [1, 2]}, {"a": "/* kept */"}]
    assert not rejects(found)


def test_json_lines_may_hold_comments_too(tmp_path: Path) -> None:
    path = written(tmp_path, "a.jsonl", '// made by hand\n{"a": 1}\n{"a": 2,} // last\n')
    assert detect(path).reader == "json_comments"
    assert [unit.fields for unit in records(units(path))] == [{"a": 1}, {"a": 2}]


def test_a_trailing_comma_at_the_end_of_a_long_array_is_found(tmp_path: Path) -> None:
    rows = ",\n".join(f'{{"a": {number}, "text": "{"x" * 80}"}}' for number in range(2000))
    path = written(tmp_path, "a.json", f"[\n{rows},\n]\n")
    assert detect(path).reader == "json_comments"
    assert len(records(units(path))) == 2000


def test_long_random_strings_with_brackets_and_escapes_keep_exact_spans(tmp_path: Path) -> None:
    import json

    rng = random.Random(7)
    rows = [{"t": "".join(rng.choices('ab"\\[]{},:\n\té漢', k=200))} for _ in range(200)]
    path = written(tmp_path, "a.json", json.dumps(rows, ensure_ascii=False, indent=1))
    found = records(units(path))
    raw = path.read_bytes()
    assert [unit.fields for unit in found] == rows
    assert [json.loads(raw[unit.origin.start : unit.origin.end]) for unit in found] == rows


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 2}',
        '{"a" : 1, "\\u0061" : 2}',
        '{"x": [{"a": 1, "b": "t", "a": 1}]}',
        '{"n": 1180591620717411303424, "a": 1, "a": 2}',
        '{"a" : "x:y", "a": 2}',
        '{"a": [":", "b"], "a"\t: "\\":"}',
    ],
)
def test_an_object_with_a_repeated_key_is_a_reject_and_loses_no_value(text: str, tmp_path: Path) -> None:
    found = units(written(tmp_path, "a.jsonl", f'{{"n": 1}}\n{text}\n{{"n": 3}}\n'))
    [reject] = rejects(found)
    assert reject.raw.decode() == text and "'a' stands twice in one object" in reject.reason
    assert [unit.fields["n"] for unit in records(found)] == [1, 3]


def test_text_that_looks_like_a_key_is_no_repeated_key(tmp_path: Path) -> None:
    text = '{"a": "say \\"a\\": 1, \\"a\\" : 2", "b": {"a": []}}\n'
    [unit] = records(units(written(tmp_path, "a.jsonl", text)))
    assert unit.fields == {"a": 'say "a": 1, "a" : 2', "b": {"a": []}}


@pytest.mark.parametrize(("name", "lead"), [("a.json", ""), ("a.jsonc", "// mine\n")])
def test_what_stands_beside_the_list_of_an_object_is_named_in_a_guess(name: str, lead: str, tmp_path: Path) -> None:
    rows = ", ".join(f'{{"a": {number}, "text": "{"x" * 80}"}}' for number in range(2000))
    path = written(tmp_path, name, f'{lead}{{"version": "1.0", "data": [{rows}], "licence\u202e": {{"a": 1}}}}')
    [guess] = [guess for guess in detect(path).guesses if "beside" in guess]
    assert "'version', 'licence\u27e8U+202E\u27e9'" in guess and "data" not in guess


@pytest.mark.parametrize("text", ['{"data": [{"a": 1}]}', '{"a": 1, "b": [1]}', '{"a": 1}\n{"a": 2}', '[{"a": 1}]'])
def test_where_nothing_is_left_out_nothing_is_said(text: str, tmp_path: Path) -> None:
    assert detect(written(tmp_path, "a.json", text)).guesses == ()
