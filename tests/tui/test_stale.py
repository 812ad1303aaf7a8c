"""Facts about keys that are pressed while the screen still shows what was read before somebody else's change."""

from __future__ import annotations

import json

from textual.worker import Worker, WorkerState

from tests.tui.pilots import Open, open_records, press, rows, settle
from workbench.services.intake.ingest import Order, ingest
from workbench.services.looking import contents
from workbench.store.store import Store
from workbench.tui.screens.data.searching import FoundSome
from workbench.workspace import Workspace

WIDE = (140, 40)


def put_before(workspace: Workspace, name: str, *, keep: int | None = None) -> None:
    """Deliver two more rows before those there are, of which some may be left out."""
    more = [{"question": f"Which quay is number {n}?", "answer": f"quay {n}", "concept": None} for n in range(2)]
    file = workspace.corpus_folder(name) / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in [*more, *rows()[:keep]]), encoding="utf-8")
    with Store(workspace) as store:
        ingest(store, Order(name, (file,)))


async def test_a_key_before_the_new_rows_are_found_touches_no_other_record(opened: Open, workspace: Workspace) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await open_records(pilot)
        await press(pilot, "slash", *"Oslo", "enter")
        assert screen.chosen is not None and screen.chosen.shown.fields["answer"] == "Oslo"
        put_before(workspace, "towns")
        with app.desk.store() as store:
            known = screen.contents
            assert known is not None
            screen._take_part(contents.read_again(store, known))
        screen.action_drop()  # what was searched is not found again yet
        await settle(pilot)
        assert dropped(workspace) == []
        assert screen.chosen is not None and screen.chosen.shown.fields["answer"] == "Oslo"


async def test_hits_of_a_search_before_new_rows_came_are_not_shown(opened: Open, workspace: Workspace) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await open_records(pilot)
        await press(pilot, "slash", *"Which", "enter")
        before, found = screen.contents, screen.found
        assert before is not None and found is not None
        put_before(workspace, "towns", keep=1)
        screen.refresh_data()
        await settle(pilot)
        shown = screen.found
        screen.post_message(FoundSome(before, screen.lens, found))
        await settle(pilot)
        assert screen.found is shown


async def test_an_older_reading_that_ends_late_does_not_end_a_newer_one(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await open_records(pilot)
        told: list[str] = []
        screen.in_background(lambda: "old", told.append, "read")
        (older,) = screen._then
        screen.in_background(lambda: "new", told.append, "read")
        screen.post_message(Worker.StateChanged(older, WorkerState.SUCCESS))  # it had ended before it was cancelled
        await settle(pilot)
        assert told == ["new"]


def dropped(workspace: Workspace) -> list[str]:
    """Return the records of the towns that are dropped."""
    with Store(workspace) as store:
        ids: list[str] = store.state(store.corpus("towns")).dropped["id"].to_list()
        return ids
