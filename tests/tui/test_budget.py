"""A fact about how few keys it takes: those of the documentation's table grant the wish beside them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.hub import Hub
from tests.hub_fixtures import hub as hub
from tests.hub_fixtures import waited as waited
from tests.tui.pilots import Open, open_records, painted, press
from tests.tui.scored import measured_run
from workbench.corpus import save_corpus
from workbench.store.store import Store
from workbench.workspace import Workspace

TABLE = Path(__file__).parents[2] / "docs" / "terminal.md"
TEXT = "TEXT"
"""Stands for what is typed, which counts as no key."""


@dataclass(frozen=True)
class Wish:
    """What a person wants who looks at the records of a corpus, the keys for it, and what the screen says then."""

    what: str
    keys: str
    text: str
    said: str
    budget: int
    """Keys that it may take at most."""

    @property
    def count(self) -> int:
        """Return how many keys are pressed beside the text."""
        return len([key for key in self.keys.split() if key != TEXT])


WISHES = (
    Wish("mend every record with the fault of the next one", "] F enter", "", "1 edit: u takes it back", 3),
    Wish("find a text and mend its record", "/ TEXT enter f", "quay", '\n answer = "They drink', 3),
    Wish("export the newest version", "2 P enter enter", "", "12 rows in 5 files", 4),
    Wish("see what a push would send", "2 P shift+tab ← tab TEXT enter", "me/towns", "enter sends these files", 6),
    Wish("compare the newest run with its base", "4", "", "bits_per_byte", 1),
)
NAMES = {"]": "right_square_bracket", "/": "slash", "←": "left"}


@pytest.mark.slow
@pytest.mark.parametrize("wish", WISHES, ids=lambda wish: wish.what)
async def test_the_keys_of_the_table_do_what_it_says(opened: Open, workspace: Workspace, hub: Hub, wish: Wish) -> None:
    measured_run(workspace)
    with Store(workspace) as store:
        stated = store.corpus("towns").model_copy(update={"license": "cc-by-4.0"})
        save_corpus(stated, workspace.corpus_file("towns"))
    app = opened()
    async with app.run_test(size=(120, 36)) as pilot:
        await open_records(pilot)
        for key in wish.keys.split():
            await press(pilot, *(wish.text if key == TEXT else (NAMES.get(key, key),)))
        assert wish.said in painted(app), painted(app)
    written = [one for one in hub.calls if one.startswith("POST") and "commit" in one]
    assert not written and wish.count <= wish.budget
    keys = " ".join(f"`{key}`" for key in wish.keys.split()).replace("`TEXT`", "text")
    assert f"| {wish.what} | {keys} | {wish.count} |" in TABLE.read_text(encoding="utf-8")
