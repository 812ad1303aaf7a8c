"""Facts about preparing a run: what is written, what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from huggingface_hub import constants

from workbench.errors import RefusedError, UsageError
from workbench.fingerprint import digest_file
from workbench.lm.identity import fingerprint_base, stamps
from workbench.lm.xray import TOKENS, XRAY, Example
from workbench.training import lock
from workbench.training.launch import follow, launch, look
from workbench.training.prepare import context_of
from workbench.training.runs import RunFolder

Prepared = Callable[..., RunFolder]

DOUBLE = Example("bad", "train", {"prompt": "<s>Where? ", "completion": "Brest"})
ALONE = Example("kept", "validation", {"prompt": "Where? ", "completion": "Brest"})


def test_a_prepared_run_holds_all_that_training_needs(prepared: Prepared, base: Path) -> None:
    run = prepared("first")
    assert run.status() == "prepared"
    assert pq.read_schema(run.tokens).equals(TOKENS) and pq.read_schema(run.xray).equals(XRAY)
    assert run.recipe().train.max_steps == 8
    facts = run.facts()
    assert facts["version"] == "v1"
    same = {"fingerprint": fingerprint_base(base), "files": stamps(base)}
    assert facts["base"] == {"name": "small", "path": str(base), **same}
    assert facts["tokens_digest"] == digest_file(run.tokens)
    assert {"torch", "trl", "python"} <= facts["packages"].keys()


def test_a_base_of_the_hub_is_pinned_to_the_commit_that_was_read(
    prepared: Prepared, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "c0ffee" * 6 + "c0ff"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    shutil.copytree(base, tmp_path / "models--owner--name" / "snapshots" / commit)
    run = prepared("first", on=Path(f"owner/name@{commit}"))
    assert (run.facts()["base"]["revision"], run.base_path()) == (commit, f"owner/name@{commit}")


def test_a_flagged_record_refuses_the_run_and_keeps_the_xray(prepared: Prepared, tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as caught:
        prepared("first", rows=[DOUBLE, ALONE])
    assert "bad (double-bos, literal-mark)" in caught.value.what
    run = RunFolder.read(tmp_path / "first")
    assert run.status() == "refused" and "bad" in run.state()["reason"]
    assert pq.read_table(run.xray)["flags"].to_pylist() == [["double-bos", "literal-mark"], []]


def test_a_refused_run_cannot_be_started(prepared: Prepared, tmp_path: Path) -> None:
    with pytest.raises(RefusedError):
        prepared("first", rows=[DOUBLE, ALONE])
    with pytest.raises(RefusedError):
        launch(RunFolder(tmp_path / "first"))


def test_a_record_longer_than_the_base_can_read_refuses_the_run(prepared: Prepared, base: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    shutil.copytree(base, small)
    config = json.loads((small / "config.json").read_text())
    (small / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 32}))
    long = Example("long", "train", {"prompt": "Where? " * 20, "completion": "Brest"})
    with pytest.raises(RefusedError, match=r"2048.* 32 tokens"):
        prepared("first", rows=[long, ALONE], on=small)


def test_a_run_is_prepared_once(prepared: Prepared) -> None:
    prepared("first")
    with pytest.raises(UsageError):
        prepared("first")


def test_of_two_that_prepare_a_run_at_once_one_is_told(prepared: Prepared, tmp_path: Path) -> None:
    half = RunFolder.create(tmp_path / "first")
    with lock.held(half.lock_file), pytest.raises(UsageError):
        prepared("first")
    assert not half.tokens.exists() and not half.state_file.exists()
    assert prepared("first").status() == "prepared"  # what a crash left half prepared is no obstacle


def test_a_run_that_was_not_started_cannot_be_followed(prepared: Prepared) -> None:
    run = prepared("first")
    with pytest.raises(UsageError):
        follow(run, lambda _: None)
    assert (look(run).step, look(run).loss) == (0, None)


@pytest.mark.parametrize("status", ["stopped", "failed"])
def test_a_begun_run_is_only_started_again_with_resume(prepared: Prepared, status: str) -> None:
    run = prepared("first")
    run.set_state(status)  # type: ignore[arg-type]
    with pytest.raises(UsageError) as caught:
        launch(run)
    assert "--resume" in caught.value.hint


def test_a_finished_run_is_not_started_again(prepared: Prepared) -> None:
    run = prepared("first")
    run.set_state("finished")
    with pytest.raises(UsageError):
        launch(run, resume=True)


def test_another_weight_gives_the_base_another_fingerprint(base: Path, tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((base / name).read_bytes())
    (tmp_path / "model.safetensors").write_bytes((base / "model.safetensors").read_bytes()[:-1] + b"\x01")
    assert fingerprint_base(tmp_path) != fingerprint_base(base)


def test_a_config_without_a_length_tells_no_context(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"text_config": null}')
    assert context_of(tmp_path) is None
