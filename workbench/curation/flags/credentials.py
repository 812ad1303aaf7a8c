"""Flags for access tokens, private keys and passwords."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator

import polars as pl

from workbench.curation.fixes import of_field
from workbench.curation.flags.registry import Flag, Issue, of_record
from workbench.curation.flags.view import View

SECRET = Flag("secret", "error", "an access token, a private key or a password", "revoke it, then: workbench purge")

_TOKENS = (
    r"\bhf_[A-Za-z0-9]{30,}\b",
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    r"\bgh[pousr]_[A-Za-z0-9]{36,}\b",
    r"\bgithub_pat_[A-Za-z0-9_]{60,}\b",
    r"\bsk-[A-Za-z0-9_-]{32,}\b",
    r"\bxox[abeprs]-[A-Za-z0-9-]{20,}\b",
    r"\bAIza[A-Za-z0-9_-]{35}\b",
    r"\bglpat-[A-Za-z0-9_-]{20,}\b",
    r"\bnpm_[A-Za-z0-9]{36}\b",
    r"\b[rs]k_live_[A-Za-z0-9]{16,}\b",
    r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
)
"""The Hub, AWS, GitHub (two), OpenAI and Anthropic (`sk-`, `sk-ant-`), Slack, Google, GitLab, npm, Stripe, JSON Web
Tokens (RFC 7519: two JSON objects in base64url, so both begin with `eyJ`) and private keys, by their issuers' forms."""
_TOKEN = re.compile("|".join(_TOKENS))
_ASSIGNED = re.compile(
    r"(?i)\b(?:password|passwd|pwd|mot de passe|secret|api[_-]?key|access[_-]?token)"
    r"""["']?\s*[:=]\s*["']?([^\s"'`,;<>]{10,128})"""
)
_PERHAPS = (
    r"hf_|AKIA|ASIA|gh[pousr]_|github_pat_|sk-|xox[abeprs]-|AIza|glpat-|npm_|[rs]k_live_|eyJ|PRIVATE KEY"
    r"|(?i:password|passwd|pwd|mot de passe|secret|api[_-]?key|access[_-]?token)[\"']?\s*[:=]"
)
"""What each of them begins with: a hundred times faster than the whole forms."""
_ENTROPY = 3.2
"""Bits a character that a value must have to be taken for a password: words and placeholders stay below 3."""
_KINDS = tuple(re.compile(kind) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
_CODE = re.compile(r"[(\[{$]|\w\.\w")


_WHOLE_KEY = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----(?s:.*?)-----END \1-----")
_KEY_TO_END = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----(?s:.*?)(?:-----END \1-----|\Z)")
_TOLD = 4
"""Characters of a secret that are told, so that it can be known again; enough to name most issuers."""


def secrets_in(text: str) -> list[str]:
    """Return the tokens, passwords and private keys (with their bodies) that a text holds, in no order."""
    found = {match[0] for pattern in (_TOKEN, _WHOLE_KEY) for match in pattern.finditer(text)}
    found |= {match[1] for match in _ASSIGNED.finditer(text) if _without_value(match) != match[0]}
    return list(found)


def secrets_among(texts: Iterable[str]) -> set[str]:
    """Return the secrets of many texts: only those that hold the beginning of one are looked at as a whole."""
    held = pl.Series("text", list(texts), dtype=pl.String)
    return {secret for text in held.filter(held.str.contains(_PERHAPS)) for secret in secrets_in(text)}


def masked(text: str) -> str:
    """Return a text that can be shown: of each secret in it the first characters and the length are left."""
    for pattern in (_KEY_TO_END, _TOKEN):
        text = pattern.sub(lambda match: _mask(match[0]), text)
    return _ASSIGNED.sub(lambda match: _without_value(match, _mask(match[1])), text)


def all_masked(texts: pl.Series) -> pl.Series:
    """Return texts as `masked` gives them: only those that hold the beginning of a secret are looked at as a whole."""
    rows = texts.str.contains(_PERHAPS).arg_true()
    return texts.scatter(rows, [masked(text) for text in texts.gather(rows)]) if len(rows) else texts


def _mask(secret: str) -> str:
    return f"{secret[:_TOLD]}…[{len(secret)} characters]"


def _mended(text: str) -> str | None:
    fixed = _ASSIGNED.sub(_without_value, _TOKEN.sub("[secret]", _WHOLE_KEY.sub("[secret]", text)))
    return fixed if fixed != text else None


def _without_value(match: re.Match[str], instead: str = "[secret]") -> str:
    value = match[1]
    looks_drawn = all(kind.search(value) for kind in _KINDS) and not _CODE.search(value)
    if looks_drawn and _entropy(value) >= _ENTROPY:
        return match[0].replace(value, instead)
    return match[0]


def _entropy(value: str) -> float:
    """Return the Shannon entropy of a text's characters, in bits a character."""
    shares = (count / len(value) for count in Counter(value).values())
    return -sum(share * math.log2(share) for share in shares)


@of_record(SECRET)
def secrets(view: View) -> Iterator[Issue]:
    """Flag tokens by the form of their issuer, and assigned passwords where they look drawn at random."""
    for record, field, text, fixed in view.mendable(_PERHAPS, _mended):
        yield SECRET.issue(record, field, text, of_field(fixed))
