"""JSON that people wrote by hand: comments and trailing commas, as an array, a wrapped array or lines.

Spans are exact: comments are skipped while scanning and removed only from the text of one element. Other
liberties of JSON5 (single quotes, bare keys) make that element a reject.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from workbench.readers.body import load
from workbench.readers.json_array import keys_left_out, units
from workbench.readers.json_values import COMMENTED, has_comments
from workbench.readers.record import Reading, Record, Reject
from workbench.readers.sight import Claim, Sight

SUFFIXES: tuple[str, ...] = (".json5", ".jsonc")

_STARTS = re.compile(r"(?:\s|//[^\r\n]*|/\*(?s:.*?)\*/)*(?:\[\s*(?:[{\]/])|\{\s*[\"}/])")
_TRAILING = re.compile(r",\s*\]\s*\Z")
_JSON_NAMES = (".json", ".jsonl", ".ndjson", ".json5", ".jsonc")


def recognise(sight: Sight) -> Claim | None:
    """Claim a JSON text in whose head or tail a comment or a trailing comma stands."""
    if not _STARTS.match(sight.text):
        return None
    if not has_comments(sight.text) and not _TRAILING.search(sight.tail):
        return None
    strength = 90 if sight.suffix in _JSON_NAMES or sight.text.lstrip()[:1] in ("[", "{") else 55
    said = "JSON with comments or trailing commas, which are left out on reading"
    return Claim(strength, tuple(filter(None, [said, keys_left_out(sight, COMMENTED)])))


def read(reading: Reading) -> Iterator[Record | Reject]:
    """Yield one unit per element, with the exact span of its bytes; comments in between are no units."""
    body = load(reading.path, reading.proposal.encoding)
    yield from units(body, reading.path.name, COMMENTED)
