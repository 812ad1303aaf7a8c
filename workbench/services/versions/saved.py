"""The plain files of a saved curation, read with suspicion: log, assignment, ledger of tests, versions and tags."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from workbench.corpus import DuplicateSettings, SplitSettings
from workbench.curation.sides import Stood, names_of
from workbench.curation.split import RANK
from workbench.errors import DataError, UsageError
from workbench.schema import Schema
from workbench.services.evaluation.judgements import Better
from workbench.services.records.editing import check_fits
from workbench.services.versions.ledger import Ledger
from workbench.services.versions.refs import check_tag
from workbench.store.edits import WHOLE
from workbench.store.versions import Version
from workbench.wording import explained

LOG, ASSIGNMENT, VERSIONS = "log.jsonl", "assignment.csv", "versions.jsonl"
TESTED, REFS, MARKED = "tested.csv", "refs.jsonl", "marks.jsonl"
AFTER = "after"
"""What a saved mark tells its place by: how many rows of the saved log stand before it."""
_ASSIGNED, _TESTED = ("record", "split"), ("record", "version", "texts")
"""Heads of the saved assignment and of the saved ledger; ledgers of older stores name no texts."""
_KEY = re.compile("[0-9a-f]{32}")
_Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
_Record = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    who: str
    at: str


class _Edit(_Line):
    kind: Literal["edit"]
    subject: _Record
    field: str
    before: _Digest
    value: Any
    reason: str
    action: str = ""
    undo: bool = False
    redo: bool = False


class _Match(_Line):
    kind: Literal["match"]
    subject: _Record
    old: _Record
    by: Literal["row", "near", "place"]


class _Judgement(_Line):
    kind: Literal["judgement"]
    subject: str
    pair: list[_Record]
    verdict: str
    action: str = ""
    undo: bool = False
    redo: bool = False


class _Readmission(_Line):
    kind: Literal["readmission"]
    subject: _Record
    source: str
    unit: _Digest
    rid: int
    segment: str
    row: dict[str, Any]


class _Ref(_Line):
    kind: Literal["ref"]
    subject: str
    version: _Digest


class _Note(_Line):
    kind: Literal["note"]
    subject: _Digest
    note: str


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    run: str
    model: Literal["base", "tuned"]
    text: str


class _Turn(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    role: str
    content: str


class _Turns(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    messages: list[_Turn]


class _Begun(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    prompt: str


class _Mark(_Line):
    undo: bool = False
    redo: bool = False
    after: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _says_something(self) -> _Mark:
        if not self.undo and any(value is None for name, value in self if name != "seed"):
            raise ValueError("it says nothing")
        return self


class _Preference(_Mark):
    kind: Literal["preference"]
    subject: _Record
    prompt: str | _Turns | _Begun | None = None
    one: _Said | None = None
    other: _Said | None = None
    better: Better | None = None
    record: str = ""
    seed: int | None = None


class _Review(_Mark):
    kind: Literal["review"]
    subject: _Record
    verdict: Literal["accepted"] | None = None
    fields: _Digest | None = None
    reason: str = ""


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    split: SplitSettings
    duplicates: DuplicateSettings
    forget_tested: bool = False


class _Version(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    id: _Digest
    at: str
    number: Annotated[int, Field(ge=1)]
    parent: _Digest | None
    upto: int
    assignment: str
    settings: _Settings
    schema_name: str = Field(alias="schema")
    schema_object: str
    counts: dict[str, int]
    proof: dict[str, Any]
    note: str
    report: dict[str, Any] = {}
    difference: str | None = None
    tested: int = 0
    """Records of the saved ledger, with the newest version; 0 in files of older stores."""


_REF: TypeAdapter[Any] = TypeAdapter(Annotated[_Ref | _Note, Field(discriminator="kind")])
_MARK: TypeAdapter[Any] = TypeAdapter(Annotated[_Preference | _Review, Field(discriminator="kind")])
_LINE: TypeAdapter[Any] = TypeAdapter(
    Annotated[_Edit | _Match | _Judgement | _Readmission, Field(discriminator="kind")]
)


def saved_log(path: Path, schema: Schema) -> list[dict[str, Any]]:
    """Return the saved log rows; what is no such row, or does not fit the schema, is a DataError naming its line.

    The log can never be taken back, so nothing enters it that its readers could not read.
    """
    return _checked(path, lambda row: _check(row, schema))


def saved_refs(path: Path) -> list[dict[str, Any]]:
    """Return the saved tags and notes; what is neither is a DataError naming its line."""
    return _checked(path, _check_ref)


def saved_marks(path: Path) -> list[dict[str, Any]]:
    """Return the saved verdicts on answers and accepted records; what is neither is a DataError naming its line."""
    return _checked(path, _MARK.validate_python)


def _check_ref(row: dict[str, Any]) -> None:
    line = _REF.validate_python(row)
    if isinstance(line, _Ref):
        check_tag(line.subject)


def _checked(path: Path, check: Callable[[dict[str, Any]], object]) -> list[dict[str, Any]]:
    rows = _read(path)
    for number, row in enumerate(rows, 1):
        try:
            check(row)
        except (ValidationError, UsageError) as error:
            raise _torn(path, f"line {number}: {_told(error)}") from error
    return rows


def _told(error: ValidationError | UsageError) -> str:
    if isinstance(error, UsageError):
        return error.what
    return explained(error.errors()[0])


def _check(row: dict[str, Any], schema: Schema) -> None:
    line = _LINE.validate_python(row)
    if isinstance(line, _Edit) and line.field == WHOLE:
        if not isinstance(line.value, bool):
            raise UsageError("an edit of the whole record is true or false")
    elif isinstance(line, _Edit):
        check_fits(schema, line.field, line.value)
    elif isinstance(line, _Readmission):
        for name in schema.columns:
            if row["row"].get(name) is not None:
                check_fits(schema, name, row["row"][name])


def saved_versions(path: Path, corpus: str) -> list[Version]:
    """Return the saved versions, oldest first; what is none is a DataError naming its line."""
    rows = _checked(path, _Version.model_validate)
    return [Version(corpus=corpus, **{key: value for key, value in row.items() if key != "tested"}) for row in rows]


def saved_assignment(path: Path) -> dict[str, str]:
    """Return the split each record was last assigned to."""
    return {record: side for record, side in _rows(path, (_ASSIGNED,), RANK.__contains__)}


def saved_tested(path: Path) -> Ledger:
    """Return the saved ledger of tests; one that holds less than the saved versions count is a DataError."""
    rows = _rows(path, (_TESTED[:2], _TESTED), _is_tested)
    counted = max((row.get("tested", 0) for row in _read(path.parent / VERSIONS)), default=0)
    if len(rows) < counted:
        raise _torn(path, f"it names {len(rows):,} of {counted:,} records")
    texts = {record: " ".join(sorted({*keys[0].split()})) for record, _, *keys in rows if any(keys)}
    return Ledger.of({record: int(number) for record, number, *_ in rows}, texts)


def _is_tested(number: str, keys: str = "") -> bool:
    is_number = number.isascii() and number.isdigit() and len(number) < 10
    return is_number and all(_KEY.fullmatch(key) for key in keys.split())


def _rows(path: Path, heads: Iterable[tuple[str, ...]], fits: Callable[..., bool]) -> list[list[str]]:
    """Return the rows of a CSV file under one of its heads; `fits` looks at all that follows the record."""
    with _whole(path):
        head, *rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8")))) or [[]]
    wrong = next((row for row in rows if len(row) != len(head) or not fits(*row[1:])), None)
    if wrong is not None or tuple(head) not in heads:
        raise _torn(path, f"{','.join(wrong or ['its head'])!r} names no record with its {path.stem}")
    return rows


def lines(rows: list[dict[str, Any]]) -> str:
    """Return rows as JSON lines with sorted keys, so that git shows what changed."""
    return "".join(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in rows)


def assigned_table(stood: Stood) -> str:
    """Return where each record was last assigned to as CSV, by record."""
    return _table([_ASSIGNED, *zip(stood.frame["id"], names_of(stood.frame["side"].to_numpy()), strict=True)])


def tested_table(ledger: Ledger) -> str:
    """Return the ledger of tests as CSV, by record."""
    return _table([_TESTED, *((record, number, texts or "") for record, number, texts in ledger.frame.iter_rows())])


def _table(rows: Iterable[tuple[object, ...]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    try:
        # Not splitlines(): a text may hold U+2028 and other characters that only look like the end of a line.
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    except (ValueError, RecursionError, OSError) as error:
        raise _torn(path, str(error)) from error
    if not all(isinstance(row, dict) for row in rows):
        raise _torn(path, "a line is no object")
    return rows


def _torn(path: Path, why: str) -> DataError:
    return DataError(f"{path.parent.name}/{path.name} is torn: {why}", "restore it, or run: workbench save")


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    """Turn a saved row that lacks something, or has too much, into one clear message."""
    try:
        yield
    except (KeyError, TypeError, UnicodeDecodeError, OSError) as error:
        raise _torn(path, str(error)) from error
