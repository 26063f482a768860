"""What people give `instrument` by mistake is told at once, with what to write instead, and changes nothing."""

from typing import Any

import pytest
from fastapi import FastAPI

from sereno_kit import (
    Admin,
    Drain,
    Flags,
    Health,
    Logs,
    Metrics,
    RateLimit,
    Redactor,
    Retry,
    Sentry,
    Timeout,
    Traces,
    Transient,
    instrument,
    pipeline,
)
from sereno_kit.clock import SYSTEM
from sereno_kit.features import Features
from sereno_kit.health import HealthChecks
from sereno_kit.metrics.names import MetricError
from sereno_kit.testing import capture_metrics


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"service": ""}, "service is empty"),
        ({"service": None}, "service is the service's name, a text, not a NoneType"),
        ({"slo_latency": 0.2}, r"slo_latency takes several thresholds in seconds, such as \[0.2, 0.3\], not 0.2"),
        ({"slo_latency": "0.2"}, "slo_latency takes several thresholds"),
        ({"slo_latency": [200, 300]}, "slo_latency is in seconds: 0.2 for 200 milliseconds"),
        ({"slo_latency": [-1]}, "above 0 seconds"),
        ({"slo_latency": [float("nan")]}, "above 0 seconds"),
        ({"logs": True}, r"logs takes Logs\(…\), not a bool; Logs\(\) has the defaults"),
        ({"logs": False}, r"logs takes Logs\(…\), not a bool; None leaves it out"),
        ({"logs": {"level": "DEBUG"}}, r"logs takes Logs\(…\), not a dict"),
        ({"metrics": "/metrics"}, r"metrics takes Metrics\(…\), not a str"),
        ({"traces": True}, r"traces takes the share of traces, or Traces\(…\), not a bool"),
        ({"traces": "http://localhost:4318"}, r"traces takes the share of traces, or Traces\(…\), not a str"),
        ({"traces": 10}, "a number from 0 to 1, not 10"),
        ({"sentry": 1}, r"sentry takes the DSN, or Sentry\(…\), not an int"),
        ({"health": "/healthz"}, r"health takes Health\(…\), not a str"),
        ({"metrics": Metrics(path="/health/live")}, "metrics.path and health.live are both at '/health/live'"),
        ({"drain": 10}, r"drain takes Drain\(…\), not an int"),
        ({"admin": "a-token-of-sixteen"}, r"admin takes Admin\(…\), not a str"),
        ({"problems": True}, r"problems takes Problems\(…\), not a bool"),
        ({"redactor": ["password"]}, r"redactor takes a Redactor, such as Redactor\(keys=\['policy_number'\]\)"),
        ({"flags": "flags.json"}, r"flags takes Flags, such as Flags.file\('flags.json'\), not a str"),
    ],
)
def test_an_option_of_another_kind_is_told(given: dict[str, Any], told: str) -> None:
    app = FastAPI()
    with pytest.raises((TypeError, ValueError), match=told):
        instrument(app, **{"service": "orders", **given})
    assert not hasattr(app, "_sereno_kit")


def test_the_application_is_given_not_what_makes_it() -> None:
    def make() -> FastAPI:
        return FastAPI()

    with pytest.raises(TypeError, match=r"not its class: instrument\(FastAPI\(\), …\)"):
        instrument(FastAPI, service="orders")
    with pytest.raises(TypeError, match=r"not the function that makes it: instrument\(make\(\), …\)"):
        instrument(make, service="orders")
    assert not hasattr(FastAPI, "_sereno_kit"), "every application after it would be taken for instrumented"


@pytest.mark.parametrize(
    ("kind", "given", "told"),
    [
        (Logs, {"form": "text"}, "form is 'json' or 'console', not 'text'"),
        (Logs, {"quiet": "/health"}, r"quiet takes several paths: \('/health',\)"),
        (Logs, {"sample": {"/poll": 2}}, "sample of '/poll' is a number from 0 to 1, not 2"),
        (Metrics, {"path": "metrics"}, "path begins with '/', as in '/metrics'"),
        (Metrics, {"series_max": 0}, "series_max is at least 1"),
        (Traces, {"share": 10}, "the share of traces is a number from 0 to 1, not 10"),
        (Sentry, {"dsn": None}, "leave Sentry out: sentry=None"),
        (Sentry, {"dsn": "https://a@sentry.io/1", "share": 100}, "share is a number from 0 to 1, not 100"),
        (Health, {"live": "live"}, "live begins with '/', as in '/live'"),
        (Health, {"live": "/health", "ready": "/health"}, "two questions"),
        (Health, {"timeout_seconds": 0}, "above 0"),
        (Drain, {"delay_seconds": -1}, "not below 0"),
        (Admin, {"path": "admin"}, "path begins with '/', as in '/admin'"),
    ],
)
def test_an_option_that_cannot_be_is_told_where_it_is_written(kind: Any, given: dict[str, Any], told: str) -> None:
    with pytest.raises((TypeError, ValueError), match=told):
        kind(**given)


def test_a_redactor_takes_several_names() -> None:
    with pytest.raises(TypeError, match="several names"):
        Redactor(keys="password")


def test_options_do_not_show_their_tokens() -> None:
    shown = repr((Admin(token="a-token-of-sixteen"), Metrics(token="only-for-scrapers")))
    assert "a-token" not in shown
    assert "only-for" not in shown


def test_metrics_say_what_two_declarations_do_not_agree_in() -> None:
    with capture_metrics() as metrics:
        registry = metrics.registry
        registry.counter("orders_total", "Orders", status=["paid", "failed"], tier=None)
        with pytest.raises(MetricError, match=r"with the labels \(status=\['paid', 'failed'\], tier\), now \(status\)"):
            registry.counter("orders_total", "Orders", status=None)
        with pytest.raises(MetricError, match="with the help 'Orders', now 'All orders'"):
            registry.counter("orders_total", "All orders", status=["paid", "failed"], tier=None)
        registry.histogram("score_points", "Scores", unit="points", bounds=[1, 2])
        with pytest.raises(MetricError, match="with other bounds"):
            registry.histogram("score_points", "Scores", unit="points", bounds=[1, 3])
        registry.read_gauge("waiting", "Who waits", lambda: 1)
        with pytest.raises(MetricError, match="with the kind 'gauge that is asked for', now 'gauge'"):
            registry.gauge("waiting", "Who waits")
        with pytest.raises(MetricError, match="say each label with its values"):
            registry.counter("payments_total", "Payments", labelnames=["status"])


def test_a_label_that_is_wrong_is_named(caplog: pytest.LogCaptureFixture) -> None:
    with capture_metrics() as metrics:
        orders = metrics.registry.counter("named_labels_total", "Orders", status=["paid"])
        orders.inc(status="someone's password")
        orders.inc()
        orders.inc(status="paid", method="cash")
        assert metrics.value("named_labels_total", status="__other__") == 2
    told = " ".join(record.getMessage() for record in caplog.records)
    assert "named_labels_total: the label 'status' has a value that was not declared" in told
    assert "named_labels_total: the label 'status' is missing" in told
    assert "named_labels_total: its labels are status, and another one was given" in told
    assert "password" not in told


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((Retry(3),), "begins with its name"),
        (("stripe", Retry), r"Retry is a class; write Retry\(…\)"),
        (("stripe", [Retry(3)]), "one after the other, not in a list"),
        (("stripe", 3), r"takes policies such as Retry\(3\), not 3"),
    ],
)
def test_a_pipeline_says_what_it_takes(given: tuple[Any, ...], told: str) -> None:
    with pytest.raises((TypeError, ValueError), match=told):
        pipeline(*given)


def test_a_limit_is_a_rule() -> None:
    with pytest.raises(
        TypeError, match=r"RateLimit takes a rule: RateLimit.token_bucket\(rate=50, burst=100\), not 50"
    ):
        RateLimit(50)  # type: ignore[arg-type]


def test_the_line_of_a_call_that_is_not_repeated_says_what_would_make_it_so(caplog: pytest.LogCaptureFixture) -> None:
    charges = pipeline("charges-not-repeated", Retry(3))

    @charges
    def charge() -> None:
        raise Transient("the provider is away")

    with pytest.raises(Transient):
        charge()
    assert [record.hint for record in caplog.records if hasattr(record, "hint")] == [
        "nothing says that this call may be done twice; if it may: @idempotent, an idempotency_key, or "
        "Retry(idempotent=True)"
    ]


def test_a_timeout_is_a_number() -> None:
    with pytest.raises(ValueError, match="must be a number above 0, not '2s'"):
        Timeout("2s")  # type: ignore[arg-type]


def test_a_user_given_for_the_default_turns_nothing_on() -> None:
    assert Flags.of({"flags": {}}).enabled("new_flow", "ana") is False  # type: ignore[arg-type]


def test_a_feature_that_nobody_declared_is_told_with_those_that_are() -> None:
    features = Features()
    features.declare("recommendations", degraded=list)
    with pytest.raises(KeyError, match="no feature 'recomendations' is declared; there are: recommendations"):
        features.state("recomendations")


def test_a_check_without_its_name_says_how() -> None:
    with pytest.raises(TypeError, match=r"begins with its name: @kit.readiness\('db'\)"):
        HealthChecks(Health(), SYSTEM).check(lambda: True)  # type: ignore[arg-type]


def test_the_port_of_another_protocol_is_told(caplog: pytest.LogCaptureFixture) -> None:
    from sereno_kit import traces_sdk

    assert traces_sdk._endpoint("http://collector:4318") == "http://collector:4318/v1/traces"
    assert caplog.messages == []
    traces_sdk._endpoint("http://collector:4317")
    assert ["gRPC" in message for message in caplog.messages] == [True]
