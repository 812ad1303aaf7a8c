"""Facts about keys: help and palette name every one, a person's own are taken whole or not at all."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from textual.screen import ModalScreen

from tests.tui.pilots import Open, open_records, painted, press, settle
from workbench.errors import DataError, UsageError
from workbench.tui.app import WorkbenchApp
from workbench.tui.keymap import all_bindings, keys_file, load_keymap
from workbench.tui.offers import offers
from workbench.tui.screens.base import WorkScreen
from workbench.tui.screens.confirm import ConfirmSheet, change_of
from workbench.tui.screens.corpora import CorporaScreen
from workbench.tui.screens.jobs import JobsDrawer
from workbench.tui.screens.palette import Palette, fitting
from workbench.tui.screens.records import RecordsScreen
from workbench.tui.screens.sheets import ErrorSheet, KeySheet
from workbench.tui.screens.train import TrainScreen
from workbench.tui.widgets.key_bar import KeyBar


@pytest.fixture
def own_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a person's own keys, in a folder of the test; it is not there yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    keys_file().parent.mkdir(parents=True)
    return keys_file()


def test_every_binding_of_ours_can_be_named() -> None:
    bound = list(all_bindings())
    assert {"data.edit", "train.now", "jobs", "help", "palette", "quit", "mode.data", "table.down"} <= {
        b.id for b in bound
    }


def test_an_id_means_one_action_only() -> None:
    from textual.binding import Binding

    actions: dict[str, set[str]] = {}
    for bound in all_bindings():
        for binding in Binding.make_bindings(bound.owner.__dict__["BINDINGS"]):
            if binding.id:
                actions.setdefault(binding.id, set()).add(binding.action)
    assert {name: found for name, found in actions.items() if len(found) > 1} == {}


def test_keys_of_everywhere_mean_nothing_else_on_any_screen() -> None:
    kept = {
        "1": "mode.data",
        "2": "mode.versions",
        "3": "mode.train",
        "4": "mode.compare",
        "Q": "review.queue",
        "J": "jobs",
        "T": "train.now",
        "q": "quit",
    }
    for bound in all_bindings():
        if not issubclass(bound.owner, ModalScreen):
            for key in bound.keys & kept.keys():
                assert (bound.owner.__name__, bound.id) == (bound.owner.__name__, kept[key])


def test_no_screen_gives_one_key_two_meanings() -> None:
    for owner in {bound.owner for bound in all_bindings()}:
        counted = Counter(key for bound in all_bindings() if bound.owner is owner for key in bound.keys)
        assert [key for key, count in counted.items() if count > 1] == []


async def test_own_keys_replace_ours(opened: Open, own_keys: Path) -> None:
    own_keys.write_text("jobs: ctrl+j, f12\nmode.train: '7'\n")
    app = opened()
    async with app.run_test(size=(120, 30)) as pilot:
        await settle(pilot)
        await press(pilot, "f12")
        assert isinstance(app.screen, JobsDrawer)
        await press(pilot, "escape", "3")
        assert isinstance(app.screen, CorporaScreen)
        await press(pilot, "7")
        assert isinstance(app.screen, TrainScreen)
        assert [offer.keys for offer in offers(app.screen) if offer.action == "mode('train')"] == [("7",)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("data.edti: x", "did you mean data.edit"),
        ("train.now: q", "'q' would be both train.now and quit"),
        ("jobs: j", "'j' would be both"),
        ("data.edit: [a", "cannot be read"),
        ("data.edit: 'a,,b'", "data.edit has no key"),
        ("data.edit:", "data.edit has no key"),
    ],
)
def test_a_file_of_keys_with_a_fault_is_refused_whole(own_keys: Path, text: str, said: str) -> None:
    own_keys.write_text(f"palette: f9\n{text}\n")
    with pytest.raises(UsageError) as refused:
        load_keymap(own_keys)
    assert said in f"{refused.value.what} {refused.value.hint}"


def test_a_file_of_keys_that_is_a_list_is_refused(own_keys: Path) -> None:
    own_keys.write_text("- data.edit\n")
    with pytest.raises(UsageError, match="holds no list of actions"):
        load_keymap(own_keys)


async def test_a_fault_in_own_keys_is_told_once_and_ours_stay(opened: Open, own_keys: Path) -> None:
    own_keys.write_text("jobs: f12\nno.such: f11\n", encoding="utf-8")
    app = opened()
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await settle(pilot)
        (told,) = app._notifications
        assert told.message.startswith("Your keys are not used.") and "no action is called 'no.such'" in told.message
        await press(pilot, "J")
        assert isinstance(app.screen, JobsDrawer)


def test_two_screens_may_share_a_key(own_keys: Path) -> None:
    own_keys.write_text("data.edit: ctrl+t\ntrain.stop: ctrl+t\n")
    assert load_keymap(own_keys) == {"data.edit": "ctrl+t", "train.stop": "ctrl+t"}


def test_without_a_file_nothing_is_bound_anew(own_keys: Path) -> None:
    assert load_keymap(own_keys) == {}


async def test_help_begins_with_what_the_screen_is_for_and_ends_with_moving(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(100, 60)) as pilot:
        screen = await open_records(pilot)
        found = offers(screen)
        assert [offer.where for offer in found] == sorted(
            (offer.where for offer in found), key=["screen", "pane", "everywhere", "moving"].index
        )
        shown = [one.what for one in screen.query_one(KeyBar).keys if one.what != "Keys"]
        assert [offer.what for offer in found[: len(shown)]] == shown
        await press(pilot, "question_mark")
        text = painted(app)
        assert text.index("On this screen") < text.index("Everywhere") < text.index("Moving") < text.index("Next row")
        everywhere = {offer.what for offer in found if offer.where == "everywhere"}
        assert {"Jobs", "Train now", "Back", "Quit", "Keys"} <= everywhere


async def test_the_palette_does_what_is_typed(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "ctrl+p")
        assert isinstance(app.screen, Palette)
        await pilot.press(*"runs")
        await settle(pilot)
        assert app.screen.shown[0].what == "Runs"
        await press(pilot, "enter")
        assert isinstance(app.screen, TrainScreen)


async def test_the_palette_names_key_and_action_of_everything_here(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(120, 60)) as pilot:
        screen = await open_records(pilot)
        wanted = offers(screen)
        await press(pilot, "ctrl+p")
        assert isinstance(app.screen, Palette)
        assert app.screen.offers == wanted
        await press(pilot, "z", "z", "z")
        assert "No action is called so." in painted(app)
        await press(pilot, "enter", "escape")
        assert app.screen is screen


async def test_typing_narrows_to_what_fits_best(opened: Open) -> None:
    app = opened()
    async with app.run_test() as pilot:
        await settle(pilot)
        found = fitting(offers(app.screen), "jobs")
        assert found[0].what == "Jobs"
        assert fitting(offers(app.screen), " ") == offers(app.screen)


async def test_help_and_palette_speak_in_our_words_alone(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(120, 60)) as pilot:
        await open_records(pilot)
        for keys in ((), ("tab",), ("escape", "slash")):
            await press(pilot, *keys)
            found = offers(app.screen)
            told = " ".join(f"{offer.key_names} {offer.what}" for offer in found)
            assert not any(word in told for word in ("Scroll", "Focus", "Submit", "Page Left", "super+", "^", "⏎"))
            assert all(offer.what[:1].isupper() and offer.key_names for offer in found)


async def test_the_keys_of_a_sheet_are_seen_however_long_it_is(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        asked = ConfirmSheet("Fix all?", [change_of("one", "long words " * 99)] * 3, more=9, after="u takes it back.")
        for sheet, keys in ((asked, "[enter] do it"), (ErrorSheet(DataError("torn\n" * 99)), "esc closes")):
            await app.push_screen(sheet)
            await settle(pilot)
            assert keys in painted(app)
            await press(pilot, "end")
            assert keys in painted(app)
            await press(pilot, "escape")
        await press(pilot, "question_mark")
        assert "esc closes" in painted(app)


async def test_a_click_on_a_key_of_the_last_line_presses_it(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(120, 30)) as pilot:
        await settle(pilot)
        last = painted(app).splitlines()[-1]
        assert last.strip().startswith("enter Open  o Open a file")
        await pilot.click(KeyBar, offset=(last.index("? Keys"), 0))
        await settle(pilot)
        assert isinstance(app.screen, KeySheet)
        await press(pilot, "escape")
        await pilot.click(KeyBar, offset=(110, 0))
        await settle(pilot)
        assert isinstance(app.screen, CorporaScreen)


async def modes(pilot, app: WorkbenchApp, *keys: str) -> list[str]:
    """Return the screens that keys lead to, by the names of their classes."""
    out = []
    for key in keys:
        await press(pilot, key)
        out.append(type(app.screen).__name__)
    return out


async def test_digits_go_between_the_modes_of_a_corpus_and_each_stands_as_it_was_left(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await open_records(pilot)
        await press(pilot, "j", "j")
        assert await modes(pilot, app, "3", "1") == ["TrainScreen", "RecordsScreen"]
        assert app.screen is screen and screen.query_one("#records").cursor == 2
        assert await modes(pilot, app, "3", "escape", "1") == ["TrainScreen", "CorporaScreen", "RecordsScreen"]
        assert app.screen is screen


async def test_the_screens_of_another_corpus_take_the_place_of_these(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(120, 36)) as pilot:
        first = await open_records(pilot)
        await press(pilot, "escape")
        second = await open_records(pilot, "hostile")
        assert isinstance(second, RecordsScreen) and second.corpus == "hostile"
        assert not first.is_attached


async def test_a_change_is_seen_on_the_screens_below(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await open_records(pilot)
        read: list[None] = []
        screen.refresh_data = lambda: read.append(None)
        await press(pilot, "3")
        assert isinstance(app.screen, WorkScreen)
        app.screen.change("writing", lambda: None, lambda _: None)
        await press(pilot, "1")
        assert len(read) == 1
        await press(pilot, "3", "1")
        assert len(read) == 1


async def test_the_first_screen_without_a_corpus_says_what_to_choose(opened: Open, workspace) -> None:
    for name in ("hostile", "towns", "waiting"):
        workspace.corpus_file(name).unlink()
    app = opened()
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await settle(pilot)
        if isinstance(app.screen, CorporaScreen) and not app.screen.chosen_corpus():
            await press(pilot, "1")
            assert "first choose a corpus" in painted(app)
            await press(pilot, "T")
            assert isinstance(app.screen, CorporaScreen)


async def test_the_details_of_an_error_are_copied_through_the_terminal(opened: Open) -> None:
    app = opened()
    async with app.run_test() as pilot:
        await settle(pilot)
        await app.push_screen(ErrorSheet(DataError("torn \x1b]52;c;AAAA\x07", "mend it")))
        await press(pilot, "y")
        assert app.clipboard == "torn ␛]52;c;AAAA␇\nmend it"


async def test_the_plain_theme_paints_with_the_terminals_own_colours_alone(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(120, 36)) as pilot:
        app.theme = "ansi-dark"
        await open_records(pilot)
        for keys in ((), ("3",), ("question_mark",)):
            await press(pilot, *keys)
            lines = app.screen._compositor.render_strips()
            styles = [segment.style for line in lines for segment in line if segment.style]
            colours = {colour.type.name for style in styles for colour in (style.color, style.bgcolor) if colour}
            assert colours <= {"DEFAULT", "STANDARD"}
