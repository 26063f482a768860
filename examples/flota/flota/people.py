"""Made-up people whose documents are formed as real ones are, check digits and all, and belong to nobody."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass

_NAMES = ("María", "José", "Guadalupe", "Juan", "Rosa", "Pedro", "Carmen", "Luis", "Elena", "Miguel")
_FAMILIES = ("Hernández", "García", "Martínez", "López", "Cruz", "Ramírez", "Flores", "Mendoza", "Ortiz", "Vega")
_CURP_VALUES = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
_RFC_VALUES = "0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ Ñ"
_CONSONANTS = "BCDFGHJKLMNPQRSTVWXYZ"
_PLAIN = str.maketrans("áéíóúñÁÉÍÓÚÑ", "aeiounAEIOUN")


@dataclass(frozen=True, slots=True)
class Driver:
    """Who asks for a credit; the names of the fields are those of the API."""

    name: str
    curp: str
    rfc: str
    clabe: str
    email: str
    phone: str
    card: str
    password: str
    income_cents: int
    vehicle: str

    def document(self) -> dict[str, object]:
        """As it is sent."""
        return asdict(self)


def driver(dice: random.Random) -> Driver:
    """Somebody."""
    name, family, mother = dice.choice(_NAMES), dice.choice(_FAMILIES), dice.choice(_FAMILIES)
    number = dice.randrange(10**8)
    initials = _initials(family, mother, name)
    born = f"{dice.randrange(60, 99):02}{dice.randrange(1, 13):02}{dice.randrange(1, 29):02}"
    return Driver(
        name=f"{name} {family} {mother}",
        curp=_curp(initials, born, dice),
        rfc=_rfc(initials, born, dice),
        clabe=_clabe(f"002{dice.randrange(10**3):03}{dice.randrange(10**11):011}"),
        email=f"{name}.{family}{number}@correo.example".translate(_PLAIN).lower(),
        phone=f"+52 55 {dice.randrange(1000, 9999)} {dice.randrange(1000, 9999)}",
        card=_luhn(f"411111{dice.randrange(10**9):09}"),
        password=f"clave-{dice.randrange(10**12):012}",
        income_cents=dice.randrange(1_200_000, 5_200_000),
        vehicle=f"VIN{number:08}",
    )


def _initials(family: str, mother: str, name: str) -> str:
    """The family's first letter and its first vowel after that, then the mother's and the name's."""
    vowel = next(letter for letter in family.translate(_PLAIN)[1:] if letter in "aeiou")
    return f"{family[0]}{vowel}{mother[0]}{name[0]}".translate(_PLAIN).upper()


def _curp(initials: str, born: str, dice: random.Random) -> str:
    """Source: Instructivo normativo para la asignación de la CURP, Diario Oficial, 18 October 2021."""
    body = f"{initials}{born}{dice.choice('HM')}DF{''.join(dice.choices(_CONSONANTS, k=3))}{dice.randrange(10)}"
    total = sum(_CURP_VALUES.index(letter) * (18 - place) for place, letter in enumerate(body))
    return f"{body}{(10 - total % 10) % 10}"


def _rfc(initials: str, born: str, dice: random.Random) -> str:
    """Source: the SAT's rule for the thirteenth place, modulo 11."""
    body = f"{initials}{born}{''.join(dice.choices('ABCDEFGHJKLMNPQRSTUVWXYZ123456789', k=2))}"
    total = sum(_RFC_VALUES.index(letter) * (13 - place) for place, letter in enumerate(body))
    rest = 11 - total % 11
    return body + {11: "0", 10: "A"}.get(rest, str(rest))


def _clabe(body: str) -> str:
    """Source: Banco de México, CLABE: weights 3, 7, 1."""
    total = sum(int(digit) * (3, 7, 1)[place % 3] % 10 for place, digit in enumerate(body))
    return f"{body}{(10 - total % 10) % 10}"


def _luhn(body: str) -> str:
    """Source: ISO/IEC 7812-1, annex B."""
    total = sum(
        sum(divmod(int(digit) * (2 if place % 2 == 0 else 1), 10)) for place, digit in enumerate(reversed(body))
    )
    return f"{body}{(10 - total % 10) % 10}"
