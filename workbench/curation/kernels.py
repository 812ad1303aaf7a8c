"""Compiled loops over the bytes of texts: cut into words, hash n-grams, sign, verify. Import it inside functions only.

numba keeps what it compiled beside this file, so a machine compiles once. Loops here call only `hashing` of the other
files: that cache would not see another one change, and what is in there is as its specification says for good.
"""
# mypy: disallow-untyped-decorators=False, disable-error-code="no-untyped-call,no-any-return,import-untyped"

from __future__ import annotations

from typing import Any

import numpy as np
from numba import uint8, uint32, uint64
from numpy.typing import NDArray

from workbench.curation.alphabet import ALONE, BLANK, DIGIT, HARD, KNOWN, WORD, Alphabet
from workbench.curation.compiled import Block, Bytes, Hashes, Keys, Places, Sets, jit
from workbench.curation.hashing import AHEAD, inline, load32, mixed, xxh32

_K1, _K2 = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _ascii(separates: Any) -> Bytes:  # noqa: ANN401 - a predicate over letters
    table = np.full(256, 32, np.uint8)
    for code in range(128):
        if not separates(chr(code)):
            table[code] = ord(chr(code).lower())
    return table


_WORDS = _ascii(lambda letter: not (letter.isalnum() or letter == "_"))
_FOLDS = _ascii(str.isspace)
_AS_IS = np.arange(256, dtype=np.uint8)


@jit
def _cut_bytes(data: Bytes, start: int, stop: int, table: Bytes, out: Bytes, starts: Places) -> Any:  # noqa: ANN401
    """Cut where the table says blank; write the pieces, one blank between them, and where each starts."""
    # Unsigned numbers and slices: for others numba asks of each place whether it counts from the end.
    m, pieces, gap, one = uint64(0), uint64(0), uint64(1), uint64(1)
    for letter in data[start:stop]:  # without branches: always write, advance where it counts
        byte = table[letter]
        blank = uint64(byte == 32)
        out[m] = byte
        starts[pieces] = m
        pieces += gap & (blank ^ one)
        m += (gap & blank) ^ one
        gap = blank
    starts[pieces] = m + (gap ^ one)
    return np.int64(pieces)


@inline
def _letter(data: Bytes, i: int) -> Any:  # noqa: ANN401
    """Return the code point at a place of well-formed UTF-8, and its number of bytes."""
    lead = np.int64(data[i])
    if lead < 0x80:
        return lead, 1
    if lead < 0xE0:
        return (lead & 0x1F) << 6 | (data[i + 1] & 0x3F), 2
    if lead < 0xF0:
        return (lead & 0x0F) << 12 | (np.int64(data[i + 1]) & 0x3F) << 6 | (data[i + 2] & 0x3F), 3
    high = (lead & 0x07) << 18 | (np.int64(data[i + 1]) & 0x3F) << 12
    return high | (np.int64(data[i + 2]) & 0x3F) << 6 | (data[i + 3] & 0x3F), 4


@jit
def _cut_letters(data: Bytes, start: int, stop: int, letters: Alphabet, words: bool, out: Bytes, starts: Places) -> int:
    """Cut text of any letters into words, or into what stands between blanks, each folded."""
    m, pieces, gap, i = 0, 0, True, start
    while i < stop:
        code, size = _letter(data, i)
        i += size
        kind = letters.kind[code]
        if (words and not kind & WORD) or kind & BLANK:
            m += not gap
            out[m - 1 if m else 0] = 32
            gap = True
            continue
        if words and kind & ALONE and not gap:
            out[m] = 32
            m += 1
            gap = True
        if gap:
            starts[pieces] = m
            pieces += 1
        for k in range(letters.length[code]):
            out[m] = letters.folded[code] >> uint32(8 * k)
            m += 1
        gap = False
        if words and kind & ALONE:
            out[m] = 32
            m += 1
            gap = True
    starts[pieces] = m + (not gap)
    return pieces


@jit
def _plain(data: Bytes, start: int, stop: int) -> bool:
    seen = uint8(0)
    for byte in data[start:stop]:
        seen |= byte
    return seen < 128


@jit
def _cut(block: Block, row: int, letters: Alphabet, words: bool, out: Bytes, starts: Places) -> int:
    spare = block.spare_of[row]
    if spare >= 0:
        start, stop = block.spare_offsets[spare], block.spare_offsets[spare + 1]
        return _cut_bytes(block.spare, start, stop, _AS_IS, out, starts)
    start, stop = block.offsets[row], block.offsets[row + 1]
    if _plain(block.data, start, stop):
        return _cut_bytes(block.data, start, stop, _WORDS if words else _FOLDS, out, starts)
    return _cut_letters(block.data, start, stop, letters, words, out, starts)


@jit
def _longest(block: Block) -> int:
    longest = 0
    for row in range(len(block.offsets) - 1):
        longest = max(longest, block.offsets[row + 1] - block.offsets[row])
    for row in range(len(block.spare_offsets) - 1):
        longest = max(longest, block.spare_offsets[row + 1] - block.spare_offsets[row])
    return 2 * longest + 8 + AHEAD  # folding writes at most twice the bytes


@jit
def hard_rows(data: Bytes, offsets: Places, kind: Bytes) -> NDArray[np.bool_]:
    """Return which rows hold a letter that only Python can fold."""
    hard = np.zeros(len(offsets) - 1, np.bool_)
    for row in range(len(hard)):
        i, stop = offsets[row], offsets[row + 1]
        if _plain(data, i, stop):
            continue
        while i < stop:
            code, size = _letter(data, i)
            i += size
            if code >= KNOWN or kind[code] & HARD:
                hard[row] = True
                break
    return hard


@jit
def _evenly(data: Bytes, start: int, stop: int, out: Bytes) -> bool:
    """Fold ASCII letter by letter, four times as fast as to cut it; return whether its blanks all stand alone."""
    size, beside, text = stop - start, uint8(0), data[start:stop]
    for i in range(size):  # bytes alone, so that many are folded at a time; below 0 they begin again from 255
        byte = text[i]
        blank = (uint8(byte - uint8(9)) < uint8(5)) | (uint8(byte - uint8(28)) < uint8(4))
        letter = uint8(byte | uint8(32)) if uint8(byte - uint8(65)) < uint8(26) else byte
        out[i] = uint8(32) if blank else letter
    for i in range(size - 1):
        beside |= uint8((out[i] == uint8(32)) & (out[i + 1] == uint8(32)))
    return size == 0 or (beside == 0 and out[0] != 32 and out[size - 1] != 32)


@jit
def _folded(block: Block, row: int, letters: Alphabet, out: Bytes, starts: Places) -> int:
    """Write how a text reads, one blank between what stands between its blanks, and return the size of that."""
    start, stop = block.offsets[row], block.offsets[row + 1]
    if block.spare_of[row] < 0 and _plain(block.data, start, stop) and _evenly(block.data, start, stop, out):
        return stop - start
    pieces = _cut(block, row, letters, False, out, starts)
    return starts[pieces] - 1 if pieces else 0


@jit
def digests(block: Block, letters: Alphabet) -> Keys:
    """Return (N, 2) digests of 64 bits each of the folded texts; texts that read the same share both."""
    out = np.empty((len(block.offsets) - 1, 2), np.uint64)
    buffer = np.empty(_longest(block), np.uint8)
    starts = np.empty(len(buffer) + 1, np.int64)
    for row in range(len(out)):
        size = _folded(block, row, letters, buffer, starts)
        one, two = uint64(size) * _GOLDEN, uint64(size) ^ _K2
        i = 0
        while i < size:
            if i + 4 <= size:
                word = uint64(load32(buffer, i))
                i += 4
            else:
                word = uint64(buffer[i]) | uint64(1) << uint64(40)
                i += 1
            one = uint64((one ^ word) * _K1)
            one ^= one >> uint64(32)
            two = uint64((two ^ word) * _K2)
            two ^= two >> uint64(29)
        out[row, 0], out[row, 1] = one, two
    return out


@jit
def _numbered(data: Bytes, start: int, stop: int, kind: Bytes) -> bool:
    i = start
    while i < stop:
        code, size = _letter(data, i)
        i += size
        if 48 <= code <= 57 or (127 < code < KNOWN and kind[code] & DIGIT):
            return True
    return False


@jit
def word_facts(block: Block, letters: Alphabet) -> Any:  # noqa: ANN401 - two arrays
    """Return each row's number of words, and the sum of the hashes of its words that hold a digit."""
    count = np.zeros(len(block.offsets) - 1, np.int64)
    numbers = np.zeros(len(count), np.uint64)
    buffer = np.empty(_longest(block), np.uint8)
    starts = np.empty(len(buffer) + 1, np.int64)
    for row in range(len(count)):
        count[row] = _cut(block, row, letters, True, buffer, starts)
        for w in range(count[row]):
            if _numbered(buffer, starts[w], starts[w + 1] - 1, letters.kind):
                numbers[row] += uint64(xxh32(buffer, starts[w], starts[w + 1] - 1))
    return count, numbers


@jit
def _has_no_digit(data: Bytes, start: int, stop: int) -> bool:
    """Return whether a text is plain and holds no digit: one look at its bytes, many at a time."""
    seen = uint8(0)
    for byte in data[start:stop]:
        seen |= uint8((byte >= uint8(128)) | (uint8(byte - uint8(48)) < uint8(10)))
    return seen == 0


@jit
def number_hashes(block: Block, letters: Alphabet) -> Keys:
    """Return the second of the `word_facts` alone: most texts hold no digit, and are not cut."""
    numbers = np.zeros(len(block.offsets) - 1, np.uint64)
    buffer = np.empty(_longest(block), np.uint8)
    starts = np.empty(len(buffer) + 1, np.int64)
    for row in range(len(numbers)):
        if block.spare_of[row] < 0 and _has_no_digit(block.data, block.offsets[row], block.offsets[row + 1]):
            continue
        for w in range(_cut(block, row, letters, True, buffer, starts)):
            if _numbered(buffer, starts[w], starts[w + 1] - 1, letters.kind):
                numbers[row] += uint64(xxh32(buffer, starts[w], starts[w + 1] - 1))
    return numbers


@jit
def ends(block: Block, letters: Alphabet, depth: int) -> Keys:
    """Return (N, 2) hashes of each row's first and last `depth` words, 0 where it has fewer."""
    out = np.zeros((len(block.offsets) - 1, 2), np.uint64)
    buffer = np.empty(_longest(block), np.uint8)
    starts = np.empty(len(buffer) + 1, np.int64)
    for row in range(len(out)):
        words = _cut(block, row, letters, True, buffer, starts)
        if words >= depth:
            out[row, 0] = uint64(xxh32(buffer, starts[0], starts[depth] - 1)) + uint64(1)
            out[row, 1] = uint64(xxh32(buffer, starts[words - depth], starts[words] - 1)) + uint64(1)
    return out


@jit
def without(block: Block, letters: Alphabet, first: Hashes, last: Hashes, least: int) -> Any:  # noqa: ANN401
    """Return each row's words, joined by blanks, without those it begins or ends with as `first` or `last` do.

    These are hashes of words in order; fewer than `least` shared ones stay. Returns (bytes, offsets, (N, 2) numbers
    of words left out).
    """
    rows = len(block.offsets) - 1
    cut, offsets = np.zeros((rows, 2), np.int64), np.zeros(rows + 1, np.int64)
    data = np.empty(max(len(block.data) + len(block.spare), 64), np.uint8)
    buffer = np.empty(_longest(block), np.uint8)
    starts = np.empty(len(buffer) + 1, np.int64)
    end = 0
    for row in range(rows):
        words = _cut(block, row, letters, True, buffer, starts)
        lead, trail = 0, 0
        while lead < min(words, len(first)) and xxh32(buffer, starts[lead], starts[lead + 1] - 1) == first[lead]:
            lead += 1
        while trail < min(words, len(last)):
            at = words - trail - 1
            if xxh32(buffer, starts[at], starts[at + 1] - 1) != last[len(last) - trail - 1]:
                break
            trail += 1
        lead, trail = lead if lead >= least else 0, trail if trail >= least else 0
        cut[row, 0], cut[row, 1] = lead, trail
        if lead + trail < words:
            start, size = starts[lead], starts[words - trail] - 1 - starts[lead]
            if end + size > len(data):
                grown = np.empty(2 * (end + size), np.uint8)
                grown[:end] = data[:end]
                data = grown
            data[end : end + size] = buffer[start : start + size]
            end += size
        offsets[row + 1] = end
    return data[:end].copy(), offsets, cut


@jit
def _hash_grams(words: int, ngram: int, buffer: Bytes, starts: Places, out: Hashes) -> int:
    if words == 0:
        return 0
    step = min(ngram, words)
    for j in range(words - step + 1):
        out[j] = xxh32(buffer, starts[j], starts[j + step] - 1)
    return words - step + 1


@jit
def _sign(grams: Hashes, count: int, permutations: Hashes, signature: Hashes) -> None:
    """Write datasketch's affine32 signature: min over shingles h of a * fmix32(h) + b, mod 2^32."""
    for j in range(count):
        grams[j] = mixed(grams[j])
    padded = (count + 31) // 32 * 32  # whole vectors; a repeated shingle changes no minimum
    for j in range(count, padded):
        grams[j] = grams[0]
    for p in range(permutations.shape[1]):
        low, a, b = uint32(0xFFFFFFFF), permutations[0, p], permutations[1, p]
        for j in range(padded):
            low = min(low, uint32(uint32(a * grams[j]) + b))
        signature[p] = low


@jit
def signatures(block: Block, letters: Alphabet, ngram: int, permutations: Hashes) -> Hashes:
    """Return the (N, permutations) signatures; a text without words has the empty one, all bits set."""
    out = np.full((len(block.offsets) - 1, permutations.shape[1]), 0xFFFFFFFF, np.uint32)
    buffer = np.empty(_longest(block), np.uint8)
    starts = np.empty(len(buffer) + 1, np.int64)
    grams = np.empty(len(buffer) + 32, np.uint32)
    for row in range(len(out)):
        words = _cut(block, row, letters, True, buffer, starts)
        count = _hash_grams(words, ngram, buffer, starts, grams)
        if count:
            _sign(grams, count, permutations, out[row])
    return out


@jit
def _distinct(grams: Hashes, count: int, seen: Hashes) -> int:
    """Move the first of equal hashes to the front and return their number; `seen` is four times as large, all 0.

    A hash table, since sorting takes ten times as long; the hash 0, which marks an empty place, is told apart.
    """
    mask, kept, zero = len(seen) - 1, 0, False
    for j in range(count):
        gram = grams[j]
        place = np.int64(gram) & mask
        while seen[place] != gram and seen[place] != 0:
            place = (place + 1) & mask
        new = not zero if gram == 0 else seen[place] == 0
        zero |= gram == 0
        seen[place] = gram
        grams[kept] = gram
        kept += new
    seen[:] = 0
    return kept


@jit
def _table(size: int) -> Hashes:
    """Return an empty hash table for so many hashes, at most a quarter full."""
    places = 64
    while places < 4 * size:
        places *= 2
    return np.zeros(places, np.uint32)


@jit
def shingle_sets(block: Block, letters: Alphabet, ngram: int) -> Sets:
    """Return every row's distinct shingles."""
    rows = len(block.offsets) - 1
    start, size = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
    data = np.empty(max(len(block.data) // 4, 64), np.uint32)
    buffer = np.empty(_longest(block), np.uint8)
    starts = np.empty(len(buffer) + 1, np.int64)
    grams = np.empty(len(buffer) + 32, np.uint32)
    seen = _table(256)
    end = 0
    for row in range(rows):
        words = _cut(block, row, letters, True, buffer, starts)
        count = _hash_grams(words, ngram, buffer, starts, grams)
        if end + count > len(data):
            grown = np.empty(2 * (end + count), np.uint32)
            grown[:end] = data[:end]
            data = grown
        if 4 * count > len(seen):
            seen = _table(count)
        start[row], size[row] = end, _distinct(grams, count, seen)
        data[end : end + size[row]] = grams[: size[row]]
        end += size[row]
    return Sets(start, size, data[:end].copy())
