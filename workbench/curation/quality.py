"""Quality flags that hold for every kind, family by family, for each record alone and for a corpus as a whole."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from itertools import islice

import polars as pl

from workbench.curation import flags
from workbench.curation.flags.content import PACKAGE, installed
from workbench.curation.flags.languages import language as language
from workbench.curation.flags.registry import CORPUS_LOOKS, FLAGS, RECORD_LOOKS, Issue, Look
from workbench.curation.flags.view import View
from workbench.curation.slices import SLICE
from workbench.schema import Schema

for _family in pkgutil.iter_modules(flags.__path__):
    importlib.import_module(f"{flags.__name__}.{_family.name}")

RULES_VERSION = 3
"""Raised with every change of what a flag finds or says: issues kept of another version are not used again."""
_TYPES = dict.fromkeys(Issue._fields, pl.String)


def record_flags(derived: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Return the flags that depend on each record alone, in the shape of an issue table."""
    return _found(derived, schema, RECORD_LOOKS)


def corpus_flags(derived: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Return the flags that come from comparing records, in the shape of an issue table."""
    return _found(derived, schema, CORPUS_LOOKS)


def _found(derived: pl.DataFrame, schema: Schema, looks: Iterable[Look]) -> pl.DataFrame:
    view = View(derived, schema)
    issues = (issue for look in looks for issue in look(view))
    found = [pl.DataFrame(schema=_TYPES)]
    while some := list(islice(issues, SLICE)):  # as Python's own objects they take several times the memory
        found.append(pl.DataFrame(some, schema=_TYPES, orient="row"))
    return pl.concat(found)


def flag_names() -> list[str]:
    """Return the rules of all flags."""
    return sorted(FLAGS)


def unchecked() -> list[str]:
    """Return what is not looked for here, and why, in one sentence each."""
    return [] if installed() else [f"offensive words: not checked, the package {PACKAGE} is not installed"]
