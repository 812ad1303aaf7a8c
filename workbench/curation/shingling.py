"""What a text is compared by, in plain Python: its words, their n-grams hashed, and the exact Jaccard of two texts."""

from __future__ import annotations

import re

import xxhash

from workbench.text import nfc

Shingles = frozenset[int]

SPACELESS = (
    "\u0e01-\u0e3a\u0e40-\u0e4e"  # Thai
    "\u0e81-\u0ebd\u0ec0-\u0ece\u0edc-\u0edf"  # Lao
    "\u1000-\u103f\u1050-\u108f\u109a-\u109d"  # Burmese
    "\u1780-\u17d3\u17d7\u17dc\u17dd"  # Khmer
    "\u3005-\u3007\u3041-\u3096\u3099\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\uff66-\uff9f"  # Japanese kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Chinese characters
)
"""Letters of the scripts that put no spaces between words, digits left out: each is compared as a word of its own."""
_WORD = re.compile(rf"[{SPACELESS}]|[^\W{SPACELESS}]+")


def words(text: str) -> list[str]:
    """Return the case-folded words of a text; punctuation and blanks only separate."""
    return _WORD.findall(nfc(text).casefold())


def shingles(text: str, ngram: int) -> Shingles:
    """Return the 32-bit hashes (xxHash32) of a text's word n-grams, the words joined by one blank.

    A text of fewer words is one shingle, an empty one none.
    """
    found = words(text)
    if not found:
        return frozenset()
    grams = (" ".join(found[i : i + ngram]) for i in range(max(len(found) - ngram + 1, 1)))
    return frozenset(xxhash.xxh32_intdigest(gram.encode()) for gram in grams)


def jaccard(one: Shingles, other: Shingles) -> float:
    """Return |one & other| / |one | other|, and 0 where both are empty: empty texts are not alike."""
    union = len(one | other)
    return len(one & other) / union if union else 0.0


def numbers(text: str) -> list[str]:
    """Return the words of a text that hold a digit, sorted."""
    return sorted(word for word in words(text) if any(letter.isdigit() for letter in word))
