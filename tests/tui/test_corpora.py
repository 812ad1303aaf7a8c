"""Facts about the home screen: the corpora and what can be done with each."""

from __future__ import annotations

from pathlib import Path

from tests.tui.pilots import Open, open_records, painted, press, settle
from workbench.store.store import Store
from workbench.tui.app import WorkbenchApp
from workbench.tui.desk import Desk
from workbench.tui.screens.corpora import CorporaScreen
from workbench.tui.screens.sheets import ErrorSheet, KeySheet, VersionSheet
from workbench.workspace import Workspace


async def test_a_corpus_is_listed_with_its_records_issues_and_versions(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(120, 30)) as pilot:
        await settle(pilot)
        (line,) = [line for line in painted(app).splitlines() if "towns" in line]
        assert line.split()[:6] == ["towns", "qa", "15", "2", "0", "0"]
        assert "press s to split" in line


async def test_a_declared_corpus_names_the_key_that_ingests_it(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(120, 30)) as pilot:
        await settle(pilot)
        assert "not ingested: press i" in painted(app)
        await press(pilot, "G", "enter")
        assert isinstance(app.screen, CorporaScreen)
        await press(pilot, "i")
        assert "not ingested" not in painted(app)
        (line,) = [line for line in painted(app).splitlines() if "waiting" in line]
        assert line.split()[:3] == ["waiting", "qa", "3"]


async def test_an_empty_workspace_says_how_to_begin(tmp_path: Path) -> None:
    app = WorkbenchApp(Desk(Workspace.create(tmp_path / "bench", with_samples=False)))
    async with app.run_test() as pilot:
        await settle(pilot)
        assert "workbench ingest FILE" in painted(app)
        await press(pilot, "enter", "i", "s", "T")
        assert isinstance(app.screen, CorporaScreen)


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


async def test_a_broken_corpus_file_is_a_line_of_the_list(opened: Open, workspace: Workspace) -> None:
    workspace.corpus_file("waiting").write_text("schema: [", encoding="utf-8")
    app = opened()
    async with app.run_test(size=(140, 30)) as pilot:
        await settle(pilot)
        assert "corpus.yaml: cannot be" in painted(app)
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
