"""Write the files that trainers read: one file of JSON lines a split, a record's form in each line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from workbench.errors import DataError
from workbench.publish.facts import ExportFacts
from workbench.publish.forms import FORMS, Form
from workbench.publish.mcq_task import write_task
from workbench.publish.pieces import Leaving, Put, a_file_a_split
from workbench.publish.rendering import Row
from workbench.publish.written import Writer, Written, data_files_of, rows_of, write_lines
from workbench.schema import Schema


def _write_form(leaving: Leaving, folder: Path, *, name: str, schema: Schema) -> Written:
    """Write `train.jsonl` and its like: the trainer's fields, then the columns that stand in none of them."""
    form, kept = FORMS[name](schema), leaving.schema
    beside = [kept.field(column) for column in _beside(form, kept.names)]
    files = a_file_a_split(leaving, "{}.jsonl".format)
    puts = leaving.write(files, partial(_put, name=name, schema=schema.bare()), folder)
    hidden = [column for column in kept.names if column in form.fields and column not in form.taken]
    told = f"{', '.join(hidden)} gave way to the trainer's own" if hidden else ""
    shape = pa.schema([*form.fields.items(), *beside])
    return Written(data_files_of(files, puts, folder), shape, "; ".join(filter(None, (form.note, told))))


def _beside(form: Form, names: Sequence[str]) -> list[str]:
    return [name for name in names if name not in form.taken and name not in form.fields]


def _put(table: pa.Table, split: str, handle: BinaryIO, *, name: str, schema: Schema) -> Put:
    """Write rows in the form of that name, one line each."""
    form = FORMS[name](schema)
    write_lines(handle, map(_shaped(form, _beside(form, table.column_names)), rows_of(table)))
    return Put(table.num_rows)


def _shaped(form: Form, beside: list[str]) -> Callable[[Row], Row]:
    def shaped(record: Row) -> Row:
        try:
            return form.row(record) | {name: record[name] for name in beside}
        except DataError as error:
            what = f"record {str(record.get('record_id'))[:12]} does not fit this format: {error.what}"
            raise DataError(what, error.hint) from error

    return shaped


def _of_form(name: str) -> Callable[[Schema, ExportFacts], Writer]:
    return lambda schema, facts: partial(_write_form, name=name, schema=schema)


TRAINER_FORMATS: dict[str, Callable[[Schema, ExportFacts], Writer]] = {
    **{name: _of_form(name) for name in FORMS},
    "lm-eval": lambda schema, facts: partial(write_task, schema=schema, facts=facts),
}
"""What writes a schema's records for trainers and evaluations, by the name of the format."""
