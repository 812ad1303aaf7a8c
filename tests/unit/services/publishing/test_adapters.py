"""A run's adapter is pushed as safely as records are: checked, private, once, and written to the log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli import called
from tests.corpora import CORPUS, cut, deliver, fact, facts
from tests.hub import Hub
from tests.runs import both, scored_run
from workbench.errors import CorruptionError, DataError, OutsideError, RefusedError, UsageError
from workbench.publish.hub import Pushed
from workbench.services.publishing import adapters
from workbench.services.publishing.adapters import Target
from workbench.services.publishing.push import planned, pushed
from workbench.store.store import Store
from workbench.training.runs import RunFolder

pytestmark = pytest.mark.thorough

REPO = "me/facts-lora"
LICENSE = "apache-2.0"


def trained(store: Store, *, prediction: str = "said by the model", email: str = "") -> RunFolder:
    """Return a finished run on a version, its adapter written by hand."""
    deliver(store, [*facts(*range(20)), *([fact(20, context=email)] if email else [])])
    version = cut(store)
    test = store.objects.table(version.assignment).filter(split="test")["id"].sort().to_list()
    run = scored_run(store, version, "facts-v1-none-1", [row for id in test for row in both(id, prediction=prediction)])
    run.adapter.mkdir()
    (run.adapter / "adapter_model.safetensors").write_bytes(b"weights")
    config = {"base_model_name_or_path": str(store.workspace.root / "base"), "revision": None}
    (run.adapter / "adapter_config.json").write_text(json.dumps(config))
    return run


def send(store: Store, run: RunFolder, **target: object) -> Pushed:
    return adapters.pushed(store, run, Target(REPO, LICENSE, **target))  # type: ignore[arg-type]


def files_of(hub: Hub) -> dict[str, bytes]:
    repository = hub.repositories[REPO]
    return dict(repository.commits[repository.head].files)


def test_an_adapter_is_one_private_commit_with_a_tag_and_a_row_in_the_log(store, hub):
    run = trained(store)
    done = send(store, run)
    repository = hub.repositories[REPO]
    assert (repository.kind, repository.private, len(repository.commits)) == ("models", True, 2)
    assert repository.tags == {run.name: done.commit}
    assert done.url == f"{hub.url}/{REPO}/tree/{run.name}"
    assert send(store, run) == done
    (row,) = store.catalogue.rows(CORPUS, kinds=("publication",))
    assert row.body["run"] == run.name and row.body["commit"] == done.commit


def test_nothing_of_this_machine_is_sent(store, hub):
    send(store, trained(store))
    root = str(store.workspace.root).encode()
    assert not [path for path, body in files_of(hub).items() if root in body]
    assert json.loads(files_of(hub)["adapter_config.json"])["base_model_name_or_path"] == "none"


def test_the_card_names_the_records_once_they_are_on_the_hub(store, hub):
    run = trained(store)
    pushed(store, CORPUS, "v1", "me/facts", license=LICENSE)
    send(store, run)
    card = files_of(hub)["README.md"].decode()
    assert "datasets:\n- me/facts\n" in card
    assert "said by the model" in card
    assert "said by the model" in planned(store, CORPUS, "v1", "me/facts", license=LICENSE).card


def test_an_answer_with_an_address_is_not_shown(store, hub):
    run = trained(store, prediction="write to jane.doe@some-company.com")
    card = adapters.planned(store, run, Target(REPO, LICENSE)).card
    assert "jane.doe" not in card and "## Examples" not in card


def test_what_learned_from_an_address_stays_here(store, hub):
    run = trained(store, email="jane.doe@some-company.com")
    with pytest.raises(DataError, match="published with email"):
        send(store, run)
    assert hub.repositories == {}


def test_a_licence_is_asked_for_though_the_corpus_has_one(store, hub):
    run = trained(store)
    with pytest.raises(UsageError, match="licence is needed"):
        adapters.pushed(store, run, Target(REPO, None))


def test_a_run_that_has_not_finished_stays_here(store, hub):
    run = trained(store)
    run.set_state("stopped")
    with pytest.raises(RefusedError, match="is stopped"):
        send(store, run)


def test_a_run_of_another_workspaces_version_stays_here(store, hub):
    run = trained(store)
    run.facts_file.write_text(json.dumps(run.facts() | {"version": "another"}))
    with pytest.raises(UsageError, match="does not hold the version"):
        send(store, run)


def test_another_model_in_the_repository_is_never_replaced(store, hub):
    run = trained(store)
    send(store, run)
    hub.repositories[REPO].tags.clear()
    hub.repositories[REPO].commit({"model.safetensors": b"theirs"}, "by hand")
    with pytest.raises(UsageError, match="did not put there"):
        send(store, run)


def test_a_lost_answer_leaves_one_commit(store, hub):
    run = trained(store)
    hub.fail("POST .*/commit/", 500, done=True)
    send(store, run)
    assert len(hub.repositories[REPO].commits) == 2


def test_a_look_needs_no_network(store, hub):
    hub.fail("GET /api/models", 503, times=99)
    plan = adapters.planned(store, trained(store), Target(REPO, LICENSE))
    assert {file.change for file in plan.files} == {"add"} and "HTTP 503" in plan.unseen
    with pytest.raises(OutsideError):
        send(store, RunFolder(Path(store.workspace.runs / "facts-v1-none-1")))


@pytest.mark.parametrize("damage", [b"", b"PAR1 and no more", b"[1]", b'{"tuned": 3}'])
@pytest.mark.parametrize("name", ["evaluation/scores-test.parquet", "evaluation/metrics-test.json"])
def test_a_damaged_file_of_a_run_is_named_with_what_makes_it_anew(store, hub, name, damage):
    run = trained(store)
    (run.path / name).write_bytes(damage)
    with pytest.raises(CorruptionError, match=Path(name).name) as caught:
        send(store, run)
    assert "workbench evaluate facts-v1-none-1 --split test" in caught.value.hint and not hub.repositories


@pytest.mark.parametrize("name", ["xray.parquet", "evaluation/scores-test.parquet"])
def test_a_version_does_not_leave_with_half_of_what_a_run_told(store, hub, name):
    run = trained(store)
    (run.path / name).write_bytes(b"PAR1 and no more")
    with pytest.raises(CorruptionError, match=Path(name).name) as caught:
        pushed(store, CORPUS, "v1", "me/facts", license=LICENSE)
    assert "the records can leave without it" in caught.value.hint and not hub.repositories


@pytest.mark.parametrize("base", ['"none"', "null", "{}"])
def test_a_run_that_does_not_tell_its_base_is_named(store, hub, base):
    run = trained(store)
    known = json.loads(run.facts_file.read_text())
    run.facts_file.write_text(json.dumps(known | {"base": json.loads(base)}))
    look = called("push", f"{CORPUS}@v1", "me/facts", "--license", LICENSE, "--dry-run", cwd=store.workspace.root)
    assert look.code == 1 and "'run.json' of the run 'facts-v1-none-1' cannot be read" in look.talk


@pytest.mark.parametrize("damage", [b"", b"[]x", b"7"])
def test_a_damaged_configuration_of_an_adapter_is_named(store, hub, damage):
    run = trained(store)
    (run.adapter / "adapter_config.json").write_bytes(damage)
    with pytest.raises(CorruptionError, match=r"adapter_config\.json of the run"):
        send(store, run)


def test_the_command_takes_a_run_as_it_takes_a_version(store, hub):
    run = trained(store)
    arguments = ("push", run.name, REPO, "--license", LICENSE)
    look = called(*arguments, "--dry-run", "--json", cwd=store.workspace.root)
    assert {file["path"] for file in look.json["files"]} >= {"adapter_model.safetensors", "README.md"}
    assert hub.repositories == {}
    said = called(*arguments, "--yes", "--json", cwd=store.workspace.root)
    assert said.json["tag"] == run.name and set(said.json) == {"repo", "commit", "tag", "url"}
    newest = called("push", "latest", REPO, "--license", LICENSE, "--dry-run", cwd=store.workspace.root)
    assert f"holds {run.name}" in newest.out
    unknown = called("push", "nothing-called-so", REPO, cwd=store.workspace.root)
    assert unknown.code == 2 and run.name in unknown.talk and CORPUS in unknown.talk
