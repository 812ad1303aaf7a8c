"""Quality flags that hold for every kind: encoding damage, template markers, addresses, language, boilerplate."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

import ftfy
import polars as pl

from workbench.schema import Schema
from workbench.text import MARKERS

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

_EMAIL = re.compile(r"\b[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+\b")
_SECRET = re.compile(
    r"\bhf_[A-Za-z0-9]{30,}\b|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36,}\b|\bgithub_pat_[A-Za-z0-9_]{60,}\b"
    r"|\bsk-[A-Za-z0-9_-]{32,}\b|\bxox[abprs]-[A-Za-z0-9-]{20,}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
"""Tokens of the Hub, AWS, GitHub, OpenAI and Slack, and private keys, by the forms their issuers document."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ufeff]")
_START = re.compile(r"^\s*\*{3} ?START OF ", re.MULTILINE)
_END = re.compile(r"^\s*\*{3} ?END OF ", re.MULTILINE)
_WORDS_TO_KNOW_A_LANGUAGE = 5
"""Shorter answers are names and numbers, which belong to every language."""


class Flag(NamedTuple):
    """One quality flag: the test of a text gives the fixed text, itself where no fix is known, or None if clean."""

    rule: str
    severity: str
    message: str
    hint: str
    test: Callable[[str], str | None]
    fixable: bool


def _mojibake(text: str) -> str | None:
    # Pure ASCII cannot be damaged, and ftfy costs about 30 us a text.
    if text.isascii():
        return None
    fixed = ftfy.fix_text(text, _MOJIBAKE)
    return fixed if fixed != text else None


def _markers(text: str) -> str | None:
    return MARKERS.sub("", text) if MARKERS.search(text) else None


def _controls(text: str) -> str | None:
    return _CONTROL.sub("", text) if _CONTROL.search(text) else None


def _email(text: str) -> str | None:
    return _EMAIL.sub("[e-mail]", text) if _EMAIL.search(text) else None


def _secret(text: str) -> str | None:
    return _SECRET.sub("[secret]", text) if _SECRET.search(text) else None


FLAGS = (
    Flag("secret", "error", "an access token or a private key", "revoke it, then apply the fix", _secret, True),
    Flag("mojibake", "error", "the text was decoded with a wrong encoding", "apply the fix", _mojibake, True),
    Flag(
        "literal-marker",
        "warning",
        "a template marker stands in the text and would be doubled by the chat template",
        "apply the fix: the template writes BOS and EOS itself",
        _markers,
        True,
    ),
    Flag("control-characters", "warning", "control or bidi characters", "apply the fix", _controls, True),
    Flag("email", "warning", "an e-mail address", "apply the fix, or keep it on purpose", _email, True),
)


def flags(derived: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Return the quality flags of a derived frame, in the shape of an issue table."""
    rows = [*_text_flags(derived, schema), *_language_flags(derived, schema), *_boilerplate(derived, schema)]
    columns = ("record", "rule", "field", "value", "severity", "message", "hint", "fix")
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def _text_flags(derived: pl.DataFrame, schema: Schema) -> Iterator[tuple[str | None, ...]]:
    for field in _fields(schema):
        for record, value in zip(derived["id"], derived[field].to_list(), strict=True):
            for flag in FLAGS:
                fixed, excerpt = _apply(flag, value)
                if excerpt is not None:
                    fix = json.dumps(fixed, ensure_ascii=False) if flag.fixable else None
                    yield record, flag.rule, field, excerpt, flag.severity, flag.message, flag.hint, fix


def _fields(schema: Schema) -> list[str]:
    """Return the columns that hold text, whatever their shape."""
    return [name for name, kind in schema.types.items() if kind == pl.String or isinstance(kind, pl.List)]


def _apply(flag: Flag, value: Any) -> tuple[Any, str | None]:  # noqa: ANN401 - any cell
    """Return the fixed value and an excerpt of the first text the flag hit, or None where it hit none."""
    if isinstance(value, str):
        fixed = flag.test(value)
        return (value, None) if fixed is None else (fixed, value[:200])
    if isinstance(value, list):
        parts = [_apply(flag, part) for part in value]
        return [part for part, _ in parts], next((hit for _, hit in parts if hit is not None), None)
    if isinstance(value, dict):
        pairs = {key: _apply(flag, part) for key, part in value.items()}
        hits = (hit for _, hit in pairs.values() if hit is not None)
        return {key: part for key, (part, _) in pairs.items()}, next(hits, None)
    return value, None


def _language_flags(derived: pl.DataFrame, schema: Schema) -> Iterator[tuple[str | None, ...]]:
    """Flag answers that are surely in another language than their question."""
    answer, question = schema.declared.answer, schema.declared.duplicates.question
    if schema.declared.language is None or answer not in derived.columns or not question:
        return
    asked = derived.select(pl.concat_str(question, separator="\n", ignore_nulls=True)).to_series()
    declared = derived[schema.declared.language]
    field = answer if answer in schema.columns else next(iter(_fields(schema)))
    for record, ask, said, wanted in zip(derived["id"], asked, derived[answer], declared, strict=True):
        spoken, wanted = language(said), wanted or language(ask)
        if spoken and wanted and spoken != wanted[:2].lower() and language(ask) != spoken:
            message = f"the answer is in {spoken}, the record in {wanted}"
            hint = "write the answer again in the record's language"
            yield record, "wrong-language", field, said[:200], "error", message, hint, None


def language(text: str | None) -> str | None:
    """Return "en" or "fr" where the text is surely one of them, else None (py3langid, normalised probabilities)."""
    if not text or len(text.split()) < _WORDS_TO_KNOW_A_LANGUAGE:
        return None
    code, probability = _identifier().classify(text)
    return str(code) if probability > 0.95 else None


@cache
def _identifier() -> Any:  # noqa: ANN401 - the library is untyped
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(["en", "fr"])
    return identifier


def _boilerplate(derived: pl.DataFrame, schema: Schema) -> Iterator[tuple[str | None, ...]]:
    """Flag the passages up to an e-text's START line and from its END line on, source by source."""
    if not schema.declared.order:
        return
    field = schema.declared.texts[0]
    for (_,), passages in derived.sort("source", "position").group_by("source", maintain_order=True):
        texts = passages[field].fill_null("").to_list()
        start = max((i for i, text in enumerate(texts) if _START.search(text)), default=-1)
        end = min((i for i, text in enumerate(texts) if _END.search(text)), default=len(texts))
        for i, (record, text) in enumerate(zip(passages["id"], texts, strict=True)):
            if i <= start or i >= end:
                message, hint = "licence text or contents of an e-text", "apply the fix: drop it"
                yield record, "boilerplate", field, text[:200], "error", message, hint, json.dumps({"drop": True})
