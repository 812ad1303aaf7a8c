"""Duplicates are judged, not deleted: a record goes only in favour of a kept, equal enough one."""

from __future__ import annotations

import random
from itertools import combinations

import numpy as np
import polars as pl
import pytest
import xxhash
from datasketch import MinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.curation.duplicates import (
    FLOOR,
    PERMUTATIONS,
    Unit,
    candidates,
    jaccard,
    shingles,
    signatures_of,
    units,
    verified_pairs,
)
from workbench.curation.judge import components, judge
from workbench.curation.proof import prove
from workbench.schema import load_schema
from workbench.workspace import samples

QA = load_schema(samples() / "schemas" / "qa.yaml")
PROSE = load_schema(samples() / "schemas" / "prose.yaml")


def unit(name: str, text: str, *, question: str = "", answer: str | None = None, language: str | None = None) -> Unit:
    return Unit(name, (name,), text, question, answer, language)


def judged(found: list[Unit], threshold: float = 0.8, ngram: int = 5, rank=None):
    records = [record for one in found for record in one.records]
    ranks = rank or {record: (record,) for record in records}
    return judge(found, verified_pairs(found, ngram), ranks, threshold=threshold)


def numbered(start: int, stop: int) -> str:
    return " ".join(f"w{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(start, stop))


def prose_units(*texts: str) -> list[Unit]:
    frame = pl.DataFrame({"id": [f"{i:03}" for i in range(len(texts))], "text": list(texts), "chapter": None})
    return units(PROSE.derived(frame.cast({"chapter": pl.String})), PROSE)


def qa_units(*rows: dict) -> list[Unit]:
    whole = [{**dict.fromkeys(QA.columns), **row} for row in rows]
    frame = QA.table(whole).with_columns(id=pl.Series([f"{i:03}" for i in range(len(rows))]))
    return units(QA.derived(frame), QA)


def test_signatures_are_those_of_datasketch_on_the_ngrams_as_bytes():
    texts = [numbered(i, i + 5 + 7 * i) for i in range(20)] + ["été à l'œuvre", "one"]
    made = signatures_of([shingles(text, 3) for text in texts])
    for text, row in zip(texts, made, strict=True):
        sketch = MinHash(num_perm=PERMUTATIONS, seed=1, hashfunc=xxhash.xxh32_intdigest)
        found = text.casefold().replace("'", " ").split()
        for i in range(max(len(found) - 2, 1)):
            sketch.update(" ".join(found[i : i + 3]).encode())
        assert np.array_equal(row, sketch.hashvalues)


@pytest.mark.parametrize("seed", range(3))
def test_every_pair_at_or_above_the_threshold_is_found(seed):
    draw = random.Random(seed)
    texts = []
    for i in range(60):
        base = [f"{i}x{draw.randrange(40)}" for _ in range(draw.randrange(8, 60))]
        for _ in range(4):
            texts.append(" ".join(base))
            base = list(base)
            base[draw.randrange(len(base))] = f"new{draw.random()}"
    grams = [shingles(text, 3) for text in texts]
    want = {(i, j) for i, j in combinations(range(len(texts)), 2) if jaccard(grams[i], grams[j]) >= 0.8}
    assert len(want) > 50
    assert want <= candidates(grams).pairs


def test_a_text_shorter_than_the_ngram_is_one_shingle_and_an_empty_one_none():
    assert len(shingles("one two", 5)) == 1
    assert shingles(" ?! ", 5) == frozenset()
    assert jaccard(frozenset(), frozenset()) == 0.0


@pytest.mark.parametrize("empty", ["", "  ", "\n\t"])
def test_empty_texts_are_no_duplicates(empty):
    assert len(prose_units(empty, empty, "")) == 3
    assert judged(prose_units(empty, empty)).removed.is_empty()


def test_texts_that_read_the_same_are_one_unit():
    (one,) = prose_units("Der  Fuß", "der fuss", "DER\nFUSS")
    assert one.records == ("000", "001", "002")


def test_of_equal_records_the_best_ranked_stays():
    found = prose_units("Same text", "same TEXT", "other")
    removed = judged(found, rank={"000": (2,), "001": (1,), "002": (0,)}).removed
    assert removed.rows() == [("000", "001", 1.0)]


def test_a_chain_removes_only_what_has_a_kept_twin():
    texts = [numbered(i * 4, i * 4 + 60) for i in range(12)]
    found = [unit(f"{i:02}", text) for i, text in enumerate(texts)]
    for threshold in (0.65, 0.7, 0.8, 0.86):
        removed = judged(found, threshold).removed
        gone = set(removed["id"])
        grams = {one.name: shingles(one.text, 5) for one in found}
        for record, kept, similarity in removed.iter_rows():
            assert kept not in gone
            assert similarity == jaccard(grams[record], grams[kept]) >= threshold
        standing = [name for name in grams if name not in gone]
        assert all(jaccard(grams[a], grams[b]) < threshold for a, b in combinations(standing, 2))
    assert not judged(found, 0.7).removed.is_empty()


@given(
    st.lists(st.tuples(st.integers(0, 8), st.integers(4, 40)), min_size=2, max_size=10),
    st.floats(0.6, 1.0),
    st.randoms(),
)
@settings(max_examples=60, deadline=None)
def test_whatever_is_removed_has_a_kept_twin_of_the_same_answer(spans, threshold, draw):
    rows = [{"question": numbered(start, start + size), "answer": f"yes {start % 2}"} for start, size in spans]
    found = qa_units(*rows)
    order = [record for one in found for record in one.records]
    draw.shuffle(order)
    result = judged(found, threshold, rank={record: (i,) for i, record in enumerate(order)})
    unit_of = {record: one for one in found for record in one.records}
    gone = set(result.removed["id"])
    assert len(gone) == result.removed.height
    for record, kept, similarity in result.removed.iter_rows():
        assert kept not in gone
        assert similarity >= threshold
        assert unit_of[record].answer == unit_of[kept].answer
    for one in found:
        assert len(set(one.records) - gone) <= 1


def test_a_conflict_is_never_removed():
    question = numbered(0, 60)
    found = qa_units({"question": question, "answer": "yes"}, {"question": question, "answer": "no"})
    for threshold in (0.6, 0.8, 0.9):
        result = judged(found, threshold)
        assert result.removed.is_empty()
        assert result.counts()["conflict"] == 1


def test_numbers_that_differ_keep_both():
    base = numbered(0, 80)
    result = judged([unit("a", f"{base} 1914"), unit("b", f"{base} 1915")])
    assert result.pairs["jaccard"][0] > 0.9
    assert result.removed.is_empty()


def test_a_translation_is_no_duplicate():
    text = numbered(0, 40)
    rows = [{"question": text, "answer": "KPI", "lang": lang} for lang in ("en", "fr")]
    result = judged(qa_units(*rows))
    assert (result.counts()["translation"], result.removed.height) == (1, 0)


def test_a_long_answer_given_twice_is_a_paraphrase():
    said = "profit divided by the money that was put in"
    rows = [{"question": numbered(0, 9), "answer": said}, {"question": numbered(50, 59), "answer": said}]
    result = judged(qa_units(*rows))
    assert (result.counts()["paraphrase"], result.removed.height) == (1, 0)


def test_a_short_answer_given_twice_says_nothing():
    rows = [{"question": numbered(0, 9), "answer": "True"}, {"question": numbered(50, 59), "answer": "True"}]
    assert judged(qa_units(*rows)).pairs.is_empty()


def test_the_threshold_moves_both_ways_over_the_same_pairs():
    pair = [unit("a", numbered(0, 60)), unit("b", numbered(8, 68))]
    (similarity,) = verified_pairs(pair, 5)["jaccard"]
    assert FLOOR < similarity < 0.8
    heights = [judged(pair, threshold).removed.height for threshold in (0.8, similarity, 0.95, 0.6, 0.8)]
    assert heights == [0, 1, 0, 1, 0]


def test_shared_boilerplate_removes_nothing():
    shared = numbered(0, 60)
    texts = [f"{shared} {' '.join(f'own{i}{chr(97 + j)}' for j in range(40))}" for i in range(30)]
    result = judged([unit(f"{i:02}", text) for i, text in enumerate(texts)])
    assert result.removed.is_empty()


def test_the_order_of_options_and_records_does_not_count():
    mcq = load_schema(samples() / "schemas" / "mcq.yaml")
    rows = [
        {"question": "Which?", "options": ["a one", "b two", "c three"], "correct_option_index": 0},
        {"question": "which? ", "options": ["c three", "a one", "b two"], "correct_option_index": 1},
        {"question": "Which?", "options": ["a one", "b two", "c three"], "correct_option_index": 2},
    ]
    whole = [{**dict.fromkeys(mcq.columns), **row} for row in rows]
    frame = mcq.table(whole).with_columns(id=pl.Series(["0", "1", "2"]))
    found = units(mcq.derived(frame), mcq)
    assert units(mcq.derived(frame.reverse()), mcq) == found
    assert sorted(one.records for one in found) == [("0", "1"), ("2",)]
    assert judged(found).counts()["conflict"] == 1


def test_clusters_count_what_belongs_together():
    found = prose_units("same text", "same text", "same text", "other text", "other text", "alone here")
    assert judged(found).counts() | {} == {
        "clusters": 2, "removed": 3, "redundant": 3, "paraphrase": 0, "conflict": 0, "translation": 0,
    }  # fmt: skip


def test_long_answers_that_differ_by_one_word_remove_nobody():
    said = f"{numbered(0, 60)} you must tell the operator {numbered(70, 110)}"
    rows = [{"question": "how", "answer": said}, {"question": "how", "answer": said.replace("must", "must not")}]
    result = judged(qa_units(*rows))
    assert result.pairs["jaccard"][0] > 0.8
    assert (result.counts()["paraphrase"], result.removed.height) == (1, 0)


def test_crowded_buckets_are_not_compared_pair_by_pair_and_say_so():
    shared = numbered(0, 90)
    grams = [shingles(f"{shared} own{i} tail{i % 7}", 5) for i in range(400)]
    tried = candidates(grams)
    assert len(tried.pairs) < 400 * 399 / 2 / 4
    assert tried.left_out > 0
    linked = components([(f"{i:03}", f"{j:03}") for i, j in tried.pairs if jaccard(grams[i], grams[j]) >= 0.8])
    assert set(linked.values()) == {"000"} and len(linked) == 400


def test_equal_texts_in_a_crowded_bucket_are_neighbours_by_signature():
    shared = numbered(0, 90)
    texts = [f"{shared} {' '.join(f'own{i}x{k}' for k in range(6))}" for i in range(200)]
    grams = [shingles(text, 5) for text in [*texts, *texts[100:]]]
    tried = candidates(grams).pairs
    assert all((100 + i, 200 + i) in tried for i in range(100))


def test_a_proof_names_what_it_could_not_compare():
    def unchecked(texts: list[str]) -> str:
        frame = pl.DataFrame({"text": texts, "chapter": None}, schema_overrides={"chapter": pl.String})
        rows = [str(i) for i in range(len(texts))]
        frame = frame.with_columns(id=pl.Series(rows), source=pl.lit("s"), position=pl.int_range(len(texts)) * 2)
        return "; ".join(prove(PROSE.derived(frame.with_columns(split=pl.lit("train"))), PROSE).unchecked)

    plain = unchecked([numbered(0, 9), "Ein 字 im Text"])
    assert "scripts" not in plain and "crowded" not in plain
    assert "among 2 records in scripts" in unchecked(["灯塔守望者", "กขคง", numbered(0, 9)])
    assert "crowded buckets" in unchecked([f"{numbered(0, 90)} own{i}" for i in range(100)])
