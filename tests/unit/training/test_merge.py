"""Facts about merging: the merged base answers as base and adapter did, or nothing is kept of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file, save_file

from workbench.errors import OutsideError, RefusedError, UsageError
from workbench.lm.merge import merged
from workbench.lm.xray import TOKENS
from workbench.services.training import merge as merging
from workbench.services.training.merge import LIMIT, Drift, Merged, _judge, _rows, merge
from workbench.training.prepare import prepare
from workbench.training.qlora import train
from workbench.training.runs import RunFolder
from workbench.training.signals import StopRequest

Prepared = Callable[..., RunFolder]


@pytest.fixture(scope="module")
def finished(base: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that learned something."""
    from tests.unit.training.conftest import examples
    from workbench.recipe import Recipe, with_overrides

    asked = ["train.max_steps=6", "train.learning_rate=3e-2", "train.warmup=0", "train.eval_steps=null"]
    run = RunFolder(tmp_path_factory.mktemp("merge") / "run")
    recipe = with_overrides(Recipe(name="short", base="small"), asked)
    prepare(run, recipe, {"base_path": str(base), "version": "v1"}, examples())
    train(run, StopRequest())
    return run


def test_a_merged_base_is_plain_sixteen_bit_and_finds_the_records_as_likely(
    finished: RunFolder, base: Path, tmp_path: Path
) -> None:
    done = merge(finished, tmp_path / "merged")
    assert done.after == pytest.approx(done.before, rel=0.01) and done.worst.difference <= LIMIT
    config = json.loads((done.folder / "config.json").read_text())
    assert "quantization_config" not in config and config["dtype"] == "bfloat16"
    weights = load_file(done.folder / "model.safetensors")
    assert not [name for name in weights if "lora" in name]
    plain, name = load_file(base / "model.safetensors"), "model.layers.0.self_attn.q_proj.weight"
    assert not torch.equal(weights[name].float(), plain[name].float())
    said = json.loads((done.folder / "merge.json").read_text())
    assert said["run"] == "run" and said["nll_per_token"]["records"] == 4
    assert list(tmp_path.iterdir()) == [done.folder]


def test_a_merge_that_changes_the_answers_is_not_kept(
    finished: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workbench.lm import merge as module

    other = tmp_path / "other"
    other.mkdir()
    for path in finished.adapter.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    tensors = load_file(other / "adapter_model.safetensors")
    against = {name: tensor * (-4 if "lora_B" in name else 1) for name, tensor in tensors.items()}
    save_file(against, other / "adapter_model.safetensors")
    monkeypatch.setattr(module, "attach_adapter", lambda model, _, right=module.attach_adapter: right(model, other))
    with pytest.raises(RefusedError, match=r"answers otherwise.*nats a token with the adapter, .* merged"):
        merge(finished, tmp_path / "merged")
    assert list(tmp_path.iterdir()) == [other]


def test_what_cannot_be_merged_says_so(finished: RunFolder, prepared: Prepared, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="exists"):
        merge(finished, tmp_path)
    with pytest.raises(UsageError, match="no adapter"):
        merge(prepared("unfinished"), tmp_path / "merged")
    settings = ["quantization.kind=gptq", "lora.target_modules=[q_proj]"]
    from workbench.recipe import with_overrides

    with pytest.raises(UsageError, match="GPTQ"):
        merged(tmp_path, tmp_path, with_overrides(finished.recipe(), settings))


def test_a_difference_that_rounding_makes_is_none() -> None:
    assert Drift("a", 0.001, 0.012).difference == 0.0
    assert Drift("a", 2.0, 2.2).difference == pytest.approx(0.1)


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_loss_that_is_not_a_number_is_the_worst_of_all_and_refused(tmp_path: Path, broken: float) -> None:
    done = Merged(tmp_path, (Drift("a", 2.0, 2.001), Drift("b", 2.0, broken), Drift("c", 2.0, 2.01)))
    assert done.worst.record == "b"
    with pytest.raises(RefusedError, match="record b"):
        _judge(done)


def test_records_without_anything_learned_judge_no_merge(prepared: Prepared) -> None:
    silent = [{"record": f"s{n}", "split": "test", "input_ids": [1, 2], "labels": [1, -100]} for n in range(70)]
    told = [{"record": "t", "split": "test", "input_ids": [1, 2], "labels": [-100, 2]}]
    run = prepared("run")
    pq.write_table(pa.Table.from_pylist(silent + told, TOKENS), run.tokens)
    assert [row["record"] for row in _rows(run)] == ["t"]


def test_a_merge_without_memory_says_what_to_do_and_keeps_nothing(
    finished: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(merging, "_scored_merged", full)
    with pytest.raises(OutsideError, match="the merged model"):
        merge(finished, tmp_path / "merged")
    assert list(tmp_path.iterdir()) == []
