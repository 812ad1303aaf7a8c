"""Flags for addresses and numbers that belong to a person or a machine: e-mail, phone, card, account, IP."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from functools import partial

import phonenumbers
from stdnum import iban, luhn

from workbench.curation.fixes import of_field
from workbench.curation.flags.registry import Flag, Issue, of_record
from workbench.curation.flags.view import View, mended

_HINT = "apply the fix, or keep it on purpose"
EMAIL = Flag("email", "warning", "an e-mail address", _HINT)
PHONE = Flag("phone", "warning", "a phone number", _HINT)
CARD = Flag("card-number", "warning", "the number of a payment card", _HINT)
IBAN = Flag("iban", "warning", "the number of a bank account", _HINT)
ADDRESS = Flag("ip-address", "warning", "a public IP address", _HINT)

_LETTER = "A-Za-z0-9\u00c0-\u04ff"
"""Of an address (RFC 6531): of scripts that part words by blanks, so that one amid Chinese is found without it."""
_EMAIL = re.compile(
    rf"(?<![_{_LETTER}])[_{_LETTER}][_{_LETTER}.%+-]{{0,63}}"
    rf"@[{_LETTER}-]{{1,63}}(?:\.[{_LETTER}-]{{1,63}})+(?<!-)(?![_{_LETTER}])"
)
_CARD = re.compile(r"\b(?:[0-9][ -]?){12,18}[0-9]\b")
_ISSUER = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|6(?:011|5\d\d|4[4-9]\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11}"
)
"""First digits and length of Visa, Mastercard (two ranges), American Express, Discover, JCB and Diners cards."""
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_IP = re.compile(r"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b|\b[23][0-9A-Fa-f]{3}:(?:[0-9A-Fa-f]{0,4}:){2,6}[0-9A-Fa-f]{1,4}\b")
_INTERNATIONAL = r"\+[1-9][\d .()/\-]{6,18}\d"
_NATIONAL = {
    "FR": r"(?:\b00 ?33 ?|\b0)[1-9](?:[ .\-]?\d{2}){4}\b",
    "US": r"(?:\(\d{3}\) ?|\b\d{3}[ .\-])\d{3}[.\-]\d{4}\b",
    "GB": r"\b\(?0\d{2,4}\)?[ \-]\d{3,4}[ \-]?\d{3,4}\b",
}
"""How numbers are written at home: plain digits stand in every sum, so a national number must look like one."""
_PERHAPS_PHONE = r"\+[1-9]|[0-9]{2}[ .)\-]{0,2}[0-9]{2}[ .\-]?[0-9]{2}"
_REGIONS = {"fr": ("FR",), "en": ("US", "GB")}


def _email(text: str) -> str | None:
    return _EMAIL.sub("[e-mail]", text) if _EMAIL.search(text) else None


def _replaced(text: str, pattern: re.Pattern[str], is_one: Callable[[str], bool], name: str) -> str | None:
    fixed = pattern.sub(lambda match: name if is_one(match[0]) else match[0], text)
    return fixed if fixed != text else None


def _is_card(found: str) -> bool:
    digits = re.sub(r"\D", "", found)
    return bool(_ISSUER.fullmatch(digits)) and bool(luhn.is_valid(digits))


def _is_public(found: str) -> bool:
    try:
        address = ipaddress.ip_address(found)
    except ValueError:
        return False
    # 1.2.3.4 is as often the number of a section or of a release: such short ones are left alone.
    return address.is_global and not address.is_multicast and (address.version == 6 or len(found) >= 10)


_NUMBERS = (
    (CARD, r"[0-9](?:[ -]?[0-9]){12}", _CARD, _is_card, "[card]"),
    (IBAN, r"[A-Z]{2}[0-9]{2} ?[A-Z0-9]{4} ?[A-Z0-9]{4}", _IBAN, iban.is_valid, "[IBAN]"),
    (ADDRESS, r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]|:[0-9A-Fa-f]{0,4}:", _IP, _is_public, "[IP address]"),
)
"""Flag, what its texts surely hold (ASCII digits alone are a hundred times faster to find), its form, test and name."""


@of_record(EMAIL)
def emails(view: View) -> Iterator[Issue]:
    """Flag e-mail addresses."""
    for record, field, text, fixed in view.mendable("@", _email):
        yield EMAIL.issue(record, field, text, of_field(fixed))


@of_record(CARD, IBAN, ADDRESS)
def numbers(view: View) -> Iterator[Issue]:
    """Flag card numbers (Luhn, ISO/IEC 7812), accounts (IBAN, ISO 13616) and addresses routed on the Internet."""
    for flag, perhaps, pattern, is_one, name in _NUMBERS:
        mend = partial(_replaced, pattern=pattern, is_one=is_one, name=name)
        for record, field, text, fixed in view.mendable(perhaps, mend):
            yield flag.issue(record, field, text, of_field(fixed))


@of_record(PHONE)
def phones(view: View) -> Iterator[Issue]:
    """Flag phone numbers: international ones everywhere, national ones by the record's declared language."""
    declared = view.schema.declared.language
    for field in view.fields:
        rows = view.rows(field, _PERHAPS_PHONE)
        spoken = view.frame[declared].gather(rows).to_list() if declared else [None] * len(rows)
        for (record, value), language in zip(view.cells(field, rows), spoken, strict=True):
            regions = _REGIONS.get((language or "")[:2].lower(), ())
            fixed, text = mended(value, partial(_without_phones, regions=regions))
            if text is not None:
                yield PHONE.issue(record, field, text, of_field(fixed))


def _without_phones(text: str, regions: tuple[str, ...]) -> str | None:
    fixed = text
    for region in regions or (None,):
        form = re.compile(f"{_INTERNATIONAL}|{_NATIONAL[region]}" if region else _INTERNATIONAL)
        matcher = phonenumbers.PhoneNumberMatcher(fixed, region, leniency=phonenumbers.Leniency.VALID)
        for match in reversed([match for match in matcher if form.fullmatch(match.raw_string)]):
            fixed = f"{fixed[: match.start]}[phone]{fixed[match.end :]}"
    return fixed if fixed != text else None
