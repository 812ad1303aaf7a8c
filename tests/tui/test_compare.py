"""Facts about the comparison: numbers with verdicts, both answers, one's own prompt, and verdicts given blind."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import pytest

from tests.tui.pilots import Open, Piloted, open_records, painted, press
from tests.tui.scored import measured_run
from workbench.services.apart import Here
from workbench.services.evaluation import comparison
from workbench.services.evaluation.judgements import Said, judgements
from workbench.services.progress import Report
from workbench.store.store import Store
from workbench.tui.desk import Desk
from workbench.tui.screens.compare import ANSWERS, OWN, CompareScreen
from workbench.tui.screens.records import RecordsScreen
from workbench.tui.screens.sides import SidesSheet
from workbench.workspace import Workspace

WIDE = (140, 40)


async def open_compare(pilot: Piloted, corpus: str = "towns") -> CompareScreen:
    """Open the comparison from the records."""
    await open_records(pilot, corpus)
    await press(pilot, "4")
    assert isinstance(pilot.app.screen, CompareScreen)
    return pilot.app.screen


async def to_list(pilot: Piloted, screen: CompareScreen, view: str) -> None:
    """Press v until a list is reached."""
    while screen.view != view:
        await press(pilot, "v")


def answers(
    one: str, other: str, _workspace: Workspace, sides: object, prompt: str, report: Report
) -> tuple[Said, Said]:
    """Stand in for two models."""
    report("asking")
    (first, which), (second, model) = sides
    return Said(first, which, f"{one} {prompt}"), Said(second, model, f"{other} {prompt}")


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two models that answer at once."""
    monkeypatch.setattr("workbench.services.evaluation.playground.answers", partial(answers, "one says", "other says"))


async def test_without_a_run_the_screen_says_how_to_begin(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await open_compare(pilot)
        assert "No run of towns has finished." in painted(app) and "T trains" in painted(app)
        await press(pilot, "m")
        assert "no run has finished" in painted(app)
        await press(pilot, "enter")
        assert "nothing to go into here" in painted(app) and not app.screen.has_class("-opened")


async def test_metrics_show_both_numbers_interval_and_verdict(opened: Open, workspace: Workspace) -> None:
    measured_run(workspace)
    app = opened()
    async with app.run_test(size=WIDE) as pilot:
        await open_compare(pilot)
        text = painted(app)
        assert "one: base -> tuned on test" in text
        assert "bits_per_byte" in text and "? cannot tell" in text and "fewer than 6 groups" in text
        assert "2 compared, 0 only in the first" in text and "the same version" in text
        await press(pilot, "v")
        assert "rows" in painted(app)


async def test_the_answers_stand_side_by_side_with_what_was_asked_and_wanted(
    opened: Open, workspace: Workspace
) -> None:
    measured_run(workspace, says="a wild guess")
    app = opened()
    async with app.run_test(size=WIDE) as pilot:
        screen = await open_compare(pilot)
        await to_list(pilot, screen, "worse")
        assert [pair.bits > 0 for pair in screen.shown] == [True]
        await to_list(pilot, screen, ANSWERS)
        text = painted(app)
        for shown in ("asked", "wanted", "yes", "one base", "one tuned", "a wild guess", "{+a wild guess+}"):
            assert shown in text
        record = screen.pair.record
        await press(pilot, "o")
        assert isinstance(app.screen, RecordsScreen)
        assert "1 of 15 records" in painted(app) and app.screen.chosen.shown.record == record


async def test_ones_own_prompt_is_answered_by_both_and_can_be_judged(
    opened: Open, workspace: Workspace, models: None
) -> None:
    measured_run(workspace)
    app = opened()
    async with app.run_test(size=WIDE) as pilot:
        screen = await open_compare(pilot)
        await press(pilot, "p")
        await pilot.press(*"why?")
        await press(pilot, "enter")
        assert screen.view == OWN
        assert "one says why?" in painted(app) and "other says why?" in painted(app)
        await press(pilot, "escape", "right_square_bracket")
        assert "judged: one tuned is better" in painted(app)
        with Store(workspace) as store:
            (found,) = judgements(store, "towns")
        assert (found.prompt, found.better, found.record, found.seed) == ("why?", "other", "", None)
        await press(pilot, "u")
        assert "judged:" not in painted(app)
        with Store(workspace) as store:
            assert judgements(store, "towns") == []


async def test_blind_hides_names_and_signs_and_tells_what_came_of_it(opened: Open, workspace: Workspace) -> None:
    measured_run(workspace, says="a wild guess")
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await open_compare(pilot)
        await press(pilot, "b")
        assert screen.view == ANSWERS
        text = painted(app)
        assert "blind: 0 of 2 pairs judged" in text
        assert "base" not in text and "tuned" not in text and "worse" not in text
        screen.seed = next(seed for seed in range(99) if _swaps(screen, seed) == [True, False])
        screen.show_lines()
        await press(pilot, "left_square_bracket", "equals_sign")
        assert "blind: 2 of 2 pairs judged" in painted(app)
        await press(pilot, "b")
        for shown in ("2 verdicts, 2 of them blind", "1  one tuned is better", "1  ties", "nobody can tell", "p 1.000"):
            assert shown in painted(app)
        with Store(workspace) as store:
            found = judgements(store, "towns")
        assert [each.better for each in found] == ["other", "tie"]
        assert found[0].seed == found[1].seed is not None
        await press(pilot, "escape", "g", "b", "right_square_bracket")
        with Store(workspace) as store:
            assert judgements(store, "towns")[-1].seed is None  # the names were seen before


async def test_the_order_of_blind_pairs_tells_nothing_of_which_side_was_right(
    opened: Open, workspace: Workspace
) -> None:
    measured_run(workspace, says="a wild guess")
    app = opened()
    async with app.run_test(size=WIDE) as pilot:
        screen = await open_compare(pilot)
        worst_first = list(screen.pairs_of(ANSWERS))
        await press(pilot, "b")
        orders = set()
        for screen.seed in range(9):
            screen.order_pairs()
            orders.add(tuple(pair.record for pair in screen.pairs_of(ANSWERS)))
        assert len(orders) == 2
        await press(pilot, "b")
        assert screen.pairs_of(ANSWERS) == worst_first


async def test_undo_says_what_it_took_back_as_everywhere(opened: Open, workspace: Workspace) -> None:
    measured_run(workspace)
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await open_compare(pilot)
        await press(pilot, "b", "equals_sign", "u")
        assert "took back: preference of" in painted(app)
        await press(pilot, "U")
        assert "did again: preference of" in painted(app)


def _swaps(screen: CompareScreen, seed: int) -> list[bool]:
    from workbench.services.evaluation.judgements import is_swapped

    return [is_swapped(seed, pair.prompt) for pair in screen.shown]


async def test_another_run_is_chosen_on_the_sheet_and_what_was_not_measured_is_measured_first(
    opened: Open, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[list[str], str]] = []
    monkeypatch.setattr(comparison, "measure", lambda _workspace, names, split, _report: done.append((names, split)))
    measured_run(workspace)
    measured_run(workspace, name="two")
    app = opened()
    async with app.run_test(size=WIDE) as pilot:
        screen = await open_compare(pilot)
        assert screen.wanted == comparison.Wanted("two")
        await press(pilot, "s")
        assert isinstance(app.screen, SidesSheet)
        await press(pilot, "j", "right", "enter")
        assert screen.wanted == comparison.Wanted("two", "one") and done == []
        assert "two tuned -> one tuned" in painted(app)
        await press(pilot, "m")
        assert done == [(["two", "one"], "test")]


class Models(Here):
    """Counts how often the models were let go."""

    closed = 0

    def close(self) -> None:
        """Count."""
        self.closed += 1


def test_models_are_let_go_before_a_training_begins_and_before_one_goes_on(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    models, begun = Models(), SimpleNamespace(name="one")
    monkeypatch.setattr("workbench.services.training.train.resume", lambda *_: begun)
    desk = Desk(workspace, start=lambda *_: begun, models=models)
    desk.train(SimpleNamespace(corpus="towns", version="latest", recipe="tiny"))
    assert (models.closed, desk.resume("one"), models.closed) == (1, "one", 2)
