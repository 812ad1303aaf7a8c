"""A description counts what is there, names what it is of, and says in words what the numbers mean."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from tests.corpora import CORPUS, cut, deliver, fact, facts, ids, near, write
from workbench.curation.balance import Balance, Difference, Test
from workbench.curation.measures import Absent, Shares, Spread
from workbench.errors import DataError, UsageError
from workbench.services.checking.describe import Description, Duplicates, describe
from workbench.services.checking.sections import Section, Stacked, chance, meaning, percent, sections
from workbench.services.intake.ingest import Order, ingest
from workbench.services.records.editing import drop, edit


def lines(found: Description) -> str:
    return "\n".join(line for section in sections(found) for line in section.lines)


def section(found: Description, title: str) -> Section:
    return next(one for one in sections(found) if one.title == title)


def test_records_are_counted_with_what_was_set_aside_changed_and_dropped(store):
    torn = write(store, facts(1, 2, 3, 4))
    torn.write_text(torn.read_text() + "{torn\n")
    ingest(store, Order(CORPUS, (torn,), schema="qa", settings={"name": "rows"}))
    first, second, *_ = ids(store)
    edit(store, CORPUS, first, {"answer": "another"})
    drop(store, CORPUS, [second])
    found = describe(store, CORPUS)
    assert (found.records, found.quarantined, found.edited, found.dropped) == (3, 1, 1, 1)


def test_before_the_first_version_splits_duplicates_and_bias_are_not_there_yet(store):
    deliver(store, facts(1, 2, 3))
    found = describe(store, CORPUS)
    assert found.splits == Absent("not split yet") == found.balance
    assert isinstance(found.duplicates, Absent) and "splits: not split yet" in lines(found)
    with pytest.raises(DataError, match="no version yet"):
        describe(store, CORPUS, "latest")


def test_an_empty_corpus_has_no_lengths_and_says_so(store):
    deliver(store, facts(1))
    drop(store, CORPUS, ids(store))
    found = describe(store, CORPUS)
    assert found.records == 0 and {field.characters for field in found.fields} == {Absent("no records")}
    assert sections(found) and json.dumps(found.facts(), allow_nan=False)


def test_a_version_is_described_as_it_was(store):
    deliver(store, facts(*range(20)))
    version = cut(store)
    edit(store, CORPUS, ids(store)[0], {"answer": "another"})
    deliver(store, facts(*range(25)))
    now, then = describe(store, CORPUS), describe(store, CORPUS, "v1")
    assert (now.records, now.edited, now.version) == (25, 1, None)
    assert (then.records, then.edited, then.version) == (20, 0, version.id)
    assert isinstance(now.splits, dict) and now.splits["unassigned"] >= 5
    assert isinstance(then.splits, dict) and then.splits["unassigned"] == 0
    assert {side: then.splits[side] for side in version.counts} == version.counts


def test_removed_duplicates_are_counted_with_those_that_stand_for_them(store):
    long = fact(1) | {"question": " ".join(f"word{i}" for i in range(40))}
    deliver(store, [long, near(long, "more"), near(long, "else"), *facts(*range(5, 15))])
    cut(store)
    assert describe(store, CORPUS).duplicates == Duplicates(removed=2, kept_for_them=1)


def test_issues_are_counted_by_rule(store):
    deliver(store, [*facts(1, 2), fact(3, question=" "), fact(4, answer="<s> it is so")])
    found = {issue["rule"]: issue["count"] for issue in describe(store, CORPUS).issues}
    assert found["empty-question"] == 1 == found["literal-marker"]


def test_tokens_are_those_of_the_tokenizer_given_without_special_ones(store, tmp_path):
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "<s>": 1}, unk_token="[UNK]"))
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.enable_truncation(2)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    deliver(store, facts(1, 2, 3))
    field = describe(store, CORPUS, tokenizer=str(tmp_path)).fields[0]
    assert isinstance(field.tokens, Spread) and (field.tokens.min, field.tokens.total) == (8, 24)
    assert describe(store, CORPUS).fields[0].tokens == Absent("no tokenizer given")


@pytest.mark.parametrize(("base", "hint"), [("tiny", "base build tiny"), ("/nowhere", "folder"), ("corpora", "fast")])
def test_a_base_without_a_tokenizer_says_what_to_do(store, base, hint):
    deliver(store, facts(1))
    with pytest.raises(UsageError) as refused:
        describe(store, CORPUS, tokenizer=base)
    assert hint in refused.value.hint


def test_languages_are_told_by_field_and_an_absent_text_has_none(store):
    french = {"question": "Pourquoi la lumière du phare est-elle verte ?", "answer": "Oui."}
    english = {"question": "Why is the light of the lighthouse green?", "answer": "No.", "context": None}
    deliver(store, [french, english])
    question, answer = describe(store, CORPUS).fields
    assert {one.value: one.count for one in question.languages.shares} == {"fr": 1, "en": 1}
    assert [one.value for one in answer.languages.shares] == ["unsure"]


def test_an_absent_text_has_no_language(store):
    told = {"question": "Which one?", "options": ["a", "b"], "correct_option_index": 0, "explanation": None}
    deliver(store, [told, told | {"question": "And now?", "explanation": "It is so."}], schema="mcq")
    fields = {field.name: field for field in describe(store, CORPUS).fields}
    assert fields["explanation"].languages.n == 1 and fields["question"].languages.n == 2


def test_a_version_is_described_by_the_schema_it_was_made_with(store):
    deliver(store, [*facts(*range(20)), fact(20, answer=" ")])
    cut(store)
    file = store.workspace.schema_file("qa")
    file.write_text(file.read_text().replace("empty-answer", "blank-answer"))
    then, now = ({issue["rule"] for issue in describe(store, CORPUS, v).issues} for v in ("v1", None))
    assert "empty-answer" in then - now and "blank-answer" in now - then


def test_yes_and_no_stand_among_the_short_answers(store):
    deliver(store, [fact(i, answer="Vrai" if i % 3 else "Faux") for i in range(9)])
    found = describe(store, CORPUS).answers
    assert isinstance(found, Shares) and [(one.value, one.count) for one in found.shares] == [("vrai", 6), ("faux", 3)]


def test_a_category_of_the_records_is_compared_over_the_splits(store):
    deliver(store, [fact(i, lang="en" if i % 2 else "fr") for i in range(200)])
    version = cut(store)
    found = describe(store, CORPUS).balance
    assert isinstance(found, tuple)
    lang = next(one for one in found if one.category == "lang")
    assert lang.n == {side: version.counts[side] for side in lang.n}
    assert isinstance(lang.test, Test) and lang.test.n == sum(lang.n.values()) and chance(lang.test.p) in meaning(lang)


def test_the_meaning_of_a_difference_names_shares_records_and_probability():
    gap = Difference("B", "train", "test", 0.41, 0.22)
    found = Balance("letter", {"train": 120, "validation": 0, "test": 30}, (), gap, Test(4.7, 1, 0.03, 150))
    told = "letter B is right in 41 % of train and 22 % of test (n = 120/30), p = 0.030: more than chance alone gives"
    assert meaning(found) == told
    unlucky = replace(found, test=replace(found.test, p=0.4))
    assert meaning(unlucky).endswith("p = 0.40: no more than chance gives")
    assert meaning(replace(found, test=Absent("too few"))).endswith("cannot tell (too few)")


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (0, "0 %"),
        (0.0001, "< 0.1 %"),
        (0.013, "1.3 %"),
        (0.5, "50 %"),
        (0.997, "99.7 %"),
        (0.9999, "> 99.9 %"),
        (1, "100 %"),
    ],
)
def test_a_share_claims_neither_none_nor_all_where_it_is_not(share, told):
    assert percent(share) == told


def test_a_probability_beside_the_level_is_not_rounded_onto_it():
    assert (chance(0.0514), chance(0.0002), chance(0.25)) == ("p = 0.051", "p < 0.001", "p = 0.25")


def test_a_draw_is_said_wherever_it_is_shown(store):
    deliver(store, facts(1, 2, 3))
    cut(store)
    whole = describe(store, CORPUS)
    assert "drawn" not in lines(whole)
    few = replace(whole, tokenizer="tiny", fields=tuple(replace(field, drawn=2) for field in whole.fields))
    for title in ("Lengths", "Languages", "Bias between splits"):
        assert "of 2 drawn from 3 records" in "\n".join(section(few, title).lines)


def test_every_category_has_its_own_block(store):
    deliver(store, [fact(i, lang="en") for i in range(20)])
    cut(store)
    blocks = section(describe(store, CORPUS), "Bias between splits").blocks
    assert [one.balance.category for one in blocks if isinstance(one, Stacked)] == ["language", "source", "lang"]
