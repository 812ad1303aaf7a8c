"""`corpus.yaml` survives a round trip, and every fault in it is one sentence that names the file."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.corpora import quick_folder
from workbench.corpus import Corpus, DuplicateSettings, Source, SplitSettings, load_corpus, save_corpus
from workbench.errors import UsageError

NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
SPOKEN = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=12)
SOURCES = st.builds(
    Source,
    name=SPOKEN,
    path=NAMES,
    key=st.lists(NAMES, max_size=2).map(tuple),
    header=st.none() | st.booleans(),
    map=st.dictionaries(NAMES, NAMES, max_size=2),
    where=st.none() | NAMES,
    seed=st.integers(0, 2**40),
    together=st.booleans(),
)
SPLITS = st.builds(
    SplitSettings,
    seed=st.integers(0, 99),
    ratios=st.tuples(st.floats(0.125, 1), st.floats(0, 1), st.floats(0, 1)),
    counts=st.none() | st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)),
)


@given(st.lists(SOURCES, max_size=3), SPLITS, st.floats(0, 1), st.none() | NAMES)
@settings(max_examples=25, deadline=None)
def test_a_corpus_survives_writing_and_reading(sources, cut, threshold, license):
    corpus = Corpus(
        name="facts",
        schema_name="qa",
        license=license,
        sources=tuple(sources),
        duplicates=DuplicateSettings(threshold=threshold),
        split=cut,
    )
    with TemporaryDirectory(dir=quick_folder()) as folder:
        path = Path(folder) / "facts" / "corpus.yaml"
        save_corpus(corpus, path)
        assert load_corpus(path) == corpus


@pytest.mark.parametrize(
    "text",
    [
        b"just a text", b"- a\n- list", b"42", b"", b"schema: [", b"schema: qa\nsources: 3", b"schema: qa\nunknown: 1",
        b"schema: qa\nsplit: {ratios: [a, b, c]}", b"schema: \xff\xfe", b"schema: qa\n1: 2", b"schema: 2020-99-99",
        b"schema: qa\x00", b"a: &a [*a]", b"? [1, 2]\n: x", b"schema: !!python/object:os.system x",
        b"schema: qa\nname: ../x",
        b"schema: qa\nsplit: {counts: [1, 2]}",
    ],
)  # fmt: skip
def test_a_faulty_file_is_one_usage_error_that_names_it(tmp_path, text):
    path = tmp_path / "facts" / "corpus.yaml"
    path.parent.mkdir()
    path.write_bytes(text)
    with pytest.raises(UsageError, match=r"facts/corpus\.yaml"):
        load_corpus(path)


@pytest.mark.parametrize(
    "settings_",
    [{"ratios": [0, 0, 0]}, {"ratios": [-1, 1, 1]}, {"counts": [-1, 2, 2]}, {"ratios": [float("nan"), 1, 1]}],
)
def test_impossible_split_settings_are_refused(settings_):
    with pytest.raises(ValueError):
        SplitSettings(**settings_)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_an_impossible_threshold_is_refused(threshold):
    with pytest.raises(ValueError):
        DuplicateSettings(threshold=threshold)


def test_a_corpus_is_named_as_its_folder(tmp_path):
    path = tmp_path / "copy" / "corpus.yaml"
    path.parent.mkdir()
    path.write_text("name: facts\nschema: qa\n")
    with pytest.raises(UsageError, match="facts"):
        load_corpus(path)


def test_a_source_is_replaced_in_place(tmp_path):
    corpus = Corpus(name="a", schema_name="qa", sources=(Source(name="x", path="1"), Source(name="y", path="2")))
    changed = corpus.with_source(Source(name="x", path="3")).with_source(Source(name="z", path="4"))
    assert [(source.name, source.path) for source in changed.sources] == [("x", "3"), ("y", "2"), ("z", "4")]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_a_workbench_error(tmp_path):
    path = tmp_path / "facts" / "corpus.yaml"
    path.parent.mkdir()
    path.touch(mode=0)
    with pytest.raises(UsageError, match="facts"):
        load_corpus(path)
