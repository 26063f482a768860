"""The door: drivers come in, ask for credits, see how theirs stands, and pay."""

from __future__ import annotations

from typing import Annotated, Any

import httpx
from fastapi import Depends, FastAPI, Request, Response
from pydantic import BaseModel, Field

from sereno_kit import DependencyError
from sereno_kit.limits import TokenBucket
from sereno_kit.rate_limiting import RateLimiting

from .credit import pesos
from .entering import Entrance, digest
from .errors import Conflict, Declined, Unknown
from .measures import METHODS, ApiMeasures
from .providers import Identity, Neighbour, Telematics
from .setting import Base, Setting, base

OURS = ("/health/", "/metrics", "/-/kit/")


def who(request: Request) -> int:
    """The driver whose token the request carries."""
    entrance: Entrance = request.app.state.entrance
    return entrance.driver_of(request)


DriverId = Annotated[int, Depends(who)]


class NewDriver(BaseModel):
    """Who registers."""

    name: str = Field(max_length=200)
    curp: str = Field(pattern="^[A-Z0-9]{18}$")
    rfc: str = Field(pattern="^[A-Z0-9&Ñ]{12,13}$")
    clabe: str = Field(pattern="^[0-9]{18}$")
    email: str = Field(max_length=200, pattern="^[^@ ]+@[^@ ]+$")
    phone: str = Field(max_length=30)
    card: str = Field(pattern="^[0-9]{13,19}$")
    password: str = Field(min_length=8, max_length=200)
    income_cents: int = Field(gt=0, lt=10**12)
    vehicle: str = Field(pattern="^[A-Z0-9]{5,17}$")


class Credentials(BaseModel):
    """Who enters."""

    email: str = Field(max_length=200)
    password: str = Field(max_length=200)
    code: str = Field(default="", max_length=10)


class NewApplication(BaseModel):
    """What is asked for."""

    amount_cents: int = Field(ge=1_000_00, le=500_000_00)
    weeks: int = Field(ge=2, le=156)


class NewPayment(BaseModel):
    """How the next instalment is paid."""

    method: str = Field(pattern=f"^({'|'.join(METHODS)})$")


def build(setting: Setting) -> FastAPI:
    """The application of the API."""
    app = FastAPI(title="Flota")
    stands = base(app, "api", setting)
    # One address may do much here, for the whole town comes from one; behind a proxy say `by_client(proxies=1)`.
    app.add_middleware(RateLimiting, limits={"cliente": TokenBucket(rate=100, burst=300)}, exempt=OURS)
    _routes(app, stands)
    return app


def _routes(app: FastAPI, stands: Base) -> None:
    kit, store = stands.kit, stands.store
    counts = ApiMeasures(kit)
    entrance = app.state.entrance = Entrance(store, counts)
    identity = Identity(kit, stands.peers["identidad"])
    telematics = Telematics(kit, stands.peers["telemetria"], store)
    lending = Neighbour(kit, "creditos", stands.peers["creditos"])
    paying = Neighbour(kit, "pagos", stands.peers["pagos"])

    def own(found: Any, driver: int, what: str) -> Any:
        """What was found, if it is the driver's."""
        if found is not None and found["driver_id"] == driver:
            return found
        if found is not None:
            entrance.refuse(driver, what)
        raise Unknown(f"no such {what}")

    @app.post("/conductores", status_code=201)
    def register(new: NewDriver) -> dict[str, int]:
        row = {**new.model_dump(exclude={"password"}), "password_digest": digest(new.password)}
        number = store.add_driver({**row, "email": new.email.lower()})
        if number is None:
            raise Conflict("known already", detail="Ya está registrado.")
        kit.log.info("driver registered", driver_id=number)
        return {"id": number}

    @app.post("/sesiones", status_code=201)
    def enter(credentials: Credentials) -> dict[str, str]:
        return {"token": entrance.enter(credentials.email, credentials.password, credentials.code)}

    @app.post("/solicitudes", status_code=201)
    def apply(new: NewApplication, driver_id: DriverId) -> Any:
        driver = store.driver(driver_id)
        if driver is None:
            raise Unknown("no such driver")
        with kit.span("verify identity", driver_id=driver_id):
            verified = identity.verified(driver["curp"], driver["name"])
        number = store.add_application(driver_id, new.amount_cents, new.weeks)
        counts.submitted.inc()
        kit.log.info(
            "application submitted", application_id=number, driver_id=driver_id, amount=pesos(new.amount_cents)
        )
        body = {"application_id": number, "identity_verified": verified}
        return _told(lending.post("/evaluaciones", body))

    @app.get("/solicitudes/{application_id}")
    def application(application_id: int, driver_id: DriverId) -> dict[str, Any]:
        found = own(store.application(application_id), driver_id, "application")
        return {key: found[key] for key in ("id", "status", "score", "tier", "reason", "amount_cents", "weeks")}

    @app.get("/creditos/{credit_id}")
    def credit(credit_id: int, driver_id: DriverId) -> dict[str, Any]:
        found = own(store.credit(credit_id), driver_id, "credit")
        shown = ("number", "amount_cents", "due_day", "status")
        plan = [{key: due[key] for key in shown} for due in store.plan(credit_id)]
        return {"id": credit_id, "disbursed_day": found["disbursed_day"], "today": stands.days.today(), "plan": plan}

    @app.post("/creditos/{credit_id}/pagos", status_code=201)
    def pay(credit_id: int, new: NewPayment, driver_id: DriverId, response: Response) -> Any:
        own(store.credit(credit_id), driver_id, "credit")
        answer = paying.post("/cobros", {"credit_id": credit_id, "method": new.method})
        response.status_code = answer.status_code
        return _told(answer)

    @app.get("/creditos/{credit_id}/vehiculo")
    def vehicle(credit_id: int, driver_id: DriverId) -> dict[str, Any]:
        own(store.credit(credit_id), driver_id, "credit")
        driver = store.driver(driver_id)
        assert driver is not None
        reading = telematics.read(driver["vehicle"])
        if reading is None:
            return {"known": False}
        return {"known": True, "fresh": reading.fresh, "place": reading.place, "km_a_day": reading.km_a_day}


def _told(answer: httpx.Response) -> Any:
    """What a neighbour answered, or its refusal in the same words."""
    if answer.is_success:
        return answer.json()
    kind = {402: Declined, 404: Unknown, 409: Conflict}.get(answer.status_code)
    if kind is None:
        raise DependencyError(f"a neighbour answered {answer.status_code}")
    raise kind("refused by a neighbour", detail=answer.json().get("detail", ""))
