"""Which raw column a field comes from: exact name, alias, folded name, then the shapes of quiz files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from workbench.readers.choices import Choices, answers, choices_from
from workbench.readers.expression import evaluate, parsed
from workbench.readers.field_spec import FieldSpec, MappingError

Row = Mapping[str, Any]

_OPTION_COLUMN = re.compile(
    r"(?P<stem>option|opt|op|choice|answer|response)?[ _-]?(?P<mark>[a-z]|\d{1,2})", re.IGNORECASE
)
_KEY = re.compile(r"[A-Za-z]|\d+")
_FOLD = re.compile(r"[\s_-]+")


def proposed(columns: Sequence[str], rows: Sequence[Row], fields: dict[str, FieldSpec]) -> dict[str, str]:
    """Return field to expression, in the fields' order; each column is used once."""
    if columns and list(columns) == [str(number) for number in range(len(columns))]:
        return _numbered(columns, rows, fields)
    found: dict[str, str] = {}
    for names, fold in _PASSES:
        for field, spec in fields.items():
            if field not in found:
                column = _column(names(field, spec), [c for c in columns if c not in found.values()], fold)
                found |= {field: column} if column else {}
    _gather(columns, fields, found)
    _cast(rows, fields, found)
    return {field: found[field] for field in fields if field in found}


def _same(name: str) -> str:
    return name


def _folded(name: str) -> str:
    return _FOLD.sub("", name).casefold()


_PASSES: tuple[tuple[Callable[[str, FieldSpec], tuple[str, ...]], Callable[[str], str]], ...] = (
    (lambda field, spec: (field,), _same),
    (lambda field, spec: spec.aliases, _same),
    (lambda field, spec: (field, *spec.aliases), _folded),
)


def _column(names: Iterable[str], columns: Iterable[str], fold: Callable[[str], str]) -> str:
    by_name: dict[str, str] = {}
    for column in columns:
        by_name.setdefault(fold(column), column)
    return next((by_name[fold(name)] for name in names if fold(name) in by_name), "")


def _gather(columns: Sequence[str], fields: dict[str, FieldSpec], found: dict[str, str]) -> None:
    """Place columns such as A..D, option_a..option_d or choice1..choice4 in an open list field."""
    lists = [field for field, spec in fields.items() if spec.kind == "list[str]" and field not in found]
    wanted = [field for field in lists if field == "options" or fields[field].required]
    run = _run(columns, set(found.values())) if wanted else []
    if run:
        found[wanted[0]] = f"[{','.join(run)}]"


def _run(columns: Sequence[str], used: set[str]) -> list[str]:
    groups: dict[tuple[str, bool], list[tuple[int, str]]] = {}
    for column in columns:
        match = _OPTION_COLUMN.fullmatch(column)
        if match and column not in used and "," not in column:
            mark, stem = match["mark"], (match["stem"] or "").lower()
            number = int(mark) if mark.isdigit() else ord(mark.lower()) - ord("a")
            groups.setdefault((stem, mark.isdigit()), []).append((number, column))
    runs = [_consecutive(sorted(group), digits) for (_, digits), group in groups.items()]
    return max(runs, key=len, default=[])


def _consecutive(group: list[tuple[int, str]], digits: bool) -> list[str]:
    first = group[0][0]
    if first not in ((0, 1) if digits else (0,)):
        return []
    run = [column for place, (number, column) in enumerate(group) if number == first + place]
    return run if len(run) >= 2 else []


def _numbered(columns: Sequence[str], rows: Sequence[Row], fields: dict[str, FieldSpec]) -> dict[str, str]:
    """Map a file without a header: a quiz row by its shape, else the required texts in order."""
    texts = [field for field, spec in fields.items() if spec.kind == "str" and spec.required]
    options = next((field for field, spec in fields.items() if spec.kind == "list[str]"), "")
    answer = next((field for field, spec in fields.items() if spec.choices_in(fields)), "")
    keys = [str(row.get(columns[-1])).strip() for row in rows]
    quiz = options and answer and texts and len(columns) >= 4
    if quiz and keys and all(_KEY.fullmatch(key) for key in keys):
        return {texts[0]: columns[0], options: f"[{','.join(columns[1:-1])}]", answer: columns[-1]}
    return dict(zip(texts, columns, strict=True)) if len(texts) == len(columns) else {}


def _cast(rows: Sequence[Row], fields: dict[str, FieldSpec], found: dict[str, str]) -> None:
    """Say how an answer column is meant where some row could be read both ways and the other rows tell."""
    for field, spec in fields.items():
        options = found.get(spec.choices_in(fields))
        if field in found and options:
            found[field] += _meaning(rows, found[field], options)


def doubts(rows: Sequence[Row], fields: dict[str, FieldSpec], found: Mapping[str, str]) -> tuple[str, ...]:
    """Return a sentence for each answer column whose numbers fit a count from 0 and a count from 1 alike."""
    pairs = [(field, found.get(field), found.get(spec.choices_in(fields))) for field, spec in fields.items()]
    return tuple(
        f"{field} is read as an index from 0, though no row tells it from a count from 1: "
        f"if it is one, map it as {field}={answer}:number"
        for field, answer, options in pairs
        if answer and options and ":" not in answer and _first_number(rows, answer, options) is None
    )


def _meaning(rows: Sequence[Row], answer: str, options: str) -> str:
    """Return the cast that the rows prove, or nothing: then only the rows in doubt are set aside."""
    if _first_number(rows, answer, options) == 1:
        return ":number"
    seen = {tuple(_readable(row, answer, options, cast) for cast in ("index", "text", "")) for row in rows}
    doubt = (True, True, False) in seen
    by_index = any(index and not text for index, text, _ in seen)
    by_text = any(text and not index for index, text, _ in seen)
    if not doubt or by_index == by_text:
        return ""
    return ":index" if by_index else ":text"


def _readable(row: Row, answer: str, options: str, cast: str) -> bool | None:
    """Return whether a row's answer can be read under a cast; None where the row has none."""
    value = evaluate(parsed(answer), row)
    if value is None or value == "":
        return None
    return bool(_places(row, answer, options, cast))


def _places(row: Row, answer: str, options: str, cast: str) -> list[int]:
    """Return the indices that a row's answer means under a cast; none where it cannot be read so."""
    try:
        return answers(evaluate(parsed(answer), row), _choices(row, options), cast)
    except MappingError:
        return []


def _choices(row: Row, options: str) -> Choices:
    return choices_from(evaluate(parsed(options), row)) or Choices()


def _first_number(rows: Sequence[Row], answer: str, options: str) -> int | None:
    """Return the number of the first option, 0 or 1, where the answers are numbers; None where no row tells it.

    One is proven by a row that names the last option where no row names a 0. Letters, keys and texts, and
    numbers that are no option's at all, leave it at 0.
    """
    told = [row for row in rows if _readable(row, answer, options, "index") is not None]
    if not told or not all(_is_number(row, answer, options) for row in told):
        return 0
    if all(_readable(row, answer, options, "text") for row in told):
        return 0
    numbers = [(n, len(_choices(row, options).texts)) for row in told for n in _places(row, answer, options, "index")]
    if not all(1 <= number <= count for number, count in numbers):
        return 0
    return 1 if any(number == count for number, count in numbers) else None


def _is_number(row: Row, answer: str, options: str) -> bool:
    """Return whether a row's answer is a number, and not the key of an option that came as an object."""
    places = _places(row, answer, options, "index")
    keyed = places and _choices(row, options).keys and _places(row, answer, options, "") != places
    return bool(places) and not keyed and _places(row, answer, options, "number") == [place - 1 for place in places]
