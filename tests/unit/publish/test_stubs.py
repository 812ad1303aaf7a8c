"""A stub names the files of its export and says a recipe's settings in the trainer's words."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from tests.exports import facts
from workbench.errors import UsageError
from workbench.publish.configured import Configured
from workbench.publish.facts import DataFile
from workbench.publish.stubs import STUBS
from workbench.publish.written import Written
from workbench.recipe import Recipe, load_recipe, with_overrides
from workbench.schema import load_schema

ROOT = Path(__file__).resolve().parents[3]
RECIPES = sorted(path.stem for path in (ROOT / "recipes").glob("*.yaml"))


def configured(format: str = "messages", schema: str = "chat", *overrides: str, recipe: str = "tiny") -> Configured:
    files = tuple(DataFile(f"{side}.jsonl", side, 2, 10, 10, "ab") for side in ("train", "validation", "test"))
    loaded = with_overrides(load_recipe(ROOT / "recipes" / f"{recipe}.yaml"), overrides)
    kind = load_schema(ROOT / "schemas" / f"{schema}.yaml")
    return Configured(loaded, kind, facts(), format, Written(files, pa.schema([])))


def settings(trainer: str, wanted: Configured) -> dict[str, object]:
    texts = STUBS[trainer].write(wanted)
    return yaml.safe_load(texts[f"{trainer}.yaml"])


def values(recipe: Recipe) -> list[object]:
    """Return the numbers that every trainer must be told."""
    lora, train = recipe.lora, recipe.train
    return [lora.r, lora.alpha, lora.dropout, train.learning_rate, train.epochs, train.batch_size, train.max_length]


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("trainer", ["llama-factory", "axolotl"])
def test_every_recipe_becomes_settings_with_the_same_numbers(trainer, recipe):
    wanted = configured(recipe=recipe)
    said = list(settings(trainer, wanted).values())
    assert all(value in said for value in values(wanted.recipe))
    assert None not in said


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(
    ("format", "schema"), [("messages", "chat"), ("prompt-completion", "story"), ("text", "prose")]
)
def test_every_recipe_becomes_a_script_with_the_same_numbers(recipe, format, schema):
    wanted = configured(format, schema, recipe=recipe)
    tree = ast.parse(STUBS["unsloth"].write(wanted)["unsloth_train.py"])
    said = [ast.literal_eval(node.value) for node in ast.walk(tree) if isinstance(node, ast.keyword) if _plain(node)]
    assert all(value in said for value in values(wanted.recipe))


def _plain(node: ast.keyword) -> bool:
    return isinstance(node.value, (ast.Constant, ast.List))


def test_each_trainer_reads_train_and_validation_and_never_test():
    info = json.loads(STUBS["llama-factory"].write(configured())["dataset_info.json"])
    said = settings("llama-factory", configured())
    assert [info[str(said[key])]["file_name"] for key in ("dataset", "eval_dataset")] == [
        "train.jsonl",
        "validation.jsonl",
    ]
    said = settings("axolotl", configured())
    assert [said[key][0]["path"] for key in ("datasets", "test_datasets")] == ["train.jsonl", "validation.jsonl"]  # type: ignore[index]
    script = STUBS["unsloth"].write(configured())["unsloth_train.py"]
    assert "'train.jsonl'" in script and "'validation.jsonl'" in script and "test.jsonl" not in script


def test_without_evaluation_no_trainer_looks_at_validation():
    wanted = configured("messages", "chat", "train.eval_steps=null")
    for texts in (trainer.write(wanted) for trainer in STUBS.values()):
        assert not any("'validation" in text or "eval_steps" in text for text in texts.values())


@pytest.mark.parametrize(
    ("plan", "given", "wanted"), [("auto", "true", True), ("full", "false", True), ("none", "true", False)]
)
def test_layers_are_computed_again_where_the_recipe_says_so(plan, given, wanted):
    said = configured("messages", "chat", f"train.plan={plan}", f"train.gradient_checkpointing={given}")
    assert settings("axolotl", said)["gradient_checkpointing"] is wanted
    assert settings("llama-factory", said)["disable_gradient_checkpointing"] is not wanted
    assert f"use_gradient_checkpointing={wanted}" in STUBS["unsloth"].write(said)["unsloth_train.py"]


@pytest.mark.parametrize(("warmup", "key"), [("0.05", "warmup_ratio"), ("20", "warmup_steps")])
def test_warmup_is_a_share_or_steps_as_the_recipe_has_it(warmup, key):
    for trainer in ("llama-factory", "axolotl"):
        said = settings(trainer, configured("messages", "chat", f"train.warmup={warmup}"))
        assert said[key] == float(warmup)
        assert {"warmup_ratio", "warmup_steps"} & set(said) == {key}


def test_a_pinned_commit_of_a_base_is_asked_for():
    wanted = configured("messages", "chat", "base=org/model@abc123")
    assert settings("llama-factory", wanted)["model_revision"] == "abc123"
    assert settings("axolotl", wanted)["revision_of_model"] == "abc123"
    assert "revision='abc123'" in STUBS["unsloth"].write(wanted)["unsloth_train.py"]


def test_a_conversations_alpaca_names_system_and_history_where_they_are_read():
    info = json.loads(STUBS["llama-factory"].write(configured("alpaca"))["dataset_info.json"])
    assert info["quiz-train"]["columns"]["history"] == "history"
    with pytest.raises(UsageError, match="neither system nor history"):
        STUBS["axolotl"].write(configured("alpaca"))


@pytest.mark.parametrize("trainer", ["axolotl", "unsloth"])
def test_prompts_that_need_a_template_are_not_joined_without_one(trainer):
    with pytest.raises(UsageError, match="need a template"):
        STUBS[trainer].write(configured("prompt-completion", "qa"))


def test_a_hostile_name_of_a_recipe_stays_a_text_in_the_script():
    wanted = configured("messages", "chat", 'name="\'); import os #"')
    tree = ast.parse(STUBS["unsloth"].write(wanted)["unsloth_train.py"])
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import)]


@pytest.mark.parametrize("trainer", ["llama-factory", "unsloth"])
def test_a_trainer_that_would_leave_calls_of_tools_out_is_not_configured_for_them(trainer):
    with pytest.raises(UsageError, match="does not read calls of tools") as caught:
        STUBS[trainer].write(configured("messages", "tools"))
    assert "axolotl" in caught.value.hint


def test_axolotl_gives_calls_of_tools_to_the_template_and_says_what_it_learns():
    text = STUBS["axolotl"].write(configured("messages", "tools"))["axolotl.yaml"]
    assert "answers of weight 0" in text
    assert "answers of weight 0" not in STUBS["axolotl"].write(configured())["axolotl.yaml"]
