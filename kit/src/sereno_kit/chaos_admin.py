"""Faults for a drill, from the admin address: there only when enabled, only with the token, over by themselves.

`GET` shows the faults at work, `POST` injects one, `DELETE` removes one (`?id=3`) or all.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import orjson

from sereno_kit import chaos
from sereno_kit.clock import SYSTEM, Clock
from sereno_kit.endpoints import Answer, Ask, Endpoint, Refused, json_object
from sereno_kit.metrics.faults import failed
from sereno_kit.relay import Relay

if TYPE_CHECKING:
    from sereno_kit.kit import Kit
    from sereno_kit.options import Admin

SECONDS_MAX = 600.0
"""No fault lasts longer than ten minutes, whatever is asked for."""
LATENCY_SECONDS_MAX = 60.0
FAULTS_MAX = 20
TOKEN_LENGTH_MIN = 16
ERRORS: Mapping[str, type[Exception]] = {
    "timeout": TimeoutError,
    "connection": ConnectionError,
    "internal": RuntimeError,
}
"""Errors that can be asked for by name, besides statuses."""
_FIELDS = frozenset({"latency_seconds", "error", "drop", "share", "only", "seed", "seconds"})
_OPERATOR = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+ -]{0,63}", re.ASCII)
_ONLY_MAX = 200
_PRODUCTION = frozenset({"prod", "production", "prd", "live", "produccion", "producción", "pro"})
_BESIDE = frozenset({"pre", "non", "no", "not", "like", "dev", "test", "staging", "lab"})
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_log = logging.getLogger("sereno_kit.chaos")


def endpoint(
    options: Admin,
    *,
    environment: str,
    allow_in_production: bool = False,
    clock: Clock = SYSTEM,
    kit: Kit | None = None,
) -> Endpoint | None:
    """The address for drills, `options.path` + `/chaos`; None where it shall not exist.

    It exists if `options.chaos` or `SERENO_KIT_CHAOS=1` says so and there is an admin token of at least 16 characters.

    Args:
        options: of the admin address.
        environment: where the service runs. Where that is production, faults are refused unless
            `allow_in_production` or `SERENO_KIT_CHAOS=production` says otherwise.
        clock: what faults' time passes on.
        kit: whose start lets drills reach the server's other workers, and whose end ends them.
    """
    said = os.environ.get("SERENO_KIT_CHAOS", "")
    token = options.token or os.environ.get("SERENO_KIT_TOKEN") or ""
    if not (options.chaos or said in ("1", "production")) or len(token) < TOKEN_LENGTH_MIN:
        return None
    refused = is_production(environment) and not allow_in_production and said != "production"
    drills = Drills(token, environment if refused else "", clock)
    if kit is not None:
        kit.at_start.append(drills.relay.start)
        kit.at_close.append(drills.close)
    return drills.answer


def is_production(environment: str) -> bool:
    """Whether customers are there: a word of it is `prod`, `production`, `live` or the like (`eu-prod-2`), and none
    says that it is before or beside it (`pre-prod`).
    """
    words = {word.rstrip("0123456789") for word in re.split(r"[\W_]+", environment.lower())}
    return not words.isdisjoint(_PRODUCTION) and words.isdisjoint(_BESIDE)


class Drills:
    """Shows, injects and removes faults, in this process and in the other workers of the same server.

    Args:
        token: what callers send as a bearer.
        refused_in: the environment in which no fault is injected; empty for none.
        clock: what faults' time passes on.
    """

    def __init__(self, token: str, refused_in: str, clock: Clock) -> None:
        self._token = token.encode()
        self._refused_in = refused_in
        self._clock = clock
        self._mine: set[int] = set()
        self.relay = Relay(self._obey, clock=clock, kind="chaos")

    def close(self) -> None:
        """Remove what was injected from here, and listen to other processes no more."""
        self.relay.close()
        for one in chaos.active:
            if one.id in self._mine:
                one.remove()

    def answer(self, ask: Ask) -> Answer:
        """Answer one request. Never raises."""
        try:
            return self._answer(ask)
        except Refused as refusal:
            return _json(refusal.status, {"type": "about:blank", "status": refusal.status, "title": str(refusal)})
        except Exception as error:
            failed("chaos", error)
            return _json(500, {"type": "about:blank", "status": 500, "title": "the chaos endpoint failed; see the log"})

    def _answer(self, ask: Ask) -> Answer:
        self._authenticate(ask)
        for one in chaos.expire():
            _log.warning("fault is over", extra={"fault": _shown(one)})
        if ask.method in ("GET", "HEAD"):
            return _json(200, self._view())
        if ask.method not in ("POST", "DELETE"):
            raise Refused("GET to look, POST to inject, DELETE to remove", 405)
        operator = ask.headers.get("x-operator", "")
        if not _OPERATOR.fullmatch(operator):
            raise Refused("say who you are in X-Operator: up to 64 letters, digits, spaces and . _ @ + -")
        return self._inject(ask, operator) if ask.method == "POST" else self._remove(ask, operator)

    def _authenticate(self, ask: Ask) -> None:
        scheme, _, given = ask.headers.get("authorization", "").partition(" ")
        known = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), self._token)
        if scheme.lower() != "bearer" or not known:
            _log.warning("access to faults refused", extra={"client": ask.client})
            raise Refused("the token is missing or wrong", 401)

    def _inject(self, ask: Ask, operator: str) -> Answer:
        if self._refused_in:
            raise Refused(
                f"no faults in {self._refused_in!r}: SERENO_KIT_CHAOS=production allows them there, if you mean it", 403
            )
        if len(chaos.active) >= FAULTS_MAX:
            raise Refused(f"{FAULTS_MAX} faults are at work already; remove one first", 409)
        body = json_object(ask)
        fault, seconds = read(body)
        number = secrets.randbits(31)
        injected = self._begin(fault, seconds, number, operator)
        _forget_later(seconds)
        self.relay.tell({"inject": body, "number": number, "seconds": seconds, "by": operator})
        return _json(201, {"fault": _shown(injected), **self._view()})

    def _begin(self, fault: chaos.Fault, seconds: float, number: int, operator: str) -> chaos.Injected:
        injected = chaos.inject(fault, seconds=seconds, clock=self._clock, number=number)
        self._mine.add(number)
        _log.warning("fault injected", extra={"operator": operator, "fault": _shown(injected), "seconds": seconds})
        return injected

    def _remove(self, ask: Ask, operator: str) -> Answer:
        asked = parse_qs(ask.query).get("id")
        gone = [one for one in chaos.active if asked is None or str(one.id) in asked]
        if asked is not None and not gone:
            raise Refused(f"no fault has the id {asked[0][:20]!r}", 404)
        self._end(gone, operator)
        self.relay.tell({"remove": [one.id for one in gone], "seconds": None, "by": operator})
        return _json(200, self._view())

    def _end(self, gone: Sequence[chaos.Injected], operator: str) -> None:
        for one in gone:
            one.remove()
            _log.warning("fault removed", extra={"operator": operator, "fault": _shown(one)})

    def _obey(self, told: Mapping[str, Any]) -> None:
        """What another worker was told."""
        if "remove" in told:
            self._end([one for one in chaos.active if one.id in told["remove"]], told["by"])
        elif len(chaos.active) < FAULTS_MAX and not self._refused_in:
            fault, _ = read(told["inject"])
            self._begin(fault, told["seconds"], told["number"], told["by"])

    def _view(self) -> dict[str, Any]:
        return {
            "version": 1,
            "scope": self.relay.scope,
            "refused": bool(self._refused_in),
            "faults": [_shown(one) for one in chaos.active],
        }


def read(body: Mapping[str, Any]) -> tuple[chaos.Fault, float]:
    """The fault that a body asks for, and for how many seconds: 60 if it does not say, at most 600.

    Raises:
        Refused: it asks for something that is no fault.
    """
    unknown = set(body) - _FIELDS
    if unknown:
        raise Refused(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(sorted(_FIELDS))}")
    seconds = _number(body, "seconds", 60.0, SECONDS_MAX)
    if seconds <= 0:
        raise Refused("seconds is more than 0")
    only, seed, drop = body.get("only", "*"), body.get("seed", 0), body.get("drop", False)
    if not isinstance(only, str) or not 0 < len(only) <= _ONLY_MAX or not only.isprintable():
        raise Refused(f"only is a pattern of at most {_ONLY_MAX} characters, such as outgoing:payments*")
    if not isinstance(seed, int) or not isinstance(drop, bool):
        raise Refused("seed is a whole number, drop is true or false")
    try:
        fault = chaos.Fault(
            latency_seconds=_number(body, "latency_seconds", 0.0, LATENCY_SECONDS_MAX),
            error=_error(body.get("error")),
            drop=drop,
            share=_number(body, "share", 1.0, 1.0),
            only=only,
            seed=seed,
        )
    except ValueError as error:
        raise Refused(str(error)) from None
    return fault, seconds


def _error(asked: Any) -> type[Exception] | int | None:
    if asked is None or (isinstance(asked, int) and not isinstance(asked, bool)):
        return asked
    if isinstance(asked, str) and asked in ERRORS:
        return ERRORS[asked]
    raise Refused(f"error is a status from 400 to 599, or one of {', '.join(ERRORS)}")


def _number(body: Mapping[str, Any], name: str, default: float, most: float) -> float:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= most:
        raise Refused(f"{name} is a number from 0 to {most:g}")
    return float(value)


def _shown(one: chaos.Injected) -> dict[str, Any]:
    fault = one.fault
    return {
        "id": one.id,
        "latency_seconds": fault.latency_seconds,
        "error": _named(fault.error),
        "drop": fault.drop,
        "share": fault.share,
        "only": fault.only if isinstance(fault.only, str) else "a function",
        "met": one.met,
        "seconds_left": None if one.until is None else max(0.0, round(one.until - one.clock.monotonic(), 3)),
    }


def _named(error: BaseException | type[BaseException] | int | None) -> str | int | None:
    if error is None or isinstance(error, int):
        return error
    kind = error if isinstance(error, type) else type(error)
    return next((name for name, known in ERRORS.items() if known is kind), kind.__qualname__)


def _forget_later(seconds: float) -> None:
    """Say in the log that it is over when it is, where there is a loop to say it from; it is over in any case."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return
    loop.call_later(seconds + 0.05, _say_over)


def _say_over() -> None:
    for one in chaos.expire():
        _log.warning("fault is over", extra={"fault": _shown(one)})


def _json(status: int, body: Mapping[str, Any]) -> Answer:
    kind = "application/json" if status < 400 else "application/problem+json"
    extra = {"www-authenticate": 'Bearer realm="sereno-kit"'} if status == 401 else {}
    return Answer(status, orjson.dumps(body), kind, {**_HEADERS, **extra})
