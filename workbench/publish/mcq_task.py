"""Multiple-choice records as a task that lm-evaluation-harness loads: its YAML, and a file of JSON lines a split."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from workbench.errors import UsageError
from workbench.publish.facts import ExportFacts
from workbench.publish.pieces import Leaving, Put, a_file_a_split
from workbench.publish.written import Written, data_files_of, rows_of, write_lines
from workbench.schema import Choices, Schema
from workbench.text import counted

_ROLES = {"train": "training_split", "validation": "validation_split", "test": "test_split"}


def write_task(leaving: Leaving, folder: Path, *, schema: Schema, facts: ExportFacts) -> Written:
    """Write the records under their own columns, and the task over them; those without one right option stay out.

    Raises UsageError for a schema without choices, and where no record has one right option.
    """
    choices = schema.declared.choices
    if choices is None:
        raise UsageError(f"{schema.name!r} records have no options to choose from", "see: workbench export --help")
    planned = a_file_a_split(leaving, "{}.jsonl".format)
    puts = leaving.write(planned, partial(_put, key=choices.key), folder)
    files = data_files_of(planned, puts, folder)
    if not files:
        raise UsageError("no record of this version has one right option", "see: workbench check")
    name = task_name(facts)
    config = _task(name, choices, {file.split: file.path for file in files}, facts)
    (folder / f"{name}.yaml").write_text(_text(name, config), encoding="utf-8")
    left_out = sum(leaving.counts.values()) - sum(file.rows for file in files)
    note = f"{counted(left_out, 'record')} without exactly one right option left out" if left_out else ""
    return Written(files, leaving.schema, note, (f"{name}.yaml",), left_out)


def task_name(facts: ExportFacts) -> str:
    """Return the name under which the harness knows the task: the corpus and the first digits of the version."""
    return re.sub(r"\W+", "_", f"{facts.corpus}_{facts.version[:12]}")


def _put(table: pa.Table, split: str, handle: BinaryIO, *, key: str) -> Put:
    """Write the rows that have one right option, one line each."""
    held = table.filter(pc.is_valid(table[key]))
    write_lines(handle, rows_of(held))
    return Put(held.num_rows)


def _task(name: str, choices: Choices, files: dict[str, str], facts: ExportFacts) -> dict[str, Any]:
    """Return the task's configuration; the keys are those of lm_eval's TaskConfig."""
    roles = {role: split for split, role in _ROLES.items() if split in files}
    shots = {"fewshot_split": "train"} if "train" in files else {}
    metrics = [{"metric": metric, "aggregation": "mean", "higher_is_better": True} for metric in ("acc", "acc_norm")]
    return {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": files},
        **roles,
        **shots,
        "output_type": "multiple_choice",
        "doc_to_text": f"Question: {{{{{choices.stem}}}}}\nAnswer:",
        "doc_to_choice": choices.options,
        "doc_to_target": choices.key,
        "metric_list": metrics,
        "metadata": {"version": facts.version},
    }


def _text(name: str, config: dict[str, Any]) -> str:
    head = f"# In this folder: lm_eval --include_path . --tasks {name} --model hf --model_args pretrained=MODEL\n"
    return head + yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
