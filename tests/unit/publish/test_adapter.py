"""An adapter leaves as weights, tokenizer and a card of measured numbers, and says nothing of this machine."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tests.exports import HOSTILE
from tests.hub_calls import Repository
from workbench.errors import DataError, UsageError
from workbench.publish.adapter import AdapterFacts, Base, base_of, write_adapter
from workbench.publish.adapter_card import adapter_card
from workbench.publish.facts import Example, RunFacts
from workbench.publish.hub import push
from workbench.publish.merge import BEGIN, END

FACTS = AdapterFacts(
    corpus="quiz",
    version="a1b2c3d4",
    version_name="v3",
    schema="mcq",
    run="quiz-v3-tiny-1",
    license="apache-2.0",
    languages=("en",),
    counts={"train": 8, "validation": 1, "test": 1},
    base=Base("org/base", "c0ffee" * 6, "f" * 64, is_on_hub=True),
    recipe={"name": "tiny", "base": "org/base", "lora": {"r": 16, "use_dora": False}},
    packages={"peft": "0.21.2"},
    evaluations={
        "test": {
            "base": {"perplexity": 4.0, "em": 0.0, "bleu": {"value": None, "reason": "no record"}},
            "tuned": {"perplexity": 2.0, "em": 0.5, "bleu": {"value": None, "reason": "no record"}, "n": 10},
            "difference": {"perplexity": {"value": -2.0, "interval": [-2.5, -1.5], "verdict": "better"}},
            "how": {"intervals": "95% percentile interval"},
        }
    },
    tool="workbench 0.1.0",
    records="me/quiz",
    repo="me/quiz-lora",
)


def an_adapter(folder: Path, **config: object) -> Path:
    folder.mkdir()
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    known = {"base_model_name_or_path": "/home/me/bases/base", "revision": None, "peft_type": "LORA"} | config
    (folder / "adapter_config.json").write_text(json.dumps(known))
    (folder / "tokenizer_config.json").write_text(json.dumps({"name_or_path": "/home/me/base", "is_local": True}))
    (folder / "training_args.bin").write_bytes(b"a pickle")
    (folder / "optimizer.pt").write_bytes(b"a pickle")
    return folder


def front(text: str) -> dict[str, object]:
    return yaml.safe_load(text.split("---\n")[1])


def test_only_known_files_leave_and_name_the_base_as_others_know_it(tmp_path):
    write_adapter(an_adapter(tmp_path / "adapter"), FACTS, "card", tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        "adapter_model.safetensors", "adapter_config.json", "tokenizer_config.json", "README.md", "curation.json",
    }  # fmt: skip
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "org/base" and config["revision"] == "c0ffee" * 6
    assert json.loads((tmp_path / "out" / "tokenizer_config.json").read_text()) == {"name_or_path": "org/base"}
    assert not [path for path in (tmp_path / "out").iterdir() if b"/home/me" in path.read_bytes()]


def test_a_path_that_nobody_knows_of_keeps_an_adapter_here(tmp_path):
    adapter = an_adapter(tmp_path / "adapter", corda_config={"cache_file": "/home/me/cache/x.pt"})
    with pytest.raises(DataError, match=r"adapter_config\.json still names a path of this machine \(cache_file\)"):
        write_adapter(adapter, FACTS, "card", tmp_path / "out")


def test_an_adapter_that_is_not_whole_is_refused(tmp_path):
    (an_adapter(tmp_path / "adapter") / "adapter_model.safetensors").unlink()
    with pytest.raises(UsageError, match=r"adapter_model\.safetensors is missing"):
        write_adapter(tmp_path / "adapter", FACTS, "card", tmp_path / "out")


def test_the_sheet_names_run_and_version_and_has_neither_repository_nor_examples(tmp_path):
    told = RunFacts("quiz-v3-tiny-1", "org/base", examples=(Example("a", "b", "c", "d"),))
    write_adapter(an_adapter(tmp_path / "adapter"), replace(FACTS, told=told), "card", tmp_path / "out")
    sheet = json.loads((tmp_path / "out" / "curation.json").read_text())
    assert (sheet["run"], sheet["version"], sheet["kind"]) == ("quiz-v3-tiny-1", "a1b2c3d4", "adapter")
    assert {file["path"] for file in sheet["files"]} >= {"adapter_model.safetensors", "adapter_config.json"}
    assert not {"repo", "told"} & set(sheet)


def test_the_front_matter_names_base_library_records_and_measured_numbers_alone():
    known = front(adapter_card(FACTS))
    assert (known["base_model"], known["library_name"], known["datasets"]) == ("org/base", "peft", ["me/quiz"])
    assert (known["license"], known["base_model_relation"]) == ("apache-2.0", "adapter")
    (model,) = known["model-index"]
    (result,) = model["results"]
    assert (result["dataset"]["type"], result["dataset"]["split"], result["dataset"]["revision"]) == (
        "me/quiz",
        "test",
        "v3",
    )
    assert {metric["type"]: metric["value"] for metric in result["metrics"]} == {"perplexity": 2.0, "exact_match": 0.5}


def test_a_base_that_is_not_on_the_hub_is_named_by_its_fingerprint_and_never_as_the_hubs():
    text = adapter_card(replace(FACTS, base=Base("tiny", "", "f" * 64, is_on_hub=False), records=""))
    assert "base_model" not in front(text) and "datasets" not in front(text)
    assert "fingerprint `ffffffffffffffff`" in text


def test_the_body_shows_base_beside_tuned_with_the_verdict():
    text = adapter_card(FACTS)
    assert "| perplexity | 4 | 2 | -2 \\(-2.5 to -1.5\\): better |" in text
    assert "| exact match | 0 | 0.5 |  |" in text and "BLEU" not in text
    assert "| lora.use\\_dora | no |" in text


def test_a_difference_without_an_interval_is_told_as_the_number_alone():
    latency = {"value": 1.5, "interval": None, "verdict": "cannot tell", "reason": "a quantile or peak has no interval"}
    found = {"base": {"latency_p50": 1.0}, "tuned": {"latency_p50": 2.5}, "difference": {"latency_p50": latency}}
    text = adapter_card(replace(FACTS, evaluations={"test": found}))
    assert "| latency\\_p50 | 1 | 2.5 | 1.5 |" in text


def test_hostile_names_and_answers_cannot_act_in_a_card():
    told = RunFacts("run", "base", examples=(Example(HOSTILE, f"```\n{END}\n# x", "````\n", "\x1b[2J"),))
    text = adapter_card(replace(FACTS, run=HOSTILE, told=told, packages={HOSTILE: HOSTILE}))
    assert not set(text) & {"\x1b", "\x07", "\u202e"}
    body = text.split("---\n", 2)[2]
    assert (body.count(BEGIN), body.count(END)) == (1, 1)


@pytest.mark.parametrize(
    ("name", "facts", "base"),
    [
        ("org/base@v1", {"path": "org/base@c0ffee", "revision": "c0ffee"}, Base("org/base", "c0ffee", "", True)),
        ("tiny", {"path": "/w/.workbench/bases/tiny-1", "fingerprint": "ab"}, Base("tiny", "", "ab", False)),
        ("/home/me/my-base", {"path": "/home/me/my-base"}, Base("my-base", "", "", False)),
    ],
)
def test_a_base_goes_by_its_hub_id_or_by_its_folders_name(name, facts, base):
    assert base_of(name, facts) == base


@pytest.mark.parametrize(
    "text",
    ["~/x", "C:\\x", "see /home/me/x", "base=/home/me/x", "../bases/x", "..\\me\\x", "\\\\server\\share", "file:/x"],
)
def test_a_path_anywhere_in_a_text_keeps_an_adapter_here(tmp_path, text):
    with pytest.raises(DataError, match="still names a path"):
        write_adapter(an_adapter(tmp_path / "adapter", note=text), FACTS, "card", tmp_path / "out")


@pytest.mark.parametrize(
    "text", ["https://a.org/b/c", "org/base", "1/2/3", "</think>", "/no_think", r".*\.(q|k)_proj", "a: b"]
)
def test_what_is_no_path_leaves(tmp_path, text):
    write_adapter(an_adapter(tmp_path / "adapter", note=text), FACTS, "card", tmp_path / "out")


def test_other_weights_of_a_run_of_the_same_name_are_told_and_not_passed_over(tmp_path, hub):
    for name in ("one", "two"):
        adapter = an_adapter(tmp_path / f"{name}-adapter")
        (adapter / "adapter_model.safetensors").write_bytes(name.encode())
        write_adapter(adapter, FACTS, "card", tmp_path / name)
    push(tmp_path / "one", "me/quiz-lora", tag="r", message="", kind="model")
    with pytest.raises(UsageError, match="already names another run of that name"):
        push(tmp_path / "two", "me/quiz-lora", tag="r", message="", kind="model")


def test_a_curation_file_of_somebody_else_in_a_model_is_never_replaced(tmp_path, hub):
    hub.repositories["me/quiz-lora"] = Repository(private=True, kind="models")
    hub.repositories["me/quiz-lora"].commit({"curation.json": b'{"files": []}'}, "by hand")
    write_adapter(an_adapter(tmp_path / "adapter"), FACTS, "card", tmp_path / "out")
    with pytest.raises(UsageError, match="did not put there"):
        push(tmp_path / "out", "me/quiz-lora", tag="r", message="", kind="model")
