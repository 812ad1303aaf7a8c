"""Facts about the Hub in the terminal: nothing is fetched or sent before it was shown, and both are jobs."""

from __future__ import annotations

import json

import pytest

from tests.hub import Hub
from tests.hub_calls import Repository
from tests.hub_fixtures import hub as hub
from tests.hub_fixtures import waited as waited
from tests.tui.pilots import Open, painted, press, settle
from tests.tui.test_train import open_runs
from workbench.services.publishing import leaving, trial
from workbench.services.publishing.trial import Trial
from workbench.store.store import Store
from workbench.training.runs import RunFolder
from workbench.tui.screens.ingest import IngestedSheet
from workbench.tui.screens.open import OpenSheet
from workbench.tui.screens.publish import AdapterSheet
from workbench.tui.screens.pull import PullSheet
from workbench.tui.screens.train import TrainScreen
from workbench.workspace import Workspace

REPO = "me/tides"
ROWS = [{"question": f"How high is tide {number}?", "answer": f"{number} m"} for number in range(6)]


def on_the_hub(hub: Hub) -> None:
    """Put records of a stranger there, and a file that is none."""
    lines = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
    repository = hub.repositories.setdefault(REPO, Repository(private=False))
    repository.commit({".gitattributes": b"", "train.jsonl": lines, "[@click=app.quit]weights.pkl": b"no"}, "by hand")


async def test_a_repository_is_shown_before_it_is_fetched_and_comes_in_by_enter(
    opened: Open, workspace: Workspace, hub: Hub
) -> None:
    on_the_hub(hub)
    app = opened()
    async with app.run_test(size=(100, 36), notifications=True) as pilot:
        await settle(pilot)
        await press(pilot, "o")
        app.screen.query_one("#path").value = REPO
        await settle(pilot)
        assert f"no file here: {REPO} on the Hub, its newest commit" in painted(app)
        await press(pilot, "enter")
        assert isinstance(app.screen, PullSheet)
        said = painted(app)
        assert "into the corpus tides" in said and "[@click=app.quit]weights.pkl" in said and "a pickle" in said
        assert "enter fetches them" in said and "tides" not in workspace.corpora()
        await press(pilot, "enter")
        assert isinstance(app.screen, IngestedSheet)
        said = painted(app)
        assert "me/tides/train" in said and "read 6 = kept 6" in said and "not verified against a version" in said
    with Store(workspace) as store:
        assert [row.kind for row in store.catalogue.rows("tides")] == ["delivery", "pull"]


async def test_a_repository_that_is_not_there_is_refused_on_the_sheet(
    opened: Open, workspace: Workspace, hub: Hub
) -> None:
    app = opened()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "o", *"me/none", "enter")
        assert isinstance(app.screen, PullSheet)
        assert "the Hub shows no repository 'me/none'" in " ".join(painted(app).split())
        assert "nothing was fetched" in painted(app)
        await press(pilot, "escape")
        assert workspace.corpora() == Workspace(workspace.root).corpora()


async def test_a_path_that_is_typed_says_what_it_stands_for(
    opened: Open, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace.root / "rows.csv").write_text("question,answer\n", encoding="utf-8")
    monkeypatch.chdir(workspace.root)
    app = opened()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "o", *"rows.csv")
        assert isinstance(app.screen, OpenSheet)
        assert "enter shows what would become of rows.csv" in painted(app)
        app.screen.query_one("#path").value = "corpora"
        await settle(pilot)
        assert "corpora and all files in it" in painted(app)
        app.screen.query_one("#path").value = "nothing.csv"
        await settle(pilot)
        assert "what would become" not in painted(app) and "Hub, " not in painted(app)


@pytest.fixture
def adapter(workspace: Workspace) -> RunFolder:
    """A finished run."""
    run = RunFolder.create(workspace.runs / "towns-v1-tiny-1")
    run.facts_file.write_text(json.dumps({"corpus": "towns", "version_name": "v1", "created": "2026-01-02"}))
    run.set_state("finished", step=8, total=8)
    return run


async def test_an_adapter_is_shown_before_it_is_sent_and_goes_by_enter(
    opened: Open, adapter: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[object, ...]] = []

    def tried(store: Store, run: str, repo: str, *, license: str | None) -> Trial:
        return Trial((("adapter_model.safetensors", "add", 1234),), "# a card", repo, (f"{run} under {license}",))

    def leave(place: Workspace, run: str, wanted: leaving.Wanted, report: object) -> str:
        asked.append((run, wanted.place, wanted.license, wanted.private))
        return "pushed: an address"

    monkeypatch.setattr(trial, "tried_adapter", tried)
    monkeypatch.setattr(leaving, "leave_adapter", leave)
    app = opened()
    async with app.run_test(size=(100, 36), notifications=True) as pilot:
        await open_runs(pilot)
        await press(pilot, "P")
        assert isinstance(app.screen, AdapterSheet)
        await press(pilot, "enter")
        assert "name a repository" in painted(app) and asked == []
        app.screen.query_one("#place").value = "me/tides-lora"
        app.screen.query_one("#license").value = "apache-2.0"
        await press(pilot, "enter")
        said = painted(app)
        assert "adapter_model.safetensors" in said and "# a card" in said and "under apache-2.0" in said
        assert "me/tides-lora, privately" in said and asked == []
        await press(pilot, "enter")
        assert asked == [(adapter.name, "me/tides-lora", "apache-2.0", True)]
        assert isinstance(app.screen, TrainScreen) and "pushed: an address" in painted(app)


async def test_a_run_that_has_not_finished_is_not_pushed(opened: Open, adapter: RunFolder) -> None:
    adapter.set_state("stopped")
    app = opened()
    async with app.run_test(size=(100, 36), notifications=True) as pilot:
        await open_runs(pilot)
        await press(pilot, "P")
        assert isinstance(app.screen, TrainScreen) and "this run is stopped: push one that" in painted(app)
