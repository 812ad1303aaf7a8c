"""Facts about asking what held-out records ask: the prompt is theirs, and what stands there is beside the answers."""

from __future__ import annotations

import pytest

from tests.corpora import CORPUS, cut, deliver, facts, scratch, sides
from tests.runs import scored_run
from workbench.errors import UsageError
from workbench.evaluation import generate as asking
from workbench.evaluation.generate import Answer
from workbench.services.evaluation.asked import OPENING, answers, question, questions


def answered(prompt, said):
    """Answer the first two prompts, and find the others too long."""
    said.append(prompt)
    return Answer(prompt, "base", "tuned") if len(said) < 3 else Answer(prompt, None, None, "the prompt is long")


def test_a_question_is_asked_without_its_answer():
    turns = [{"role": "user", "content": "Where?"}, {"role": "assistant", "content": "Here."}]
    found = question("r", {"messages": turns})
    assert (found.prompt, found.shown, found.reference) == ({"messages": turns[:1]}, "Where?", "Here.")
    found = question("r", {"prompt": "Where? ", "completion": "Here."})
    assert (found.prompt, found.shown, found.reference) == ({"prompt": "Where? "}, "Where? ", "Here.")


def test_a_passage_is_continued_from_its_opening_words_and_never_from_a_space():
    text = "\n".join(f"word{n}  and" for n in range(100))
    found = question("r", {"text": text})
    assert found.prompt == {"text": found.shown} and found.shown == found.shown.rstrip()
    assert len(found.shown.split()) == len(found.reference.split()) == OPENING
    assert text.startswith(found.shown) and found.reference in text
    assert f"{found.shown}\n{found.reference}" in text


@pytest.mark.parametrize(
    ("text", "shown", "reference"), [("one two three", "one", "two"), ("one", "one", ""), ("", "", "")]
)
def test_a_short_passage_is_cut_in_the_middle(text, shown, reference):
    found = question("r", {"text": text})
    assert (found.shown, found.reference) == (shown, reference)


def test_a_text_without_spaces_is_cut_between_letters_and_behind_their_marks():
    text = "这是一个很长的句子，没有空格。" * 20
    found = question("r", {"text": text})
    assert found.shown and found.reference and text.startswith(found.shown + found.reference)
    assert len(found.shown) < len(text) / 2
    marked = "ก็" * 100
    assert len(question("r", {"text": marked}).shown) % 2 == 0


@pytest.mark.parametrize("last", [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": None}])
def test_a_conversation_without_an_answer_is_asked_and_nothing_stands_beside(last):
    found = question("r", {"messages": [{"role": "user", "content": "Why?"}, last]})
    assert (found.shown, found.reference) == ("Why?", "")


def test_a_record_that_renders_to_no_prompt_says_so():
    with pytest.raises(UsageError, match="renders to chosen, rejected, which holds no prompt"):
        question("r", {"chosen": "a", "rejected": "b"})


def test_the_first_records_of_a_split_are_asked_and_what_stands_there_is_told(monkeypatch):
    said = []
    monkeypatch.setattr(
        asking,
        "generate",
        lambda _, prompts, report: [answered(p, said) for p in prompts],
    )
    with scratch() as store:
        deliver(store, facts(*range(80)))
        version = cut(store)
        run = scored_run(store, version, "one", [])
        test = sorted(record for record, side in sides(store, version).items() if side == "test")
        both = answers(store, run, "test", 3)
        found = both["answers"]
        assert [one["record"] for one in found] == test[:2] and len(said) == 3
        (left_out,) = both["left_out"]
        assert (left_out["record"], left_out["reason"]) == (test[2], "the prompt is long")
        fields = store.state(store.corpus(CORPUS)).records
        for one in found:
            (row,) = fields.filter(fields["id"] == one["record"]).to_dicts()
            assert (one["prompt"], one["reference"]) == (row["question"], row["answer"])
            assert (one["base"], one["tuned"]) == ("base", "tuned")
        with pytest.raises(UsageError, match="no split named 'tset'"):
            questions(store, run, "tset", 1)


def test_a_split_without_records_and_a_version_from_elsewhere_say_so():
    with scratch() as store:
        deliver(store, facts(*range(4)))
        version = cut(store)
        run = scored_run(store, version, "one", [])
        empty = next(side for side in ("validation", "test") if side not in sides(store, version).values())
        with pytest.raises(UsageError, match=f"v1 has no {empty} record"):
            questions(store, run, empty, 1)
        run.facts_file.write_text('{"corpus": "elsewhere", "version": "none"}')
        with pytest.raises(UsageError, match="does not hold the version"):
            questions(store, run, "train", 1)
