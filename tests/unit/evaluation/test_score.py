"""Facts about scoring: base and tuned alike, each token once, no trace of the batch."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import MambaConfig, Mistral3Config, MistralConfig, MistralForCausalLM, PretrainedConfig

from workbench.errors import CorruptionError, OutsideError, RefusedError, UsageError
from workbench.evaluation import answering
from workbench.evaluation import score as scoring
from workbench.evaluation.bench import BATCH_TOKENS, Bench, batches, drop_adapter, load_bench, padded
from workbench.evaluation.generate import encoded, generate
from workbench.evaluation.losses import losses
from workbench.evaluation.metrics import evaluate
from workbench.evaluation.metrics.questions import Question
from workbench.evaluation.score import Wanted, joined, score
from workbench.evaluation.scores import MODELS, SCORES, Model
from workbench.evaluation.windows import rolling_windows
from workbench.lm.load import load_base
from workbench.lm.template import NOT_LEARNED
from workbench.recipe import dump, with_overrides
from workbench.training.runs import RunFolder


@pytest.fixture(scope="module")
def table(run: RunFolder) -> pa.Table:
    return score(run)


@pytest.fixture(scope="module")
def bench(run: RunFolder) -> Bench:
    return load_bench(run)


def cached(run: RunFolder, split: str) -> list[dict[str, Any]]:
    return [row for row in pq.read_table(run.tokens).to_pylist() if row["split"] == split]


def test_each_model_scores_every_record_once(run: RunFolder, table: pa.Table) -> None:
    records = [row["record"] for row in cached(run, "test")]
    assert table["record"].to_pylist() == records * 2
    assert table["model"].to_pylist() == ["base"] * 10 + ["tuned"] * 10
    assert table.schema.equals(SCORES)
    assert pq.read_table(run.evaluation / "scores-test.parquet").equals(table)


def test_scoring_again_gives_the_same_table(run: RunFolder, table: pa.Table) -> None:
    assert score(run).equals(table)


@pytest.mark.parametrize("of", [2, 3, 7])
def test_shares_that_were_scored_apart_make_the_same_table(run: RunFolder, table: pa.Table, of: int) -> None:
    # Cut from the whole: what differs in numbers is what stood beside a row, and here only the order counts.
    shares = [pa.concat_tables([_cut(table, which, place, of) for which in MODELS]) for place in range(of)]
    assert joined(run, Wanted("again"), shares).equals(table)
    assert pq.read_table(run.evaluation / "scores-again.parquet").equals(table)


def _cut(table: pa.Table, which: Model, place: int, of: int) -> pa.Table:
    scored = table.filter(pa.compute.field("model") == which)
    return scored.take(list(range(place, scored.num_rows, of)))


@pytest.mark.parametrize("which", MODELS)
def test_a_records_nll_is_its_own_whatever_stood_beside_it(
    run: RunFolder, bench: Bench, table: pa.Table, which: Model
) -> None:
    got = [row for row in table.to_pylist() if row["model"] == which]
    for row, found in zip(cached(run, "test"), got, strict=True):
        labels = torch.tensor(row["labels"])[1:]
        with torch.no_grad(), bench.switched(which):
            logits = bench.model(input_ids=torch.tensor([row["input_ids"]])).logits[0, :-1].float()
        alone = torch.nn.functional.cross_entropy(logits, labels, ignore_index=NOT_LEARNED, reduction="sum")
        assert found["nll"] == pytest.approx(alone.item(), rel=0.01)
        assert found["tokens"] == int((labels != NOT_LEARNED).sum())
        assert found["bytes"] == len(row["reference"].encode())


def test_the_base_is_scored_as_it_is_without_the_adapter(run: RunFolder, table: pa.Table) -> None:
    plain, rows = load_base(run.base_path()), cached(run, "test")
    with torch.no_grad():
        outs = [plain(input_ids=torch.tensor([row["input_ids"]])).logits[0, :-1].float() for row in rows]
    pairs = zip(outs, (torch.tensor(row["labels"])[1:] for row in rows), strict=True)
    how = {"ignore_index": NOT_LEARNED, "reduction": "sum"}
    alone = [torch.nn.functional.cross_entropy(*pair, **how) for pair in pairs]
    nll = torch.tensor(table["nll"].to_pylist())
    off_base, off_tuned = (nll.view(2, 10) - torch.stack(alone)).abs().amax(1)
    assert off_base < 0.2 < off_tuned


def test_a_prediction_continues_the_very_prompt_that_was_trained(run: RunFolder, bench: Bench, table: pa.Table) -> None:
    row = cached(run, "test")[0]
    assert row["input_ids"][: len(row["prompt_ids"])] == row["prompt_ids"]
    with bench.switched("tuned"):
        assert answering.answer(bench, [row["prompt_ids"]], lambda _: None) == [table["prediction"][10].as_py()]


def test_decoding_follows_the_recipe_and_not_the_bases_own_wishes(
    run: RunFolder, table: pa.Table, tmp_path: Path
) -> None:
    wishes = {"repetition_penalty": 50.0, "no_repeat_ngram_size": 1, "min_new_tokens": 6, "num_beams": 3}
    base, other = copied(run, tmp_path)
    (base / "generation_config.json").write_text(json.dumps(wishes))
    assert score(other)["prediction"].equals(table["prediction"])


def test_a_base_that_changed_since_the_training_is_not_measured(run: RunFolder, tmp_path: Path) -> None:
    base, other = copied(run, tmp_path)
    load_bench(other)
    (base / "config.json").write_text((base / "config.json").read_text() + " ")
    with pytest.raises(CorruptionError, match="'small'"):
        load_bench(other)


def copied(run: RunFolder, folder: Path) -> tuple[Path, RunFolder]:
    """Return a copy of the run's base and of the run, which stands on the copy."""
    shutil.copytree(run.base_path(), folder / "base")
    shutil.copytree(run.path, folder / "run")
    other = RunFolder(folder / "run")
    facts = run.facts()
    other.facts_file.write_text(json.dumps(facts | {"base": facts["base"] | {"path": str(folder / "base")}}))
    return folder / "base", other


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate")],
    ids=["device", "CPU"],
)
def test_a_full_memory_is_a_matter_of_the_device(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, error: RuntimeError
) -> None:
    def full(*_: object, **__: object) -> list[str]:
        raise error

    monkeypatch.setattr(answering, "_batch_texts", full)
    for compute in (lambda: score(run, "test"), lambda: generate(run, ["Where is it?"])):
        with pytest.raises(OutsideError, match="too little device memory") as caught:
            compute()
        assert "free the device" in caught.value.hint


def test_another_failure_stays_what_it_is(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> list[str]:
        raise RuntimeError("a bug")

    monkeypatch.setattr(answering, "_batch_texts", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        generate(run, ["Where is it?"])


def test_a_score_table_that_cannot_be_written_is_a_matter_of_the_disk(table: pa.Table, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutsideError, match="cannot write"):
        scoring._save(table, tmp_path / "file" / "scores.parquet")


def test_prose_is_scored_and_not_asked(run: RunFolder) -> None:
    table = score(run, "prose")
    assert set(table["prediction"].to_pylist()) == {""} and table["reference"].null_count == 4
    found = evaluate(table, "tuned")
    assert found["em"]["value"] is None and found["bits_per_byte"] > 0


def test_plain_text_is_scored_in_windows_as_one_long_text_each_token_once(run: RunFolder, bench: Bench) -> None:
    text = " ".join(["Brest", "Nîmes sur mer", "Lyon"] * 30)
    short = replace(bench, recipe=with_overrides(bench.recipe, ["train.max_length=16"]))
    ids = bench.tokenizer(text, add_special_tokens=False)["input_ids"]
    row = {"record": "p", "prompt_ids": [1], "input_ids": [1], "labels": [-100], "reference": None, "text_ids": ids}
    found = losses(short, [row], lambda _: None)[0]
    expected = 0.0
    for window in rolling_windows(ids, 1, 16):
        read = torch.tensor([[*window.context, *window.targets][:-1]])
        with torch.no_grad():
            logits = bench.model(input_ids=read).logits[0, -len(window.targets) :].float()
        wanted = torch.tensor(list(window.targets))
        expected += torch.nn.functional.cross_entropy(logits, wanted, reduction="sum").item()
    assert found.tokens == len(ids) > 5 * 16 and found.answer_nll is None
    assert found.nll == pytest.approx(expected, rel=0.01)


def test_the_whole_of_a_known_text_is_scored_and_not_what_the_cache_kept_of_it(run: RunFolder) -> None:
    text = "Brest " * 400
    cut, whole = score(run, "prose"), score(run, Wanted("prose", texts={"p0": text}))
    tokens = [dict(zip(t["record"].to_pylist(), t["tokens"].to_pylist(), strict=True))["p0"] for t in (cut, whole)]
    assert tokens[1] > 400 > tokens[0]
    assert whole["bytes"].to_pylist()[0] == len(text.encode())


def test_an_answers_share_of_the_loss_is_all_of_it_where_only_answers_are_learned(table: pa.Table) -> None:
    assert table["answer_nll"].equals(table["nll"]) and table["answer_tokens"].equals(table["tokens"])


def test_where_prompts_are_learned_too_the_answer_is_still_counted_alone(run: RunFolder, bench: Bench) -> None:
    row = cached(run, "test")[0]
    both = row | {"labels": [-100, *row["input_ids"][1:]]}
    alone, whole = losses(bench, [row, both], lambda _: None)
    assert whole.answer_nll == pytest.approx(alone.nll, rel=1e-6) and whole.answer_tokens == alone.tokens
    assert whole.nll > alone.nll and whole.tokens == len(row["input_ids"]) - 1


def test_what_the_caller_knows_of_a_record_stands_in_its_rows(run: RunFolder) -> None:
    record = cached(run, "test")[0]["record"]
    asked = Question("Where?", ("Brest", "Lyon", "Metz"), 1)
    long = Question("far " * 3000, ("Brest", "Lyon"), 0)
    known = {record: {"source": "s", "group": "g", "topic": None}}
    wanted = Wanted(latency=2, known=known, questions={record: asked, "r5": long, "elsewhere": asked})
    found = score(run, wanted).to_pylist()
    first = [row for row in found if row["record"] == record]
    assert [(row["source"], row["group"]) for row in first] == [("s", "g")] * 2
    assert all(0 <= row["choice_right"] <= 1 and row["choice_steady"] in (0, 1) for row in first)
    assert sum(row["choice_right"] is not None for row in found) == 2
    timed = [row for row in found if row["first_token_seconds"] is not None]
    assert len(timed) == 4 and all(row["first_token_seconds"] > 0 and row["token_seconds"] > 0 for row in timed)
    assert {row["memory_bytes"] for row in found} == {None}


def test_progress_reaches_the_whole(run: RunFolder) -> None:
    told: list[tuple[str, int, int]] = []
    score(run, "validation", report=lambda *said: told.append(said))
    assert {what for what, done, total in told if done == total == 10} == {
        "base: loss",
        "base: answers",
        "tuned: loss",
        "tuned: answers",
    }


def test_an_empty_split_is_refused_with_those_that_are_there(run: RunFolder) -> None:
    with pytest.raises(RefusedError) as caught:
        score(run, "tests")
    assert "test, train" in caught.value.hint


def test_a_run_without_an_adapter_cannot_be_scored(run: RunFolder, tmp_path: Path) -> None:
    bare = RunFolder(tmp_path)
    bare.tokens.write_bytes(run.tokens.read_bytes())
    with pytest.raises(UsageError):
        score(bare)


def test_batches_hold_every_place_once_within_the_limit() -> None:
    lengths = [3, 50, 2, 5, 5, 1]
    groups = list(batches(lengths, 10))
    assert sorted(place for group in groups for place in group) == list(range(6))
    assert [sum(lengths[place] for place in group) for group in groups] == [50, 10, 6]


@pytest.mark.parametrize(
    ("gib", "tokens"), [(0, 4_096), (1, 4_096), (2, 4_096), (5, 8_192), (10, 16_384), (130, 65_536)]
)
def test_a_gpu_answers_as_many_prompts_at_once_as_half_of_its_free_memory_holds(
    monkeypatch: pytest.MonkeyPatch, gib: int, tokens: int
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: ((gib - 1) * 2**30, 141 * 2**30))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 3 * 2**30)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 2 * 2**30)
    sizes = {"hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8}
    text = {**sizes, "intermediate_size": 14336}
    for config in (MistralConfig(**text), Mistral3Config(text_config={"model_type": "mistral", **text})):
        model = SimpleNamespace(device=torch.device("cuda", 0), config=config)
        assert answering.room(SimpleNamespace(model=model)) == tokens  # type: ignore[arg-type]


_PER_LAYER = {"num_attention_heads": 2, "hidden_size": 8, "num_hidden_layers": 2, "intermediate_size": [8, 16]}


@pytest.mark.parametrize("config", [MambaConfig(), PretrainedConfig(**_PER_LAYER)])
def test_a_base_that_does_not_tell_its_sizes_answers_few_prompts_at_once(
    monkeypatch: pytest.MonkeyPatch, config: PretrainedConfig
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (130 * 2**30, 141 * 2**30))
    for told in ("memory_reserved", "memory_allocated"):
        monkeypatch.setattr(torch.cuda, told, lambda _: 0)
    model = SimpleNamespace(device=torch.device("cuda", 0), config=config)
    assert answering.room(SimpleNamespace(model=model)) == BATCH_TOKENS  # type: ignore[arg-type]


def test_a_cpu_answers_few_prompts_at_once(bench: Bench) -> None:
    assert answering.room(bench) == BATCH_TOKENS


def test_padding_is_on_the_asked_side() -> None:
    assert padded([[1, 2], [3]], 0).tolist() == [[1, 2], [3, 0]]
    assert padded([[1, 2], [3]], 0, left=True).tolist() == [[1, 2], [0, 3]]


def test_answers_stand_side_by_side_in_the_order_of_the_prompts(run: RunFolder) -> None:
    prompts = ["Where is it?", "Where far far far is it?"]
    answers = generate(run, prompts)
    assert [answer.prompt for answer in answers] == prompts
    assert all(isinstance(answer.base, str) and isinstance(answer.tuned, str) for answer in answers)
    alone = generate(run, prompts, "tuned")
    assert [(answer.base, answer.tuned) for answer in alone] == [(None, answer.tuned) for answer in answers]


def test_a_prompt_that_is_too_long_stays_without_an_answer_and_the_others_have_theirs(run: RunFolder) -> None:
    room = run.recipe().train.max_length
    long, *asked = generate(run, ["far " * 3000, "Where is it?", "Where far is it?"])
    assert (long.base, long.tuned) == (None, None)
    assert re.fullmatch(rf"the prompt is [\d,]+ tokens longer than the {room:,} that the recipe reads", long.unasked)
    assert asked == generate(run, ["Where is it?", "Where far is it?"])
    with pytest.raises(UsageError, match=f"the prompt is .* longer than the {room:,}"):
        generate(run, ["far " * 3000, "far " * 4000])


def test_a_prompt_that_the_template_refuses_says_why(run: RunFolder) -> None:
    turns = [{"role": "narrator", "content": "Once."}, {"role": "user", "content": "And?"}]
    refused, asked = generate(run, [{"messages": turns}, "Where is it?"], "tuned")
    assert "narrator" in refused.unasked and refused.tuned is None and asked.tuned is not None


def test_a_typed_question_is_asked_like_a_trained_one(run: RunFolder, bench: Bench) -> None:
    row = cached(run, "train")[0]
    assert encoded(bench, "Where is it?").prompt_ids == row["prompt_ids"]
    turns = [{"role": "user", "content": "Where is it?"}]
    assert encoded(bench, {"messages": turns}).prompt_ids == row["prompt_ids"]


@pytest.mark.parametrize("key", ["prompt", "text"])
def test_a_bare_text_is_continued_without_an_end(bench: Bench, key: str) -> None:
    ids = encoded(bench, {key: "Brest"}).prompt_ids
    assert ids[0] == bench.tokenizer.bos_token_id and bench.tokenizer.eos_token_id not in ids


@pytest.mark.parametrize("prompts", [[], [{"body": "x"}], ["far " * 3000]], ids=["none", "odd", "long"])
def test_a_prompt_that_cannot_be_asked_is_a_usage_error(run: RunFolder, prompts: list[Any]) -> None:
    with pytest.raises(UsageError):
        generate(run, prompts)


@pytest.fixture(scope="module")
def other(run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Another run on the very same base, with an adapter of another shape."""
    folder = RunFolder(tmp_path_factory.mktemp("others") / "other")
    shutil.copytree(run.path, folder.path)
    torch.manual_seed(2)
    lora = LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM", init_lora_weights=False)
    tuned = get_peft_model(MistralForCausalLM.from_pretrained(run.base_path()), lora)
    for name, weight in tuned.named_parameters():
        if "lora_" in name:
            weight.data *= 30
    tuned.save_pretrained(folder.adapter)
    return folder


def nlls(bench: Bench, run: RunFolder) -> list[list[float]]:
    """Return the losses of a few records under base and tuned."""
    rows = cached(run, "test")[:3]
    found = []
    for which in MODELS:
        with torch.no_grad(), bench.switched(which):
            found.append([loss.nll for loss in losses(bench, rows, lambda _: None)])
    return found


def test_two_runs_on_one_base_share_it_and_each_answers_as_it_does_alone(run: RunFolder, other: RunFolder) -> None:
    alone = nlls(load_bench(run), run), nlls(load_bench(other), run)
    first = load_bench(run)
    second = load_bench(other, beside=first)
    assert second.model is first.model
    assert (nlls(first, run), nlls(second, run)) == alone  # in turns, whichever was asked before
    assert (nlls(first, run), nlls(second, run)) == alone
    assert alone[0][0] == alone[1][0] and alone[0][1] != alone[1][1]


def test_an_adapter_that_is_let_go_leaves_the_other_as_it_was(run: RunFolder, other: RunFolder) -> None:
    first = load_bench(run)
    second = load_bench(other, beside=first)
    before = nlls(second, run)
    drop_adapter(first)
    assert list(second.model.peft_config) == [second.adapter] and nlls(second, run) == before
    third = load_bench(run, beside=second)
    assert third.model is second.model and nlls(third, run) == nlls(load_bench(run), run)


@pytest.mark.parametrize("changed", ["quantization.kind=none", "quantization.compute_dtype=float32"])
def test_a_base_in_another_form_is_not_shared(run: RunFolder, other: RunFolder, changed: str, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "otherwise")
    shutil.copytree(other.path, folder.path)
    folder.recipe_file.write_text(dump(with_overrides(other.recipe(), [changed])))
    first = load_bench(run)
    assert load_bench(folder, beside=first).model is not first.model
