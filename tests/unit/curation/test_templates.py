"""What many records begin or end with is left out of what is compared, is said, and never makes two texts one."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.curation.texts import PROSE, QA, frame_of, judged, numbered, prose_units, qa_units
from workbench.curation.duplicates import verified_pairs
from workbench.curation.proof import prove
from workbench.curation.shingling import words
from workbench.curation.templates import RECORDS, WORDS, Template, stripped

PROMPT = "You are a careful helper. Answer the question in one short sentence: "
SAID = "you are a careful helper answer the question in one short sentence"


def own(number: int, size: int = 4) -> str:
    return numbered(10 * number, 10 * number + size)


def column(texts: list[str]) -> pl.Series:
    return pl.Series(texts, dtype=pl.String)


def test_a_prompt_that_half_of_the_records_share_is_left_out():
    texts = [PROMPT + own(i) for i in range(RECORDS)] + [own(i) for i in range(20, 20 + RECORDS)]
    left, templates = stripped(column(texts))
    assert left.to_list() == [own(i) for i in range(40)]
    assert templates == (Template(SAID, RECORDS),)


def test_what_they_end_with_is_left_out_too():
    texts = [f"{PROMPT}{own(i)}. Think STEP by step, then give the one final answer." for i in range(RECORDS)]
    left, templates = stripped(column(texts))
    assert left.to_list() == [own(i) for i in range(RECORDS)]
    assert [template.words for template in templates] == [SAID, "think step by step then give the one final answer"]


def test_fewer_words_records_or_shares_make_no_template():
    for texts in (
        [" ".join(PROMPT.split()[: WORDS - 1]) + " " + own(i) for i in range(RECORDS)],
        [PROMPT + own(i) for i in range(RECORDS - 1)],
        [PROMPT + own(i) for i in range(RECORDS)] + [own(i) for i in range(20, 41)],
    ):
        whole = column(texts)
        left, templates = stripped(whole)
        assert left is whole and templates == ()


def test_near_copies_of_one_text_share_no_template():
    text = own(1, 100).split()
    changed = [[*text[:at], f"other{at}", *text[at + 1 :]] for at in range(20, 80, 2)]
    whole = column([" ".join(words_) for words_ in changed])
    left, templates = stripped(whole)
    assert left is whole and templates == ()


def test_who_shares_a_part_of_the_template_is_left_without_that_part():
    part = " ".join(PROMPT.split()[:9])
    left, _ = stripped(column([PROMPT + own(i) for i in range(RECORDS)] + [f"{part} {own(i)}" for i in range(20, 25)]))
    assert left.to_list() == [own(i) for i in range(25)]


@given(st.lists(st.text(max_size=20), min_size=RECORDS, max_size=40), st.randoms())
@settings(max_examples=40, deadline=None)
def test_the_order_of_texts_does_not_count(endings, draw):
    texts = [PROMPT + ending for ending in endings]
    turned = list(texts)
    draw.shuffle(turned)
    (one, found), (other, again) = stripped(column(texts)), stripped(column(turned))
    assert found == again and found[0].words.startswith(SAID)
    assert sorted(zip(texts, one, strict=True)) == sorted(zip(turned, other, strict=True))


def test_texts_that_share_a_long_prompt_alone_are_no_duplicates():
    prompt = numbered(300, 400)
    found = prose_units(*(f"{prompt} {own(i, 9)}" for i in range(RECORDS)))
    assert verified_pairs(found, 5).frame.is_empty()
    assert found.templates == (Template(prompt, RECORDS),)


def test_the_same_text_with_and_without_the_prompt_is_near_and_not_equal():
    found = prose_units(*(PROMPT + own(i, 9) for i in range(RECORDS)), own(0, 9))
    assert len(found) == RECORDS + 1
    assert judged(found).removed.rows() == [("020", "000", 1.0)]


def test_a_text_that_is_nothing_but_template_is_compared_whole():
    found = prose_units(*(PROMPT + own(i, 9) for i in range(RECORDS)), PROMPT, PROMPT.upper(), f"{PROMPT} ?")
    assert {" ".join(words(text)) for text in found.texts[-2:]} == {SAID}
    removed = judged(found).removed
    assert removed.rows() == [("021", "020", 1.0), ("022", "020", 1.0)]


def test_an_instruction_that_all_share_is_left_out_where_other_columns_tell_records_apart():
    rows = [{"question": PROMPT, "answer": own(i, 9)} for i in range(RECORDS)]
    found = qa_units(*rows)
    assert not verified_pairs(found, 5).near.height
    assert QA.declared.duplicates.text[0] == "question" and found.templates[0].words == SAID


def test_a_proof_says_what_was_left_out():
    frame = frame_of(PROSE, ({"text": PROMPT + own(i, 9)} for i in range(RECORDS)))
    frame = frame.with_columns(source=pl.lit("s"), position=pl.int_range(RECORDS) * 2, split=pl.lit("train"))
    assert SAID in prove(frame, PROSE).compared
