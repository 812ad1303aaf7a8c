"""Write the screenshots of the documentation: `python docs/screenshots.py` fills a scratch workspace and takes them.

The pictures show the sample corpora and a real run of the recipe `tiny`, measured: a few minutes. What is asked of the
Hub is asked of the one that the tests have, on this machine. With `--workspace FOLDER` the filled workspace is kept
there and used again; names after that take those pictures alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from huggingface_hub import constants
from textual.pilot import Pilot
from textual.worker import WorkerCancelled, WorkerFailed

from workbench.services.evaluation.evaluate import evaluate
from workbench.services.intake.ingest import Order, ingest
from workbench.services.records.editing import edit
from workbench.services.training.train import Training, start, watch
from workbench.services.versions.split import Request, requested, split
from workbench.store.store import Store
from workbench.tui.app import WorkbenchApp
from workbench.tui.desk import Desk
from workbench.tui.screens.records import RecordsScreen
from workbench.workspace import Workspace

HERE = Path(__file__).parent / "screenshots"
WIDE, NARROW = (120, 34), (80, 24)
NOTES = "notes.csv"
"""A file that lies in the filled workspace and in no corpus: the one that is opened."""
ON_HUB = "me/tides"
"""A repository of somebody's records, with a file among them that nobody should open."""
_PAUSE = 0.4
"""Seconds after a key: longer than a sheet waits for the next one before it looks anew."""

_SLIMMER = (
    (r"terminal-\d+-", "w-"),
    (r"\s*@font-face \{[^}]*\}", ""),
    (r'\s*<clipPath id="w-line-\d+">\s*<rect[^>]*/>\s*</clipPath>', ""),
    (r' clip-path="url\(#w-line-\d+\)"| shape-rendering="crispEdges"', ""),
    (r"<text[^>]*>\s*</text>", ""),
)
"""Patterns in a picture and what they are replaced by: names drawn by lot, fonts, and clips that clip nothing."""


@dataclass(frozen=True)
class Shot:
    """The way to one picture: a corpus opened in a mode, a view of its records, then keys; `type:` types a text."""

    keys: tuple[str, ...] = ()
    corpus: str = ""
    mode: str = "data"
    view: str = ""
    size: tuple[int, int] = WIDE
    place: str = "filled"
    needs_hub: bool = False


DATA, ISSUES = Shot(corpus="domain-qa"), Shot(corpus="domain-qa", view="issues")
VERSIONS = replace(DATA, mode="versions")
TRAIN = replace(DATA, mode="train")
COMPARE = replace(DATA, mode="compare")
TO_HUB = ("P", "shift+tab", "left", "tab")
"""Keys from a version to the line that names a repository to push it to."""
SHOTS: dict[str, Shot] = {
    "home-empty": Shot(place="empty"),
    "home": Shot(),
    "open": Shot(("o", "type:corp", "tab")),
    "ingest": Shot(("o", f"type:{NOTES}", "enter")),
    "ingested": Shot(("o", f"type:{NOTES}", "enter", "enter"), place="copy"),
    "data": replace(DATA, keys=("j", "j")),
    "issues": ISSUES,
    "record": replace(ISSUES, keys=("tab", "z")),
    "search": replace(DATA, keys=("/", "type:lighthouse")),
    "filter": replace(DATA, keys=("colon", "type:lang = 'fr' AND LENGTH(answer) > 20", "enter")),
    "columns": replace(DATA, keys=("c",)),
    "edit": replace(DATA, view="rule:mojibake", keys=("e",)),
    "fix-all": replace(DATA, view="rule:mojibake", keys=("F",)),
    "marked": replace(DATA, keys=("space", "j", "j", "V", "x")),
    "raw": replace(DATA, keys=("L",)),
    "quarantine": replace(DATA, view="quarantine", keys=("e",)),
    "conflict": Shot(corpus="facts", view="conflicts", keys=("e",)),
    "clusters": replace(DATA, keys=("C",)),
    "versions": VERSIONS,
    "split": replace(VERSIONS, keys=("s",)),
    "proof": replace(VERSIONS, keys=("p",)),
    "publish": replace(VERSIONS, keys=("P",)),
    "push": Shot((*TO_HUB, "type:me/novel", "enter"), "novel", "versions", needs_hub=True),
    "push-refused": Shot((*TO_HUB, "type:me/domain-qa", "enter"), "domain-qa", "versions", needs_hub=True),
    "pull": Shot(("o", f"type:{ON_HUB}", "enter"), needs_hub=True),
    "pre-flight": replace(TRAIN, keys=("p",)),
    "train": TRAIN,
    "compare": COMPARE,
    "blind": replace(COMPARE, keys=("b",)),
    "review": replace(DATA, keys=("Q",)),
    "xray": replace(DATA, keys=("X",)),
    "jobs": Shot(("s", "escape", "J"), place="copy"),
    "palette": replace(DATA, keys=("ctrl+p", "type:mark")),
    "help": replace(DATA, keys=("question_mark",)),
    "error": Shot(("G", "enter"), place="broken"),
    "home-80x24": Shot(size=NARROW),
    "data-80x24": replace(ISSUES, size=NARROW),
    "record-80x24": replace(ISSUES, size=NARROW, keys=("enter",)),
    "clusters-80x24": replace(DATA, size=NARROW, keys=("C",)),
    "versions-80x24": replace(VERSIONS, size=NARROW),
    "train-80x24": replace(TRAIN, size=NARROW),
    "compare-80x24": replace(COMPARE, size=NARROW),
    "review-80x24": replace(DATA, size=NARROW, keys=("Q",)),
}
"""Picture name -> the way to it."""


def fill(workspace: Workspace) -> None:
    """Ingest and split every sample corpus, train and measure on one, let an edit miss its record in another."""
    with Store(workspace) as store:
        for name in workspace.corpora():
            ingest(store, Order(name))
            split(store, Request(name, requested(store, name)))
        first = store.state(store.corpus("domain-qa")).records["id"][0]
        edit(store, "domain-qa", first, {"answer": "It is the lamp, not the tower."}, reason="said more plainly")
        split(store, Request("domain-qa", requested(store, "domain-qa")))
        run = start(store, Training("domain-qa"))
        watch(run, lambda _progress: None)
        for side in ("test", "train"):
            evaluate(store, run, side)
        _miss(store, workspace.root / "facts.jsonl")
    lines = ["question,answer,lang", *(f"What is {a} plus {b}?,{a + b},en" for a in range(2, 6) for b in range(2, 9))]
    (workspace.root / NOTES).write_text("\n".join([*lines, "What is missing here?,,en"]) + "\n", encoding="utf-8")


def _miss(store: Store, file: Path) -> None:
    """Edit an answer that the next delivery has changed as well."""
    rows = [{"id": str(n), "question": f"What follows on {n}?", "answer": f"The number {n + 1}."} for n in range(12)]
    settings = {"key": ("id",)}
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    ingest(store, Order("facts", (file,), schema="qa", settings=settings))
    edit(store, "facts", store.state(store.corpus("facts")).records["id"][0], {"answer": "One more than that."})
    for row in rows:
        row["answer"] = f"It is {int(row['id']) + 1}."
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    ingest(store, Order("facts", (file,), schema="qa", settings=settings))


def place(root: Path, name: str) -> Workspace:
    """Return the workspace that a picture is taken of, made where it is not there yet."""
    if name == "empty":
        return _once(root / "empty", lambda folder: Workspace.create(folder, with_samples=False))
    filled = _once(root / "tuning", _filled)
    if name == "filled":
        return filled
    shutil.rmtree(root / name, ignore_errors=True)
    copy = Workspace(Path(shutil.copytree(filled.root, root / name / "tuning")))
    if name == "broken":
        copy.corpus_file("story").write_text("schema: stories\nsources: []\n", encoding="utf-8")
    return copy


def _once(folder: Path, make: Callable[[Path], Workspace]) -> Workspace:
    return Workspace(folder) if folder.is_dir() else make(folder)


def _filled(folder: Path) -> Workspace:
    workspace = Workspace.create(folder)
    fill(workspace)
    return workspace


@contextmanager
def a_hub() -> Iterator[None]:
    """Let the Hub be the one of the tests, with one repository on it."""
    sys.path.insert(0, str(HERE.parents[1]))
    from tests.hub import TOKEN, running_hub
    from tests.hub_calls import Repository

    rows = [json.dumps({"question": f"How high is tide {n}?", "answer": f"{n} m"}) for n in range(400)]
    train, test = ("\n".join(part).encode() for part in (rows[:360], rows[360:]))
    with running_hub() as hub:
        held = hub.repositories.setdefault(ON_HUB, Repository(private=False))
        held.commit({"train.jsonl": train, "test.jsonl": test, "weights.pkl": b"no"}, "by hand")
        os.environ["HF_TOKEN"] = TOKEN
        constants.HF_HUB_OFFLINE, constants.HF_HUB_DISABLE_TELEMETRY = False, True
        constants.ENDPOINT = hub.url
        yield


async def settle(pilot: Pilot[None]) -> None:
    """Wait until no work is under way."""
    await pilot.pause()
    while under_way := [worker for worker in pilot.app.workers if not worker.is_finished]:
        for worker in under_way:
            with suppress(WorkerCancelled, WorkerFailed):
                await worker.wait()
        await pilot.pause()
    await pilot.pause()


async def press(pilot: Pilot[None], key: str) -> None:
    """Press a key, or type a text."""
    await pilot.press(*(key.removeprefix("type:") if key.startswith("type:") else (key,)))
    await pilot.pause(_PAUSE)
    await settle(pilot)


async def go(pilot: Pilot[None], shot: Shot) -> None:
    """Go to what a picture shows."""
    app = pilot.app
    assert isinstance(app, WorkbenchApp)
    await settle(pilot)
    if shot.corpus:
        app.show_mode(shot.mode, shot.corpus)
        await settle(pilot)
    if shot.view:
        assert isinstance(app.screen, RecordsScreen)
        app.screen.look_at(view=shot.view)
        await settle(pilot)
    for key in shot.keys:
        await press(pilot, key)


def slim(svg: str) -> str:
    """Return a picture that is a third smaller, the same for the same screen, and fetches no font from elsewhere."""
    for pattern, instead in _SLIMMER:
        svg = re.sub(pattern, instead, svg)
    return svg


async def shoot(workspace: Workspace, name: str) -> Path:
    """Take one picture."""
    app, shot = WorkbenchApp(Desk(workspace)), SHOTS[name]
    path = HERE / f"{name}.svg"
    with a_hub() if shot.needs_hub else nullcontext():
        async with app.run_test(size=shot.size, notifications=False) as pilot:
            await go(pilot, shot)
            path.write_text(slim(app.export_screenshot(title="workbench")), encoding="utf-8")
    return path


def main() -> None:
    """Take all pictures, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*SHOTS, []], help="pictures to take; all of them without")
    parser.add_argument("--workspace", type=Path, help="folder to keep the filled workspaces in")
    asked = parser.parse_args()
    HERE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        root = (asked.workspace or Path(scratch)).resolve()
        for name in asked.names or SHOTS:
            workspace = place(root, SHOTS[name].place)
            with chdir(workspace.root):
                print(asyncio.run(shoot(workspace, name)))


if __name__ == "__main__":
    main()
