"""Facts about the home screen: the corpora and what can be done with each."""

from __future__ import annotations

import json
from pathlib import Path

from textual.widgets import Static

from tests.tui.pilots import Open, open_records, painted, press, settle
from workbench.store.store import Store
from workbench.training.runs import RunFolder
from workbench.tui.app import WorkbenchApp
from workbench.tui.begin import BeginApp
from workbench.tui.desk import Desk
from workbench.tui.screens.corpora import CorporaScreen
from workbench.tui.screens.ingest import IngestedSheet
from workbench.tui.screens.records import RecordsScreen
from workbench.tui.screens.sheets import ErrorSheet, KeySheet, VersionSheet
from workbench.workspace import FIRST_SAMPLE, Workspace


async def test_a_corpus_is_listed_with_its_records_issues_and_versions(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(120, 30)) as pilot:
        await settle(pilot)
        (line,) = [line for line in painted(app).splitlines() if "towns" in line]
        assert line.split()[:5] == ["towns", "qa", "15", "2", "0"]
        assert "press s to split" in line


async def test_a_declared_corpus_names_the_key_that_ingests_it(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(120, 30)) as pilot:
        await settle(pilot)
        assert "not ingested: press i" in painted(app)
        await press(pilot, "G", "enter")
        assert isinstance(app.screen, CorporaScreen)
        await press(pilot, "i")
        assert isinstance(app.screen, IngestedSheet)
        assert "read 3 = kept 3 + merged 0 + quarantined 0" in painted(app)
        await press(pilot, "escape")
        (line,) = [line for line in painted(app).splitlines() if "waiting" in line and " qa " in line]
        assert line.split()[:3] == ["waiting", "qa", "3"] and "not ingested" not in line


async def test_a_folder_without_a_workspace_becomes_one_at_a_key_and_nothing_is_written_before(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    app = BeginApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        lines = app.screen._compositor.render_strips()
        text = " ".join("".join(segment.text for line in lines for segment in line).split())
        assert "no workspace here" in text and "beside 1 entry" in text and "enter Make a workspace here" in text
        assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"] and "? Keys" in text
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(app.screen, KeySheet)
        assert [offer.key_names for offer in app.screen.found][:3] == ["enter", "esc q", "? f1"]
        await pilot.press("escape", "enter")
    assert app.return_value is not None and app.return_value.root == tmp_path.resolve()
    assert (tmp_path / "schemas").is_dir() and not app.return_value.corpora()
    assert (tmp_path / "mine.txt").read_text() == "kept"


async def test_leaving_makes_no_workspace_and_a_fault_is_told(tmp_path: Path) -> None:
    app = BeginApp(tmp_path / "new")
    async with app.run_test() as pilot:
        await pilot.press("escape")
    assert app.return_value is None and not (tmp_path / "new").exists()
    (tmp_path / "file").write_text("")
    app = BeginApp(tmp_path / "file")
    async with app.run_test() as pilot:
        await pilot.press("enter")
        await pilot.pause()
        assert "is a file" in str(app.query_one("#wrong", Static).render())


async def test_an_empty_workspace_says_how_to_begin(tmp_path: Path) -> None:
    app = WorkbenchApp(Desk(Workspace.create(tmp_path / "bench", with_samples=False)))
    async with app.run_test() as pilot:
        await settle(pilot)
        assert "o   open a file" in painted(app) and "d   take in the sample corpus" in painted(app)
        await press(pilot, "enter", "i", "s", "T")
        assert isinstance(app.screen, CorporaScreen)


async def test_d_takes_in_the_sample_and_enter_opens_it(tmp_path: Path) -> None:
    app = WorkbenchApp(Desk(Workspace.create(tmp_path / "bench", with_samples=False)))
    async with app.run_test(size=(120, 30)) as pilot:
        await settle(pilot)
        await press(pilot, "d")
        assert isinstance(app.screen, IngestedSheet)
        assert "read 296 = kept 295 + merged 0 + quarantined 1" in painted(app)
        await press(pilot, "enter")
        assert isinstance(app.screen, RecordsScreen)
        await press(pilot, "escape")
        (line,) = [line for line in painted(app).splitlines() if FIRST_SAMPLE in line]
        assert line.split()[:3] == [FIRST_SAMPLE, "qa", "295"]


async def test_a_line_names_the_newest_version_and_the_newest_run(opened: Open, workspace: Workspace) -> None:
    made = (("towns-2", "2026-01-02", "failed"), ("towns-9", "2026-01-01", "failed"), ("no", "2026-01-03", "refused"))
    for name, created, state in made:
        run = RunFolder.create(workspace.runs / name)
        run.set_state(state)
        facts = {"corpus": "towns", "version_name": "v1", "created": created}
        run.facts_file.write_text(json.dumps(facts), encoding="utf-8")
    app = opened()
    for width in (80, 140):
        async with app.run_test(size=(width, 24)) as pilot:
            await settle(pilot)
            await press(pilot, "j", "s", "escape")
            (line,) = [line for line in painted(app).splitlines() if "towns" in line]
            assert "v1  20" in line and "failed: towns-2" in line
        app = opened()


async def test_s_cuts_a_version_and_shows_its_counts_and_proof(opened: Open, workspace: Workspace) -> None:
    app = opened()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "j", "s")
        assert isinstance(app.screen, VersionSheet)
        assert "largest Jaccard between splits" in painted(app)
        await press(pilot, "escape")
        with Store(workspace) as store:
            assert store.version("towns").id[:12] in painted(app)


async def test_s_without_a_change_cuts_no_second_version(opened: Open, workspace: Workspace) -> None:
    app = opened()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "j", "s", "escape", "s")
        assert "Nothing changed since" in painted(app)
        with Store(workspace) as store:
            assert store.version("towns").name == "v1"


async def test_splitting_what_is_not_ingested_says_what_to_do(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "G", "s")
        assert isinstance(app.screen, ErrorSheet)
        assert "ingest a source first" in painted(app)


def test_what_is_told_of_a_fault_holds_no_credentials() -> None:
    sheet = ErrorSheet(RuntimeError(f"no answer from https://me:{'p' * 9}@host"))
    told = f"{list(sheet.pieces())}{sheet.details()}"
    assert "RuntimeError: no answer from https://***@host" in told and "p" * 9 not in told


async def test_a_broken_corpus_file_is_a_line_of_the_list(opened: Open, workspace: Workspace) -> None:
    workspace.corpus_file("waiting").write_text("schema: [", encoding="utf-8")
    app = opened()
    async with app.run_test(size=(140, 30)) as pilot:
        await settle(pilot)
        assert "waiting/corpus.yaml: not YAML" in painted(app)
        await press(pilot, "G", "enter")
        assert isinstance(app.screen, ErrorSheet) and "press r here" in painted(app)
        assert "towns" in painted(app)


async def test_escape_goes_back_and_never_quits(opened: Open) -> None:
    app = opened()
    async with app.run_test() as pilot:
        await open_records(pilot)
        await press(pilot, "escape", "escape", "escape")
        assert isinstance(app.screen, CorporaScreen)
        assert app.is_running
        await press(pilot, "q")
        assert app._exit


async def test_the_key_sheet_names_every_key_of_the_screen(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(100, 50)) as pilot:
        await settle(pilot)
        await press(pilot, "question_mark")
        assert isinstance(app.screen, KeySheet)
        for what in ("Ingest", "Split", "Train", "Runs", "Read again", "Quit", "Last row"):
            assert what in painted(app)


async def test_no_footer_names_more_than_seven_keys(opened: Open) -> None:
    app = opened()
    async with app.run_test() as pilot:
        await settle(pilot)
        for keys in ((), ("enter",), ("t",)):
            await press(pilot, *keys)
            shown = [active for active in app.screen.active_bindings.values() if active.binding.show]
            assert 2 <= len({active.binding.action for active in shown}) <= 7
