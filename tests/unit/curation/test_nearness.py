"""Near texts are found by MinHash bands with the chance that is stated, and each pair is verified exactly."""

from __future__ import annotations

import random
from itertools import combinations

import numpy as np
import polars as pl
import pytest
import xxhash
from datasketch import MinHash, MinHashLSH
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.curation.texts import numbered
from workbench.curation.bands import BANDS, FLOOR, PERMUTATIONS, RECALL, ROWS, bands_for, chance
from workbench.curation.components import components
from workbench.curation.minhash import digests_of, facts_of, jaccards_of, numbers_of, sets_of, signatures_of, signed
from workbench.curation.nearness import CROWDED, near_pairs
from workbench.curation.shingling import jaccard, numbers, shingles, words
from workbench.text import folded

AWKWARD = "aB1_ .-\n\t\x1f\x85’ßẞſςΣİıŉǰΐéÉñαЖ٣²①１Ａﬃ中文字กิข์かゞパ゙한ㅎ́̈😀❤️\u200d𝟜𠀀"
TEXTS = st.lists(
    st.text() | st.text(st.sampled_from(AWKWARD)) | st.text(st.characters(max_codepoint=0x7F)), max_size=12
)


def column(texts: list[str]) -> pl.Series:
    return pl.Series(texts, dtype=pl.String)


def pairs_of(texts: list[str], ngram: int = 5) -> dict[tuple[int, int], float]:
    near = near_pairs(column(texts), ngram)
    ends = zip(near.one.tolist(), near.other.tolist(), strict=True)
    return dict(zip(ends, near.jaccard.tolist(), strict=True))


@given(TEXTS, st.integers(1, 6))
@settings(max_examples=200, deadline=None)
def test_signatures_are_bit_identical_to_those_of_datasketch(texts, ngram):
    for text, row in zip(texts, signatures_of(column(texts), ngram), strict=True):
        sketch = MinHash(num_perm=PERMUTATIONS, seed=1, hashfunc=xxhash.xxh32_intdigest)
        found = words(text)
        for i in range(max(len(found) - ngram + 1, 1) if found else 0):
            sketch.update(" ".join(found[i : i + ngram]).encode())
        assert np.array_equal(row, sketch.hashvalues)


@given(TEXTS, st.integers(1, 6))
@settings(max_examples=200, deadline=None)
def test_the_compiled_loops_agree_with_the_plain_reference(texts, ngram):
    grams = [shingles(text, ngram) for text in texts]
    sets, (counts, digits) = sets_of(column(texts), ngram, np.arange(len(texts))), facts_of(column(texts))
    for i, text in enumerate(texts):
        assert sorted(sets.data[sets.start[i] : sets.start[i] + sets.size[i]].tolist()) == sorted(grams[i])
        assert counts[i] == len(words(text))
        assert digits[i] == sum(xxhash.xxh32_intdigest(word.encode()) for word in numbers(text))
    ends = np.array(list(combinations(range(len(texts)), 2)), np.int64).reshape(-1, 2)
    measured = jaccards_of(column(texts), ngram, ends[:, 0], ends[:, 1])
    assert measured.tolist() == [jaccard(grams[i], grams[j]) for i, j in ends]


HASHES = st.sampled_from([0, 1, 2, 63, 64, 65, 128, 4096, 4097, 2**31, 2**32 - 64, 2**32 - 1]) | st.integers(
    0, 2**32 - 1
)


@given(st.lists(st.sets(HASHES, max_size=40), min_size=2, max_size=5))
@settings(max_examples=200, deadline=None)
def test_jaccards_are_exact_however_the_hashes_fall_into_the_table(rows):
    from workbench.curation.comparing import jaccards
    from workbench.curation.compiled import Sets

    size = np.array([len(row) for row in rows], np.int64)
    data = np.array([value for row in rows for value in row], np.uint32)
    one, other = np.array(list(combinations(range(len(rows)), 2)), np.int64).T.copy()
    found = jaccards(Sets(np.cumsum(size) - size, size, data), one, other)
    assert found.tolist() == [jaccard(frozenset(rows[i]), frozenset(rows[j])) for i, j in zip(one, other, strict=True)]


@given(TEXTS)
@settings(max_examples=100, deadline=None)
def test_the_numbers_of_texts_are_those_of_their_facts(texts):
    texts = [*texts, *(f"{text} 12 {text} x7" for text in texts)]
    assert numbers_of(column(texts)).tolist() == facts_of(column(texts))[1].tolist()


@given(TEXTS | st.lists(st.text(st.sampled_from("aB \t\n\x1c\x1f_."), max_size=8), max_size=6))
@settings(max_examples=200, deadline=None)
def test_texts_share_a_digest_where_they_read_the_same_and_nowhere_else(texts):
    texts = [*texts, *(text.swapcase() for text in texts), *(f" {text}\n" for text in texts)]
    digests = [tuple(row) for row in digests_of(column(texts)).tolist()]
    for (one, its), (other, others) in combinations(zip(texts, digests, strict=True), 2):
        assert (folded(one) == folded(other)) == (its == others)


@pytest.mark.parametrize("length", range(40))
def test_every_length_of_text_hashes_as_xxhash_does(length):
    text = "x" * length
    sets = sets_of(column([text]), 1, np.arange(1))
    assert sets.data.tolist() == ([xxhash.xxh32_intdigest(text.encode())] if text else [])


def test_a_text_shorter_than_the_ngram_is_one_shingle_and_an_empty_one_none():
    assert len(shingles("one two", 5)) == 1
    assert shingles(" ?! ", 5) == frozenset()
    assert jaccard(frozenset(), frozenset()) == 0.0
    assert pairs_of(["", " ?! ", "?!", "one two", "one, TWO"]) == {(3, 4): 1.0}


@pytest.mark.parametrize(
    "text", ["灯塔守望者每天晚上点亮灯", "กขคงจฉชซฌญ", "ひらがなとカタカナ", "ខ្មែរអក្សរ", "ພາສາລາວ", "မြန်မာစာ"]
)
def test_scripts_without_spaces_are_cut_into_letters(text):
    assert len(words(text)) == len(text)
    assert pairs_of([text * 3, f"{text * 3}{text[:2]}"], ngram=3)


def test_digits_of_scripts_without_spaces_make_whole_numbers():
    assert words("ราคา ๑๒๓ บาท")[-4:] == ["๑๒๓", "บ", "า", "ท"]


def test_bands_follow_from_the_floor_and_the_recall():
    assert (BANDS, ROWS) == bands_for(FLOOR, PERMUTATIONS, RECALL) == (32, 4)
    assert bands_for(0.8, 128, 0.999) == (25, 5)
    assert bands_for(0.01, 4, 0.999) == (4, 1)
    assert chance(0.8, 25, 5) == pytest.approx(0.99995, abs=1e-5)


def test_the_low_bytes_of_signatures_are_kept_beside_the_keys():
    texts = column([numbered(i, i + 30) for i in range(9)])
    keys, low = signed(texts, 3)
    assert np.array_equal(low, signatures_of(texts, 3) & 255)
    assert (keys[:, 1:] >= keys[:, :-1]).all()


def families(seed: int) -> list[str]:
    """Return texts in families of four, each further from the first."""
    draw, texts = random.Random(seed), []
    for i in range(60):
        base = [f"{i}x{draw.randrange(40)}" for _ in range(draw.randrange(8, 60))]
        for _ in range(4):
            texts.append(" ".join(base))
            base = list(base)
            base[draw.randrange(len(base))] = f"new{draw.random()}"
    return texts


@pytest.mark.parametrize("seed", range(3))
def test_every_pair_at_or_above_the_threshold_is_found_and_none_below_the_floor(seed):
    texts = families(seed)
    grams = [shingles(text, 3) for text in texts]
    exact = {(i, j): jaccard(grams[i], grams[j]) for i, j in combinations(range(len(texts)), 2)}
    found = pairs_of(texts, 3)
    assert sum(similarity >= 0.8 for similarity in exact.values()) > 50
    assert {pair for pair, similarity in exact.items() if similarity >= 0.8} <= found.keys()
    assert found.items() <= exact.items() and min(found.values()) >= FLOOR


def test_the_pairs_are_those_of_datasketch_with_the_same_bands():
    texts = families(7)
    index = MinHashLSH(num_perm=PERMUTATIONS, params=(BANDS, ROWS))
    sketches = []
    for i, text in enumerate(texts):
        sketch = MinHash(num_perm=PERMUTATIONS, seed=1, hashfunc=int)
        sketch.update_batch(list(shingles(text, 3)))
        index.insert(i, sketch)
        sketches.append(sketch)
    grams = [shingles(text, 3) for text in texts]
    tried = {(i, j) for i in range(len(texts)) for j in index.query(sketches[i]) if i < j}
    assert {(i, j) for i, j in tried if jaccard(grams[i], grams[j]) >= FLOOR} == pairs_of(texts, 3).keys()


@given(st.randoms())
@settings(max_examples=10, deadline=None)
def test_the_order_of_texts_does_not_count(draw):
    texts = families(3)[:120]
    order = list(range(len(texts)))
    draw.shuffle(order)
    turned = pairs_of([texts[i] for i in order], 3)
    back = {tuple(sorted((order[i], order[j]))): similarity for (i, j), similarity in turned.items()}
    assert back == pairs_of(texts, 3)


def test_only_pairs_on_two_sides_are_compared_where_sides_are_given():
    texts = column([numbered(0, 60), numbered(0, 61), numbered(0, 62)])
    near = near_pairs(texts, 5, sides=np.array([1, 1, 2], np.uint8))
    assert list(zip(near.one, near.other, strict=True)) == [(0, 2), (1, 2)]


def test_shared_boilerplate_is_no_likeness():
    shared = numbered(0, 60)
    texts = [f"{shared} {' '.join(f'own{i}{chr(97 + j)}' for j in range(40))}" for i in range(2 * CROWDED)]
    assert not pairs_of(texts)


def test_crowded_buckets_are_not_compared_pair_by_pair_and_say_so():
    shared, size = numbered(0, 90), 2 * CROWDED
    near = near_pairs(column([f"{shared} own{i} tail{i % 7}" for i in range(size)]), 5)
    assert len(near.one) < size * (size - 1) / 2 / 4
    assert len(near.one) + near.left_out == size * (size - 1) // 2
    assert not components(size, near.one, near.other).any()


def test_equal_texts_in_a_crowded_bucket_are_found():
    shared = numbered(0, 90)
    texts = [f"{shared} {' '.join(f'own{i}x{k}' for k in range(6))}" for i in range(CROWDED)]
    found = pairs_of([*texts, *texts[: CROWDED // 2]])
    assert all((i, CROWDED + i) in found for i in range(CROWDED // 2))
