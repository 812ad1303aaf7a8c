"""Facts about the tokenizer: sentencepiece's ids, one BOS, no EOS, and no silent substitute."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentencepiece import SentencePieceProcessor
from transformers import PreTrainedTokenizerFast

from workbench.errors import OutsideError, UsageError
from workbench.lm.tiny import QUESTION_WORDS, TURN_MARKS
from workbench.lm.tokenizer import load_tokenizer, to_fast_tokenizer, train_sentencepiece
from workbench.lm.xray import Example, xray
from workbench.recipe import Recipe

CORPUS = Path(__file__).parents[3] / "corpora" / "domain-qa"
STATEMENTS = [line for line in (CORPUS / "statements.txt").read_text(encoding="utf-8").splitlines() if line]

Pair = tuple[SentencePieceProcessor, PreTrainedTokenizerFast]


@pytest.fixture(scope="module")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lines = STATEMENTS + QUESTION_WORDS.splitlines()
    folder = tmp_path_factory.mktemp("tokenizer")
    return train_sentencepiece(lines, folder, vocab_size=768, user_defined=TURN_MARKS, seed=0)


@pytest.fixture(scope="module")
def pair(model_path: Path) -> Pair:
    return SentencePieceProcessor(model_file=str(model_path)), to_fast_tokenizer(model_path, TURN_MARKS)


def _ids(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _corpus_texts() -> list[str]:
    rows = []
    for line in (CORPUS / "pairs.jsonl").read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return [row[field] for row in rows for field in ("question", "answer")]


def test_every_corpus_text_has_the_ids_of_sentencepiece(pair: Pair) -> None:
    model, fast = pair
    texts = STATEMENTS + _corpus_texts()
    assert len(texts) > 800
    assert fast(texts, add_special_tokens=False)["input_ids"] == model.encode(texts)


# Sentencepiece reads U+2581 as a space and never reads the name of a control piece as that piece.
_WORDS = st.sampled_from([*" ".join(STATEMENTS[:60]).split(), *TURN_MARKS, " ", "  ", "\n", "é", "😀", "12"])
_TEXTS = st.one_of(
    st.lists(_WORDS, max_size=12).map("".join),
    st.lists(_WORDS, max_size=12).map(" ".join),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\u2581\0"), max_size=40),
)


@given(text=_TEXTS)
def test_any_text_has_the_ids_of_sentencepiece_and_comes_back(pair: Pair, text: str) -> None:
    model, fast = pair
    assert _ids(fast, text) == model.encode(text)
    assert fast.decode(_ids(fast, text)) == text


def test_bos_is_added_once_and_eos_never(pair: Pair) -> None:
    _, fast = pair
    ids = fast("The Kalimo lighthouse")["input_ids"]
    assert ids[0] == fast.bos_token_id == 1
    assert ids.count(1) == 1
    assert fast.eos_token_id not in ids


def test_padding_is_a_token_of_its_own(pair: Pair) -> None:
    _, fast = pair
    assert fast.pad_token_id == 3
    assert len({fast.pad_token_id, fast.eos_token_id, fast.bos_token_id, fast.unk_token_id}) == 4


def test_a_literal_bos_in_a_text_becomes_the_bos_token(pair: Pair) -> None:
    _, fast = pair
    assert fast("a <s> b")["input_ids"].count(fast.bos_token_id) == 2


def test_training_twice_gives_the_same_vocabulary(model_path: Path, tmp_path: Path) -> None:
    lines = STATEMENTS + QUESTION_WORDS.splitlines()
    again = train_sentencepiece(lines, tmp_path, vocab_size=768, user_defined=TURN_MARKS, seed=0)
    first, second = (SentencePieceProcessor(model_file=str(path)) for path in (model_path, again))
    size = first.get_piece_size()
    assert size == second.get_piece_size()
    assert [first.id_to_piece(i) for i in range(size)] == [second.id_to_piece(i) for i in range(size)]


def test_a_saved_tokenizer_loads_with_the_same_ids(pair: Pair, tmp_path: Path) -> None:
    _, fast = pair
    fast.save_pretrained(tmp_path)
    loaded = load_tokenizer(tmp_path)
    texts = _corpus_texts()
    assert loaded(texts)["input_ids"] == fast(texts)["input_ids"]
    assert (loaded.pad_token_id, loaded.bos_token_id) == (3, 1)


def test_a_base_without_a_padding_token_pads_with_its_end(pair: Pair, tmp_path: Path) -> None:
    bare = deepcopy(pair[1])
    bare.pad_token = None
    bare.save_pretrained(tmp_path)
    loaded = load_tokenizer(tmp_path)
    assert loaded.pad_token_id == loaded.eos_token_id == 2
    example = Example("r", "train", {"prompt": "Where? ", "completion": "There."})
    seen, cache = xray([example], loaded, Recipe(name="a", base="b"))
    assert seen["flags"].to_pylist() == [[]]
    assert cache["labels"].to_pylist()[0][-1] == loaded.eos_token_id


def test_a_tokenizer_that_can_neither_pad_nor_end_is_refused(pair: Pair, tmp_path: Path) -> None:
    bare = deepcopy(pair[1])
    bare.pad_token = bare.eos_token = None
    bare.save_pretrained(tmp_path)
    with pytest.raises(UsageError, match="neither padding nor EOS"):
        load_tokenizer(tmp_path)


def test_a_bare_sentencepiece_folder_is_refused(model_path: Path) -> None:
    with pytest.raises(UsageError, match=r"bare tokenizer\.model") as caught:
        load_tokenizer(model_path.parent)
    assert "convert it first" in caught.value.hint


def test_a_folder_without_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no tokenizer in"):
        load_tokenizer(tmp_path)


def test_a_damaged_tokenizer_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{torn", encoding="utf-8")
    with pytest.raises(UsageError, match="does not load"):
        load_tokenizer(tmp_path)


def test_a_base_that_was_never_fetched_is_named_with_what_to_do() -> None:
    with pytest.raises(OutsideError, match="not on this machine") as caught:
        load_tokenizer("nobody-here/no-such-base")
    assert "workbench base fetch nobody-here/no-such-base" in caught.value.hint
