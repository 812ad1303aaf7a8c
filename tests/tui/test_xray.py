"""Facts about the X-ray: tokens by whether they are learned, told by signs as well as colours, flags in words."""

from __future__ import annotations

import pytest

from tests.tui.pilots import HOSTILE, Open, open_records, painted, press, settle
from tests.tui.scored import measured_run
from tests.tui.test_hostile import assert_calm
from workbench.services.training import trained
from workbench.services.training.trained import Counted
from workbench.services.training.xray import Token, XrayRow
from workbench.store.store import Store
from workbench.text import show
from workbench.tui.screens.records import RecordsScreen
from workbench.tui.screens.xray import XrayScreen
from workbench.workspace import Workspace

TOKENS = (Token("<s>", 1, False, True), Token("asked", 5, False), Token(" said", 6, True), Token("</s>", 2, True, True))


def row(record: str, *tokens: Token, flags: tuple[str, ...] = (), lost: int = 0) -> XrayRow:
    """Return a record in tokens."""
    return XrayRow(record, tokens or TOKENS, flags, bool(lost), lost)


@pytest.fixture
def seen(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An X-ray of `towns` with a truncated record; returns the records."""
    measured_run(workspace)
    with Store(workspace) as store:
        records = sorted(store.state(store.corpus("towns")).records["id"].to_list())
    lines = [Counted(r, "train", 4, 2, 3 * (n == 0), ("truncated",) * (n == 0), "q") for n, r in enumerate(records)]
    rows = {r: row(r, flags=("truncated",) * (n == 0), lost=3 * (n == 0)) for n, r in enumerate(records)}
    monkeypatch.setattr(trained, "is_kept", lambda *_: True)
    monkeypatch.setattr(trained, "counts", lambda *_: tuple(lines))
    monkeypatch.setattr(trained, "look", lambda _workspace, _wanted, record: rows[record])
    return records


async def test_the_record_under_the_cursor_is_shown_in_tokens_with_counts_and_flags(
    opened: Open, seen: list[str]
) -> None:
    app = opened()
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_records(pilot)
        record = screen.chosen.shown.record
        await press(pilot, "X")
        assert isinstance(app.screen, XrayScreen) and app.screen.record == record
        text = painted(app)
        assert "4 tokens, 2 learned" in text and "<s>│asked⟪ said│</s>⟫" in text
        await press(pilot, "t")
        assert "<s>asked⟪ said</s>⟫" in painted(app)
        await press(pilot, "v")
        text = painted(app)
        assert "all 15  truncated 1" in text and "1 record, 4 tokens" in text
        assert "longer than train.max_length" in text and "3 more tokens are cut away" in text
        assert "no training starts" not in text
        await press(pilot, "o")
        assert isinstance(app.screen, RecordsScreen) and app.screen.chosen.shown.record == seen[0]


async def test_a_flag_that_nothing_has_any_more_is_left(
    opened: Open, seen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = opened()
    async with app.run_test(size=(140, 40)) as pilot:
        await open_records(pilot)
        await press(pilot, "X", "v")
        assert "truncated 1" in painted(app)
        monkeypatch.setattr(trained, "counts", lambda *_: (Counted(seen[0], "train", 4, 2, 0, (), "q"),))
        app.screen.refresh_data()
        await settle(pilot)
        assert "truncated" not in painted(app).splitlines()[1] and "1 record, 4 tokens" in painted(app)
        await press(pilot, "v")
        assert isinstance(app.screen, XrayScreen) and app.screen.view == "all"


async def test_what_a_run_trains_is_shown_from_train_and_fits_a_narrow_terminal(opened: Open, seen: list[str]) -> None:
    app = opened()
    async with app.run_test(size=(80, 24)) as pilot:
        await open_records(pilot)
        await press(pilot, "3", "X")
        assert isinstance(app.screen, XrayScreen)
        assert "v1 in one" in painted(app) and "⟪" not in painted(app)
        await press(pilot, "enter")
        assert "⟪ said│</s>⟫" in painted(app)
        await press(pilot, "escape", "escape")
        assert not isinstance(app.screen, XrayScreen)


async def test_hostile_tokens_are_shown_and_do_nothing(
    opened: Open, seen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = [Token(f"{text}.", 3, learned) for text in (*HOSTILE, "[bold") for learned in (True, False)]
    monkeypatch.setattr(trained, "look", lambda _workspace, _wanted, record: row(record, *tokens, flags=("no-eos",)))
    app = opened()
    async with app.run_test(size=(140, 40)) as pilot:
        await open_records(pilot)
        await press(pilot, "X")
        await settle(pilot)
        text = "".join("".join(line.split("▏", 1)[-1] for line in painted(app).splitlines()).split())
        for each in HOSTILE:
            assert "".join(show(f"⟪{each}.⟫{each}.").split())[:9] in text
        assert_calm(painted(app))
