"""What the control plane says about itself, for whoever scrapes it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from sereno.slo.model import Budget


class Metrics:
    """Its own registry, so that several control planes can live in one process (tests, demos)."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.evaluations = Counter("sereno_evaluations", "Rule evaluations", ["outcome"], registry=registry)
        self.evaluations_missed = Counter("sereno_evaluations_missed", "Slots that no one evaluated", registry=registry)
        self.rule_groups_missed = Counter(
            "sereno_rule_group_missed", "Evaluations of a group of rules that went by undone", ["group"],
            registry=registry,
        )  # fmt: skip
        self.rule_group_seconds = Gauge(
            "sereno_rule_group_last_seconds", "Time of a group's last evaluation", ["group"], registry=registry
        )
        self.evaluation_seconds = Histogram(
            "sereno_evaluation_seconds", "Time of one round of rules", registry=registry
        )
        self.budget_seconds = Histogram("sereno_budget_seconds", "Time of one round of budgets", registry=registry)
        self.budget_remaining = Gauge(
            "sereno_budget_remaining_ratio", "Error budget left; negative when overspent", ["service", "slo"],
            registry=registry,
        )  # fmt: skip
        self.burn_rate = Gauge("sereno_burn_rate", "Burn rate now", ["service", "slo"], registry=registry)
        self.spec_good = Gauge("sereno_spec_good", "1 if the spec on disk is the one in force", registry=registry)
        self.events = Counter("sereno_events", "Events handed out", ["kind", "outcome"], registry=registry)
        self.messages = Counter("sereno_messages", "Messages by their end", ["channel", "outcome"], registry=registry)
        self.delivery_seconds = Histogram(
            "sereno_delivery_seconds", "From the decision to the peer's yes", registry=registry,
            buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
        )  # fmt: skip
        self.repairs = Counter(
            "sereno_invariant_repairs", "Broken promises that the auditor mended", ["kind"], registry=registry
        )
        self.audits = Counter("sereno_audits", "Times the auditor looked", registry=registry)
        self.received_samples = Counter(
            "sereno_received_samples", "Samples that others sent", ["protocol", "outcome"], registry=registry
        )
        self.samples_damaged = Gauge(
            "sereno_samples_damaged", "Chunks and rows of samples that were found damaged and left out",
            registry=registry,
        )  # fmt: skip
        self.loop_errors = Counter(
            "sereno_loop_errors", "Failures inside a loop, which went on", ["loop"], registry=registry
        )

    def show_budget(self, budget: Budget) -> None:
        """Say where an objective stands; NaN where that is unknown."""
        for gauge, value in ((self.budget_remaining, budget.remaining), (self.burn_rate, budget.burn_rate)):
            gauge.labels(budget.service, budget.slo).set(float("nan") if value is None else float(value))

    def forget_budgets(self, objectives: Iterable[tuple[str, str]]) -> None:
        """Say no more about objectives (service and name) that are declared no longer, or otherwise."""
        for key in objectives:
            for gauge in (self.budget_remaining, self.burn_rate):
                with suppress(KeyError):
                    gauge.remove(*key)
