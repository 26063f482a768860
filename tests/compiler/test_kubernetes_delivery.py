"""A new version goes out only while it keeps the service's own promises, and its own samples alone decide."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from tests.compiler.delivered import CANARY, PAY, WEB, made, mistakes
from tests.oracles import delivery as oracle
from tests.oracles import expr_lang
from tests.oracles import kubernetes as types
from tests.oracles.npm_packages import Unreachable

from sereno.kernel.errors import UsageError
from sereno.kernel.labels import Labels
from sereno.promql import Columns, Grid, Selection, evaluate, matches

FLAGGER = CANARY.replace("argo", "flagger").replace("{weight: 50%}", "{weight: 50%, wait: 10m}")
BY_HAND = CANARY.replace("argo\n", "istio\n    image: registry.example/shop/pay:1.5.0\n")
CHAOS = """\
---
experiment: lose-half
title: La mitad de las réplicas muere
service: pay
hypothesis: Nadie que paga lo nota
fault: pod-delete
duration: 2m
probes: [{slo: availability, burn: 10}, {http: 'http://pay.shop:8080/health/ready'}]
"""


def everything(*parts: str) -> dict[str, str]:
    files: dict[str, str] = {}
    for target in ("kubernetes", "istio", "argo-rollouts", "flagger", "litmus"):
        files |= made(target, *parts).files
    return files


def only(files: dict[str, str], kind: str) -> dict:
    (found,) = [item for _, item in types.objects(files) if item["kind"] == kind]
    return found


@pytest.mark.parametrize("canary", ["", CANARY, FLAGGER, BY_HAND], ids=["plain", "argo", "flagger", "istio"])
def test_everything_that_is_written_fits_together(canary: str, tmp_path: Path) -> None:
    files = everything(PAY + canary, WEB, CHAOS)
    assert oracle.check_offline(files) == []
    assert types.check(files, tmp_path) == []


def test_the_types_are_those_of_istio_and_argo(tmp_path: Path) -> None:
    files = {f"{n}/{path}": text for n, canary in enumerate(("", CANARY, FLAGGER, BY_HAND))
             for path, text in everything(PAY + canary, WEB).items()}  # fmt: skip
    planted = {
        "wrong/1.yml": files["1/argo-rollouts/shop/pay.yml"].replace("failureLimit", "failureLimits", 1),
        "wrong/2.yml": files["1/istio/shop/pay.yml"].replace("perTryTimeout", "perTryTimeouts", 1),
        "wrong/3.yml": files["1/argo-rollouts/shop/pay.yml"].replace("setWeight: 5\n", 'setWeight: "5"\n', 1),
    }
    try:
        complaints = types.check_operators({**files, **planted}, tmp_path)
    except Unreachable as reason:
        pytest.skip(str(reason))
    assert {complaint.partition(": ")[0] for complaint in complaints} == set(planted)


PLANTED = {
    "weights": ("istio/shop/pay.yml", "weight: 100", "weight: 95"),
    "subset": ("istio/shop/pay.yml", "    - name: canary", "    - name: canari"),
    "gateway": ("istio/shop/pay.yml", "kind: Gateway\nmetadata:\n  name: pay", "kind: Gateway\nmetadata:\n  name: paid"),
    "route": ("argo-rollouts/shop/pay.yml", "- primary", "- first"),
    "argument": ("argo-rollouts/shop/pay.yml", '    - name: "canary-hash"\n    - name', "    - name"),
    "unguarded": ("argo-rollouts/shop/pay.yml", "len(result) > 0 && !isNaN(result[0]) && result[0] <= 0.002", "result[0] <= 0.002"),
    "inverted": ("argo-rollouts/shop/pay.yml", "result[0] <= 0.002", "result[0] >= 0.002"),
    "everybody": ("argo-rollouts/shop/pay.yml", "{{args.canary-hash}}", "x"),
    "not promql": ("argo-rollouts/shop/pay.yml", "sum(rate(", "sum rate(("),
    "forgiving": ("argo-rollouts/shop/pay.yml", "inconclusiveLimit: 3", "inconclusiveLimit: 5"),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
def test_the_oracle_sees_what_no_type_says(name: str) -> None:
    path, right, wrong = PLANTED[name]
    files = everything(PAY + CANARY, WEB)
    assert right in files[path]
    complaints = oracle.check_offline({**files, path: files[path].replace(right, wrong)})
    assert complaints, f"nobody noticed {wrong!r}"


@pytest.mark.parametrize(
    ("target", "part", "right", "wrong"),
    [("flagger", FLAGGER, "stepWeights:", "stepWeight:"), ("flagger", FLAGGER, "interval: 600s", "interval: 10min"),
     ("flagger", FLAGGER, "{{ target }}", "{{ targets }}"), ("litmus", CHAOS, "stopOnFailure: true", "stopOnFailure: false"),
     ("litmus", CHAOS, "mode: SOT", "mode: Start"), ("litmus", CHAOS, "jobCleanUpPolicy", "jobCleanupPolicy")],
)  # fmt: skip
def test_the_oracle_sees_what_flagger_and_litmus_would_not_read(target: str, part: str, right: str, wrong: str) -> None:
    files = dict(made(target, PAY + part, WEB).files if target == "flagger" else made(target, PAY, WEB, part).files)
    assert any(right in text for text in files.values())
    assert oracle.check_offline({path: text.replace(right, wrong) for path, text in files.items()})


# --- what the queries see -------------------------------------------------------------------------------------------

SECOND = 1000
NOW = 3_600 * SECOND


class Samples:
    """Counters that grow evenly over the last hour."""

    def __init__(self) -> None:
        self.series: list[tuple[Labels, np.ndarray, np.ndarray]] = []

    def counting(self, per_second: float, name: str, **labels: str) -> Samples:
        times = np.arange(0, NOW + 1, 15 * SECOND, dtype=np.int64)
        self.series.append((Labels(__name__=name, **labels), times, times / SECOND * per_second))
        return self

    def requests(self, good: float, bad: float, **labels: str) -> Samples:
        marks = {"job": "pay", "path": "/pay", **labels}
        self.counting(good, "http_requests_total", status="200", **marks)
        return self.counting(bad, "http_requests_total", status="500", **marks) if bad else self

    def answer(self, query: str) -> list[float]:
        def select(selection: Selection) -> Columns:
            found = [each for each in self.series if matches(selection.matchers, each[0])]
            inside = [(m, (t >= selection.start_ms) & (t <= selection.end_ms)) for m, t, _ in found]
            return Columns.of([(m, t[keep], v[keep]) for (m, keep), (_, t, v) in zip(inside, found, strict=True)])

        result = evaluate(query, Grid.at(NOW), select)
        return [float(value) for row in np.asarray(result.values) for value in np.atleast_1d(row)]


def argo_verdict(samples: Samples, slo: str = "availability", *, hash_: str = "new", namespace: str = "shop") -> str:
    template = only(dict(made("argo-rollouts", PAY + CANARY, WEB).files), "AnalysisTemplate")
    (metric,) = [each for each in template["spec"]["metrics"] if each["name"] == slo]
    query = metric["provider"]["prometheus"]["query"]
    query = query.replace("{{args.canary-hash}}", hash_).replace("{{args.namespace}}", namespace)
    return expr_lang.verdict(metric["successCondition"], metric["failureCondition"], samples.answer(query))


NEW = {"rollouts_pod_template_hash": "new", "namespace": "shop"}
OLD = {"rollouts_pod_template_hash": "old", "namespace": "shop"}


def test_a_good_version_passes_whatever_the_old_one_does() -> None:
    assert argo_verdict(Samples().requests(10, 0, **NEW).requests(0, 90, **OLD)) == "Successful"


def test_a_bad_version_fails_however_well_the_old_one_does() -> None:
    assert argo_verdict(Samples().requests(10, 0.05, **NEW).requests(1000, 0, **OLD)) == "Failed"


def test_a_little_above_the_budget_is_still_within_twice_the_budget() -> None:
    assert argo_verdict(Samples().requests(9.985, 0.015, **NEW)) == "Successful"  # 0.15 % of 0.1 %, twice allowed
    assert argo_verdict(Samples().requests(9.97, 0.03, **NEW)) == "Failed"


def test_no_traffic_is_no_verdict() -> None:
    assert argo_verdict(Samples().requests(100, 0, **OLD)) == "Inconclusive"
    assert argo_verdict(Samples()) == "Inconclusive"


def test_too_few_events_are_no_verdict_even_if_all_of_them_failed() -> None:
    assert argo_verdict(Samples().requests(0.03, 0.03, **NEW)) == "Inconclusive"  # 18 in five minutes, 20 wanted
    assert argo_verdict(Samples().requests(0.04, 0.04, **NEW)) == "Failed"


def test_the_same_version_in_another_namespace_does_not_count() -> None:
    staging = NEW | {"namespace": "staging"}
    assert argo_verdict(Samples().requests(10, 0, **NEW).requests(0, 500, **staging)) == "Successful"


def test_latency_is_judged_by_the_buckets_of_the_new_version() -> None:
    def slow(fast: float, all_: float, **marks: str) -> Samples:
        name = "http_request_duration_seconds"
        marks = {"job": "pay", **marks}
        return Samples().counting(fast, f"{name}_bucket", le="0.5", **marks).counting(all_, f"{name}_count", **marks)

    assert argo_verdict(slow(9.5, 10, **NEW), "latency") == "Successful"
    assert argo_verdict(slow(8.9, 10, **NEW), "latency") == "Failed"


def test_flagger_reads_the_pods_of_the_new_version_and_not_those_of_its_copy() -> None:
    files = dict(made("flagger", PAY + FLAGGER, WEB).files)
    (template,) = [
        i for _, i in types.objects(files) if i["kind"] == "MetricTemplate" and "avail" in i["metadata"]["name"]
    ]
    query = template["spec"]["query"].replace("{{ target }}", "pay").replace("{{ namespace }}", "shop")
    new = {"namespace": "shop", "pod": "pay-7d4b9c6f5-x2x9z"}
    copy = {"namespace": "shop", "pod": "pay-primary-7d4b9c6f5-abcde"}

    assert Samples().requests(10, 0, **new).requests(0, 90, **copy).answer(query) == [0.0]
    assert Samples().requests(10, 10, **new).requests(90, 0, **copy).answer(query) == [0.5]
    assert Samples().requests(90, 0, **copy).answer(query) == []


def test_an_experiment_does_not_begin_where_nobody_comes() -> None:
    engine = only(dict(made("litmus", PAY, WEB, CHAOS).files), "ChaosEngine")
    before, during, *_ = engine["spec"]["experiments"][0]["spec"]["probe"]
    query = during["promProbe/inputs"]["query"]

    assert (before["mode"], during["mode"]) == ("SOT", "Continuous")
    assert Samples().answer(query) == []  # which Litmus takes for a failed probe
    assert Samples().requests(99, 1).answer(query) == [pytest.approx(0.01)]
    assert float(during["promProbe/inputs"]["comparator"]["value"]) == pytest.approx(0.01)


# --- what the spec says ---------------------------------------------------------------------------------------------


def test_the_steps_are_those_of_the_spec_and_each_is_judged() -> None:
    steps = only(dict(made("argo-rollouts", PAY + CANARY, WEB).files), "Rollout")["spec"]["strategy"]["canary"]["steps"]

    assert [step["setWeight"] for step in steps if "setWeight" in step] == [5, 25, 50]
    assert [step["pause"] for step in steps if "pause" in step] == [{"duration": "5m"}, {"duration": "10m"}, {}]
    assert [next(iter(step)) for step in steps] == ["setWeight", "pause", "analysis"] * 3


def test_by_hand_the_first_step_is_the_share_of_the_new_version() -> None:
    files = everything(PAY + BY_HAND, WEB)
    route = only(files, "VirtualService")["spec"]["http"][0]
    images = {d["metadata"]["name"]: d["spec"]["template"]["spec"]["containers"][0]["image"]
              for _, d in types.objects(files) if d["kind"] == "Deployment"}  # fmt: skip

    assert [each["weight"] for each in route["route"]] == [95, 5]
    assert images["pay"] == "registry.example/shop/pay:1.4.2"
    assert images["pay-canary"] == "registry.example/shop/pay:1.5.0"
    assert route["timeout"] == "10s"
    assert route["retries"]["attempts"] == 2


def test_without_retries_istio_is_told_not_to_retry_by_itself() -> None:
    text = PAY.replace(", retries: 2", "")
    assert only(dict(made("istio", text, WEB).files), "VirtualService")["spec"]["http"][0]["retries"] == {"attempts": 0}


def test_tries_that_do_not_fit_into_the_timeout_are_said() -> None:
    notes = made("istio", PAY.replace("retries: 2", "retries: 9"), WEB).notes
    assert notes == ("pay: 10 tries of 2s do not fit into the timeout of 10s; the last are cut off",)


REFUSED = (
    ("argo-rollouts", CANARY, "prometheus: 'http://prometheus.monitoring:9090', ", "", "address is not known"),
    ("argo-rollouts", CANARY, "  metrics: {port: metrics}\n", "", "judged by its metrics"),
    ("argo-rollouts", CANARY.replace("by: argo", "by: argo\n    burn: 1000"), "", "", "never refuse"),
    ("flagger", CANARY.replace("argo", "flagger"), "", "", "does not wait for people"),
    ("flagger", FLAGGER, "  route: {hosts: [pay.shop.example], secret: pay-tls, timeout: 10s, retries: 2}\n", "", "no `route`"),
    ("argo-rollouts", CANARY, 'job="pay"}\', bad', 'job="{{x}}"}\', bad', "placeholder"),
)  # fmt: skip


@pytest.mark.parametrize(("target", "canary", "right", "wrong", "why"), REFUSED)
def test_what_could_not_be_judged_is_refused(target: str, canary: str, right: str, wrong: str, why: str,
                                             monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    from tests.compiler import delivered

    assert right in delivered.SHARED + PAY
    monkeypatch.setattr(delivered, "SHARED", delivered.SHARED.replace(right, wrong) if right else delivered.SHARED)
    pay = PAY.replace(right, wrong) if right else PAY
    with pytest.raises(UsageError, match=re.escape(why)):
        made(target, pay + canary, WEB)


CHAOS_MISTAKES = (
    ("fault: pod-delete", "fault: pod-deleet", "SER711"),
    ("service: pay\nhyp", "service: pey\nhyp", "SER114"),
    ("duration: 2m", "duration: 2s", "SER030"),
    ("duration: 2m", "duration: 2m\nevery: 5m", "SER711"),
    ("duration: 2m", "duration: 2m\nshare: 0%", "SER702"),
    ("duration: 2m", "duration: 2m\nsettings: {CHAOS_INTERVAL: '5'}", "SER711"),
    ("{slo: availability, burn: 10}", "{slo: availability, http: 'http://x.example'}", "SER024"),
    ("burn: 10", "burn: 0", "SER702"),
)


@pytest.mark.parametrize(("right", "wrong", "code"), CHAOS_MISTAKES)
def test_a_mistake_in_an_experiment_is_found(right: str, wrong: str, code: str) -> None:
    assert right in CHAOS
    assert [found[0] for found in mistakes(PAY, WEB, CHAOS.replace(right, wrong, 1))] == [code]


def test_an_experiment_names_an_objective_that_there_is() -> None:
    with pytest.raises(UsageError, match="no objective latencia"):
        made("litmus", PAY, WEB, CHAOS.replace("slo: availability", "slo: latencia"))


def test_the_evaluator_of_conditions_fails_as_argo_does() -> None:
    assert expr_lang.verdict("result[0] <= 1", "result[0] > 1", []) == "Error"
    assert expr_lang.evaluate("!isNaN(result[0]) || result[1] > 2", [0.5]) is True
    assert expr_lang.verdict("result[0] <= 1", "result[0] > 1", [math.nan]) == "Inconclusive"
    with pytest.raises(expr_lang.Wrong):
        expr_lang.evaluate("result[0] &&", [1.0])


def test_yaml_and_types_are_read_back_as_meant() -> None:
    canary = yaml.safe_load(made("flagger", PAY + FLAGGER, WEB).files["flagger/shop/pay.yml"].split("---")[0])
    assert canary["spec"]["analysis"]["metrics"][0]["thresholdRange"] == {"max": 0.002}
    assert canary["spec"]["analysis"]["threshold"] == 2
