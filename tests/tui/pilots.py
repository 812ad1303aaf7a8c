"""What the tests of the terminal interface share: records with every kind of trouble, keys, what is painted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress

from textual.pilot import Pilot
from textual.worker import WorkerCancelled, WorkerFailed

from workbench.corpus import Corpus, Source, save_corpus
from workbench.services.intake.ingest import Order, ingest
from workbench.store.store import Store
from workbench.tui.app import WorkbenchApp
from workbench.tui.screens.corpora import CorporaScreen
from workbench.tui.screens.records import RecordsScreen
from workbench.workspace import Workspace

TOWNS = ("Brest", "Dakar", "Lima", "Oslo", "Perth", "Quito", "Riga", "Split", "Tunis", "Ulm", "Vaduz", "York")
QUESTIONS = {
    "Brest": "Which harbour lies closest to the western end of Brittany?",
    "Dakar": "Where does the African mainland reach furthest into the Atlantic?",
    "Lima": "Under which capital's fog does hardly any rain ever fall?",
    "Oslo": "What city ends a fjord of the same name in the south of Norway?",
    "Perth": "From which large city is every other large city so far away?",
    "Quito": "Name the seat of government that stands nearly on the equator.",
    "Riga": "In what town did wooden houses survive beside Art Nouveau facades?",
    "Split": "Whose old centre grew inside the walls of an emperor's palace?",
    "Tunis": "Which medina was built a short walk from the ruins of Carthage?",
    "Ulm": "At what minster would one climb to the tallest church steeple?",
    "Vaduz": "Name a capital that no railway station serves and no motorway crosses.",
    "York": "What walled place kept the street names its Norse settlers used?",
}
HOSTILE = (
    "[/INST]",
    "[@click=app.quit]x[/]",
    "unclosed [bold",
    "\x1b[5;5Hmoved",
    "\x1b]52;c;UFdOLUNMSVA=\x07clip",
    "\x1b]0;PWN-TITLE\x1b\\title",
    "\x9b2Jcleared",
    "safe\u202egnp.exe",
)
HOSTILE_FILE = "[INST] [@click=app.quit] [oops.jsonl"
PATIENCE = 60.0
"""Seconds after which something is given up; a machine under load may need many of them."""
Open = Callable[..., WorkbenchApp]
Piloted = Pilot[None]


def rows() -> list[dict[str, str | None]]:
    """Return clean pairs, then: an empty answer, mojibake, a byte for byte twin."""
    clean: list[dict[str, str | None]] = [
        {"question": QUESTIONS[town], "answer": town, "concept": town} for town in TOWNS
    ]
    return [
        *clean,
        {"question": "What is the old name of this bay?", "answer": "", "concept": None},
        {"question": "What do people drink at the quay?", "answer": "They drink a cafÃ© crÃ¨me.", "concept": None},
        clean[0],
    ]


def hostile_rows() -> list[dict[str, object]]:
    """Return questions whose every field tries to steer the screen."""
    clean = {"question": "Which sea lies north of Africa?", "options": ["Baltic", "Mediterranean"], "answer": 1}
    return [clean, *({"question": f"q {text}", "options": [text, "b"], "answer": 7, "note": text} for text in HOSTILE)]


def declare(workspace: Workspace, name: str, lines: list[str], *, schema: str = "qa", file: str = "rows.jsonl") -> None:
    """Write a corpus with one source, not ingested."""
    folder = workspace.corpus_folder(name)
    folder.mkdir()
    (folder / file).write_text("\n".join(lines) + "\n", encoding="utf-8")
    source = Source(name=file, path=f"corpora/{name}/{file}")
    save_corpus(Corpus(name=name, schema_name=schema, sources=(source,)), workspace.corpus_file(name))


def take_in(store: Store) -> None:
    """Make the corpora `hostile` and `towns`, ingested, and `waiting`, only declared."""
    workspace = store.workspace
    lines = [json.dumps(row, ensure_ascii=False) for row in rows()]
    declare(workspace, "towns", [*lines, '{"question": "torn'])
    declare(workspace, "waiting", lines[:3])
    hostile = [json.dumps(row) for row in hostile_rows()]
    declare(workspace, "hostile", [*hostile, "\x1b[5;5H[/INST] torn"], schema="mcq", file=HOSTILE_FILE)
    ingest(store, Order("towns"))
    ingest(store, Order("hostile"))


async def settle(pilot: Piloted) -> None:
    """Wait until no work is under way and its results are on the screen."""
    await pilot.pause()
    while under_way := [worker for worker in pilot.app.workers if not worker.is_finished]:
        for worker in under_way:
            with suppress(WorkerCancelled, WorkerFailed):
                await worker.wait()
        await pilot.pause()
    await pilot.pause()


async def until(pilot: Piloted, is_so: Callable[[], bool]) -> None:
    """Let the application go on until something is so."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if is_so():
            return
        await pilot.pause(0.01)
    raise AssertionError(f"it never was so; on the screen stood:\n{painted(pilot.app)}")


async def press(pilot: Piloted, *keys: str) -> None:
    """Press keys one after the other, each when the work of the one before is done."""
    for key in keys:
        await pilot.press(key)
        await settle(pilot)


async def open_records(pilot: Piloted, corpus: str = "towns") -> RecordsScreen:
    """Open the records of a corpus."""
    await settle(pilot)
    assert isinstance(pilot.app.screen, CorporaScreen)
    row = [line.name for line in pilot.app.screen.summaries].index(corpus)
    await press(pilot, "g", *("j" * row), "enter")
    assert isinstance(pilot.app.screen, RecordsScreen)
    return pilot.app.screen


def painted(app: WorkbenchApp) -> str:
    """Return the text that stands on the screen, line by line."""
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in line) for line in lines)


async def to_view(pilot: Piloted, screen: RecordsScreen, view: str) -> None:
    """Press v until a view is reached."""
    for _ in screen.views.lines:
        if screen.lens.view == view:
            return
        await press(pilot, "v")
    raise AssertionError(f"v never reaches {view!r}")


def counts(screen: RecordsScreen) -> dict[str, int | None]:
    """Return the views that hold anything, with the number of their records."""
    return {line.view: line.count for line in screen.views.lines if line.count != 0}
