"""What `sereno build kubernetes` writes is valid in the oldest and newest Kubernetes, and runs a service well."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.compiler.delivered import CANARY, PAY, WEB, made, mistakes
from tests.oracles import kubernetes as oracle

from sereno.kernel.errors import UsageError


def kinds(files: dict[str, str], kind: str) -> list[dict]:
    return [item for _, item in oracle.objects(files) if item["kind"] == kind]


@pytest.mark.parametrize(
    "pay",
    [PAY, PAY + CANARY.replace("argo", "flagger"),
     PAY + CANARY.replace("argo\n", "istio\n    image: registry.example/shop/pay:1.5.0\n")],
    ids=["plain", "flagger", "istio"],
)  # fmt: skip
def test_every_object_is_valid_in_the_oldest_and_the_newest_kubernetes(pay: str, tmp_path: Path) -> None:
    output = made("kubernetes", pay, WEB)

    assert set(output.files) == {
        "kubernetes/shop/pay.yml", "kubernetes/front/web-front.yml", "kubernetes-adapter/config.yml",
    }  # fmt: skip
    assert oracle.check(output.files, tmp_path) == []


def test_three_probes_ask_three_things_and_a_slow_start_is_not_killed() -> None:
    (pay,) = [d for d in kinds(made("kubernetes", PAY, WEB).files, "Deployment") if d["metadata"]["name"] == "pay"]
    (container,) = pay["spec"]["template"]["spec"]["containers"]

    startup, live, ready = (container[f"{kind}Probe"] for kind in ("startup", "liveness", "readiness"))
    assert [probe["httpGet"]["path"] for probe in (startup, live, ready)] == [
        "/health/startup", "/health/live", "/health/ready",
    ]  # fmt: skip
    assert startup["periodSeconds"] * startup["failureThreshold"] == 90
    assert "initialDelaySeconds" not in live


def test_a_replica_drains_and_then_has_its_whole_grace() -> None:
    text = PAY + "  drain: 12s\n  grace: 45s\n"
    pay = kinds(made("kubernetes", text, WEB).files, "Deployment")[1]
    pod = pay["spec"]["template"]["spec"]

    assert pod["terminationGracePeriodSeconds"] == 57
    assert pod["containers"][0]["lifecycle"] == {"preStop": {"sleep": {"seconds": 12}}}


def test_a_service_whose_traces_are_sampled_later_sends_all_of_them() -> None:
    def env(text: str) -> dict:
        pay = kinds(made("kubernetes", text, WEB).files, "Deployment")[1]
        return {each["name"]: each.get("value") for each in pay["spec"]["template"]["spec"]["containers"][0]["env"]}

    sampled = PAY + "traces: {share: 2%}\n"
    assert "OTEL_TRACES_SAMPLER" not in env(PAY)
    assert env(sampled)["OTEL_TRACES_SAMPLER"] == "parentbased_always_on"
    assert env(sampled)["OTEL_SERVICE_NAME"] == "pay"
    own = sampled.replace("LOG_LEVEL: info", "OTEL_SERVICE_NAME: cobros")
    assert env(own)["OTEL_SERVICE_NAME"] == "cobros"


def test_an_autoscaler_alone_says_how_many_run() -> None:
    files = made("kubernetes", PAY, WEB).files
    by_name = {d["metadata"]["name"]: d["spec"] for d in kinds(files, "Deployment")}
    (scaler,) = kinds(files, "HorizontalPodAutoscaler")

    assert "replicas" not in by_name["pay"]
    assert by_name["web-front"]["replicas"] == 2
    cpu, events = scaler["spec"]["metrics"]
    assert cpu["resource"]["target"] == {"type": "Utilization", "averageUtilization": 70}
    assert events["external"]["target"] == {"type": "AverageValue", "averageValue": "50"}
    assert events["external"]["metric"]["selector"] == {"matchLabels": {"service": "pay", "slo": "availability"}}


def test_the_adapter_offers_the_metric_that_the_autoscaler_asks_for() -> None:
    files = made("kubernetes", PAY, WEB).files
    (rule,) = yaml.safe_load(files["kubernetes-adapter/config.yml"])["externalRules"]
    (scaler,) = kinds(files, "HorizontalPodAutoscaler")
    metric = scaler["spec"]["metrics"][1]["external"]["metric"]

    assert rule["name"]["as"] == metric["name"]
    # As prometheus-adapter fills its template in: the series, the matchers of the selector, the label to group by.
    query = rule["metricsQuery"].replace("<<.Series>>", rule["seriesQuery"].partition("{")[0])
    marks = ",".join(f'{key}="{value}"' for key, value in metric["selector"]["matchLabels"].items())
    query = query.replace("<<.LabelMatchers>>", marks).replace("<<.GroupBy>>", "service")
    assert query == 'sum(sereno:total:rate5m{service="pay",slo="availability"}) by (service)'


def test_the_network_lets_through_what_is_declared_and_names() -> None:
    (policy,) = kinds(made("kubernetes", PAY, WEB).files, "NetworkPolicy")
    ingress, egress = policy["spec"]["ingress"], policy["spec"]["egress"]

    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    web = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "front"}},
        "podSelector": {"matchLabels": {"app.kubernetes.io/instance": "web-front"}},
    }
    assert ingress[0] == {"from": [web], "ports": [{"protocol": "TCP", "port": 8080}]}
    assert ingress[1]["ports"] == [{"protocol": "TCP", "port": "metrics"}]
    assert {port["port"] for port in egress[0]["ports"]} == {53}
    assert egress[1]["ports"] == [{"protocol": "TCP", "port": 15012}], "its sidecar finds Istio"
    assert egress[2] == {"to": [web], "ports": [{"protocol": "TCP", "port": 3000}]}
    assert egress[3]["to"] == [{"ipBlock": {"cidr": "203.0.113.0/24"}}]
    assert ingress[2]["from"][0]["podSelector"] == {"matchLabels": {"istio": "ingressgateway"}}


def test_a_peer_whose_pods_nobody_knows_is_refused_rather_than_shut_out() -> None:
    with pytest.raises(UsageError, match="web, which has no `deployment`"):
        made("kubernetes", PAY, WEB.partition("deployment:")[0])


def test_two_services_cannot_be_one_thing_in_the_cluster() -> None:
    twin = WEB.replace("namespace: front", "namespace: shop").replace("web-front", "pay")
    with pytest.raises(UsageError, match="would both be shop/pay"):
        made("kubernetes", PAY, twin)


def test_with_argo_the_rollout_runs_the_pods_and_is_what_is_scaled() -> None:
    output = made("kubernetes", PAY + CANARY, WEB)

    assert [d["metadata"]["name"] for d in kinds(output.files, "Deployment")] == ["web-front"]
    (scaler,) = kinds(output.files, "HorizontalPodAutoscaler")
    assert scaler["spec"]["scaleTargetRef"]["kind"] == "Rollout"
    assert any("argo-rollouts" in note for note in output.notes)


def test_with_flagger_its_copies_are_protected_too() -> None:
    files = made("kubernetes", PAY + CANARY.replace("argo", "flagger"), WEB).files

    assert [s["metadata"]["name"] for s in kinds(files, "Service")] == ["web-front"]
    # Flagger renames the selector's label on the pods of its copy; what protects must not select by it.
    for item in (*kinds(files, "PodDisruptionBudget"), *kinds(files, "NetworkPolicy")):
        marks = item["spec"].get("selector", item["spec"].get("podSelector"))["matchLabels"]
        assert set(marks) == {"app.kubernetes.io/instance"}


def test_nothing_is_written_that_nobody_declared() -> None:
    output = made("kubernetes", WEB.partition("deployment:")[0])
    assert output.files == {}
    assert output.notes == ("no service has a `deployment`: nothing to write for Kubernetes",)


def test_the_oracle_sees_what_a_schema_does_not(tmp_path: Path) -> None:
    files = dict(made("kubernetes", PAY, WEB).files)
    text = files["kubernetes/shop/pay.yml"]
    planted = {
        "maxUnavailable: 1\n": "minAvailable: 3\n",
        "terminationGracePeriodSeconds: 40": "terminationGracePeriodSeconds: 10",
        "runAsNonRoot: true": "runAsNonRoot: false",
        '"registry.example/shop/pay:1.4.2"': '"registry.example/shop/pay"',
        "  targetPort: http": "  targetPort: htpp",
        "kind: Deployment\nmetadata:\n  name: pay": "kind: Deployment\nmetadata:\n  name: pay2",
        "minReadySeconds: 10": "minReadySecond: 10",
    }
    for right, wrong in planted.items():
        assert right in text, right
        found = oracle.check({**files, "kubernetes/shop/pay.yml": text.replace(right, wrong, 1)}, tmp_path)
        assert found, f"nobody noticed {wrong!r}"


def test_what_is_built_passes_the_linter(tmp_path: Path) -> None:
    files: dict[str, str] = {}
    for target in ("kubernetes", "istio", "argo-rollouts"):
        files |= made(target, PAY + CANARY, WEB).files
    del files["kubernetes-adapter/config.yml"]  # of prometheus-adapter: no object of the cluster
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    command = [sys.executable, "-m", "sereno", "check", "--json", "--strict", *map(str, sorted(tmp_path.glob("*")))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_same_spec_gives_the_same_bytes() -> None:
    assert dict(made("kubernetes", PAY, WEB).files) == dict(made("kubernetes", PAY, WEB).files)


MISTAKES = (
    ("image: registry.example/shop/pay:1.4.2", "image: registry.example/shop/pay", "SER701"),
    ("pay:1.4.2", "pay:latest", "SER701"),
    ("pay:1.4.2", "Pay!:1", "SER701"),
    ("namespace: shop", "namespace: The_Shop", "SER700"),
    ("http: 8080", "http: 80800", "SER702"),
    ("http: 8080", "http: 9090", "SER703"),
    ("http: 8080", "a_port: 8080", "SER703"),
    ("ready: /health/ready", "ready: /health/live", "SER704"),
    ("ready: /health/ready", "ready: health", "SER703"),
    ("memory: 512Mi", "memory: 512m", "SER702"),
    ("cpu: 250m", "cpu: 500", "SER702"),
    ("cpu_limit: '1'", "cpu_limit: 100m", "SER702"),
    ("min: 3, max: 12", "min: 3, max: 2", "SER705"),
    ("cpu: 70%, events: 50", "", "SER705"),
    ("cpu: 70%", "cpu: 170%", "SER702"),
    ("DB_PASSWORD: {secret: pay-db, key: password}", "DB_PASSWORD: hunter2", "SER709"),
    ("LOG_LEVEL", "LOG-LEVEL", "SER709"),
    ("from: [web,", "from: [wep,", "SER114"),
    ("203.0.113.0/24", "203.0.113.1/24", "SER710"),
    ("metrics: {port: metrics}", "metrics: {port: metrix}", "SER703"),
    ("retries: 2", "retries: 200", "SER702"),
    ("hosts: [pay.shop.example]", "hosts: ['https://pay.shop.example']", "SER703"),
    ("slow_start: 90s", "slow_start: 0s", "SER030"),
    ("deployment:\n", "deployment:\n  user: 0\n", "SER702"),
    ("steps: [{weight: 5%, wait: 5m}", "steps: [{weight: 50%, wait: 5m}", "SER707"),
    ("weight: 25%", "weight: 100%", "SER707"),
    ("slos: [availability, latency]", "slos: [availabilty]", "SER708"),
    ("by: argo", "by: istio", "SER707"),
    ("by: argo", "by: argo\n    image: registry.example/shop/pay:2.0.0", "SER707"),
    ("by: argo", "by: argo\n    checks: 3\n    undecided: 3", "SER702"),
    ("by: argo", "by: argo\n    burn: 0.5", "SER702"),
    ("by: argo", "by: spinnaker", "SER038"),
)


@pytest.mark.parametrize(("right", "wrong", "code"), MISTAKES)
def test_a_mistake_is_found_where_it_stands(right: str, wrong: str, code: str) -> None:
    text = PAY + CANARY + WEB
    assert right in text
    found = mistakes(text.replace(right, wrong, 1))
    assert [each[0] for each in found] == [code]
    row = text[: text.index(right)].count("\n") + 1
    assert found[0][1] - row in (0, 1, 2)


def test_a_secret_is_never_quoted() -> None:
    from tests.compiler.delivered import SHARED

    from sereno.app.promql_checker import Checker
    from sereno.spec.loader import load_text

    text = SHARED + PAY.replace("{secret: pay-db, key: password}", "hunter2") + WEB
    found = load_text({"a.yaml": text}, promql=Checker()).diagnostics
    assert found
    assert not any("hunter2" in str(diagnostic) for diagnostic in found)
