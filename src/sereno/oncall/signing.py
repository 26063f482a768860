"""Signed links: who holds one may acknowledge that page as that person, until it expires."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import datetime

from sereno.kernel.errors import Unauthenticated
from sereno.kernel.moment import to_us

_VERSION = "v1"
_LENGTH_MAX = 1024


class Expired(Unauthenticated):
    """The link was genuine and its time is over."""

    code = "expired"
    status = 410


def sign(secret: bytes, page_id: str, person: str, expires_at: datetime) -> str:
    """A token, safe in URLs, that lets `person` acknowledge `page_id` until `expires_at`.

    HMAC-SHA256 over a versioned, unambiguous encoding. Raises ValueError for a name with a line break in it.
    """
    if "\n" in page_id or "\n" in person or not secret:
        raise ValueError("a signed link needs a secret and names on one line")
    payload = f"{page_id}\n{person}\n{to_us(expires_at)}".encode()
    return f"{_VERSION}.{_encode(payload)}.{_encode(_mac(secret, payload))}"


def verify(secret: bytes, token: str, now: datetime) -> tuple[str, str]:
    """The page and the person that `sign` put into `token`.

    Raises Unauthenticated for anything that this secret did not sign, and its child Expired when it is too late.
    """
    payload, mac = _parts(token)
    if not secret or not hmac.compare_digest(mac, _mac(secret, payload)):
        raise Unauthenticated("this link is not genuine")
    page_id, person, expires_us = payload.decode().split("\n")
    if to_us(now) >= int(expires_us):
        raise Expired("this link has expired", hint="sign in to the console to acknowledge the page")
    return page_id, person


def _parts(token: str) -> tuple[bytes, bytes]:
    version, *parts = token.split(".") if len(token) <= _LENGTH_MAX else [""]
    if version != _VERSION or len(parts) != 2:
        raise Unauthenticated("this link is not genuine")
    try:
        payload, mac = (_decode(part) for part in parts)
    except (ValueError, binascii.Error) as error:
        raise Unauthenticated("this link is not genuine") from error
    return payload, mac


def _mac(secret: bytes, payload: bytes) -> bytes:
    return hmac.new(secret, b"sereno acknowledge " + _VERSION.encode() + b"\n" + payload, hashlib.sha256).digest()


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _encode(raw) != text:  # one token, one spelling
        raise ValueError(text)
    return raw
