"""Payments: instalments are charged when drivers want it; what the provider cannot take now is charged later."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Response
from pydantic import BaseModel, Field

from sereno_kit import get_logger

from .credit import pesos
from .errors import Conflict, Declined, Unknown
from .looking import lifespan
from .measures import METHODS, PaymentMeasures
from .providers import Charge, Collections
from .setting import Base, Setting, base
from .store import Row

log = get_logger("flota.pagos")
LEASE_SECONDS = 10.0
"""Longer than a charge may take with all its attempts."""
AGAIN_SECONDS = 2.0
"""When a queued payment is tried next."""


class Payment(BaseModel):
    """What is to be paid: the next instalment of a credit."""

    credit_id: int
    method: str = Field(pattern=f"^({'|'.join(METHODS)})$")


class Till:
    """Charges instalments, each at most once."""

    def __init__(self, stands: Base) -> None:
        self.store, self.days = stands.store, stands.days
        self.counts = PaymentMeasures(stands.kit, stands.store, stands.days)
        self.collections = Collections(stands.kit, stands.peers["cobros"])

    def pay(self, wanted: Payment) -> tuple[int, dict[str, Any]]:
        """Charge the next instalment: the status to answer with, and what to say."""
        credit = self.store.credit(wanted.credit_id)
        if credit is None:
            raise Unknown("no such credit")
        due = self.store.claim_due(wanted.credit_id, wanted.method, self.days.today(), self._days(LEASE_SECONDS))
        if due is None:
            raise Conflict("nothing to pay", detail="No hay cuota que pagar, o ya se está cobrando.")
        try:
            charge = self._charge(due)
        except Exception:
            self.counts.processed.inc(status="failed", method=wanted.method)
            self.store.queue(due, self.days.today() + self._days(AGAIN_SECONDS))
            raise
        self.counts.processed.inc(status=charge.status, method=wanted.method)
        self._keep(due, charge)
        if charge.status == "declined":
            raise Declined("declined", detail="Pruebe con otro medio de pago.", due_id=due["id"])
        return (202 if charge.status == "queued" else 201), {"number": due["number"], "status": charge.status}

    def collect(self) -> bool:
        """One look: charge what was queued, under the same key as before; whether there may be more to do."""
        due = self.store.claim_queued(self.days.today(), self._days(LEASE_SECONDS))
        if due is None:
            return False
        charge = self._charge(due)
        self._keep(due, charge)
        if charge.status == "success":
            self.counts.recovered.inc()
        return charge.status != "queued"

    def _charge(self, due: Row) -> Charge:
        credit = self.store.credit(due["credit_id"])
        assert credit is not None
        driver = self.store.driver(credit["driver_id"])
        assert driver is not None
        source = driver["clabe"] if due["method"] == "transfer" else driver["card"]
        return self.collections.charge(
            f"cuota-{due['id']}-{due['attempt']}", due["amount_cents"], due["method"], source
        )

    def _keep(self, due: Row, charge: Charge) -> None:
        told = {"due_id": due["id"], "credit_id": due["credit_id"], "amount": pesos(due["amount_cents"])}
        if charge.status == "success":
            if self.store.charged(due, charge.number):
                log.info("payment made", charge=charge.number, **told)
        elif charge.status == "declined":
            self.store.declined(due)
            log.info("payment declined", why=charge.why, **told)
        else:
            self.store.queue(due, self.days.today() + self._days(AGAIN_SECONDS))
            log.warning("payment queued", **told)

    def _days(self, seconds: float) -> float:
        return seconds / self.days.seconds


def build(setting: Setting) -> FastAPI:
    """The application of payments."""

    def collect() -> bool:
        return till.collect()

    app = FastAPI(lifespan=lifespan(collect, every_seconds=1.0))
    till = Till(base(app, "pagos", setting))

    @app.post("/cobros", status_code=201)
    def pay(wanted: Payment, response: Response) -> dict[str, Any]:
        response.status_code, told = till.pay(wanted)
        return told

    return app
