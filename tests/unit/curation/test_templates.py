"""What many records begin or end with is left out of what is compared, is said, and never makes two texts one."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.curation.texts import PROSE, QA, frame_of, judged, numbered, prose_units, qa_units
from workbench.curation.duplicates import verified_pairs
from workbench.curation.proof import prove
from workbench.curation.shingling import words
from workbench.curation.templates import RECORDS, REST, WORDS, Template, stripped, templates_of

PROMPT = "You are a careful helper. Answer the question in one short sentence: "
SAID = "you are a careful helper answer the question in one short sentence"


def own(number: int, size: int = 6) -> str:
    return numbered(10 * number, 10 * number + size)


def found_in(texts: list[str]) -> tuple[Template, ...]:
    return templates_of(pl.DataFrame({"text": texts}))


def left_of(texts: list[str]) -> list[str]:
    return stripped(pl.Series("text", texts), found_in(texts)).to_list()


def test_a_prompt_that_half_of_the_records_share_is_left_out():
    texts = [PROMPT + own(i) for i in range(RECORDS)] + [own(i) for i in range(20, 20 + RECORDS)]
    assert left_of(texts) == [own(i) for i in range(40)]
    assert found_in(texts) == (Template("text", "first", SAID, RECORDS),)


def test_what_they_end_with_is_left_out_too():
    texts = [f"{PROMPT}{own(i)}. Think STEP by step, then give the one final answer." for i in range(RECORDS)]
    assert left_of(texts) == [own(i) for i in range(RECORDS)]
    said = [(template.end, template.words) for template in found_in(texts)]
    assert said == [("first", SAID), ("last", "think step by step then give the one final answer")]


def test_a_column_without_templates_is_the_very_same():
    whole = pl.Series("other", [PROMPT + own(i) for i in range(RECORDS)])
    assert stripped(whole, found_in(whole.to_list())) is whole


@pytest.mark.parametrize(
    "texts",
    [
        [" ".join(PROMPT.split()[: WORDS - 1]) + " " + own(i) for i in range(RECORDS)],
        [PROMPT + own(i) for i in range(RECORDS - 1)],
        [PROMPT + own(i) for i in range(RECORDS)] + [own(i) for i in range(20, 41)],
        [PROMPT + own(i, REST - 1) for i in range(RECORDS)],
    ],
    ids=["words", "records", "share", "rest"],
)
def test_too_little_of_anything_makes_no_template(texts):
    assert found_in(texts) == ()


@pytest.mark.parametrize("places", [1, 2, 3])
def test_near_copies_of_one_text_share_no_template(places):
    text = numbered(0, 150).split()
    changed = [list(text) for _ in range(150)]
    for at, copy in enumerate(changed):
        for place in range(places):
            copy[(at + 53 * place) % 150] = f"other{at}"
    assert found_in([" ".join(copy) for copy in changed]) == ()


def test_texts_that_differ_in_their_last_words_alone_are_near_duplicates():
    text = numbered(300, 420)
    found = qa_units(*({"question": f"{text} {own(i, 3)}", "answer": "the same answer"} for i in range(RECORDS)))
    assert found.templates == ()
    assert judged(found).removed.height == RECORDS - 1


def test_copies_of_one_record_make_no_template():
    found = prose_units(*[PROMPT + own(0, 9)] * RECORDS, *(own(i, 9) for i in range(1, 5)))
    assert found.templates == ()


def test_short_questions_under_a_long_prompt_are_different_records():
    found = prose_units(*(f"{numbered(300, 360)} {own(i, 10)}" for i in range(RECORDS)))
    assert len(found.templates) == 1 and verified_pairs(found, 5).frame.is_empty()


def test_who_shares_a_part_of_the_template_is_left_without_that_part():
    part = " ".join(PROMPT.split()[:9])
    texts = [PROMPT + own(i) for i in range(RECORDS)] + [f"{part} {own(i)}" for i in range(20, 25)]
    assert left_of(texts) == [own(i) for i in range(25)]


@given(st.sets(st.text(max_size=20), min_size=RECORDS, max_size=40), st.randoms())
@settings(max_examples=40, deadline=None)
def test_the_order_of_texts_does_not_count(endings, draw):
    texts = [f"{PROMPT}{own(i)} {ending}" for i, ending in enumerate(sorted(endings))]
    turned = list(texts)
    draw.shuffle(turned)
    found = found_in(texts)
    assert found == found_in(turned) and found[0].words == SAID


def test_texts_that_share_a_long_prompt_alone_are_no_duplicates():
    prompt = numbered(300, 400)
    found = prose_units(*(f"{prompt} {own(i, 9)}" for i in range(RECORDS)))
    assert verified_pairs(found, 5).frame.is_empty()
    assert found.templates == (Template("text", "first", prompt, RECORDS),)


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


def placed(*texts: str) -> pl.DataFrame:
    frame = frame_of(PROSE, ({"text": text} for text in texts))
    sides = pl.Series(["train", "test"] * len(texts))[: len(texts)]
    return frame.with_columns(source=pl.lit("s"), position=pl.int_range(pl.len()) * 2, split=sides)


def test_a_proof_says_how_much_was_left_out_and_repeats_no_text():
    told = prove(placed(*(PROMPT + own(i, 9) for i in range(RECORDS))), PROSE).compared
    assert f"left out as a template of {RECORDS} records: {len(SAID.split())} words" in told and SAID not in told


def test_a_proof_compares_without_the_templates_of_the_whole_corpus():
    prompt = numbered(300, 360)
    texts = [f"{prompt} {own(i, 9)}" for i in range(RECORDS)]
    part = placed(*texts[: RECORDS // 2])
    assert prove(part, PROSE).near > 0
    assert prove(part, PROSE, templates=prose_units(*texts).templates).clean
