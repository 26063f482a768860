"""What the business counts. The names are those that the spec, its dashboards and other people's queries read."""

from __future__ import annotations

import warnings
from functools import partial

from sereno_kit import Kit
from sereno_kit.metrics.names import MetricNameWarning

from .credit import SCORE_BOUNDS, Age, Late, Reason, Tier
from .days import Days
from .store import Store

METHODS = ("card", "store", "transfer")
PAYMENTS = ("success", "declined", "failed", "queued")
EVALUATED_WITHIN_SECONDS = 5.0

# Three gauges end in `_count`, which linters reserve for histograms. They are older than the linter, and are read.
warnings.filterwarnings("ignore", message=".*_count", category=MetricNameWarning)


class ApiMeasures:
    """Of the door: what is asked for, who enters, who is refused."""

    def __init__(self, kit: Kit) -> None:
        self.submitted = kit.counter("applications_submitted_total", "Applications submitted")
        self.logins = kit.counter("logins_total", "Attempts to enter", result=["ok", "failed"], mfa=["yes", "no"])
        self.invalid_tokens = kit.counter("invalid_tokens_total", "Requests with a token that is none of ours")
        self.attacks = kit.counter(
            "attacks_blocked_total", "What looked like an attack and was refused", kind=["fuerza_bruta", "token_ajeno"]
        )


class CreditMeasures:
    """Of credits, from the application to the money."""

    def __init__(self, kit: Kit, store: Store, days: Days) -> None:
        self.approved = kit.counter("applications_approved_total", "Applications approved", sinosure_tier=[*Tier])
        self.rejected = kit.counter("applications_rejected_total", "Applications rejected", reason=[*Reason])
        self.scores = kit.counter("hase_scores_calculated_total", "Scores calculated", model=["today", "telematics"])
        self.score = kit.histogram("hase_score_distribution", "Scores, from 0 to 100", bounds=SCORE_BOUNDS)
        self.scoring = kit.histogram(
            "score_duration_seconds", "Time to evaluate one application", slo=[EVALUATED_WITHIN_SECONDS]
        )
        self.disbursed = kit.counter("credits_disbursed_total", "Credits whose money has gone out")
        self.amount = kit.counter("credits_disbursed_amount_mxn_total", "Money that has gone out", unit="mxn")
        self.settled = kit.counter(
            "disbursements_settled_total", "Approved credits, once it is known whether the money came within 48 hours",
            outcome=["in_time", "late"],
        )  # fmt: skip
        kit.metrics.read_gauge(
            "credits_active_count", "Credits that are being paid back", store.active_credits, multiprocess="livemax"
        )
        waiting = kit.metrics.read_gauge(
            "credits_approved_pending_count", "Approved credits that wait for their money", labels=["age"],
            multiprocess="livemax",
        )  # fmt: skip
        for age in Age:
            waiting.read(partial(_waiting, store, days, age), age=age)


class PaymentMeasures:
    """Of instalments."""

    def __init__(self, kit: Kit, store: Store, days: Days) -> None:
        self.processed = kit.counter(
            "payments_processed_total", "Payments that drivers asked for, by what they were told",
            status=PAYMENTS, method=METHODS,
        )  # fmt: skip
        self.recovered = kit.counter("payments_recovered_total", "Payments that were queued and are made now")
        late = kit.metrics.read_gauge(
            "payments_late_count", "Instalments that are overdue", labels=["level"], multiprocess="livemax"
        )
        for level in Late:
            late.read(partial(_late, store, days, level), level=level)


def _waiting(store: Store, days: Days, age: Age) -> float:
    return store.waiting_credits(age, days.today())


def _late(store: Store, days: Days, level: Late) -> float:
    return store.late_dues(level, days.today())
