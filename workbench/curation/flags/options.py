"""Flags for options that speak of each other by their place, so that their order carries meaning."""

from __future__ import annotations

from collections.abc import Iterator

from workbench.curation.flags.registry import Flag, Issue, of_record
from workbench.curation.flags.view import View

BOUND = Flag(
    "order-bound-options",
    "info",
    "an option speaks of the others by their place, so the options cannot be shuffled",
    "kept as it is; rebalancing of the letters leaves such a record alone",
)

_THINGS = r"(?: (?:options?|answers?|choices?|statements?))?"
_ENGLISH = (
    r"(?:all|none|any|both|neither|either|some|two|each|more than one)(?: of)?(?: the| these| those)?"
    rf"{_THINGS} (?:above|below|preceding|previous){_THINGS}(?: (?:are|is) (?:correct|true|right))?"
    r"|(?:all|none|both|neither|any) of (?:these|those|them|the (?:options|answers|choices))"
)
_CHOSEN = r"(?:réponses|propositions|options|choix|affirmations)"
_FRENCH = (
    rf"(?:toutes|tous|aucune?|les (?:deux|trois))(?: (?:de |des |les |ces ))?\s?(?:autres )?(?:{_CHOSEN} )?"
    r"(?:ci-dessus|ci-dessous|précédente?s|proposée?s)(?: (?:sont|est) (?:correctes?|justes?|vraie?s?|exactes?))?"
    rf"|(?:toutes|aucune de) ces {_CHOSEN}"
)
_LETTER = r"(?-i:\(?[A-H]\)?)"
_LETTERS = (
    rf"(?:both |only |les deux |seulement )?{_LETTER}(?:, ?{_LETTER})*,? (?:and|et|&|or|ou) {_LETTER}"
    r"(?: (?:only|seulement|uniquement|(?:are|sont) (?:both )?(?:correct|true|corrects|vrais|justes)))?"
)
ORDER_BOUND = rf"(?i)^\W*(?:{_ENGLISH}|{_FRENCH}|{_LETTERS})\W*$"
"""Whole options such as "all of the above", "aucune de ces réponses", "both A and B" and "A et C seulement"."""


@of_record(BOUND)
def order_bound(view: View) -> Iterator[Issue]:
    """Flag records with an option that speaks of the others by their place."""
    choices = view.schema.declared.choices
    if choices:
        for record, option in view.holding(choices.options, ORDER_BOUND):
            yield BOUND.issue(record, choices.options, option)
