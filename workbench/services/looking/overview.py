"""What stands in a workspace: every corpus with its kind, counts, newest version and newest run."""

from __future__ import annotations

from dataclasses import dataclass, replace

from workbench.errors import WorkbenchError
from workbench.services.checking.check import check
from workbench.services.training.follow import RunLine, run_line
from workbench.store.store import Store
from workbench.store.versions import versions
from workbench.training.runs import RunFolder


@dataclass(frozen=True)
class Summary:
    """One corpus as a line of the list; numbers are None while they are counted."""

    name: str
    kind: str
    ingested: bool
    records: int | None = None
    errors: int | None = None
    warnings: int | None = None
    versions: int = 0
    newest: str = ""
    run: str = ""
    """The newest run: its name, its state and its last loss."""
    head: int = 0
    """The corpus' newest log row: with the same one, the numbers still hold."""
    fault: str = ""
    """Why the corpus cannot be read, if it cannot."""


def outline(store: Store) -> list[Summary]:
    """Return every corpus with what the log says at once; records and issues are still to be counted."""
    runs = _newest_runs(store)
    return [_outlined(store, name, runs.get(name)) for name in store.corpora()]


def _outlined(store: Store, name: str, run: RunLine | None) -> Summary:
    known = versions(store.catalogue, name)
    newest = f"{known[-1].name}  {known[-1].at[:16].replace('T', ' ')}  {known[-1].id[:12]}" if known else ""
    line = Summary(name, "", bool(store.catalogue.rows(name, kinds=("delivery",))), run=_in_words(run))
    try:
        line = replace(line, kind=store.corpus(name).schema_name)
    except WorkbenchError as error:
        line = replace(line, fault=error.what)
    return replace(line, versions=len(known), newest=newest, head=store.catalogue.head(name))


def _newest_runs(store: Store) -> dict[str, RunLine]:
    """Return the newest run of each corpus that began, or else was refused; a run folder without facts has none."""
    found = (run_line(run) for run in RunFolder.list(store.workspace.runs))
    lines = sorted(found, key=lambda line: (line.status != "refused", line.created))
    return {line.trains.partition("@")[0]: line for line in lines}


def _in_words(run: RunLine | None) -> str:
    if run is None:
        return ""
    share = f" {run.step / run.total:.0%}" if run.status == "running" and run.total else ""
    loss = f" loss {run.loss:.3f}" if run.loss is not None else ""
    return f"{run.status}{share}{loss}: {run.name}"


def counted(store: Store, summary: Summary) -> Summary:
    """Return a corpus' line with its records and issues counted, or with the fault that keeps them from it."""
    try:
        state, found = check(store, summary.name)
    except WorkbenchError as error:
        return replace(summary, fault=error.what)
    by_severity = dict(found.group_by("severity").len().iter_rows())
    errors, warnings = by_severity.get("error", 0), by_severity.get("warning", 0)
    return replace(summary, records=state.records.height, errors=errors, warnings=warnings)
