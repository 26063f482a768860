"""Who comes in. Passwords of customers that do not exist: `clave-` and the name."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sereno_kit import ClientError
from sereno_kit.logs import bind

from .process import Process

NAMES = ("ana", "bruno", "carla", "diego", "elsa", "fabio")
CODE = "246810"
"""The second factor of those who use one."""


class NotYou(ClientError):
    """Name, password and code do not belong together."""

    status = 401
    title = "No se pudo entrar"


class Accounts:
    """Lets customers in, and counts who tried."""

    def __init__(self, process: Process) -> None:
        self._keys = {name: digest(f"clave-{name}") for name in NAMES}
        self._nobody = digest("")
        self.logins = process.kit.counter("logins_total", "Login attempts", result=["ok", "failed"], mfa=["yes", "no"])

    async def enter(self, request: Request) -> Response:
        """Let in whoever knows the password, and the code if one is given."""
        name, password, code = await _said(request)
        bind(customer=name)
        given = await asyncio.to_thread(digest, password)
        # Those whom nobody knows take as long as those whom somebody does.
        good = hmac.compare_digest(given, self._keys.get(name, self._nobody)) and name in self._keys
        good = good and (not code or hmac.compare_digest(code.encode(), CODE.encode()))
        self.logins.inc(result="ok" if good else "failed", mfa="yes" if code else "no")
        if not good:
            raise NotYou("wrong name, password or code")
        return JSONResponse({"customer": name})


def digest(password: str) -> bytes:
    """What is kept of a password."""
    return hashlib.scrypt(password.encode(), salt=b"tienda", n=2**12, r=8, p=1)


async def _said(request: Request) -> tuple[str, str, str]:
    try:
        body = json.loads(await request.body())
        return str(body["name"])[:80], str(body["password"])[:200], str(body.get("code") or "")[:20]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ClientError("a login needs a name and a password", detail="name, password") from None
