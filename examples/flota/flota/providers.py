"""Those outside the house, each behind its own guards: what to do when it is slow, down, or has had enough of us."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal, ParamSpec, TypeVar

import httpx

from sereno_kit import Bulkhead, CircuitBreaker, Fallback, Kit, Rejected, Retry, Timeout, Transient, pipeline
from sereno_kit.errors import Category, DependencyError, InternalError, KitError, classify
from sereno_kit.resilience.pipeline import Pipeline
from sereno_kit.resilience.retry import idempotent

from .store import Store

P = ParamSpec("P")
T = TypeVar("T")
UNAVAILABLE = (Rejected, DependencyError)
"""We did not ask, or they did not answer: neither is a no."""


def guards(*, at_once: int, each_seconds: float, all_seconds: float, minimum: int) -> tuple[Any, ...]:
    """What every provider has, outermost first.

    Args:
        at_once: calls at a time; as many again may wait for half a second.
        each_seconds: what one attempt may take.
        all_seconds: what all of them may take together.
        minimum: calls in half a minute below which the breaker concludes nothing.
    """
    return (
        Bulkhead(at_once, queue=at_once, queue_timeout=0.5),
        Timeout(all_seconds),
        Retry(3, base=0.1, cap=1.0),
        CircuitBreaker(0.5, minimum=minimum, window=30, open_for=3, open_growth=2, open_for_max=30, probes=2),
        Timeout(each_seconds),
    )


def in_our_words(function: Callable[P, T]) -> Callable[P, T]:
    """What the client of HTTP raises, as the kit's errors: callers read whose fault it is, servers log no accident."""

    @wraps(function)
    def told(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except httpx.HTTPError as error:
            kind = _KINDS.get(classify(error), InternalError)
            raise kind(f"{function.__name__}: {type(error).__name__}") from error

    return told


_KINDS: dict[Category, type[KitError]] = {Category.TRANSIENT: Transient, Category.DEPENDENCY: DependencyError}


class Client:
    """Calls of one provider, observed, through its guards.

    Args:
        kit: of the service that calls.
        name: the label `integration`, and the pipeline's name.
        url: where the provider is.
        each_seconds: what one attempt may take.
    """

    def __init__(self, kit: Kit, name: str, url: str, each_seconds: float) -> None:
        # Providers are told nothing of our requests; our own services are, by `neighbour`.
        self.http = kit.outgoing(httpx.Client(base_url=url, timeout=each_seconds), integration=name, propagate=False)

    def send(self, method: str, path: str, *, key: str = "", body: object = None) -> httpx.Response:
        """One attempt. A 402 is an answer; other errors are raised, and are classified by their status."""
        headers = {"Idempotency-Key": key} if key else {}
        answer = self.http.request(method, path, json=body, headers=headers)
        if answer.status_code != httpx.codes.PAYMENT_REQUIRED:
            answer.raise_for_status()
        return answer


class Identity:
    """Whether people are who they say. Without it nobody is let in: there is nothing to fall back on."""

    def __init__(self, kit: Kit, url: str) -> None:
        client = Client(kit, "identidad", url, 1.5)
        self.pipeline = pipeline("identidad", *guards(at_once=10, each_seconds=1.5, all_seconds=4, minimum=10))

        @in_our_words
        @self.pipeline
        @idempotent  # asking twice changes nothing there
        def verified(curp: str, name: str) -> bool:
            answer = client.send("POST", "/v1/verificaciones", body={"curp": curp, "nombre": name})
            return bool(answer.json()["verificada"])

        self.verified = verified


@dataclass(frozen=True, slots=True)
class Reading:
    """What a vehicle says of itself."""

    km_a_day: float
    place: str
    fresh: bool = True


class Telematics:
    """Where vehicles are and how they are used. While it is away, what was read last is good enough."""

    def __init__(self, kit: Kit, url: str, store: Store) -> None:
        client = Client(kit, "telemetria", url, 1.0)

        def last(vehicle: str) -> Reading | None:
            row = store.last_reading(vehicle)
            return None if row is None else Reading(row["km_a_day"], row["place"], fresh=False)

        self.pipeline = pipeline(
            "telemetria",
            Fallback(last, on=UNAVAILABLE),
            *guards(at_once=10, each_seconds=1.0, all_seconds=2.5, minimum=10),
        )
        feature = kit.features.declare(
            "telemetria", degraded=last, disabled=None, flag="telemetria", breaker="telemetria",
            description="Lecturas de los vehículos; sin ellas valen las últimas",
        )  # fmt: skip

        @feature
        def read(vehicle: str) -> Reading | None:
            return guarded(vehicle)

        @self.pipeline
        @idempotent
        def guarded(vehicle: str) -> Reading | None:
            found = client.send("GET", f"/v1/vehiculos/{vehicle}/lecturas").json()
            store.keep_reading(vehicle, found["km_por_dia"], found["lugar"])
            return Reading(found["km_por_dia"], found["lugar"])

        self.read = read


@dataclass(frozen=True, slots=True)
class Charge:
    """What became of a charge."""

    status: Literal["success", "declined", "queued"]
    number: str = ""
    why: str = ""


class Collections:
    """Charges cards, shops and accounts. While it is away, payments wait: the same key never charges twice."""

    def __init__(self, kit: Kit, url: str) -> None:
        client = Client(kit, "cobros", url, 2.0)

        def later(key: str, cents: int, method: str, source: str) -> Charge:
            return Charge("queued")

        self.pipeline: Pipeline = pipeline(
            "cobros",
            Fallback(later, on=UNAVAILABLE),
            *guards(at_once=10, each_seconds=2.0, all_seconds=5, minimum=10),
        )

        @self.pipeline
        @idempotent  # by its key
        def charge(key: str, cents: int, method: str, source: str) -> Charge:
            body = {"centavos": cents, "moneda": "MXN", "metodo": method, "origen": source}
            answer = client.send("POST", "/v1/cargos", key=key, body=body)
            found = answer.json()
            if answer.status_code == httpx.codes.PAYMENT_REQUIRED:
                return Charge("declined", why=str(found["mensaje"]))
            return Charge("success", number=str(found["id"]))

        self.charge = charge


class Payouts:
    """Sends the money to whoever sells the vehicle. What cannot be sent now is sent at the next look."""

    def __init__(self, kit: Kit, url: str) -> None:
        client = Client(kit, "dispersion", url, 3.0)
        self.pipeline = pipeline("dispersion", *guards(at_once=4, each_seconds=3.0, all_seconds=8, minimum=5))

        @in_our_words
        @self.pipeline
        @idempotent  # by its key
        def transfer(key: str, cents: int, clabe: str) -> str:
            body = {"centavos": cents, "moneda": "MXN", "clabe": clabe}
            return str(client.send("POST", "/v1/transferencias", key=key, body=body).json()["id"])

        self.transfer = transfer


class Neighbour:
    """One of our own services: told the request's id and trace, and how long it may take. It guards itself."""

    def __init__(self, kit: Kit, name: str, url: str) -> None:
        self.http = kit.outgoing(httpx.Client(base_url=url, timeout=10.0), integration=name)
        self.pipeline = pipeline(f"a-{name}", Bulkhead(30, queue=30, queue_timeout=0.5), Timeout(10.0))

        @in_our_words
        @self.pipeline
        def post(path: str, body: object) -> httpx.Response:
            answer = self.http.post(path, json=body)
            if answer.is_server_error:
                answer.raise_for_status()
            return answer

        self.post = post
