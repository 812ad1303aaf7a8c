"""The kept index finds what a look from scratch finds, whatever came and went between."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.corpora import scratch, words
from workbench.curation import minhash, nearness
from workbench.curation.nearness import Near, near_pairs
from workbench.services.duplicates import kept_pairs
from workbench.services.duplicates.kept_pairs import near_texts


def text(number: int, version: int) -> str:
    """Return one of several near versions of a text."""
    return f"{words(number, 30)} {words((number, version), version)}"


def column(texts: list[str]) -> pl.Series:
    return pl.Series(texts, dtype=pl.String)


def pairs(near: Near) -> list[tuple[int, int, float]]:
    return list(zip(near.one.tolist(), near.other.tolist(), near.jaccard.tolist(), strict=True))


def folder(store):
    (found,) = store.workspace.cache.glob("near-*")
    return found


def signing(monkeypatch) -> list[int]:
    """Count the texts that are signed for the index from here on."""
    counted: list[int] = []

    def counting(texts: pl.Series, ngram: int) -> minhash.Signed:
        counted.append(len(texts))
        return minhash.signed(texts, ngram)

    monkeypatch.setattr(kept_pairs, "signed", counting)
    return counted


SOME = st.sets(st.tuples(st.integers(0, 12), st.integers(0, 5)), min_size=1, max_size=50)


@given(st.lists(SOME, min_size=2, max_size=12), st.sets(st.tuples(st.integers(20, 60), st.integers(0, 3)), min_size=40))
# Without shrinking, which takes minutes here: what is drawn is small already.
@settings(max_examples=25, deadline=None, phases=(Phase.explicit, Phase.generate))
def test_growth_finds_the_pairs_that_a_look_from_scratch_finds(steps, ground):
    with scratch() as store:
        for step in steps:
            texts = column([text(*which) for which in sorted(ground | step)])
            assert pairs(near_texts(store.workspace, "c", texts, 5)) == pairs(near_pairs(texts, 5))


def test_only_new_texts_are_signed(store, monkeypatch):
    texts = [text(i, i % 3) for i in range(100)]
    near_texts(store.workspace, "c", column(texts), 5)
    counted = signing(monkeypatch)
    near_texts(store.workspace, "c", column(texts), 5)
    near_texts(store.workspace, "c", column(texts[20:]), 5)
    assert not counted
    near_texts(store.workspace, "c", column([*texts, text(3, 4), text(4, 4)]), 5)
    assert counted == [2]


def test_a_text_that_left_while_others_came_is_looked_up_again(store):
    first = [text(i, 0) for i in range(40)]
    near_texts(store.workspace, "c", column([*first, text(50, 1)]), 5)
    near_texts(store.workspace, "c", column([*first, text(50, 2)]), 5)
    both = column([*first, text(50, 1), text(50, 2)])
    assert [pair[:2] for pair in pairs(near_texts(store.workspace, "c", both, 5))] == [(40, 41)]


def test_many_small_growths_are_merged(store):
    texts = [text(i, 0) for i in range(60)]
    for extra in range(2 * kept_pairs.RUNS + 2):
        grown = column([*texts, *(text(i, 1) for i in range(extra + 1))])
        assert pairs(near_texts(store.workspace, "c", grown, 5)) == pairs(near_pairs(grown, 5))
        assert len(list(folder(store).glob("keys-*"))) <= kept_pairs.RUNS
    assert len(list(folder(store).iterdir())) <= kept_pairs.RUNS + 2


def test_where_a_bucket_is_crowded_growth_looks_from_scratch(store, monkeypatch):
    for module in (nearness, kept_pairs):
        monkeypatch.setattr(module, "CROWDED", 20)
    shared = words("template", 60)
    crowd = [f"{shared} {words(i, 3)}" for i in range(60)]
    left_out = []
    for size in (20, 21, 40, 60, 60, 20):
        near = near_texts(store.workspace, "c", column(crowd[:size]), 5)
        assert pairs(near) == pairs(near_pairs(column(crowd[:size]), 5))
        left_out.append(near.left_out)
    assert left_out[0] == left_out[-1] == 0 < left_out[2] < left_out[3] == left_out[4]


@pytest.mark.parametrize("torn", ["known.npz", "keys-*.npy", "pairs-*.parquet"])
@pytest.mark.parametrize("left", [0, 100, -8])
def test_torn_files_count_as_never_computed(store, torn, left):
    texts = [*(text(i, 0) for i in range(40)), text(7, 1)]
    near_texts(store.workspace, "c", column(texts), 5)
    (path,) = folder(store).glob(torn)
    path.write_bytes(path.read_bytes()[:left])
    grown = column([*texts, text(1, 2)])
    assert pairs(near_texts(store.workspace, "c", grown, 5)) == pairs(near_pairs(grown, 5))


@pytest.mark.parametrize("damage", [(b")", b"\xd0"), (b"}", b"("), (b"<u8", b"'u8"), (b"(", b"\n")])
def test_keys_whose_shape_is_damaged_count_as_never_computed(store, damage):
    texts = [text(i, 0) for i in range(40)]
    near_texts(store.workspace, "c", column(texts), 5)
    (path,) = folder(store).glob("keys-*.npy")
    path.write_bytes(path.read_bytes().replace(*damage, 1))
    grown = column([*texts, text(1, 2)])
    assert pairs(near_texts(store.workspace, "c", grown, 5)) == pairs(near_pairs(grown, 5))


def test_changed_keys_count_as_never_computed(store, monkeypatch):
    texts = [text(i, 0) for i in range(40)]
    near_texts(store.workspace, "c", column(texts), 5)
    (path,) = folder(store).glob("keys-*.npy")
    keys = np.load(path)
    np.save(path, keys[:, ::-1])
    counted = signing(monkeypatch)
    near_texts(store.workspace, "c", column([*texts, text(1, 2)]), 5)
    assert counted == [41]


def test_an_index_of_another_scheme_is_not_used(store, monkeypatch):
    texts = column([text(i, 0) for i in range(40)])
    near_texts(store.workspace, "c", texts, 5)
    monkeypatch.setattr(kept_pairs, "NORMALISER", 0)
    counted = signing(monkeypatch)
    near_texts(store.workspace, "c", texts, 5)
    near_texts(store.workspace, "c", texts, 4)
    assert counted == [40, 40]
    assert len(list(folder(store).iterdir())) == 2


def test_pairs_kept_by_an_older_workbench_are_removed(store):
    old = store.workspace.cache / "pairs-0123.parquet"
    old.write_bytes(b"")
    near_texts(store.workspace, "c", column([text(1, 0)]), 5)
    assert not old.exists()


def test_no_texts_have_no_pairs(store):
    assert not pairs(near_texts(store.workspace, "c", column([]), 5))
    assert not pairs(near_texts(store.workspace, "c", column([]), 5))
