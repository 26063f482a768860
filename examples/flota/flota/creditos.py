"""Credits: applications are evaluated when they come; approved ones get their money within 48 hours."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from sereno_kit import get_logger

from .credit import Decision, Facts, decide, pesos
from .errors import Conflict, Unknown
from .looking import lifespan
from .measures import CreditMeasures
from .providers import UNAVAILABLE, Payouts, Telematics
from .setting import Base, Setting, base
from .store import Row

log = get_logger("flota.creditos")
LEASE_SECONDS = 15.0
"""Longer than a transfer may take with all its attempts."""
NEW_SCORE = "puntaje-nuevo"


class Evaluation(BaseModel):
    """What the API knows of an application."""

    application_id: int
    identity_verified: bool


class Desk:
    """Decides, and sends money."""

    def __init__(self, stands: Base) -> None:
        self.kit, self.store, self.days = stands.kit, stands.store, stands.days
        self.counts = CreditMeasures(stands.kit, stands.store, stands.days)
        self.telematics = Telematics(stands.kit, stands.peers["telemetria"], stands.store)
        self.payouts = Payouts(stands.kit, stands.peers["dispersion"])

    def evaluate(self, asked: Evaluation) -> dict[str, Any]:
        """Decide about an application, once."""
        application = self.store.application(asked.application_id)
        if application is None:
            raise Unknown("no such application")
        with self.counts.scoring.time(), self.kit.span("score", application_id=asked.application_id):
            decision = self._decide(application, asked.identity_verified)
        today = self.days.today()
        if not self.store.decided(application, decision.score, decision.tier, decision.reason, today):
            raise Conflict("decided before", detail="Esta solicitud ya se decidió.")
        if decision.tier is not None:
            self.counts.approved.inc(sinosure_tier=decision.tier)
            log.info("credit approved", application_id=application["id"], tier=decision.tier, score=decision.score)
        elif decision.reason is not None:
            self.counts.rejected.inc(reason=decision.reason)
            log.info("application rejected", application_id=application["id"], reason=decision.reason)
        status = "rejected" if decision.tier is None else "approved"
        return {"id": application["id"], "status": status, "tier": decision.tier, "reason": decision.reason}

    def _decide(self, application: Row, verified: bool) -> Decision:
        driver = self.store.driver(application["driver_id"])
        assert driver is not None
        reading = self.telematics.read(driver["vehicle"])
        facts = Facts(
            income_cents=driver["income_cents"], amount_cents=application["amount_cents"], weeks=application["weeks"],
            identity_verified=verified, km_a_day=None if reading is None else reading.km_a_day,
        )  # fmt: skip
        newer = self.kit.flags.enabled(NEW_SCORE, user=str(driver["id"]))
        decision = decide(facts, with_telematics=newer)
        self.counts.scores.inc(model="telematics" if newer else "today")
        self.counts.score.observe(decision.score)
        return decision

    def send_money(self) -> bool:
        """One look: settle what is known now, and send the money of one credit; whether there may be more to do."""
        today = self.days.today()
        for outcome, count in zip(("in_time", "late"), self.store.settle(today), strict=True):
            self.counts.settled.inc(count, outcome=outcome)
        credit = self.store.claim_disbursement(today, LEASE_SECONDS / self.days.seconds)
        if credit is None:
            return False
        driver = self.store.driver(credit["driver_id"])
        assert driver is not None
        try:
            # The key is the credit's: whoever sends it again, today or after a crash, sends the same money.
            transfer = self.payouts.transfer(f"desembolso-{credit['id']}", credit["amount_cents"], driver["clabe"])
        except UNAVAILABLE as error:
            log.warning("money not sent yet", credit_id=credit["id"], error=type(error).__name__)
            return False
        if self.store.disbursed(credit, transfer, self.days.today()):
            self.counts.disbursed.inc()
            self.counts.amount.inc(pesos(credit["amount_cents"]))
            log.info(
                "credit disbursed", credit_id=credit["id"], transfer=transfer, amount=pesos(credit["amount_cents"])
            )
        return True


def build(setting: Setting) -> FastAPI:
    """The application of credits."""

    def send_money() -> bool:
        return desk.send_money()

    app = FastAPI(lifespan=lifespan(send_money, every_seconds=min(5.0, max(0.2, setting.day_seconds / 24))))
    desk = Desk(base(app, "creditos", setting))

    @app.post("/evaluaciones", status_code=201)
    def evaluate(asked: Evaluation) -> dict[str, Any]:
        return desk.evaluate(asked)

    return app
