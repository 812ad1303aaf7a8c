"""Facts about answers, prompts, names and reasons that try to steer the screen: they are shown, and do nothing."""

from __future__ import annotations

import pytest
from textual import events

from tests.tui.pilots import HOSTILE, Open, open_records, painted, press, settle
from tests.tui.scored import measured_run
from tests.tui.test_hostile import assert_calm
from workbench.services.evaluation import comparison
from workbench.services.evaluation.comparison import Comparison, Pair, Wanted
from workbench.services.evaluation.judgements import Said
from workbench.text import show
from workbench.workspace import Workspace

STEERING = " ".join(HOSTILE)


def pair(text: str) -> Pair:
    """Return a pair that is hostile in every part."""
    return Pair(text[:12], text, text, text, text, (text, f"{text} more"), (True, False), 0.5, text)


async def test_hostile_answers_prompts_and_sources_are_shown_and_do_nothing(
    opened: Open, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured_run(workspace)
    real = comparison.compared

    def compared(place: Workspace, wanted: Wanted, report: object) -> Comparison:
        found = real(place, wanted, report)
        facts = found.facts | {"settings": {STEERING: [STEERING, STEERING]}}
        facts |= {"sources": {text: source for text in HOSTILE for source in found.facts["sources"].values()}}
        return Comparison(wanted, facts, tuple(pair(text) for text in HOSTILE))

    monkeypatch.setattr(comparison, "compared", compared)
    monkeypatch.setattr(
        "workbench.services.evaluation.playground.answers",
        lambda *_: (Said("a", "base", STEERING), Said("a", "tuned", STEERING)),
    )
    app = opened()
    async with app.run_test(size=(160, 48)) as pilot:
        await open_records(pilot)
        await press(pilot, "4")
        for key in ("v", "v", "v", *("j" * 5), "b", "left_square_bracket", "b", "escape", "s", "escape"):
            await press(pilot, key)
            assert_calm(painted(app))
        await press(pilot, "g")
        assert painted(app).count(show(HOSTILE[0])) >= 4
        await press(pilot, "p")
        app.screen.query_one("#prompt").post_message(events.Paste("a\x1b]52;c;AAAA\x07b"))
        await settle(pilot)
        await press(pilot, "enter")
        assert "␛]52;c;AAAA␇b" in painted(app) and show(HOSTILE[1]) in painted(app)
        assert_calm(painted(app))
        assert app.is_running


async def test_a_hostile_record_in_the_review_queue_is_shown_and_does_nothing(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(160, 48)) as pilot:
        await open_records(pilot, "hostile")
        await press(pilot, "Q")
        assert "8 of 9 records ask for a look" in painted(app)
        for key in ("j", "j", "j", "e", "escape", "a", "x", "u", "s", "enter", "escape"):
            await press(pilot, key)
            assert_calm(painted(app))
        assert app.is_running
