"""The one gate for untrusted text on any screen, and the reading of literal template markers."""

from __future__ import annotations

import re
import unicodedata

_CONTROL_PICTURES = {code: chr(0x2400 + code) for code in range(32)} | {0x7F: "\u2421"}
_HIDDEN = (
    *range(0x80, 0xA0),
    0x061C,
    0x180E,
    *range(0x200B, 0x2010),
    0x2028,
    0x2029,
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2070),
    0xFEFF,
    *range(0xFFF9, 0xFFFC),
    *range(0xD800, 0xE000),
    *range(0xE0000, 0xE0080),
)
_STAND_INS = _CONTROL_PICTURES | {code: f"\u27e8U+{code:04X}\u27e9" for code in _HIDDEN}
_BLOCK = {code: shown for code, shown in _STAND_INS.items() if code not in (0x09, 0x0A)}

MARKERS = re.compile(
    r"</?s>|<(?:bos|eos|pad|unk)>|<(?:start|end)_of_turn>|<</?SYS>>|<｜(?:begin▁of▁sentence|end▁of▁sentence)｜>"
    r"|<\|(?:im_start|im_end|im_sep|begin_of_text|end_of_text|start_header_id|end_header_id|eot_id|eom_id|endoftext"
    r"|endofprompt|pad|system|user|assistant|end)\|>"
)
"""Literal special tokens of the common chat templates: their presence in a field doubles BOS or EOS."""
FRAME = re.compile(r"\[/?INST\]")
"""The [INST] frame: plain text for some models and special tokens for others, and the very form of some sources."""


def show(value: object, *, lines: bool = False, limit: int | None = None) -> str:
    """Return text that cannot steer a terminal: control, bidi and zero-width characters become visible.

    Newlines and tabs are kept with `lines=True` and shown as pictures otherwise; `limit` cuts to that many
    characters, with an ellipsis, before anything else is looked at, so the cost does not depend on the length.
    """
    text = value if isinstance(value, str) else str(value)
    if limit is not None and len(text) > limit:
        text = text[: max(limit - 1, 0)] + "\u2026"
    return text.translate(_BLOCK if lines else _STAND_INS)


def counted(count: int, one: str, many: str = "") -> str:
    """Return a number with what it counts, `1 record` or `1,204 records`; `many` is for what takes more than an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def moment(at: str) -> str:
    """Return a time of the log, as ISO 8601 has it, to the minute and in the way people read it."""
    return at[:16].replace("T", " ")


def nfc(text: str) -> str:
    """Return the NFC form, in which equal looking text is equal."""
    return unicodedata.normalize("NFC", text)


def folded(text: str) -> str:
    """Return text with case and white space folded: two texts with one folded form read the same."""
    return " ".join(nfc(text).casefold().split())
