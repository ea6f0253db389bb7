"""Values of the data in what people read: shown where they help, and never where they may be somebody's.

A column may hold personal data by its name; a value may be personal by its looks.  The looks are judged roughly, and on
the safe side: an address with an @, nine digits as telephones, cards and accounts have, the address of a machine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAMES: Mapping[str, str] = {
    "email": r"e_?mails?(_addr(ess)?)?|mail_addr(ess)?",
    "phone": r"(tele|cell_?|mobile_?|home_?|work_?)?phone(_?(no|nr|num|number))?|mobile(_?(no|nr|number))?|msisdn|fax",
    "iban": r"iban|bic|swift_code",
    "account": r"(bank_|customer_)?account_?(no|nr|num|number)|user_?name|login",
    "credit-card": r"(credit_?)?card_?(no|nr|num|number)|pan|cvv|cvc",
    "ip-address": r"(client_|remote_|user_)?ip(_?addr(ess)?|v4|v6)?",
    "social-security-number": r"ssn|social_security(_number)?|national_id|passport(_(no|number))?|tax_id|nino|cpf",
    "name": r"(first|last|middle|full|given|family|maiden|customer|patient|person|employee|contact)_?names?|surname",
    "address": r"(home_|street_|postal_|mailing_)address|street(_name)?|house_number|zip(_?code)?|post_?(al_?)?code",
    "birth-date": r"dob|birth_?(date|day)|date_of_birth",
    "health": r"diagnos[ei]s|icd_?(9|10)?(_code)?|patient_?id|medication|disability",
    "origin": r"race|ethnicity|religion|nationality|sexual_orientation|political_(party|opinion)",
    "location": r"gps(_.*)?|home_(lat|lon|latitude|longitude)|device_location",
}
_PATTERNS = {kind: re.compile(pattern) for kind, pattern in _NAMES.items()}
_WORDS = re.compile(r"[^a-z0-9]+")
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_DIGITS = 9
_LOOKS = re.compile(r"[^\s@]@[^\s@]|(?<![0-9])[0-9]{1,3}(\.[0-9]{1,3}){3}(?![0-9])")
_LONGEST = 40
_LOOKED = 1000


def by_name(name: str) -> str | None:
    """The kind of personal data that a column's name says it holds."""
    plain = _WORDS.sub("_", _HUMPS.sub("_", name[:200]).lower()).strip("_")
    return next((kind for kind, pattern in _PATTERNS.items() if pattern.fullmatch(plain)), None)


def personal(column: str, value: str) -> bool:
    """Whether a value of a column may be somebody's."""
    digits = sum(char.isdigit() for char in value[:_LOOKED])
    return by_name(column) is not None or digits >= _DIGITS or _LOOKS.search(value[:_LOOKED]) is not None


def shown(column: str, value: str) -> str:
    """A value of a column as an example, cut where it is long; only how long it is, where it may be personal."""
    return hidden(value) if personal(column, value) else repr(value[:_LONGEST])


def hidden(value: str) -> str:
    """What stands for a value that is not shown."""
    return f"(a text of {len(value):,} characters, not shown)"
