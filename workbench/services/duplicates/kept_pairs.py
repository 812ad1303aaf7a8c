"""The near pairs of a corpus, kept in the workspace's cache: after growth only the new texts are signed and looked up.

A folder a corpus: `known.npz` names every text by its digest; `pairs-*.parquet` hold the pairs, so that an engine's
are written and read part by part; `keys-*.npy` are runs of sorted band keys, memory-mapped. What is found is always
what a look from scratch finds: where a bucket gets crowded, and pairs come to depend on all of its texts, the look is
from scratch.
"""

from __future__ import annotations

import lzma
import os
import struct
import time
import tokenize
import uuid
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
import polars as pl
import xxhash
from numpy.typing import NDArray

from workbench.curation.bands import BANDS, FLOOR, PERMUTATIONS, ROWS
from workbench.curation.minhash import SEED, Signed, digests_of, signed
from workbench.curation.nearness import CROWDED, LEADERS, TIGHTER, Near, distinct, near_pairs, verified
from workbench.fingerprint import digest
from workbench.workspace import Workspace, out_of_space, private

if TYPE_CHECKING:
    from workbench.scale.engine import Engine

NORMALISER = 3
"""Raised whenever what the loops make of a text changes: words, folding, digests, signatures or keys."""
RUNS = 8
"""Runs of keys from which on they are merged into one."""
ABANDONED = 3600
"""Seconds after which a draft is what a killed process left."""
_ROW = np.uint64(0xFFFFFFFF)
_TORN = (
    *(OSError, ValueError, KeyError, EOFError, MemoryError, zipfile.BadZipFile),
    *(RuntimeError, struct.error, zlib.error, lzma.LZMAError),  # a changed flag names another form of zip file
    *(SyntaxError, tokenize.TokenError),  # numpy reads an array's shape as Python source
    pl.exceptions.PolarsError,
)
"""What reading a damaged file of arrays or pairs can raise."""
_Places = NDArray[np.int64]
_Keys = NDArray[np.uint64]


@dataclass(frozen=True)
class Index:
    """What is known of a corpus' texts; each has a place: the run its keys stand in, then its row there."""

    digests: NDArray[np.uint64]
    """(N, 2), by text."""
    places: _Places
    """By text."""
    left_out: int
    """See `Near`."""
    pairs: tuple[str, ...] = ()
    """Names of the files of pairs of places."""
    pair_sums: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    """Checksum of each of them."""
    runs: tuple[str, ...] = ()
    """Names of the key files; none where a bucket is crowded."""
    sizes: _Places = field(default_factory=lambda: np.empty(0, np.int64))
    sums: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    """Rows and checksum of each run."""


def near_texts(workspace: Workspace, corpus: str, texts: pl.Series, ngram: int) -> Near:
    """Return the near pairs of a corpus' distinct compared texts: those of `near_pairs`, computed once."""
    folder, scheme = _folder(workspace, corpus), _scheme(ngram)
    known, digests = _read(folder, scheme), digests_of(texts)
    places = _places(known, digests) if known else np.full(len(texts), -1, np.int64)
    near = _held(folder, known) if known else None
    if known and near and _is_whole(known, places):
        return _numbered(near, places)
    grown = _grown(folder, (known, near), (digests, places), texts, ngram) if known and near and known.runs else None
    index, near = grown or _whole(folder, digests, texts, ngram)
    _write(folder, _with_pairs(folder, index, [near]), scheme)
    return _numbered(near, index.places)


def near_texts_by(engine: Engine, workspace: Workspace, corpus: str, texts: pl.Series, ngram: int) -> Iterable[Near]:
    """Return the same pairs in parts, of which nobody holds all.

    An engine looks from scratch where anything is new, and leaves no keys behind.
    """
    from workbench.scale.near import near_parts

    folder, scheme = _folder(workspace, corpus), _scheme(ngram)
    known, digests = _read(folder, scheme), digests_of(texts)
    if known and _is_whole(known, places := _places(known, digests)):
        kept = _handed_over(engine, folder, known, places)
        if kept is not None:
            return kept
    near = near_parts(engine, texts, ngram)
    index = Index(digests, np.arange(len(texts)), near.left_out)
    _write(folder, _with_pairs(folder, index, near), scheme)
    return near


def _folder(workspace: Workspace, corpus: str) -> Path:
    return workspace.cache / f"near-{digest(corpus)[:16]}"


def _is_whole(known: Index, places: _Places) -> bool:
    """Return whether all texts are known, with all that is left out of their pairs."""
    return bool((places >= 0).all()) and bool(known.runs or len(places) == len(known.places))


def _scheme(ngram: int) -> str:
    """Return all that kept keys and pairs depend on beside the texts; those of another scheme are not used."""
    bands = f"{BANDS}x{ROWS} floor {FLOOR} crowded {CROWDED}/{LEADERS}/{TIGHTER}"
    return f"minhash {PERMUTATIONS} affine32 seed {SEED} xxh32 words {ngram} normaliser {NORMALISER} {bands}"


def _places(known: Index, digests: NDArray[np.uint64]) -> _Places:
    """Return the place of each text by its digest, -1 for those not known."""
    asked = pl.DataFrame(digests, schema=["one", "two"], orient="row")
    held = pl.DataFrame(known.digests, schema=["one", "two"], orient="row").with_columns(place=known.places)
    joined = asked.join(held, on=["one", "two"], how="left", maintain_order="left")
    found: _Places = joined["place"].fill_null(-1).to_numpy()
    return found


def _numbered(near: Near, places: _Places) -> Near:
    """Return pairs of places as pairs of texts, in order; pairs of texts that are not here are left out."""
    texts = np.full(int(places.max(initial=-1)) + 2, -1, np.int64)
    texts[places[places >= 0]] = np.flatnonzero(places >= 0)
    ends = [texts[np.minimum(end, len(texts) - 1)] for end in (near.one, near.other)]
    here = (ends[0] >= 0) & (ends[1] >= 0)
    one, other = np.minimum(*ends)[here], np.maximum(*ends)[here]
    order = np.lexsort((other, one))
    return Near(one[order], other[order], near.jaccard[here][order], near.left_out)


def _whole(folder: Path, digests: NDArray[np.uint64], texts: pl.Series, ngram: int) -> tuple[Index, Near]:
    """Sign and compare all texts."""
    made = signed(texts, ngram)
    near = near_pairs(texts, ngram, known=made)
    index = Index(digests, np.arange(len(texts)), near.left_out)
    return (index if near.left_out else _with_run(folder, index, made.keys)), near


def _with_pairs(folder: Path, index: Index, parts: Iterable[Near]) -> Index:
    """Keep pairs of places, part by part."""
    names, sums = [], []
    for part in parts:
        if not len(part.one):
            continue
        written = BytesIO()
        pl.DataFrame({"one": part.one, "other": part.other, "jaccard": part.jaccard}).write_parquet(written)
        names.append(f"pairs-{uuid.uuid4().hex}.parquet")
        sums.append(xxhash.xxh3_64_intdigest(written.getbuffer()))
        _replaced(folder / names[-1], partial(_copied, written))
    return replace(index, pairs=tuple(names), pair_sums=np.array(sums, np.uint64))


def _copied(written: BytesIO, handle: IO[bytes]) -> None:
    handle.write(written.getbuffer())


def _held(folder: Path, known: Index) -> Near | None:
    """Return the kept pairs of places; None where a file is torn or gone."""
    try:
        parts = list(_parts(folder, known))
    except _TORN:
        return None
    none = np.empty(0, np.int64)
    ends = [(none, none, np.empty(0, np.float64)), *((part.one, part.other, part.jaccard) for part in parts)]
    one, other, jaccard = (np.concatenate(column) for column in zip(*ends, strict=True))
    return Near(one, other, jaccard, known.left_out)


def _parts(folder: Path, known: Index) -> Iterator[Near]:
    """Yield the kept pairs of places file by file; raises some of _TORN."""
    for name, total in zip(known.pairs, known.pair_sums, strict=True):
        data = (folder / name).read_bytes()
        if xxhash.xxh3_64_intdigest(data) != int(total):
            raise ValueError(f"{name} is torn")
        frame = pl.read_parquet(data)
        yield Near(frame["one"].to_numpy(), frame["other"].to_numpy(), frame["jaccard"].to_numpy(), 0)


def _handed_over(engine: Engine, folder: Path, known: Index, places: _Places) -> Iterable[Near] | None:
    """Return the kept pairs as an engine's own, file by file; None where one is torn or gone."""
    from workbench.scale.near import NearParts, kept_by

    try:
        numbered = (_numbered(part, places) for part in _parts(folder, known))
        return NearParts(kept_by(engine, numbered), known.left_out)
    except _TORN:
        return None


def _with_run(folder: Path, index: Index, keys: _Keys) -> Index:
    name = f"keys-{uuid.uuid4().hex}.npy"
    _replaced(folder / name, lambda handle: np.save(handle, keys, allow_pickle=False))
    return replace(
        index,
        runs=(*index.runs, name),
        sizes=np.append(index.sizes, keys.shape[1]),
        sums=np.append(index.sums, np.uint64(xxhash.xxh3_64_intdigest(keys.data))),
    )


def _grown(
    folder: Path,
    held: tuple[Index, Near],
    asked: tuple[NDArray[np.uint64], _Places],
    texts: pl.Series,
    ngram: int,
) -> tuple[Index, Near] | None:
    """Add new texts to an index; None where that cannot give what a look from scratch gives, or costs more."""
    (known, old_pairs), (digests, places) = held, asked
    new = np.flatnonzero(places < 0)
    if 2 * len(new) > len(texts) or 2 * len(texts) < known.sizes.sum():
        return None
    runs = _opened(folder, known)
    if runs is None:
        return None
    made = signed(texts.gather(new), ngram)
    total = int(known.sizes.sum())
    text_of = np.full(total, -1, np.int64)
    text_of[places[places >= 0]] = np.flatnonzero(places >= 0)
    mates = _looked_up(runs, text_of >= 0, made)
    if mates is None:
        return None
    old, fresh = text_of[(mates >> np.uint64(32)).astype(np.int64)], new[(mates & _ROW).astype(np.int64)]
    beside = verified(texts, ngram, distinct(np.minimum(old, fresh) << 32 | np.maximum(old, fresh)), FLOOR)
    among = near_pairs(texts.gather(new), ngram, known=made)
    if among.left_out:
        return None
    places = places.copy()
    places[new] = total + np.arange(len(new))
    near = _placed(places, (_numbered(old_pairs, np.where(places < total, places, -1)), beside, _of(among, new)))
    index = replace(known, digests=digests, places=places)
    if len(runs) >= RUNS:
        return _merged(folder, (index, near), [*runs, made.keys])
    return _with_run(folder, index, made.keys), near


def _of(near: Near, texts: _Places) -> Near:
    return Near(texts[near.one], texts[near.other], near.jaccard, near.left_out)


def _placed(places: _Places, parts: Iterable[Near]) -> Near:
    """Return pairs of texts as pairs of places."""
    ends = [(places[near.one], places[near.other], near.jaccard) for near in parts]
    one, other, jaccard = (np.concatenate(column) for column in zip(*ends, strict=True))
    return Near(one, other, jaccard, 0)


def _looked_up(runs: list[_Keys], here: NDArray[np.bool_], made: Signed) -> _Keys | None:
    """Return place << 32 | new row of all texts that share a bucket, or None where a bucket is crowded."""
    from workbench.curation.comparing import matches

    load = np.zeros(made.keys.shape, np.int64)
    matches(made.keys, np.ones(made.keys.shape[1], np.bool_), made.keys, load)
    found, first = [np.empty(0, np.uint64)], 0
    for run in runs:
        last = first + run.shape[1]
        found.append(matches(run, here[first:last], made.keys, load) + (np.uint64(first) << np.uint64(32)))
        first = last
    return None if (load > CROWDED).any() else np.concatenate(found)


def _merged(folder: Path, grown: tuple[Index, Near], runs: list[_Keys]) -> tuple[Index, Near]:
    """Put all runs into one, without the keys of texts that are gone."""
    index, near = grown
    firsts = np.cumsum([0, *(run.shape[1] for run in runs)])
    keys = np.concatenate([run + np.uint64(first) for run, first in zip(runs, firsts, strict=False)], axis=1)
    row_of = np.full(int(firsts[-1]), -1, np.int64)
    row_of[index.places] = np.arange(len(index.places))
    rows = row_of[(keys & _ROW).astype(np.int64)]
    kept = (keys[rows >= 0] & ~_ROW | rows[rows >= 0].astype(np.uint64)).reshape(len(keys), -1)
    kept.sort(axis=1)
    fresh = Index(index.digests, np.arange(len(index.places)), 0)
    return _with_run(folder, fresh, kept), _numbered(near, index.places)


def _opened(folder: Path, known: Index) -> list[_Keys] | None:
    """Return the runs, memory-mapped; None where one is torn or gone."""
    runs = []
    for name, size, total in zip(known.runs, known.sizes, known.sums, strict=True):
        try:
            run = np.load(folder / name, mmap_mode="r", allow_pickle=False)
        except _TORN:
            return None
        if run.shape != (BANDS, size) or run.dtype != np.uint64 or xxhash.xxh3_64_intdigest(run.data) != int(total):
            return None
        runs.append(np.asarray(run))
    return runs


def _read(folder: Path, scheme: str) -> Index | None:
    """Return what is known; what is torn or of another scheme counts as never computed."""
    try:
        with np.load(folder / "known.npz", allow_pickle=False) as kept:
            if kept["scheme"].item() != scheme:
                return None
            pairs, runs = (tuple(str(name) for name in kept[which]) for which in ("pairs", "runs"))
            of_texts = kept["digests"], kept["places"], int(kept["left_out"])
            return Index(*of_texts, pairs, kept["pair_sums"], runs, kept["sizes"], kept["sums"])
    except _TORN:
        return None


def _write(folder: Path, index: Index, scheme: str) -> None:
    """Keep an index whole or not at all, and remove what it does not name."""

    def save(handle: IO[bytes]) -> None:
        np.savez(
            handle,
            allow_pickle=False,
            scheme=np.array(scheme),
            digests=index.digests,
            places=index.places,
            left_out=np.array(index.left_out),
            pairs=np.array(index.pairs, dtype=np.str_),
            pair_sums=index.pair_sums,
            runs=np.array(index.runs, dtype=np.str_),
            sizes=index.sizes,
            sums=index.sums,
        )

    _replaced(folder / "known.npz", save)
    _prune(folder, index)


def _prune(folder: Path, index: Index) -> None:
    """Remove what the index does not name; a draft is another process's until it is old."""
    named = {*index.runs, *index.pairs}
    unused = [path for what in ("keys-*.npy", "pairs-*") for path in folder.glob(what) if path.name not in named]
    for path in [*unused, *folder.glob("draft-*"), *folder.parent.glob("pairs-*.parquet")]:
        with suppress(OSError):
            if not path.name.startswith("draft-") or time.time() - path.stat().st_mtime > ABANDONED:
                path.unlink()


def _replaced(path: Path, write: Callable[[IO[bytes]], None]) -> None:
    """Write a file whole or not at all; two processes may look at a corpus at once."""
    draft = path.with_name(f"draft-{uuid.uuid4().hex}")
    try:
        with out_of_space(draft):
            path.parent.mkdir(mode=0o700, exist_ok=True)
            with private(draft).open("wb") as handle:
                write(handle)
                handle.flush()
                os.fsync(handle.fileno())
            draft.replace(path)
    finally:
        with suppress(OSError):  # on a read-only disk this would hide the first error
            draft.unlink()
