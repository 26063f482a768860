"""The rules that objectives become, and the texts that people read at night."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from tests.slo.fleet import BAD, GOOD, TOTAL

from sereno.kernel.labels import Labels
from sereno.kernel.rule import Rule
from sereno.slo import plan, plans_of, rules_of
from sereno.slo.planning import camel
from sereno.spec.model import EventsSli, LatencySli, Objective, ScrapeJob, Service, Slo, Spec

SECOND = timedelta(seconds=1)
LATENCY = LatencySli("h", 'h_bucket{le="0.5"}', "h_count", Decimal("0.5"))


def slo(name: str = "availability", text: str = "99.95%", days: int = 30, **more: object) -> Slo:
    ratio = Decimal(text.rstrip("%")) / 100
    sli = more.pop("sli", EventsSli(TOTAL, BAD, None))
    return Slo(name, Objective(text, ratio), timedelta(days=days), sli, **more)  # type: ignore[arg-type]


def rules(promised: Slo, language: str = "en", title: str = "") -> tuple[Rule, ...]:
    service = Service("payments", "money", title=title)
    seconds = timedelta(seconds=15)
    return plan(
        service, promised, scrape_interval=seconds, evaluation_interval=seconds, language=language  # type: ignore[arg-type]
    ).rules  # fmt: skip


def test_a_rule_says_which_window_what_it_means_and_when_it_ends() -> None:
    hour, six, day = rules(slo(page_severity="P1", ticket_severity="P3", runbook="runbooks/payments.md"))
    assert [rule.name for rule in (hour, six, day)] == [
        "PaymentsAvailabilityBurn1h", "PaymentsAvailabilityBurn6h", "PaymentsAvailabilityBurn1d",
    ]  # fmt: skip
    assert [rule.severity for rule in (hour, six, day)] == ["P1", "P1", "P3"]
    assert [rule.key for rule in (hour, six)] == ["payments/slo:availability/1h", "payments/slo:availability/6h"]
    assert hour.labels == {
        "service": "payments", "team": "money", "severity": "P1", "slo": "availability", "window_long": "1h",
        "window_short": "5m", "burn_factor": "14.4", "budget_share": "2%", "exhausts_in": "2d2h",
    }  # fmt: skip
    assert hour.annotations == {
        "summary": "payments: the error budget of availability burns at more than 14.4 times the sustainable rate"
        " (1 h)",
        "description": "Over the last 1 h (and the last 5 min too) more than 0.72% of the events failed; the objective"
        " of 99.95% allows 0.05%. That spends 2% of the 30 d budget in 1 h; if it goes on, a whole budget lasts"
        " 2 d 2 h at most, and what is left of it less.",
        "owner": "money",
        "runbook_url": "runbooks/payments.md",
    }
    assert hour.for_ == timedelta(0)


def test_the_same_in_spanish() -> None:
    hour = rules(slo(), "es", title="Pagos")[0]
    assert hour.annotations == {
        "summary": "Pagos: el presupuesto de error de availability se consume a más de 14,4 veces lo sostenible (1 h)",
        "description": "En la ventana de 1 h (y también en la de 5 min) más del 0,72 % de los eventos fallaron; el"
        " objetivo 99,95 % permite el 0,05 %. Eso consume el 2 % del presupuesto de 30 d en 1 h; si sigue así, un"
        " presupuesto completo dura como mucho 2 d 2 h, y lo que quede de él, menos.",
        "owner": "money",
    }


@pytest.mark.parametrize(
    ("within", "said"), [("0.5", "500 ms"), ("0.25", "250 ms"), ("1", "1 s"), ("2.5", "2.5 s"), ("0.0025", "2.5 ms")]
)
def test_slow_says_how_slow(within: str, said: str) -> None:
    sli = LatencySli("h", "h_bucket", "h_count", Decimal(within))
    assert f"of the events took longer than {said};" in rules(slo(sli=sli))[0].annotations["description"]


@pytest.mark.parametrize(
    ("text", "days", "thresholds"),
    [
        ("99.95%", 30, ["0.0072", "0.003", "0.0015"]),
        ("99.9%", 30, ["0.0144", "0.006", "0.003"]),
        ("99.99%", 28, ["0.001344", "0.00056", "0.00028"]),
        ("99.999%", 30, ["0.000144", "0.00006", "0.00003"]),  # never 6e-05, never 0.00005999
        ("95%", 7, ["0.672", "0.21", "0.14"]),
    ],
)
def test_thresholds_are_exact(text: str, days: int, thresholds: list[str]) -> None:
    for rule, threshold in zip(rules(slo(text=text, days=days)), thresholds, strict=True):
        assert rule.expr.count(f"> {threshold}\n") == 2


def test_bad_events_are_guarded_against_silence() -> None:
    assert rules(slo())[0].expr == "\n".join(
        [
            "(",
            f"  (sum(rate({BAD}[1h])) or 0 * sum(rate({TOTAL}[1h]))) / (sum(rate({TOTAL}[1h])) > 0)",
            "  > 0.0072",
            ") and (",
            f"  (sum(rate({BAD}[5m])) or 0 * sum(rate({TOTAL}[5m]))) / (sum(rate({TOTAL}[5m])) > 0)",
            "  > 0.0072",
            ")",
        ]
    )


def test_good_events_never_seen_are_an_outage() -> None:
    expr = rules(slo(sli=EventsSli(TOTAL, None, GOOD)))[0].expr
    total = f"sum(rate({TOTAL}[1h]))"
    assert f"({total} - (sum(rate({GOOD}[1h])) or 0 * {total})) / ({total} > 0)" in expr


def test_a_threshold_that_is_no_boundary_can_not_fire() -> None:
    expr = rules(slo(sli=LATENCY))[0].expr
    assert '(sum(rate(h_count[1h])) - sum(rate(h_bucket{le="0.5"}[1h]))) / (sum(rate(h_count[1h])) > 0)' in expr


def test_titles_are_words_not_templates() -> None:
    text = rules(slo(), title="{{ $labels.secret }}")[0].annotations["summary"]
    assert "{{" not in text
    assert "$labels.secret" in text


@pytest.mark.parametrize(
    ("name", "word"),
    [("payments", "Payments"), ("base-de-datos", "BaseDeDatos"), ("búsqueda", "Busqueda"), ("A v2", "AV2"), ("日", "")],
)  # fmt: skip
def test_names_of_alerts(name: str, word: str) -> None:
    assert camel(name) == word


class TestASpec:
    spec = Spec(
        services={
            "web": Service(
                "web", "shop", slos=(slo(), slo("speed", "95%", 7, sli=LATENCY)),
                alerts=(Rule("WebDown", "up == 0", "web", "P1", labels=Labels(service="web"), origin="alert:WebDown"),),
            ),
            "api": Service("api", "shop", slos=(slo(),)),
        }
    )  # fmt: skip

    def test_every_rule_in_one_order(self) -> None:
        names = [rule.key for rule in rules_of(self.spec, evaluation_interval=15 * SECOND)]
        assert names == [
            "api/slo:availability/1h", "api/slo:availability/6h", "api/slo:availability/1d",
            "web/alert:WebDown",
            "web/slo:availability/1h", "web/slo:availability/6h", "web/slo:availability/1d",
            "web/slo:speed/15m", "web/slo:speed/2h", "web/slo:speed/6h",
        ]  # fmt: skip
        backwards = Spec(services=dict(reversed(self.spec.services.items())))
        assert rules_of(backwards, evaluation_interval=15 * SECOND) == rules_of(
            self.spec, evaluation_interval=15 * SECOND
        )

    def test_keys_are_unique(self) -> None:
        keys = [rule.key for rule in rules_of(self.spec, evaluation_interval=15 * SECOND)]
        assert len(set(keys)) == len(keys)

    @pytest.mark.parametrize(
        ("jobs", "short"),
        [
            ({}, "5m"),  # nobody says: the evaluation's own rhythm
            ({"web": [("other", 120)]}, "10m"),  # its own service's jobs
            ({"web": [("other", 120)], "api": [("shop", 15)]}, "5m"),  # the job that the selector names, wherever
            ({"web": [("shop", 120)]}, "10m"),
        ],
    )
    def test_the_scrape_interval_is_that_of_the_job_that_is_counted(
        self, jobs: dict[str, list[tuple[str, int]]], short: str
    ) -> None:
        services = {
            name: Service(
                name, "shop", slos=(slo(),) if name == "web" else (),
                scrape=tuple(ScrapeJob(job, (), n * SECOND, 5 * SECOND) for job, n in jobs.get(name, [])),
            )
            for name in ("web", "api")
        }  # fmt: skip
        (found,) = plans_of(Spec(services=services), evaluation_interval=15 * SECOND)
        assert found.rules[0].labels["window_short"] == short
