"""A file that somebody cuts short while it is read ends no process: what was kept of it is read."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.corpora import deliver, facts, scratch
from workbench.store.store import Store

SCRIPT = """
import sys
from pathlib import Path
from workbench.errors import WorkbenchError
from workbench.readers import body
from workbench.services.checking.against import held_against
from workbench.services.intake import head, rows
from workbench.services.intake.ingest import Order, ingest
from workbench.services.intake.preview import preview
from workbench.store.store import Store
from workbench.workspace import Workspace

body.MAPPED, rows._TOLD = 0, 100
work, root, path = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
whole = rows.planned

def cut_short(*given, **settings):
    found = whole(*given, **settings)
    path.write_bytes(b"")
    return found

def told(line, done=0, total=0):
    if ": 100 rows" in line:
        path.write_bytes(b"")

with Store(Workspace(root)) as store:
    try:
        if work == "ingest":
            ingest(store, Order("facts", (path,), schema="qa", settings={"name": "rows"}), told)
        elif work == "preview":
            rows.planned = cut_short
            print(preview(store, Order("facts", (path,), schema="qa")).tried.rows)
        else:
            rows.planned = cut_short
            print(held_against(store, store.state(store.corpus("facts")), [str(path)]).texts)
    except WorkbenchError as error:
        print(error.what)
        sys.exit(error.exit_code)
"""
ROWS = 2_000


@pytest.fixture
def store(tmp_path):
    with scratch() as store:
        yield store


def worked(store: Store, work: str, path) -> tuple[int, str]:
    """Return how a process ended whose file was emptied as soon as it was looked at, and what it said."""
    path.write_text("".join(json.dumps(row) + "\n" for row in facts(*range(ROWS))))
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, work, str(store.workspace.root), str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert not ended.stderr
    return ended.returncode, ended.stdout.strip()


def test_an_ingest_of_a_file_cut_short_says_that_it_changed(store, tmp_path):
    assert worked(store, "ingest", tmp_path / "rows.jsonl") == (3, "'rows.jsonl' was changed while it was read")
    assert store.catalogue.rows() == []


def test_a_preview_of_a_file_cut_short_shows_what_stood_there(store, tmp_path):
    assert worked(store, "preview", tmp_path / "rows.jsonl") == (0, "1000")


def test_records_are_held_against_what_stood_in_a_file_cut_short(store, tmp_path):
    deliver(store, facts(1, 2))
    assert worked(store, "against", tmp_path / "other.jsonl") == (0, str(ROWS))
