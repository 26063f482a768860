"""Who asks: passwords as digests, tokens that nobody can make up, and an end to guessing."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from fastapi import Request

from sereno_kit import get_logger
from sereno_kit.limits import MemoryStore, SlidingWindow

from .errors import Locked, NotAllowed
from .measures import ApiMeasures
from .store import Row, Store

log = get_logger("flota.entering")
_COST = {"n": 2**10, "r": 8, "p": 1}
"""Of scrypt; low, for this is an example that shares two cores with everything else. Use 2**17."""


def digest(password: str, salt: str = "") -> str:
    """What is kept of a password."""
    salt = salt or secrets.token_hex(8)
    return f"{salt}:{hashlib.scrypt(password.encode(), salt=salt.encode(), **_COST).hex()}"


class Entrance:
    """Lets drivers in, and says which driver a request is of.

    Args:
        store: where drivers are.
        counts: what is told.
        secret: what tokens are signed with; a new one for each process, if not given.
    """

    def __init__(self, store: Store, counts: ApiMeasures, secret: bytes = b"") -> None:
        self._store, self._counts = store, counts
        self._secret = secret or secrets.token_bytes(32)
        self._guesses = MemoryStore().limiter("entradas", SlidingWindow(5, 60))

    def enter(self, email: str, password: str, code: str) -> str:
        """A token.

        Raises:
            Locked: five wrong passwords within a minute.
            NotAllowed: the password or the e-mail is wrong; which, nobody is told.
        """
        mfa = "yes" if code else "no"
        guess = self._guesses.hit(email.lower())
        if not guess.allowed:
            self._counts.attacks.inc(kind="fuerza_bruta")
            raise Locked("too many wrong passwords", retry_after=guess.retry_after, detail="Espere un minuto.")
        driver = self._store.driver_by_email(email.lower())
        if not _matches(driver, password):
            self._counts.logins.inc(result="failed", mfa=mfa)
            raise NotAllowed("wrong password", detail="El correo o la clave no son correctos.")
        assert driver is not None
        self._guesses.give_back(email.lower())
        self._counts.logins.inc(result="ok", mfa=mfa)
        return f"{driver['id']}.{self._sign(driver['id'])}"

    def driver_of(self, request: Request) -> int:
        """The driver whose token a request carries.

        Raises:
            NotAllowed: it carries none, or none of ours.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        number, _, signature = token.partition(".")
        if not token:
            raise NotAllowed("no token", detail="Mande su token.")
        right = scheme.lower() == "bearer" and number.isascii() and number.isdecimal() and len(number) < 16
        if not right or not hmac.compare_digest(signature.encode(), self._sign(int(number)).encode()):
            self._counts.invalid_tokens.inc()
            raise NotAllowed("invalid token", detail="El token no vale.")
        return int(number)

    def refuse(self, driver_id: int, what: str) -> None:
        """Somebody asks with his own token for what is another's; to him it does not exist."""
        self._counts.attacks.inc(kind="token_ajeno")
        log.warning("asked for what is another's", driver_id=driver_id, what=what)

    def _sign(self, number: int) -> str:
        return hmac.new(self._secret, str(number).encode(), hashlib.sha256).hexdigest()


_NOBODY = digest("nobody", "nobody")


def _matches(driver: Row | None, password: str) -> bool:
    """In the same time whether or not there is such a driver."""
    kept = _NOBODY if driver is None else driver["password_digest"]
    same = hmac.compare_digest(digest(password, kept.partition(":")[0]), kept)
    return same and driver is not None
