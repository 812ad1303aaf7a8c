"""`workbench base`: build, fetch, merge or list base models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.options import AsJson, In, opened
from workbench.cli.output import progress, result
from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.store.store import Store


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("base")(base)


def base(
    action: Annotated[str, typer.Argument(metavar="build|fetch|merge|list")] = "list",
    name: Annotated[
        str, typer.Argument(help="Base to build, Hub id to fetch (owner/name[@revision]), or run to merge.")
    ] = "tiny",
    out: Annotated[Path | None, typer.Option(help="Folder of a merged base; default: exports/RUN-merged.")] = None,
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """Build the tiny base, fetch one from the Hub, merge a run's adapter into its base, or list those built here.

    A Hub id is fetched with your login (`hf auth login`, or HF_TOKEN); a run pins the commit it was trained on.
    A merged base is kept only where it finds the records as likely as base and adapter did.

    \b
    Examples:
      workbench base build tiny
      workbench base fetch mistralai/Mistral-7B-v0.1
      workbench base merge domain-qa-v1-tiny-1
    """
    with opened(workspace) as store:
        from workbench.services.training import bases

        if action not in _ACTIONS:
            raise UsageError(f"no action {action!r}", f"known: {', '.join(_ACTIONS)}")
        if action == "fetch":
            snapshot = bases.fetch(name, progress)
            fetched = bases.pinned(name, snapshot)
            result({"base": fetched, "folder": str(snapshot)}, [fetched, f"  {snapshot}"], as_json=as_json)
        elif action == "build":
            folder = bases.build(store.workspace, name, progress)
            result({"base": name, "folder": str(folder)}, [str(folder)], as_json=as_json)
        elif action == "merge":
            _merge(store, name, out, as_json=as_json)
        else:
            known = bases.listing(store.workspace)
            lines = [row["folder"] for row in known] or ["none yet: workbench base build tiny"]
            result({"bases": known}, lines, as_json=as_json)


_ACTIONS = ("build", "fetch", "merge", "list")


def _merge(store: Store, name: str, out: Path | None, *, as_json: bool) -> None:
    from workbench.services.training.merge import merge
    from workbench.services.training.train import found

    run = found(store.workspace, name)
    folder = out.resolve() if out else store.workspace.export_folder(f"{run.name}-merged")
    done = merge(run, folder, progress)
    worst = done.worst
    facts: dict[str, Any] = {"run": run.name, "folder": str(folder), "records": len(done.drifts)}
    facts |= {"before": done.before, "after": done.after}
    facts["worst"] = {
        "record": worst.record,
        "before": worst.before,
        "after": worst.after,
        "difference": worst.difference,
    }
    lines = [
        str(folder),
        f"  nats a token with the adapter and merged, over {len(done.drifts):,} records: "
        f"{done.before:.4f}, {done.after:.4f}",
        f"  record {worst.record[:12]} changed most: {worst.before:.4f}, {worst.after:.4f}",
    ]
    result(facts, lines, as_json=as_json)
