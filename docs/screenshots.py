"""Write the screenshots of the documentation: `python docs/screenshots.py` fills a scratch workspace and takes them.

The pictures show the sample corpora, and a real run of the recipe `tiny`, which takes a minute or two.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from textual.pilot import Pilot
from textual.worker import WorkerCancelled, WorkerFailed

from workbench.services.ingest import Order, ingest
from workbench.services.split import Request, split
from workbench.services.train import Training, start, watch
from workbench.store.store import Store
from workbench.tui.app import WorkbenchApp
from workbench.tui.desk import Desk
from workbench.workspace import Workspace

HERE = Path(__file__).parent
WIDE, NARROW = (120, 34), (80, 24)
QUIZ = ("j",) * 5
SHOTS: dict[str, tuple[tuple[int, int], Sequence[str]]] = {
    "corpora": (WIDE, QUIZ),
    "records": (WIDE, (*QUIZ, "enter", *"jjj")),
    "issues": (WIDE, (*QUIZ, "enter", "v", *"jj")),
    "edit": (WIDE, (*QUIZ, "enter", "v", *"jj", "e")),
    "split": (WIDE, (*QUIZ, "s")),
    "train": (WIDE, ("t",)),
    "narrow": (NARROW, (*QUIZ, "enter", "v", "enter")),
}
"""Picture name -> terminal size and the keys that lead to it from the first screen."""


def fill(root: Path) -> Workspace:
    """Make a workspace with every sample corpus ingested, one version of each, and a finished run."""
    workspace = Workspace.create(root)
    with Store(workspace) as store:
        for name in workspace.corpora():
            ingest(store, Order(name))
            split(store, Request(name, store.corpus(name).split))
        watch(start(store, Training("domain-qa")), lambda _progress: None)
    return workspace


async def settle(pilot: Pilot[None]) -> None:
    """Wait until no work is under way."""
    await pilot.pause()
    while under_way := [worker for worker in pilot.app.workers if not worker.is_finished]:
        for worker in under_way:
            with suppress(WorkerCancelled, WorkerFailed):
                await worker.wait()
        await pilot.pause()
    await pilot.pause()


async def shoot(workspace: Workspace, name: str) -> Path:
    """Take one picture."""
    size, keys = SHOTS[name]
    app = WorkbenchApp(Desk(workspace))
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        for key in keys:
            await pilot.press(key)
            await settle(pilot)
        path = HERE / f"{name}.svg"
        path.write_text(app.export_screenshot(title="workbench"), encoding="utf-8")
        return path


def main() -> None:
    """Take all pictures."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = fill(Path(folder) / "demo")
        for name in SHOTS:
            print(asyncio.run(shoot(workspace, name)))


if __name__ == "__main__":
    main()
