"""The ground of every identity: one byte form a value, and a refusal where there is none."""

from __future__ import annotations

import json
import math
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.fingerprint import ID_LENGTH, canonical, digest, digest_bytes, digest_file, record_id, record_ids

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, {1, 2}, b"bytes", bytearray(b"x"), memoryview(b"x"), object(), {1: "x"}]
)
def test_a_value_without_a_stable_form_is_refused(value):
    with pytest.raises(TypeError):
        canonical(value)
    with pytest.raises(TypeError):
        canonical({"inner": [value]})


def test_keys_that_are_one_in_nfc_are_refused_rather_than_merged():
    with pytest.raises(TypeError):
        canonical({"\u00e9": 1, "e\u0301": 2})


def test_a_lone_surrogate_is_refused():
    with pytest.raises(TypeError):
        canonical("\ud800")


def test_a_value_nested_beyond_reason_is_refused():
    value: list[object] = []
    for _ in range(5000):
        value = [value]
    with pytest.raises(TypeError):
        canonical(value)


def test_integers_of_any_size_stay_distinct():
    big = [2**63, 2**64 - 1, 2**64, 2**64 + 1, -(2**63), -(2**63) - 1, -(2**63) - 2, 10**40, 10**40 + 1]
    values = [*big, *(str(number) for number in big)]
    assert len({digest(value) for value in values}) == len(values)


def test_equal_numbers_of_other_forms_are_one_and_truth_is_no_number():
    assert canonical(1) == canonical(1.0) == b"1"
    assert canonical(-0.0) == canonical(0)
    assert len({canonical(value) for value in (True, 1, "1", "true", None, "null", False, 0)}) == 8


@given(VALUES)
@settings(max_examples=100, deadline=None)
def test_the_form_survives_json_and_the_order_of_keys(value):
    form = canonical(value)
    assert canonical(json.loads(json.dumps(value))) == form
    assert canonical(_turned(value)) == form


def _turned(value):
    if isinstance(value, dict):
        return {key: _turned(value[key]) for key in reversed(list(value))}
    return [_turned(inner) for inner in value] if isinstance(value, list) else value


@given(TEXT)
@settings(max_examples=50, deadline=None)
def test_composed_and_decomposed_text_are_one(text):
    assert digest(unicodedata.normalize("NFD", text)) == digest(unicodedata.normalize("NFC", text))


def test_text_is_not_folded_any_further_than_nfc():
    assert len({digest(text) for text in ("a", "A", "a ", " a", "ａ", "ﬁ", "fi")}) == 7


def test_a_record_id_depends_on_corpus_source_and_key_and_their_borders():
    one = record_id("ab", "c", ["k"])
    assert len(one) == ID_LENGTH
    others = [record_id("a", "bc", ["k"]), record_id("ab", "c", "k"), record_id("ab", "c", ["k", 1])]
    assert len({one, *others}) == 4


def test_a_file_has_the_digest_of_its_bytes(tmp_path):
    (tmp_path / "file").write_bytes(b"\x00\xff" * 100_000)
    assert digest_file(tmp_path / "file") == digest_bytes(b"\x00\xff" * 100_000)


@given(VALUES)
def test_the_quick_way_gives_the_very_bytes_of_the_long_one(value):
    import orjson

    from workbench.fingerprint import _normal

    try:
        long_way = orjson.dumps(_normal(value), option=orjson.OPT_SORT_KEYS)
    except TypeError:
        with pytest.raises(TypeError):
            canonical(value)
    else:
        assert canonical(value) == long_way


@given(TEXT, TEXT, st.text("0123456789abcdef", max_size=64))
def test_many_ids_of_one_source_are_the_ids_of_each(corpus, source, name):
    assert record_ids(corpus, source)(name) == record_id(corpus, source, [name])
