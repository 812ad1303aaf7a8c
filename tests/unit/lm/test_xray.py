"""Facts about the token X-ray: what it counts, what it flags, and that it uses the trainer's own collator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from tests.plants import plants
from workbench.lm.template import TINY_TEMPLATE
from workbench.lm.tokenizer import to_fast_tokenizer, train_sentencepiece
from workbench.lm.xray import Example, build_collator, errors_of, xray
from workbench.recipe import Recipe, with_overrides
from workbench.text import MARKERS

MARKS = ("[INST]", "[/INST]")
TEXT = "Where does Ada live? Ada lives in Brest. Où habite Zoé ? Zoé habite à Nîmes."


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> PreTrainedTokenizerBase:
    folder: Path = tmp_path_factory.mktemp("tokenizer")
    model = train_sentencepiece([TEXT] * 20, folder, vocab_size=340, user_defined=MARKS, seed=0)
    return to_fast_tokenizer(model, MARKS, chat_template=TINY_TEMPLATE)


def recipe(*overrides: str) -> Recipe:
    return with_overrides(Recipe(name="a", base="tiny"), overrides)


def asked(question: str, answer: str, record: str = "r") -> Example:
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return Example(record, "train", {"messages": turns})


def rows(table: pa.Table) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table.to_pylist()
    return found


GOOD = asked("Where does Ada live?", "Ada lives in Brest.")


@pytest.mark.parametrize("packing", [False, True])
def test_a_good_record_has_one_bos_one_eos_and_no_flag(tokenizer: PreTrainedTokenizerBase, packing: bool) -> None:
    seen, cache = xray([GOOD], tokenizer, recipe(f"train.packing={packing}"))
    [row], [cached] = rows(seen), rows(cache)
    assert (row["bos"], row["eos"], row["ends_with_eos"], row["flags"]) == (1, 1, True, [])
    assert row["tokens"] == len(cached["input_ids"])
    assert row["learned"] == sum(label != -100 for label in cached["labels"]) < row["tokens"]


def test_the_cache_counts_the_answer_in_bytes(tokenizer: PreTrainedTokenizerBase) -> None:
    _, cache = xray([asked("Où ?", "à Nîmes")], tokenizer, recipe())
    assert rows(cache)[0]["bytes"] == len("à Nîmes".encode()) == 9
    assert rows(cache)[0]["reference"] == "à Nîmes"


def test_the_bytes_are_those_of_every_answer_that_is_learned(tokenizer: PreTrainedTokenizerBase) -> None:
    first, second = asked("Où ?", "à Nîmes"), asked("Et Ada ?", "Brest.")
    turns = [*first.rendered["messages"], *second.rendered["messages"]]
    _, cache = xray([Example("r", "train", {"messages": turns})], tokenizer, recipe())
    assert rows(cache)[0]["bytes"] == len("à Nîmes".encode()) + len("Brest.")
    assert rows(cache)[0]["reference"] == "Brest."


def test_bytes_cover_what_is_learned_where_the_question_is_learned_too(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    example = Example("r", "train", {"prompt": "Where? ", "completion": "Brest."})
    _, cache = xray([example], tokenizer, recipe("train.completion_only=false"))
    assert rows(cache)[0]["bytes"] == len("Where? Brest.")


def test_plain_text_has_no_reference_but_bytes(tokenizer: PreTrainedTokenizerBase) -> None:
    seen, cache = xray([Example("r", "train", {"text": TEXT})], tokenizer, recipe())
    assert rows(cache)[0]["reference"] is None
    assert rows(cache)[0]["bytes"] == len(TEXT.encode())
    assert rows(seen)[0]["flags"] == []


@plants("double-bos", "literal-mark")
def test_a_literal_bos_in_a_field_is_flagged(tokenizer: PreTrainedTokenizerBase) -> None:
    seen, _ = xray([asked(f"{tokenizer.bos_token}Where?", "Brest.")], tokenizer, recipe())
    assert rows(seen)[0]["flags"] == ["double-bos", "literal-mark"]


@pytest.mark.parametrize("mark", ["</s>", "<pad>"])
@pytest.mark.parametrize(
    "form", [{"messages": 0}, {"prompt": "{} Where?", "completion": "Brest."}, {"text": "Brest {} Nîmes"}], ids=str
)
def test_a_literal_special_token_in_a_field_is_flagged(
    tokenizer: PreTrainedTokenizerBase, form: dict[str, Any], mark: str
) -> None:
    example = asked(f"Where{mark}?", "Brest.")
    if "messages" not in form:
        example = Example("r", "train", {key: text.format(mark) for key, text in form.items()})
    seen, _ = xray([example], tokenizer, recipe())
    assert rows(seen)[0]["flags"] == ["literal-mark"]


def test_a_story_with_its_own_marks_is_flagged_and_passes_once_they_are_removed(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    story = "<s>[INST] Where does Ada live? [/INST] Ada lives in Brest. </s>"
    for text, flags in ((story, ["double-bos", "literal-mark"]), (MARKERS.sub("", story), [])):
        prompt, _, completion = text.partition("[/INST]")
        pair = {"prompt": f"{prompt}[/INST]", "completion": completion}
        seen, _ = xray([Example("r", "train", pair)], tokenizer, recipe())
        assert rows(seen)[0]["flags"] == flags


def test_a_letter_that_the_vocabulary_lacks_is_no_mark() -> None:
    backend = Tokenizer(WordLevel({"<unk>": 0, "<s>": 1, "</s>": 2, "Where": 3}, unk_token="<unk>"))
    backend.pre_tokenizer = Whitespace()
    marks = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>", "unk_token": "<unk>"}
    bare = PreTrainedTokenizerFast(tokenizer_object=backend, **marks)
    seen, _ = xray([Example("r", "train", {"prompt": "Where", "completion": "Brest"})], bare, recipe())
    assert rows(seen)[0]["flags"] == []


@plants("no-eos")
def test_a_template_without_eos_is_flagged(tokenizer: PreTrainedTokenizerBase) -> None:
    silent = TINY_TEMPLATE.replace(" + eos_token", "")
    kept, tokenizer.chat_template = tokenizer.chat_template, silent
    try:
        seen, _ = xray([GOOD], tokenizer, recipe())
    finally:
        tokenizer.chat_template = kept
    assert rows(seen)[0]["flags"] == ["no-eos"]


COUNTS_TURNS = TINY_TEMPLATE.replace("{{ bos_token }}", "{{ bos_token }}{{ messages | length }} ")
MARKS_THE_QUESTION = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}[INST] {% generation %}{{ m['content'] }}"
    "{{ eos_token }}{% endgeneration %} [/INST]{% else %} {{ m['content'] }}{% endif %}{% endfor %}"
)
MARKS_NOTHING = TINY_TEMPLATE.replace("{% generation %}", "{% generation %}{% endgeneration %}").replace(
    "eos_token }}{% endgeneration %}", "eos_token }}"
)
BOS_EACH_TURN = TINY_TEMPLATE.replace("{{ '[INST] '", "{{ (bos_token if loop.index0 else '') + '[INST] '")
BOS_TWICE = "{{ bos_token }}" + TINY_TEMPLATE


def flags(tokenizer: PreTrainedTokenizerBase, template: str, *examples: Example) -> list[list[str]]:
    """Return the flags of examples under another template."""
    kept, tokenizer.chat_template = tokenizer.chat_template, template
    try:
        seen, _ = xray(examples, tokenizer, recipe())
    finally:
        tokenizer.chat_template = kept
    found: list[list[str]] = seen["flags"].to_pylist()
    return found


@plants("prompt-not-prefix")
def test_a_template_that_asks_otherwise_than_it_trains_is_flagged_with_its_reason(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    assert flags(tokenizer, COUNTS_TURNS, GOOD) == [["prompt-not-prefix"]]


@plants("wrong-label")
def test_a_template_that_marks_the_question_as_learned_is_flagged(tokenizer: PreTrainedTokenizerBase) -> None:
    assert flags(tokenizer, MARKS_THE_QUESTION, GOOD) == [["wrong-label"]]


@plants("no-label")
def test_a_template_whose_marks_enclose_nothing_leaves_no_label(tokenizer: PreTrainedTokenizerBase) -> None:
    assert flags(tokenizer, MARKS_NOTHING, GOOD) == [["no-label"]]


@plants("double-bos")
def test_a_template_that_writes_bos_twice_is_flagged(tokenizer: PreTrainedTokenizerBase) -> None:
    assert flags(tokenizer, BOS_TWICE, GOOD) == [["double-bos"]]


def test_a_bos_at_every_turn_is_the_templates_own_and_one_more_is_flagged(tokenizer: PreTrainedTokenizerBase) -> None:
    turns = [*GOOD.rendered["messages"], *GOOD.rendered["messages"]]
    long = Example("long", "train", {"messages": turns})
    more = Example("more", "train", {"messages": [{"role": "user", "content": "<s>Where?"}, *turns[1:]]})
    assert flags(tokenizer, BOS_EACH_TURN, GOOD, long, more) == [[], [], ["double-bos", "literal-mark"]]


def test_an_earlier_answer_that_does_not_end_is_flagged(tokenizer: PreTrainedTokenizerBase) -> None:
    last_alone = TINY_TEMPLATE.replace("+ eos_token }}", "+ (eos_token if loop.last else '') }}")
    turns = [*GOOD.rendered["messages"], *GOOD.rendered["messages"]]
    assert flags(tokenizer, last_alone, GOOD, Example("long", "train", {"messages": turns})) == [[], ["no-eos"]]


@plants("no-eos")
def test_a_collator_that_takes_eos_for_padding_is_seen(
    tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workbench.lm import xray as module

    right = build_collator(tokenizer, recipe())

    def masking(features: list[dict[str, Any]]) -> dict[str, Any]:
        batch = right(features)
        batch["labels"][batch["input_ids"] == tokenizer.eos_token_id] = -100
        return batch

    monkeypatch.setattr(module, "build_collator", lambda *_: masking)
    seen, _ = xray([GOOD], tokenizer, recipe())
    assert rows(seen)[0]["flags"] == ["no-eos"]


@plants("truncated")
def test_a_long_answer_is_truncated_and_that_alone_does_not_count_as_a_missing_eos(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    seen, cache = xray([asked("Where?", TEXT)], tokenizer, recipe("train.max_length=16"))
    assert rows(seen)[0]["flags"] == ["truncated"]
    assert rows(cache)[0]["bytes"] < len(TEXT.encode())


@plants("no-label")
def test_a_prompt_that_fills_the_length_leaves_no_label(tokenizer: PreTrainedTokenizerBase) -> None:
    seen, _ = xray([asked(TEXT, "Brest.")], tokenizer, recipe("train.max_length=20"))
    assert rows(seen)[0]["flags"] == ["no-label", "truncated"]


@plants("out-of-range")
def test_an_id_beyond_the_embedding_is_flagged(tokenizer: PreTrainedTokenizerBase) -> None:
    seen, _ = xray([GOOD], tokenizer, recipe(), vocabulary=10)
    assert rows(seen)[0]["flags"] == ["out-of-range"]


@plants("not-encodable")
def test_a_record_that_cannot_be_encoded_is_named_with_its_reason(tokenizer: PreTrainedTokenizerBase) -> None:
    seen, cache = xray([Example("odd", "train", {"body": "x"}), GOOD], tokenizer, recipe())
    assert rows(seen)[0]["flags"] == ["not-encodable"] and "'body'" in rows(seen)[0]["reason"]
    assert cache["record"].to_pylist() == ["r"]


def test_errors_leave_out_warnings_and_what_is_allowed(tokenizer: PreTrainedTokenizerBase) -> None:
    double = asked(f"{tokenizer.bos_token}Where?", TEXT * 3, "bad")
    seen, _ = xray([GOOD, double], tokenizer, recipe("train.max_length=40"))
    assert errors_of(seen) == [("bad", ["double-bos", "literal-mark"])]
    assert errors_of(seen, frozenset({"double-bos", "literal-mark"})) == []


def test_no_example_gives_two_empty_tables(tokenizer: PreTrainedTokenizerBase) -> None:
    seen, cache = xray([], tokenizer, recipe())
    assert (seen.num_rows, cache.num_rows) == (0, 0)


def test_the_collator_is_trls_own(tokenizer: PreTrainedTokenizerBase) -> None:
    collator = build_collator(tokenizer, recipe())
    assert type(collator).__module__ == "trl.trainer.sft_trainer"
