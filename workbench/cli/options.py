"""Options that many commands share, and how a corpus or a version is named."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.errors import UsageError, unknown

if TYPE_CHECKING:
    from workbench.store.store import Store
    from workbench.workspace import Workspace

AsJson = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object on stdout.")]
In = Annotated[
    Path | None,
    typer.Option("--workspace", metavar="DIR", help="The workspace; default: found from here upwards."),
]
Place = Annotated[Path | None, typer.Option("--workspace", metavar="DIR", help="The same as the argument.")]
Named = Annotated[str | None, typer.Argument(metavar="[CORPUS]", help="Corpus; implied where there is only one.")]
Record = Annotated[str | None, typer.Argument(metavar="[RECORD]", help="Record id, or a unique prefix of one.")]
Option = Annotated[str | None, typer.Option("--corpus", help="The same as the argument.")]
ID = 12
"""Characters of a record id that a list shows: any command takes them for the whole."""


WORKSPACE_VARIABLE = "WORKBENCH_WORKSPACE"


def chosen(workspace: Path | None) -> Workspace:
    """Return the workspace that is named, by option or by environment, else the one found from here upwards."""
    from workbench.workspace import Workspace

    named = str(workspace) if workspace else os.environ.get(WORKSPACE_VARIABLE)
    return Workspace(Path(named)) if named else Workspace.find(Path())


def place(workspace: Path | None) -> Workspace | Path:
    """Return the workspace that is meant, as `chosen` does, or where there is none the folder that could be one."""
    try:
        return chosen(workspace)
    except UsageError:
        return Path(workspace or os.environ.get(WORKSPACE_VARIABLE) or ".")


def one_folder(argument: Path | None, option: Path | None) -> Path | None:
    """Return the folder that a new workspace is wanted in, if any is named; two are a UsageError."""
    if argument and option and argument.resolve() != option.resolve():
        raise UsageError(f"two folders are named: {str(argument)!r} and {str(option)!r}", "give one of them")
    return argument or option


@contextmanager
def opened(workspace: Path | None) -> Iterator[Store]:
    """Open the store of a workspace."""
    from workbench.store.store import Store

    with Store(chosen(workspace)) as store:
        yield store


def agreed(question: str) -> bool:
    """Return whether the person at the terminal says yes; without one that is a UsageError."""
    if not sys.stdin.isatty():
        raise UsageError("nobody can be asked: the input is no terminal", "look at what it would do, then say --yes")
    return typer.confirm(question, err=True)


def corpus_name(store: Store, argument: str | None, option: str | None = None) -> str:
    """Return the corpus that is meant, after a look whether it is there: no work begins for a misspelled name."""
    name = new_corpus_name(store, argument, option)
    if name not in store.corpora():
        raise unknown("corpus", name, store.corpora())
    return name


def new_corpus_name(
    store: Store, argument: str | None, option: str | None = None, *, choice: str = "one of: {known}"
) -> str:
    """Return the corpus that is meant, be it here or not; one alone, or whose folder one stands in, needs no naming.

    Where nobody can know which one, the error's hint is the choice, with the corpora that are known filled in.
    """
    if argument and option and argument != option:
        raise UsageError(f"two corpora are named: {argument!r} and {option!r}", "give one of them")
    name = argument or option
    if name:
        return name
    known = store.corpora()
    here = [folder for folder in known if Path.cwd().is_relative_to(store.workspace.corpus_folder(folder))]
    if len(known) == 1 or here:
        return (here or known)[0]
    if not known:
        raise UsageError("this workspace holds no corpus yet", "begin with: workbench ingest FILE --corpus NAME")
    raise UsageError("which corpus?", choice.format(known=", ".join(known)))


def parted(store: Store, corpus: str | None, record: str | None, option: str | None) -> tuple[str, str | None]:
    """Part a corpus and a record: a single argument is the record where the corpus is implied or given as an option."""
    if corpus and record is None and corpus not in store.corpora():
        return corpus_name(store, None, option), corpus
    return corpus_name(store, corpus, option), record


def reference(store: Store, argument: str | None, option: str | None = None) -> tuple[str, str]:
    """Return (corpus, version name) of `corpus`, `corpus@v3`, `corpus@latest` or `@v3`."""
    name, _, version = (argument or "").partition("@")
    return corpus_name(store, name or None, option), version or "latest"
