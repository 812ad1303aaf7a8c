"""Metrics of an answer against its reference, as a careful reader compares them: exact match and token F1."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable

import pyarrow as pa

from workbench.evaluation.metrics.registry import NO_ANSWER, Outcome, answered, mean_of, metric
from workbench.text import folded, nfc

NORMALISER = "nfc|case:fold|space:fold|apostrophe:one|format-characters:none|accents:kept|articles:kept"
"""How texts are made comparable, published with every number that depends on it."""


@metric("higher")
def em(rows: pa.Table) -> Outcome:
    """Return the share of predictions equal to their reference (see `exact_match`); higher is better."""
    return mean_over_answers(rows, exact_match, f"{NORMALISER}|end-punctuation:none")


@metric("higher")
def f1(rows: pa.Table) -> Outcome:
    """Return the mean token F1 of prediction and reference, tokens as multisets; higher is better."""
    return mean_over_answers(rows, token_f1, f"{NORMALISER}|tokens:letters-marks-digits")


def mean_over_answers(rows: pa.Table, compare: Callable[[str, str], float], signature: str) -> Outcome:
    """Return the mean of a comparison over the rows with a reference."""
    places, pairs = answered(rows)
    return mean_of(places, [compare(*pair) for pair in pairs], signature) if places else NO_ANSWER


def exact_match(prediction: str, reference: str) -> float:
    """Return 1 where both texts read the same, else 0.

    Not counted: composition (NFC), case, the form of an apostrophe, invisible format characters, the amount
    and kind of white space (a narrow no-break space before `!`, too), and punctuation at the end. Accents
    count: `élu` is neither `lu` nor `elu`.
    """
    return float(_trimmed(prediction) == _trimmed(reference))


def _normal(text: str) -> str:
    visible = "".join(char for char in text.translate(_APOSTROPHES) if unicodedata.category(char) != "Cf")
    return nfc(folded(visible))


_APOSTROPHES = dict.fromkeys((0x2018, 0x2019, 0x02BC), "'")
_END = " .,;:!?\u2026\u3002\uff01\uff1f"


def _trimmed(text: str) -> str:
    """Return a text without its end punctuation, unless it is nothing else."""
    normal = _normal(text)
    return normal.rstrip(_END) or normal


def token_f1(prediction: str, reference: str) -> float:
    """Return the harmonic mean of precision and recall over tokens; where there is none, the exact match."""
    said, wanted = Counter(words(prediction)), Counter(words(reference))
    if not said and not wanted:
        return exact_match(prediction, reference)
    return 2 * (said & wanted).total() / (said.total() + wanted.total())


def words(text: str) -> list[str]:
    """Split into runs of letters, marks and digits of any script, folded: `L'école` gives `l`, `école`.

    Combining marks stay with their letter; scripts without spaces give one word a run.
    """
    return "".join(char if unicodedata.category(char)[0] in "LMN" else " " for char in _normal(text)).split()
