"""`workbench push`: a version or an adapter to the Hub."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.options import AsJson, In, agreed, opened, reference
from workbench.cli.output import indented, progress, result, say, table
from workbench.errors import UsageError, unknown
from workbench.text import counted

if TYPE_CHECKING:
    from workbench.publish.hub import Pushed, PushPlan
    from workbench.store.store import Store

License = Annotated[str | None, typer.Option(help="Licence identifier; there is no default beside corpus.yaml's.")]
_WAYS = {"add": "+", "replace": "~", "same": "="}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("push")(push)


def push(
    what: Annotated[str, typer.Argument(metavar="CORPUS[@VERSION]|RUN", help="Version, or run with an adapter.")],
    repo: Annotated[str, typer.Argument(metavar="ORG/NAME", help="Repository on the Hub.")],
    license: License = None,
    public: Annotated[bool, typer.Option("--public", help="Make a new repository public; default: private.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list the files and the card.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """Publish a version, or a run's adapter, to the Hub as one commit with a tag; pushing it again changes nothing.

    \b
    Examples:
      workbench push quiz@latest me/quiz --license apache-2.0 --dry-run
      workbench push quiz-v3-tiny-1 me/quiz-lora --license apache-2.0     (`latest`: the newest run)
    """
    with opened(workspace) as store:
        named, look, send = _ways(store, what, repo, license, private=not public)
        todo = look()
        lines = [*_said(todo), *(f"  {note}" for note in todo.notes)]
        lines += [f"  {_seen_by(todo, public=public)}; {counted(len(todo.files), 'file')}"]
        lines += [f"  {line}" for line in table([*_rows(todo)])]
        if dry_run:
            files = [{"path": f.path, "size": f.size, "sha256": f.sha256, "change": f.change} for f in todo.files]
            looked = {"unseen": todo.unseen or None, "notes": list(todo.notes)}
            facts = {"repo": repo, "files": files, "deletes": list(todo.deletes), "card": todo.card, **looked}
            result(facts, [*lines, "", *indented(todo.card, "")], as_json=as_json)
            return
        for line in lines:
            say(line)
        if not yes and not agreed(f"push {named} to {repo}?"):
            raise UsageError("not pushed", "say --yes, or confirm")
        done = send()
    facts = {"repo": done.repo, "commit": done.commit, "tag": done.tag, "url": done.url}
    result(facts, [f"{done.url}", f"  commit {done.commit}, tag {done.tag}"], as_json=as_json)


def _ways(
    store: Store, what: str, repo: str, license: str | None, *, private: bool
) -> tuple[str, Callable[[], PushPlan], Callable[[], Pushed]]:
    """Return what is named, how to look at what would be sent, and how to send it; a corpus comes before a run."""
    from workbench.services.publishing import adapters, push
    from workbench.services.training.train import found, runs

    named = {run.name: run for run in runs(store.workspace)}
    if named:
        named["latest"] = found(store.workspace, "latest")
    corpora = store.corpora()
    if what.partition("@")[0] not in corpora and what not in named:
        raise unknown("corpus or run", what, [*corpora, *named])
    if what in named and what not in corpora:
        run = named[what]
        target = adapters.Target(repo, license, private)
        return (
            run.name,
            lambda: adapters.planned(store, run, target),
            lambda: adapters.pushed(store, run, target, progress),
        )
    corpus, version = reference(store, what)
    return (
        f"{corpus}@{version}",
        lambda: push.planned(store, corpus, version, repo, license=license, report=progress),
        lambda: push.pushed(store, corpus, version, repo, license=license, private=private, report=progress),
    )


def _said(todo: PushPlan) -> list[str]:
    """Return in a line or two what lies there now, and what would change of it."""
    if todo.unseen:
        return [f"{todo.repo} could not be looked at: {todo.unseen}", "  shown as for one that holds nothing"]
    if todo.there is None:
        return [f"{todo.repo}: {'holds nothing of the workbench yet' if todo.head else 'would be created'}"]
    there = todo.there.get("run") or f"{todo.there.get('name') or ''} {todo.there['version'][:12]}".strip()
    return [f"{todo.repo}: holds {there}" + ("" if todo.changes else "; nothing would change")]


def _seen_by(todo: PushPlan, *, public: bool) -> str:
    """Return who may see it there: what lies on the Hub keeps the visibility that it has."""
    if todo.head is None:
        seen = "public" if public else "private"
        return f"{seen} if it has to be made" if todo.unseen else seen
    if todo.private:
        return "private, and stays so" if public else "private"
    return "public" if public else "public there: it is refused without --public"


def _rows(todo: PushPlan) -> list[list[str]]:
    rows = [[_WAYS[file.change], file.change, f"{file.size:,}", file.path] for file in todo.files]
    return [*rows, *(["-", "delete", "", path] for path in todo.deletes)]
