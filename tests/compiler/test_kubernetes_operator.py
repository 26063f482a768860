"""The Prometheus operator's objects: the same rules as for a plain Prometheus, and monitors that find the pods."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from tests.compiler import promtool
from tests.compiler.delivered import CANARY, PAY, WEB, made
from tests.oracles import kubernetes as oracle
from tests.oracles.npm_packages import Unreachable

from sereno.compiler.kubernetes_objects import object_name

FLAGGER = CANARY.replace("argo", "flagger")


def judged(files: dict[str, str], folder: Path) -> list[str]:
    try:
        return [*oracle.check_operators(files, folder), *oracle.check(files, folder)]
    except Unreachable as reason:
        pytest.skip(str(reason))


def test_every_object_is_what_the_operator_reads(tmp_path: Path) -> None:
    for canary in ("", CANARY, FLAGGER):
        assert {path.split("/")[1] for path in made("prometheus-operator", PAY + canary, WEB).files} == {
            "rules",
            "monitors",
        }
    several = [
        (n, made("prometheus-operator", PAY + canary, WEB).files) for n, canary in enumerate(("", CANARY, FLAGGER))
    ]
    assert judged({f"{n}/{path}": text for n, files in several for path, text in files.items()}, tmp_path) == []


@pytest.mark.prometheus
def test_the_rules_are_those_of_a_plain_prometheus(tmp_path: Path) -> None:
    plain = made("prometheus", PAY, WEB).files
    wrapped = made("prometheus-operator", PAY, WEB).files

    rules = [path for path in plain if path.startswith("prometheus/rules/")]
    assert len(rules) == len([path for path in wrapped if "/rules/" in path]) == 3
    for path in rules:
        name = object_name(path.removeprefix("prometheus/rules/").removesuffix(".yml"))
        item = yaml.safe_load(wrapped[f"prometheus-operator/rules/{name}.yml"])
        assert item["spec"] == yaml.safe_load(plain[path])
        (tmp_path / "rules.yml").write_text(yaml.safe_dump(item["spec"]))
        promtool.accepts("check", "rules", tmp_path / "rules.yml")


def test_a_monitor_finds_the_service_and_gives_the_job_that_objectives_select(tmp_path: Path) -> None:
    files = {**made("prometheus-operator", PAY.replace('job="pay"', 'job="cobros"'), WEB).files}
    monitors = {path: item for path, item in oracle.objects(files) if "monitors" in path}
    pay = monitors["prometheus-operator/monitors/shop.pay.yml"]["spec"]

    services = [item for _, item in oracle.objects(made("kubernetes", PAY, WEB).files) if item["kind"] == "Service"]
    found = [
        s["metadata"]["name"]
        for s in services
        if pay["selector"]["matchLabels"].items() <= s["metadata"]["labels"].items()
    ]
    assert found == ["pay"]
    assert pay["namespaceSelector"] == {"matchNames": ["shop"]}
    assert pay["endpoints"][0]["relabelings"] == [{"action": "replace", "targetLabel": "job", "replacement": "cobros"}]
    web = monitors["prometheus-operator/monitors/front.web-front.yml"]["spec"]["endpoints"][0]
    assert (web["path"], web["interval"], web["scrapeTimeout"]) == ("/internal/metrics", "30s", "10s")


def test_samples_tell_which_version_they_come_from() -> None:
    def monitor(canary: str) -> dict:
        files = made("prometheus-operator", PAY + canary, WEB).files
        return yaml.safe_load(files["prometheus-operator/monitors/shop.pay.yml"])

    assert monitor(CANARY)["spec"]["podTargetLabels"] == ["rollouts-pod-template-hash"]
    assert monitor(FLAGGER)["kind"] == "PodMonitor"
    assert monitor(FLAGGER)["spec"]["selector"]["matchLabels"] == {"app.kubernetes.io/instance": "pay"}


def test_a_port_that_the_network_keeps_shut_is_said() -> None:
    shut = PAY.replace(", {namespace: monitoring, ports: [metrics]}", "")
    assert any("Prometheus cannot read it" in note for note in made("prometheus-operator", shut, WEB).notes)
    assert not any("Prometheus cannot read it" in note for note in made("prometheus-operator", PAY, WEB).notes)


def test_a_probe_is_asked_as_its_alerts_expect(tmp_path: Path) -> None:
    from tests.compiler import delivered

    probing = WEB + "probes: [{http: 'https://shop.example/health', every: 30s}]\n"
    assert any("nobody asks" in note for note in made("prometheus-operator", PAY, probing).notes)
    shared = delivered.SHARED
    try:
        delivered.SHARED = shared.replace("workspace: shop\n", "workspace: shop\nblackbox: blackbox.monitoring:9115\n")
        files = dict(made("prometheus-operator", PAY, probing).files)
        plain = yaml.safe_load(made("prometheus", PAY, probing).files["prometheus/prometheus.yml"])
    finally:
        delivered.SHARED = shared
    (probe,) = [item["spec"] for _, item in oracle.objects(files) if item["kind"] == "Probe"]
    (job,) = [job for job in plain["scrape_configs"] if job["job_name"] == probe["jobName"]]

    assert probe["prober"] == {"url": "blackbox.monitoring:9115"}
    assert [probe["module"]] == job["params"]["module"]
    static = probe["targets"]["staticConfig"]
    assert [{"targets": static["static"], "labels": static["labels"]}] == job["static_configs"]
    assert (probe["interval"], probe["scrapeTimeout"]) == (job["scrape_interval"], job["scrape_timeout"])
    assert judged(files, tmp_path) == []


def test_names_are_made_plain_and_stay_apart() -> None:
    names = ["pay", "Pay", "pagos.línea", "pagos-linea", "x" * 63, "x" * 62 + "y", "ñ"]
    made_ = [object_name(name) for name in names]
    assert made_[0] == "pay"
    assert len(set(made_)) == len(names)
    assert all(len(name) <= 63 and name.replace("-", "").isalnum() and name.isascii() for name in made_)


def test_the_oracle_refuses_a_key_or_a_value_that_the_operator_does_not_know(tmp_path: Path) -> None:
    text = made("prometheus-operator", PAY, WEB).files["prometheus-operator/monitors/shop.pay.yml"]
    planted = (("interval: 15s", "intervall: 15s"), ("interval: 15s", 'interval: "15 s"'),
               ("sampleLimit: 50000", "sampleLimit: many"), ("endpoints:", "endpoint:"))  # fmt: skip
    assert all(right in text for right, _ in planted)
    complaints = judged(
        {f"{n}.yml": text.replace(right, wrong, 1) for n, (right, wrong) in enumerate(planted)}, tmp_path
    )
    assert {complaint.partition(".")[0] for complaint in complaints} == {"0", "1", "2", "3"}
