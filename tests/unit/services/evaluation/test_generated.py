"""Facts about written records: asked as they were learned, read back by the schema's rules, never held out."""

from __future__ import annotations

import pytest

from tests.corpora import CORPUS, by_question, cut, deliver, fact, long_fact, near, sides, state, words
from workbench.errors import DataError, UsageError
from workbench.recipe import Generate
from workbench.schema import Schema, load_schema
from workbench.services.evaluation.generated import Generated, Wanted, accept, check_accepts, prompt_of, split_settings
from workbench.services.evaluation.written import Known, Written
from workbench.services.versions.delivered import generated_records
from workbench.store.store import Store
from workbench.store.versions import records_of
from workbench.workspace import samples

FIELDS = {"topic": "Optimizers", "difficulty": "easy"}
GOOD = """Question: What do optimizers change?

Options:
A. The weights
B. The labels
C. The records

Correct Answer: A

Explanation:
They step along the gradient."""
UNREADABLE = GOOD.replace("Correct Answer: A", "Correct Answer: F")
MCQ = load_schema(samples() / "schemas" / "mcq.yaml")


def question(number: int, topic: str, word: str) -> dict[str, object]:
    """Return a question whose words are those of its topic, and some of its own."""
    options = [words(f"{number} {letter}", 3) for letter in "abc"]
    asked = {"question": f"{word} {word} {words(number, 8)}", "options": options, "correct_option_index": number % 3}
    return {**asked, "topic": topic, "difficulty": "easy", "explanation": f"{word} {words(f'why {number}', 4)}"}


@pytest.fixture
def quiz(store: Store) -> Store:
    """A corpus of questions on two topics, with a version."""
    rows = [question(n, *(("Optimizers", "gradient") if n % 2 else ("Losses", "entropy"))) for n in range(30)]
    known = {"question": "What do optimizers change?", "options": ["Nothing", "All"], "correct_option_index": 0}
    deliver(store, [*rows, {**known, **FIELDS, "explanation": "gradient"}], schema="mcq")
    cut(store)
    return store


def known(store: Store, **fields: str) -> Known:
    version = store.version(CORPUS, "latest")
    return Known.of(store, version, store.kept_schema(version.schema_object), fields)


def generated(*written: Written) -> Generated:
    return Generated("run-1", "mcq", {}, Wanted(FIELDS, len(written)), Generate(), written)


def test_a_prompt_is_the_one_that_a_record_with_these_fields_has():
    row = {**question(1, "Optimizers", "gradient"), "subject": None, "correct_option_indices": None}
    learned = MCQ.render(row)["messages"]
    assert prompt_of(MCQ, FIELDS)["messages"] == learned[:1]


@pytest.mark.parametrize(
    ("fields", "hint"),
    [
        ({"topics": "x"}, "'topic'"),
        ({"options": "x"}, "texts:"),
        ({"explanation": "x"}, "it shows: subject, topic, difficulty"),
    ],
)
def test_a_field_that_a_prompt_does_not_show_is_refused(fields, hint):
    with pytest.raises(UsageError) as caught:
        prompt_of(MCQ, fields)
    assert hint in caught.value.hint


def test_a_kind_without_a_prompt_says_how_to_ask():
    prose: Schema = load_schema(samples() / "schemas" / "prose.yaml")
    with pytest.raises(UsageError, match="no prompt"):
        prompt_of(prose, {"text": "Once"})


def test_fields_and_decoding_are_told_apart():
    assert split_settings(["topic=a = b", "generate.top_p=0.5"]) == ({"topic": "a = b"}, ("generate.top_p=0.5",))
    with pytest.raises(UsageError):
        split_settings(["topic"])


def test_an_answer_is_read_back_and_a_broken_one_says_why(quiz):
    good, broken = known(quiz, **FIELDS).read([GOOD, UNREADABLE])
    assert good.is_valid and good.record is not None
    assert good.record["options"] == ["The weights", "The labels", "The records"]
    assert (good.record["correct_option_index"], good.record["topic"]) == (0, "Optimizers")
    assert good.record["explanation"] == "They step along the gradient."
    assert (broken.record, broken.reasons, broken.is_valid) == (None, ("unreadable",), False)


def test_an_error_of_the_schema_makes_an_answer_invalid(quiz):
    [answer] = known(quiz, **FIELDS).read([GOOD.replace("The records", "What isnâ€™t learned")])
    assert answer.record is not None and answer.reasons == ("mojibake",) and not answer.is_valid


def test_a_question_that_the_version_holds_is_known(quiz):
    same, other = known(quiz, **FIELDS).read([GOOD, GOOD.replace("change", "keep")])
    assert (same.is_known, other.is_known) == (True, False)


def test_the_topic_is_looked_for_by_its_words_and_by_the_nearest_records(quiz):
    on, off = known(quiz, **FIELDS).read([GOOD, GOOD.replace("optimizers", "losses").replace("gradient", "entropy")])
    assert (on.on_topic, on.nearest_topic) == (True, "Optimizers")
    assert (off.on_topic, off.nearest_topic) == (False, "Losses")


def test_without_a_topic_in_the_records_no_topic_is_judged(quiz):
    judge = known(quiz, topic="Kernels")
    [answer] = judge.read([GOOD])
    assert answer.nearest_topic is None and judge.accuracy is None
    assert generated(answer).counts()["nearest_topic"]["reason"]


def test_only_kinds_with_options_are_read_back(store):
    deliver(store, [fact(n) for n in range(10)])
    cut(store)
    [answer] = known(store).read(["A text."])
    assert (answer.record, answer.reasons, answer.is_valid) == (None, (), False)


def test_valid_answers_are_accepted_as_a_source_that_names_its_run(quiz):
    written = generated(*known(quiz, **FIELDS).read([GOOD.replace("change", "keep"), UNREADABLE]))
    taken = accept(quiz, CORPUS, written)
    assert (taken.kept, taken.quarantined) == (1, 0)
    source = quiz.corpus(CORPUS).source(taken.name)
    assert source is not None and source.generated == "run-1"
    assert accept(quiz, CORPUS, written).merged == 1
    [row] = state(quiz).records.filter(source=taken.name).to_dicts()
    assert (row["question"], row["correct_option_index"]) == ("What do optimizers keep?", 0)


@pytest.mark.parametrize(("corpus", "what"), [("quizz", "no corpus"), (CORPUS, "holds qa")])
def test_only_a_corpus_of_the_same_kind_takes_written_records_and_none_is_made(store, corpus, what):
    deliver(store, [fact(1)])
    written = generated(*Known(MCQ, FIELDS, frozenset(), None, None).read([GOOD]))
    with pytest.raises(UsageError, match=what):
        accept(store, corpus, written)
    assert store.corpora() == [CORPUS]
    assert not [*store.workspace.root.glob("corpora/*/generated")]


def test_a_kind_that_cannot_be_read_back_is_refused_before_anything_is_asked(store):
    deliver(store, [fact(1)])
    with pytest.raises(UsageError, match="cannot be read back"):
        check_accepts(store, CORPUS, "qa")


def test_nothing_valid_is_nothing_to_accept(quiz):
    with pytest.raises(DataError, match="no valid record"):
        accept(quiz, CORPUS, generated(*known(quiz, **FIELDS).read([UNREADABLE])))


def test_what_a_model_wrote_is_never_held_out(quiz):
    texts = [GOOD.replace("What do optimizers change?", f"Why {words(f'new {n}', 8)}?") for n in range(20)]
    accept(quiz, CORPUS, generated(*known(quiz, **FIELDS).read(texts)))
    version = cut(quiz, fresh=True, ratios=(0.2, 0.4, 0.4))
    schema = quiz.kept_schema(version.schema_object)
    sides = dict(records_of(quiz.catalogue, quiz.objects, schema, version).select("id", "split").iter_rows())
    written = generated_records(state(quiz))
    assert len(written) == 20
    assert {sides.get(record) for record in written} <= {"train", "excluded", "removed", None}
    assert "train" in {sides.get(record) for record in written}


@pytest.mark.parametrize("is_split_between", [False, True])
def test_what_a_person_wrote_stays_and_a_models_duplicate_goes(store, is_split_between):
    mine = long_fact(0)
    written = near(mine, "longer")
    deliver(store, [written], name="theirs", file="theirs.jsonl", generated="run-1")
    deliver(store, [fact(n) for n in range(1, 20)])
    if is_split_between:
        cut(store)
    deliver(store, [mine], name="mine", file="mine.jsonl")
    stands = sides(store, cut(store))
    named = by_question(store)
    assert stands[named[written["question"]]] == "removed"
    # The text trains already where a version had it: then the person's record takes that place.
    assert stands[named[mine["question"]]] in (("train",) if is_split_between else ("train", "validation", "test"))


def test_what_a_model_wrote_is_not_held_out_by_what_it_says_of_itself(store):
    written = [fact(n, split="test" if n < 3 else "train") for n in range(6)]
    deliver(store, written, name="theirs", file="theirs.jsonl", generated="run-1")
    deliver(store, [fact(9)], split="test")
    assert cut(store, keep_source_split=True).counts == {
        "train": 3,
        "validation": 0,
        "test": 1,
        "excluded": 3,
        "removed": 0,
    }
