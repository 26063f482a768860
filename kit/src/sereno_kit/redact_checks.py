"""Whether a row of characters is what it looks like: check digits, dates, lengths. So that order ids stay readable."""

from __future__ import annotations

import base64
import binascii

_CURP_ALPHABET = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
_RFC_ALPHABET = "0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ Ñ"
_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_STATES = "AS BC BS CC CL CM CS CH DF DG GT GR HG JC MC MN MS NT NL OC PL QT QR SP SL SR TC TS TL VZ YN ZS NE"
_CURP_STATES = frozenset(_STATES.split())
_IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AT": 20, "BE": 16, "BG": 22, "BR": 29, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22,
    "DK": 18, "DO": 28, "EE": 20, "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GI": 23, "GR": 27, "GT": 28, "HR": 21,
    "HU": 28, "IE": 22, "IL": 23, "IS": 26, "IT": 27, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MT": 31,
    "NL": 18, "NO": 15, "PL": 28, "PT": 25, "RO": 24, "SA": 24, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SV": 28,
    "TR": 26, "UA": 29,
}  # fmt: skip
_BANKS = """
    002 006 009 012 014 019 021 030 036 037 042 044 058 059 060 062 072 106 108 110 112 113 124 126 127 128 129 130
    131 132 133 135 136 137 138 140 141 143 145 147 148 150 151 152 154 155 156 157 158 160 166 167 168 600 601 602
    605 606 607 608 610 613 614 615 616 617 618 619 620 621 622 623 626 627 628 629 630 631 632 633 634 636 637 638
    640 642 646 647 648 649 651 652 653 655 656 659 661 670 677 680 683 684 685 699 703 706 710 722 723 728 901 902
"""
_CLABE_BANKS = frozenset(_BANKS.split())


def digits_of(text: str) -> str:
    """The decimal digits of `text`, without what stands between them."""
    return "".join(c for c in text if c in "0123456789")


def is_card(text: str) -> int:
    """Its length if the digits are a payment card's: a network's prefix and length, and Luhn's sum (ISO/IEC 7812-1)."""
    digits = digits_of(text)
    return len(text) if _is_of_network(digits) and luhn(digits) else 0


def luhn(digits: str) -> bool:
    """Luhn's sum: every second digit from the right doubled, its digits added, a multiple of ten."""
    values = [int(c) for c in reversed(digits)]
    doubled = (d * 2 - 9 if d > 4 else d * 2 for d in values[1::2])
    return (sum(values[::2]) + sum(doubled)) % 10 == 0


def _is_of_network(digits: str) -> bool:
    size, two, three, four = len(digits), int(digits[:2] or 0), int(digits[:3] or 0), int(digits[:4] or 0)
    if digits[:1] == "4":
        return size in (13, 16, 19)
    if 51 <= two <= 55 or 2221 <= four <= 2720:
        return size == 16
    if two in (34, 37):
        return size == 15
    if four == 6011 or two == 65 or 644 <= three <= 649 or two == 62 or 3528 <= four <= 3589:
        return 16 <= size <= 19
    if 300 <= three <= 305 or two in (36, 38, 39):
        return size == 14
    return two in (50, 56, 57, 58, 63, 67, 68) and size == 16


def is_iban(text: str) -> int:
    """How many characters of it are an IBAN: its country's length, and 1 modulo 97 (ISO 13616)."""
    wanted = _IBAN_LENGTHS.get(text[:2].upper(), 0)
    places = [i for i, c in enumerate(text) if c.isalnum()]
    if not wanted or len(places) < wanted:
        return 0
    end = places[wanted - 1] + 1
    plain = "".join(text[i] for i in places[:wanted]).upper()
    if text[end : end + 1].isalnum():
        return 0
    return end if int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1 else 0


def is_clabe(text: str) -> int:
    """Its length if it is a Mexican account: a bank's number, and weights 3, 7, 1 that give the last digit."""
    digits = digits_of(text)
    if len(digits) != 18 or digits[:3] not in _CLABE_BANKS:
        return 0
    total = sum(int(d) * (3, 7, 1)[i % 3] % 10 for i, d in enumerate(digits[:17]))
    return len(text) if (10 - total % 10) % 10 == int(digits[17]) else 0


def is_curp(text: str) -> int:
    """Its length if it is a CURP: a date, a state, and the check digit of its first seventeen characters."""
    plain = text.upper()
    if plain[11:13] not in _CURP_STATES or not is_day(plain[6:8], plain[8:10]):
        return 0
    total = sum(_CURP_ALPHABET.index(c) * (18 - i) for i, c in enumerate(plain[:17]))
    return len(text) if str((10 - total % 10) % 10) == plain[17] else 0


def is_rfc(text: str) -> int:
    """Its length if it is a person's RFC: a date, and a check character modulo 11 of its first twelve."""
    plain = text.upper()
    if not is_day(plain[6:8], plain[8:10]):
        return 0
    total = sum(_RFC_ALPHABET.index(c) * (13 - i) for i, c in enumerate(plain[:12]))
    return len(text) if "0A987654321"[total % 11] == plain[12] else 0


def is_spanish_id(text: str) -> int:
    """Its length if it is a DNI or NIE: the letter is that of the number modulo 23."""
    plain = text.upper()
    number = plain[:-1].replace("X", "0").replace("Y", "1").replace("Z", "2")
    return len(text) if _DNI_LETTERS[int(number) % 23] == plain[-1] else 0


def is_day(month: str, day: str) -> bool:
    """Whether the two are a month and a day of it, roughly."""
    return 1 <= int(month) <= 12 and 1 <= int(day) <= 31


def is_basic(credential: str) -> bool:
    """Whether it is the base64 of `user:password` (RFC 7617), or too long and mixed to be a word."""
    try:
        decoded = base64.b64decode(credential + "=" * (-len(credential) % 4), validate=True)
    except (binascii.Error, ValueError):
        return is_mixed(credential)
    return b":" in decoded or is_mixed(credential)


def is_mixed(word: str) -> bool:
    """Whether a word is no word of prose: it has digits, or capitals inside, or is longer than words are."""
    return len(word) > 32 or any(c.isdigit() for c in word) or not (word[1:].islower() or word.isupper())
