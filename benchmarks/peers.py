"""Near-duplicate removal by other tools: the same word 5-grams, 128 permutations, 16 bands of 8 rows, threshold 0.8.

Each preparation imports its tool and returns a function: texts -> which are kept. Runs in the peers' environment.
"""
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

NGRAM, PERMUTATIONS, BANDS, ROWS, THRESHOLD = 5, 128, 16, 8, 0.8
Kept = NDArray[np.bool_]
Tool = Callable[[list[str]], Kept]


def grams(text: str) -> list[str]:
    """Return the word n-grams of a text, by the fastest way in plain Python."""
    words = text.split()
    return list(map(" ".join, zip(*(words[i:] for i in range(NGRAM)), strict=False))) or [text]


def firsts(count: int, edges: list[tuple[int, int]]) -> Kept:
    """Return the first member of each component: what tools keep that link documents without a look at them."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ends = np.array(edges, np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(ends.shape[1], np.bool_), (ends[0], ends[1])), shape=(count, count))
    _, component = connected_components(graph, directed=False)
    kept = np.zeros(count, np.bool_)
    kept[np.unique(component, return_index=True)[1]] = True
    return kept


def _sketches(texts: list[str]) -> Iterator[Any]:
    """Return datasketch's sketches by its fastest way: one generator, whole batches, a compiled hash."""
    from datasketch import MinHash
    from xxhash import xxh32_intdigest

    yield from MinHash.generator(map(grams, texts), num_perm=PERMUTATIONS, hashfunc=xxh32_intdigest)


def datasketch_linked(params: tuple[int, int] | None = (BANDS, ROWS)) -> Tool:
    """Link every document with those that share a band, and keep the first of each component."""
    from datasketch import MinHashLSH

    def work(texts: list[str]) -> Kept:
        index = MinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS, params=params)
        edges: list[tuple[int, int]] = []
        for number, sketch in enumerate(_sketches(texts)):
            edges += ((number, other) for other in index.query(sketch))
            index.insert(number, sketch, check_duplication=False)
        return firsts(len(texts), edges)

    return work


def datasketch_first() -> Tool:
    """Keep a document if no kept one shares a band with it."""
    from datasketch import MinHashLSH

    def work(texts: list[str]) -> Kept:
        index = MinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS, params=(BANDS, ROWS))
        kept = np.zeros(len(texts), np.bool_)
        for number, sketch in enumerate(_sketches(texts)):
            if not index.query(sketch):
                index.insert(number, sketch, check_duplication=False)
                kept[number] = True
        return kept

    return work


def rensa() -> Tool:
    """Use the deduplicator that looks at its candidates by their sketches, fed as a stream."""
    from rensa import RMinHashDeduplicator

    def work(texts: list[str]) -> Kept:
        tool = RMinHashDeduplicator(THRESHOLD, PERMUTATIONS, use_lsh=True, num_bands=BANDS)
        return np.array(tool.add_pairs((str(i), grams(text)) for i, text in enumerate(texts)), np.bool_)

    return work


def text_dedup() -> Tool:
    """Use its embedding of each text and its clustering, without the files and the processes around them."""
    import polars as pl
    from text_dedup.config import MinHashAlgorithmConfig
    from text_dedup.minhash import cluster

    settings = MinHashAlgorithmConfig(
        algorithm_name="minhash",
        text_column="text",
        num_perm=PERMUTATIONS,
        threshold=THRESHOLD,
        bands=BANDS,
        rows=ROWS,
        ngram_size=NGRAM,
        num_proc=1,
    )

    def work(texts: list[str]) -> Kept:
        embed = settings.get_embed_func()
        made = [embed([text], [number]) for number, text in enumerate(texts)]
        frame = pl.DataFrame({name: [value for row in made for value in row[name]] for name in made[0]})
        rows = SimpleNamespace(select_columns=lambda names: SimpleNamespace(to_polars=lambda: frame.select(names)))
        parents = cluster(SimpleNamespace(algorithm=settings), rows)
        return firsts(len(texts), _chained(parents))

    return work


def _chained(cluster_of: dict[int, int]) -> list[tuple[int, int]]:
    first: dict[int, int] = {}
    return [(number, first.setdefault(cluster, number)) for number, cluster in sorted(cluster_of.items())]


def datatrove() -> Tool:
    """Run its three steps in a folder, as one task; words are cut at blanks, which is cheaper than its tokenizers."""
    from datatrove.data import Document
    from datatrove.pipeline.dedup import minhash
    from datatrove.utils.logging import logger

    logger.remove()
    minhash.load_word_tokenizer = lambda language: SimpleNamespace(word_tokenize=str.split)
    settings = minhash.MinhashConfig(n_grams=NGRAM, num_buckets=BANDS, hashes_per_bucket=ROWS)

    def work(texts: list[str]) -> Kept:
        kept = np.ones(len(texts), np.bool_)
        with tempfile.TemporaryDirectory() as folder:
            signed, paired, named = (f"{folder}/{step}" for step in ("signed", "paired", "named"))
            documents = (Document(text=text, id=str(i)) for i, text in enumerate(texts))
            minhash.MinhashDedupSignature(signed, settings).run(documents)
            for bucket in range(BANDS):
                minhash.MinhashDedupBuckets(signed, paired, config=settings).run(None, bucket, BANDS)
            minhash.MinhashDedupCluster(paired, named, settings).run()
            kept[np.fromfile(f"{named}/000000.remove", "<u4")] = False
        return kept

    return work


class _Rows:
    """As much of a table as data-juicer's clustering asks for, so that no other library's time counts as its own."""

    def __init__(self, hashes: list[Any]) -> None:
        self.hashes = hashes
        self.kept: list[bool] = []

    def __len__(self) -> int:
        return len(self.hashes)

    def __getitem__(self, name: str) -> list[Any]:
        return self.hashes

    def remove_columns(self, names: list[str]) -> _Rows:
        return self

    def filter(self, keep: Callable[[None, int], bool], with_indices: bool) -> _Rows:
        self.kept = [keep(None, number) for number in range(len(self.hashes))]
        return self


def data_juicer() -> Tool:
    """Use its hash of each text and its clustering, without the tables around them."""
    from data_juicer.ops.deduplicator.document_minhash_deduplicator import DocumentMinhashDeduplicator
    from data_juicer.utils.constant import HashKeys

    operator = DocumentMinhashDeduplicator(
        window_size=NGRAM,
        num_permutations=PERMUTATIONS,
        jaccard_threshold=THRESHOLD,
        num_bands=BANDS,
        num_rows_per_band=ROWS,
    )

    def work(texts: list[str]) -> Kept:
        rows = _Rows([operator.compute_hash({"text": text})[HashKeys.minhash] for text in texts])
        operator.process(rows)
        return np.array(rows.kept, np.bool_)

    return work


PEERS: dict[str, Callable[[], Tool]] = {
    "datasketch": datasketch_linked,
    "datasketch, keep first": datasketch_first,
    "datasketch, its own bands": lambda: datasketch_linked(None),
    "rensa": rensa,
    "text-dedup": text_dedup,
    "datatrove": datatrove,
    "data-juicer": data_juicer,
}
