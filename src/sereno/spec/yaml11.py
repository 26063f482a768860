"""What tools that read YAML 1.1 make of words that YAML 1.2 takes for text."""

from __future__ import annotations

import re

_WORDS = {"yes": "true", "on": "true", "no": "false", "off": "false"}
_OCTAL = re.compile(r"[-+]?0[0-7_]+")
_SIXTY = re.compile(r"[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}.*)?)?")
_UNDERSCORED = re.compile(r"[-+]?[1-9][0-9]*(?:_[0-9]+)+")
_BINARY = re.compile(r"[-+]?0b[01_]+")


def otherwise(written: str) -> str | None:
    """What YAML 1.1 reads there instead, in words; None where both versions agree."""
    if not written or len(written) > 40:
        return None
    word = _WORDS.get(written.lower())
    if word is not None:
        return word if written in (written.lower(), written.upper(), written.capitalize()) else None
    if not (written[0].isdigit() or written[0] in "-+"):
        return None
    digits = written.replace("_", "")
    if _OCTAL.fullmatch(written):
        return f"the number {int(digits, 8)}"
    if _SIXTY.fullmatch(written):
        return f"the number {_of_base_sixty(digits)}"
    if _DATE.fullmatch(written):
        return "a date"
    if _UNDERSCORED.fullmatch(written):
        return f"the number {digits}"
    return f"the number {int(digits, 2)}" if _BINARY.fullmatch(written) else None


def _of_base_sixty(digits: str) -> int:
    sign, digits = (-1, digits[1:]) if digits[0] == "-" else (1, digits.lstrip("+"))
    total = 0
    for part in digits.split(":"):
        total = total * 60 + int(part)
    return sign * total
