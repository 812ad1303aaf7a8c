"""Write the files that trainers read: one file of JSON lines a split, a record's form in each line."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa

from workbench.errors import DataError
from workbench.publish.facts import DataFile, ExportFacts
from workbench.publish.forms import FORMS, Form
from workbench.publish.mcq_task import write_task
from workbench.publish.rendering import Row
from workbench.publish.written import Tables, Writer, Written, data_file, rows_of, write_lines
from workbench.schema import Schema


def _write_form(tables: Tables, folder: Path, *, form: Form) -> Written:
    """Write `train.jsonl` and its like: the trainer's fields, then the columns that stand in none of them."""
    kept = next(iter(tables.values())).schema
    beside = [field for field in kept if field.name not in form.taken and field.name not in form.fields]
    schema = pa.schema([*form.fields.items(), *beside])
    names = [field.name for field in beside]
    files = [_write_split(split, table, folder, _shaped(form, names)) for split, table in tables.items()]
    hidden = [name for name in kept.names if name in form.fields and name not in form.taken]
    told = f"{', '.join(hidden)} gave way to the trainer's own" if hidden else ""
    return Written(tuple(files), schema, "; ".join(filter(None, (form.note, told))))


def _write_split(split: str, table: pa.Table, folder: Path, shaped: Callable[[Row], Row]) -> DataFile:
    path = folder / f"{split}.jsonl"
    write_lines(path, map(shaped, rows_of(table)))
    return data_file(path, folder, split, rows=table.num_rows)


def _shaped(form: Form, beside: list[str]) -> Callable[[Row], Row]:
    def shaped(record: Row) -> Row:
        try:
            return form.row(record) | {name: record[name] for name in beside}
        except DataError as error:
            what = f"record {str(record.get('record_id'))[:12]} does not fit this format: {error.what}"
            raise DataError(what, error.hint) from error

    return shaped


def _of_form(form: Callable[[Schema], Form]) -> Callable[[Schema, ExportFacts], Writer]:
    return lambda schema, facts: partial(_write_form, form=form(schema))


TRAINER_FORMATS: dict[str, Callable[[Schema, ExportFacts], Writer]] = {
    **{name: _of_form(form) for name, form in FORMS.items()},
    "lm-eval": lambda schema, facts: partial(write_task, schema=schema, facts=facts),
}
"""What writes a schema's records for trainers and evaluations, by the name of the format."""
