"""What is written for Prometheus, judged by Prometheus's own tool."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from tests.compiler.promtool import accepts, promtool
from tests.compiler.shop import SECOND, SLOS, SPEC

from sereno.compiler import prometheus
from sereno.kernel.errors import UsageError
from sereno.slo import SloPlan, plans_of
from sereno.spec.model import EventsSli, Spec

PLANS = {(plan.service, plan.slo.name): plan for plan in plans_of(SPEC, evaluation_interval=15 * SECOND, language="es")}


def written(folder: Path, spec: Spec = SPEC) -> Path:
    """The rule file of `spec` in `folder`."""
    path = folder / "rules.yml"
    path.write_text(prometheus.rules_file(spec, language="es"), encoding="utf-8")
    return path


def unit_test(folder: Path, plan: SloPlan) -> Path:
    path = folder / "test.yml"
    path.write_text(prometheus.tests_file(plan), encoding="utf-8")
    return path


def test_the_rules_are_accepted_without_a_remark(tmp_path: Path) -> None:
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", written(tmp_path))
    assert done.returncode == 0, done.stdout
    rules = sum(len(plan.rules) for plan in PLANS.values()) + 1
    assert f"SUCCESS: {rules} rules found" in done.stdout


def test_a_rule_file_reads_as_it_was_declared() -> None:
    groups = yaml.safe_load(prometheus.rules_file(SPEC, language="es"))["groups"]
    assert [group["name"] for group in groups] == [
        "api/slo/disponibilidad", "pagos/alerts", "pagos/slo/disponibilidad", "pagos/slo/latencia", "pagos/slo/buenas",
        "pagos/slo/otra métrica", "pagos/slo/buenas aparte",
    ]  # fmt: skip
    (down,) = groups[1]["rules"]
    assert down == {
        "alert": "PagosCaídos",
        "expr": 'absent(up{job="pagos"})\nor max(up{job="pagos"}) == 0',
        "for": "1m",
        "keep_firing_for": "5m",
        "labels": {"service": "pagos", "severity": "P1", "team": "dinero"},
        "annotations": {
            "summary": '«Nadie» puede pagar: {{ $value }} — "sí"',
            "description": "línea 1\nlínea 2: # no",
        },
    }
    burn = groups[2]["rules"][0]
    assert burn["expr"] == PLANS["pagos", "disponibilidad"].rules[0].expr
    assert burn["labels"] == dict(PLANS["pagos", "disponibilidad"].rules[0].labels)
    assert "for" not in burn


def test_the_bytes_are_the_same_whatever_the_hash_seed() -> None:
    program = (
        "from tests.compiler.shop import SPEC; from sereno.compiler import prometheus as p; from sereno.slo import *;"
        "from datetime import timedelta; plans = plans_of(SPEC, evaluation_interval=timedelta(seconds=15));"
        "print(p.rules_file(SPEC), p.scrape_config(SPEC), *map(p.tests_file, plans))"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, "PYTHONHASHSEED": seed}, check=True, capture_output=True
        ).stdout
        for seed in ("0", "1", "42")
    }
    assert len(seen) == 1
    assert b"PagosDisponibilidadBurn1h" in seen.pop()


def test_the_order_of_services_does_not_matter() -> None:
    backwards = Spec(services=dict(reversed(SPEC.services.items())))
    assert prometheus.rules_file(backwards) == prometheus.rules_file(SPEC)
    assert prometheus.scrape_config(backwards) == prometheus.scrape_config(SPEC)


def test_one_service_alone_has_the_same_groups() -> None:
    plans = plans_of(SPEC, evaluation_interval=15 * SECOND)
    alone = [prometheus.service_rules(SPEC.services[name], plans) for name in ("api", "pagos")]
    groups = [group for text in alone for group in yaml.safe_load(text)["groups"]]
    assert groups == yaml.safe_load(prometheus.rules_file(SPEC))["groups"]
    assert prometheus.service_rules(SPEC.services["callado"], plans) == ""


@pytest.mark.parametrize("key", PLANS, ids="/".join)
def test_every_objective_fires_and_stops_as_its_test_says(tmp_path: Path, key: tuple[str, str]) -> None:
    written(tmp_path)
    accepts("test", "rules", unit_test(tmp_path, PLANS[key]))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("> 0.0072", "> 1.0072"),  # can never fire
        ("> 0.0072", "> -1"),  # fires always
        ('status=~"5..|429"', 'status=~"2.."'),  # the bad ones are the good ones
        ('"2%"', '"20%"'),  # says something else
    ],
)
def test_a_wrong_rule_does_not_pass(tmp_path: Path, right: str, wrong: str) -> None:
    rules = written(tmp_path)
    text = rules.read_text(encoding="utf-8")
    assert right in text
    rules.write_text(text.replace(right, wrong), encoding="utf-8")
    done = promtool("test", "rules", unit_test(tmp_path, PLANS["pagos", "disponibilidad"]))
    assert done.returncode == 1
    assert "FAILED" in done.stdout


def test_a_plan_without_tiers_or_a_selector_without_example_has_no_test() -> None:
    plan = PLANS["pagos", "disponibilidad"]
    with pytest.raises(UsageError, match="no burn-rate tier"):
        prometheus.tests_file(replace(plan, tiers=(), rules=()))
    impossible = replace(SLOS[0], sli=EventsSli('r{a="1",a="2"}', 'r{a="1",a="2",b="3"}', None))
    with pytest.raises(UsageError, match="no example found"):
        prometheus.tests_file(replace(plan, slo=impossible))


class TestScrapeConfiguration:
    def test_it_is_accepted(self, tmp_path: Path) -> None:
        rules = tmp_path / "rules"
        rules.mkdir()
        written(rules)
        config = tmp_path / "prometheus.yml"
        config.write_text(prometheus.scrape_config(SPEC), encoding="utf-8")
        accepts("check", "config", config)

    def test_targets_keep_their_scheme_path_and_port(self) -> None:
        jobs = {job["job_name"]: job for job in yaml.safe_load(prometheus.scrape_config(SPEC))["scrape_configs"]}
        plain, secure = jobs["pagos"]["static_configs"]
        assert plain["targets"] == ["127.0.0.1:9103"]
        assert secure["targets"] == ["x.example:443"]
        assert secure["labels"] == {
            "job": "pagos", "__scheme__": "https", "__metrics_path__": "/m", "__param_a": "b",
        }  # fmt: skip
        assert jobs["pagos"]["scrape_timeout"] == "5s"  # never longer than the interval

    def test_two_services_may_share_a_job(self) -> None:
        jobs = yaml.safe_load(prometheus.scrape_config(SPEC))["scrape_configs"]
        assert [job["job_name"] for job in jobs] == ["nodo", "pagos", "pagos/nodo"]
        assert [job["static_configs"][0]["labels"]["job"] for job in jobs] == ["nodo", "pagos", "nodo"]
        assert jobs[2]["static_configs"][0]["targets"] == ["[::1]:9100"]
        assert jobs[2]["static_configs"][0]["labels"]["zona"] == "lima"

    def test_a_password_in_an_address_is_not_written(self) -> None:
        text = prometheus.scrape_config(SPEC)
        assert "secreto" not in text
        assert "10.0.0.1:80" in text
