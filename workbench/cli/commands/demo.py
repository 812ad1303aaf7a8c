"""`workbench demo`: the main job on the sample corpora."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.numbers import measured
from workbench.cli.options import AsJson, Place, one_folder
from workbench.cli.output import progress, result, table
from workbench.curation.split import SIDES
from workbench.errors import ExitCode

if TYPE_CHECKING:
    from workbench.services.demo import Demo


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def demo(
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="New folder for its workspace.")] = None,
    as_json: AsJson = False,
    option: Place = None,
) -> None:
    """Do the whole way once, on CPU: six kinds of records in, one model trained, measured and exported.

    It ends with exit code 1 where a planted fault was missed, one was invented, or a promise was not kept.

    \b
    Example: workbench demo
    """
    from workbench.services.demo import demo as walk

    wanted = one_folder(folder, option)
    done = walk(wanted or Path(tempfile.mkdtemp(prefix="workbench-demo-")), progress)
    result(done, _lines(done), as_json=as_json)
    if done.broken:
        raise typer.Exit(int(ExitCode.DATA))


def _lines(done: Demo) -> list[str]:
    header = ["corpus", "kind", "read", "kept", "merged", "quarantined", "planted", "missed", "invented"]
    rows = [
        [c["corpus"], c["kind"], c["read"], c["kept"], c["merged"], c["quarantined"], *c["faults"].values()]
        for c in done.corpora
    ]
    out = ["", "What came in, and the faults planted in it:", *table(rows, header), "", "What was split, and proved:"]
    splits = [[c["corpus"], *(c["splits"][side] for side in SIDES), *list(c["proof"].values())] for c in done.corpora]
    out += table(splits, ["corpus", *SIDES, "exact", "near", "neighbour", "group", "max J"])
    out += ["", "What the X-ray refused:", f"  {done.refusal}", "", f"What was measured ({done.run}, test split):"]
    out += measured(done.evaluation)
    root = done.workspace
    out += ["", f"Where to look (all of it took {done.seconds:.0f} s):", f"  workspace  {root}"]
    out += [
        f"  adapter    {root}/runs/{done.run}/adapter",
        f"  export     {done.export}",
        f"  browse     workbench --workspace {root}",
    ]
    out += ["", *(f"BROKEN: {line}" for line in done.broken)] if done.broken else ["", "Every promise was kept."]
    return out
