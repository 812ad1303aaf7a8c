"""Flags for text that was damaged on its way: wrong encodings, invisible characters, literal template markers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import reduce

import ftfy

from workbench.curation.fixes import of_field
from workbench.curation.flags.registry import Flag, Issue, of_record
from workbench.curation.flags.view import View
from workbench.text import FRAME, MARKERS

_MOJIBAKE = ftfy.TextFixerConfig(
    unescape_html=False,
    remove_terminal_escapes=False,
    fix_encoding=True,
    restore_byte_a0=True,
    replace_lossy_sequences=True,
    decode_inconsistent_utf8=True,
    fix_c1_controls=True,
    fix_latin_ligatures=False,
    fix_character_width=False,
    uncurl_quotes=False,
    fix_line_breaks=False,
    fix_surrogates=False,
    remove_control_chars=False,
    normalization=None,
)
"""Only the encoding is mended: ftfy's defaults would also straighten quotes, ligatures and widths."""
PERHAPS_MOJIBAKE = r"[^\x00-\x7f]{2}|[ÂÃ] |[Œœ][^A-Za-z]|[\x80-\x9f]"
"""What every text has that ftfy's test of badness (ftfy.badness) can hit; ftfy itself costs some 100 us a text."""

MOJIBAKE = Flag("mojibake", "error", "the text was decoded with a wrong encoding", "apply the fix")
CONTROL = Flag("control-characters", "warning", "control or bidi characters", "apply the fix")
INVISIBLE = Flag(
    "zero-width",
    "warning",
    "characters without a width: words that look alike become different tokens",
    "apply the fix: emoji and the scripts that need joiners keep them",
)
MARKER = Flag(
    "literal-marker",
    "warning",
    "a template marker stands in the text and would be doubled by the chat template",
    "apply the fix: the template writes BOS and EOS itself",
)

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ufeff]")
_BREAK = re.compile(r"\r\n?|\x0b|\x0c")
_INVISIBLE = re.compile(
    r"\U0001F3F4[\U000E0020-\U000E007F]+|[\u00ad\u200b-\u200f\u2060-\u2064\U000E0001\U000E0020-\U000E007F]"
)
_JOINING = re.compile(r"[\u0590-\u109f\u1780-\u18af\ufb1d-\ufdff\ufe70-\ufefc]")
"""Scripts from Hebrew to Myanmar, Khmer and Mongolian, whose spelling or line breaks need marks without a width."""


def _mojibake(text: str) -> str | None:
    fixed = ftfy.fix_text(text, _MOJIBAKE)
    return fixed if fixed != text else None


def _controls(text: str) -> str | None:
    return _CONTROL.sub("", _BREAK.sub("\n", text)) if _CONTROL.search(text) else None


def _invisible(text: str) -> str | None:
    fixed = _INVISIBLE.sub(_kept, text)
    return fixed if fixed != text else None


def _kept(match: re.Match[str]) -> str:
    """Return the match where it belongs to its neighbours, else nothing."""
    found, text = match[0], match.string
    before, after = text[: match.start()][-1:], text[match.end() :][:1]
    if len(found) > 1:
        return found  # a flag of a region: its letters are spelled in tags
    if found == "\u200d" and _is_pictorial(before) and unicodedata.category(after or " ") == "So":
        return found
    in_script = _JOINING.search(text) if found in "\u200e\u200f" else _JOINING.search(before + after)
    return found if in_script and found != "\u00ad" else ""


def _is_pictorial(char: str) -> bool:
    return char == "\ufe0f" or unicodedata.category(char or " ") in ("So", "Sk")


@of_record(MOJIBAKE)
def mojibake(view: View) -> Iterator[Issue]:
    """Flag text that was decoded with a wrong encoding, as ftfy finds it."""
    for record, field, text, fixed in view.mendable(PERHAPS_MOJIBAKE, _mojibake):
        yield MOJIBAKE.issue(record, field, text, of_field(fixed))


@of_record(CONTROL, INVISIBLE)
def unseen_characters(view: View) -> Iterator[Issue]:
    """Flag control, bidi and zero-width characters."""
    for flag, pattern, mend in ((CONTROL, _CONTROL, _controls), (INVISIBLE, _INVISIBLE, _invisible)):
        for record, field, text, fixed in view.mendable(pattern.pattern, mend):
            yield flag.issue(record, field, text, of_field(fixed))


@of_record(MARKER)
def literal_markers(view: View) -> Iterator[Issue]:
    """Flag special tokens written out in the text, but for those that the kind's own format consists of."""
    own = set(view.schema.declared.markers)
    known = re.compile(f"{MARKERS.pattern}|{FRAME.pattern}")

    def mend(text: str) -> str | None:
        strange = [match.span() for match in known.finditer(text) if match[0] not in own]
        if not strange:
            return None
        begins, ends = [0, *(end for _, end in strange)], [*(start for start, _ in strange), len(text)]
        return reduce(_joined, (text[begin:end] for begin, end in zip(begins, ends, strict=True)))

    for record, field, text, fixed in view.mendable(known.pattern, mend):
        yield MARKER.issue(record, field, text, of_field(fixed))


def _joined(before: str, behind: str) -> str:
    """Join what stood beside a marker, without the blank that stood there for its sake."""
    if behind[:1] in ("", "\n", "\r"):
        return before.removesuffix(" ") + behind
    return before + (behind.removeprefix(" ") if not before or before[-1].isspace() else behind)
