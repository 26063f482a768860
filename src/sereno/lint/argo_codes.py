"""Codes of progressive delivery and chaos: Argo Rollouts, Istio, Flagger, Litmus."""

from __future__ import annotations

from sereno.lint.code import Code

_ROLLOUT = """\
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata:
  name: shop
spec:
  replicas: 9
  selector:
    matchLabels:
      app: shop
  template:
    metadata:
      labels:
        app: shop
    spec:
      securityContext:
        runAsNonRoot: true
      containers:
        - name: shop
          image: registry.example/shop:1.4.2
          resources:
            requests: {cpu: 100m, memory: 128Mi}
            limits: {memory: 256Mi}
  strategy:
    canary:
      steps:
        - setWeight: 10
        - pause: {duration: 5m}
        - analysis:
            templates:
              - templateName: success-rate
            args:
              - name: canary-hash
                valueFrom: {podTemplateHashValue: Latest}
        - setWeight: 50
        - pause: {duration: 5m}
"""
_ANALYSIS = """\
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata:
  name: success-rate
spec:
  args:
    - name: canary-hash
  metrics:
    - name: success-rate
      interval: 1m
      count: 5
      failureLimit: 2
      inconclusiveLimit: 2
      successCondition: len(result) > 0 && !isNaN(result[0]) && result[0] >= 0.99
      provider:
        prometheus:
          address: http://prometheus:9090
          query: |
            sum(rate(http_requests_total{status!~"5..|429",rollouts_pod_template_hash="{{args.canary-hash}}"}[5m]))
            /
            sum(rate(http_requests_total{rollouts_pod_template_hash="{{args.canary-hash}}"}[5m]))
"""
_BOTH = f"{_ROLLOUT}---\n{_ANALYSIS}"
_ROUTES = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: shop
spec:
  hosts: [shop]
  http:
    - match:
        - headers: {x-canary: {exact: "true"}}
      route:
        - destination: {host: shop, subset: canary}
    - route:
        - destination: {host: shop, subset: stable}
          weight: 95
        - destination: {host: shop, subset: canary}
          weight: 5
"""
_SUBSETS = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: shop
spec:
  host: shop
  subsets:
    - name: stable
      labels: {track: stable}
    - name: canary
      labels: {track: canary}
"""
_MESH = f"{_ROUTES}---\n{_SUBSETS}"
_MATCHED = _ROUTES[
    _ROUTES.index("    - match") : _ROUTES.index("    - route:\n        - destination: {host: shop, subset: st")
]
_FLAGGER = """\
apiVersion: flagger.app/v1beta1
kind: Canary
metadata:
  name: shop
spec:
  targetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: shop
  service:
    port: 80
  analysis:
    interval: 1m
    threshold: 5
    maxWeight: 50
    stepWeight: 10
    metrics:
      - name: request-success-rate
        thresholdRange: {min: 99}
        interval: 1m
"""
_CHAOS = """\
apiVersion: litmuschaos.io/v1alpha1
kind: ChaosEngine
metadata:
  name: shop
spec:
  engineState: active
  appinfo: {appns: shop, applabel: app=shop, appkind: deployment}
  chaosServiceAccount: pod-delete-sa
  experiments:
    - name: pod-delete
      spec:
        components:
          env:
            - name: TOTAL_CHAOS_DURATION
              value: "60"
            - name: PODS_AFFECTED_PERC
              value: "20"
        probe:
          - name: shop-answers
            type: httpProbe
            mode: Continuous
            httpProbe/inputs:
              url: http://shop
              method: {get: {criteria: ==, responseCode: "200"}}
            runProperties: {probeTimeout: 5s, interval: 2s, retry: 3, stopOnFailure: true}
"""
_GIVEN = (
    "            args:\n              - name: canary-hash\n                valueFrom: {podTemplateHashValue: Latest}\n"
)
_HASH = 'rollouts_pod_template_hash="{{args.canary-hash}}"'


def _without(text: str, *lines: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not any(part in line for part in lines))


def _code(
    number: int, title: str, why: str, wrong: str, right: str, *, error: bool = False, fixable: bool = False,
    companions: tuple[str, ...] = (),
) -> Code:  # fmt: skip
    level = "error" if error else "warning"
    name = "delivery.yaml"
    return Code(f"SER{number}", title, why, "kubernetes", wrong, right, level, fixable, name, companions)  # type: ignore[arg-type]


TABLE: tuple[Code, ...] = (
    _code(540, "No failureLimit", "Without `failureLimit` the first measurement that fails undoes the rollout. With "
          "one scrape that came late among twenty, every third rollout of a healthy version is rolled back.",
          _without(_ANALYSIS, "failureLimit"), _ANALYSIS),
    _code(541, "result[0] of nothing", "Without traffic the query is empty or NaN. `result[0]` of an empty result is "
          "an error, five of which end the rollout; NaN fails every comparison, so a canary that nobody calls is "
          "rolled back, or, with a failureCondition, promoted.",
          _ANALYSIS.replace("len(result) > 0 && !isNaN(result[0]) && ", ""), _ANALYSIS),
    _code(542, "Argument that is not declared", "An argument in a query that `args` does not declare ends the analysis "
          "with an error.", _without(_ANALYSIS, "  args:\n", "  - name: canary-hash"), _ANALYSIS, error=True),
    _code(543, "Analysis of everything at once", "A query without an argument judges every service, and the old pods "
          "together with the new ones: with 5 % of the requests a canary that fails all of them leaves 95 % success, "
          "and one that fails 1 % more is never noticed.",
          _without(_ANALYSIS.replace(f",{_HASH}", "").replace(f"{{{_HASH}}}", ""), "  args:\n", "  - name: canary"),
          _ANALYSIS, error=True),
    _code(550, "Rollout without pods", "A Rollout needs a selector and a template, as a Deployment does, or a "
          "`workloadRef`. Without them it is refused, or has no pods.",
          _without(_ROLLOUT, "  selector:", "    matchLabels:\n", "      app: shop\n") + f"---\n{_ANALYSIS}", _BOTH,
          error=True),
    _code(551, "Weight smaller than a pod", "Without a mesh or ingress a weight is rounded to pods: beside three old "
          "pods one new one gets 25 % of the requests, whatever the step says.",
          _BOTH.replace("replicas: 9", "replicas: 3"), _BOTH),
    _code(552, "Steps that do not grow", "A step with a smaller weight than the one before takes the canary back.",
          _BOTH.replace("setWeight: 50", "setWeight: 5"), _BOTH),
    _code(553, "No such analysis", "A rollout whose analysis names a template that does not exist stops at that step.",
          _BOTH.replace("templateName: success-rate", "templateName: success"), _BOTH, error=True),
    _code(554, "Argument that no template takes", "What a template does not declare it does not use: the analysis "
          "judges the same whichever service is rolled out.",
          _BOTH.replace(_GIVEN, f"{_GIVEN}              - name: service-name\n                value: shop\n"), _BOTH),
    _code(555, "Argument that is not given", "A template whose argument has no value ends in an error, and the rollout "
          "with it.", _BOTH.replace(_GIVEN, ""), _BOTH, error=True),
    _code(556, "Analysis without an end", "An analysis in a step is waited for. With an interval and no count it "
          "measures for ever, and the rollout stands half done.",
          _BOTH.replace("      count: 5\n", ""), _BOTH, error=True),
    _code(557, "Argument that is used nowhere", "An argument that the query does not use changes nothing: every "
          "service gets the same verdict.",
          _ANALYSIS.replace("    - name: canary-hash\n", "    - name: canary-hash\n    - name: service-name\n"),
          _ANALYSIS),
    _code(560, "Old version of Istio's API", "`v1beta1` and `v1alpha3` are the versions of before Istio 1.22 (May "
          "2024). The fields are those of `v1`.",
          _MESH.replace("networking.istio.io/v1\nkind: Virtual", "networking.istio.io/v1beta1\nkind: Virtual"), _MESH,
          fixable=True),
    _code(561, "Subset that nothing defines", "A subset is defined by a DestinationRule of the same host. Without it "
          "Envoy has no cluster of that name and answers 503 to that share of the requests: for a canary with a "
          "header, to all of them.",
          _ROUTES.replace("subset: canary", "subset: new") + f"---\n{_SUBSETS}", _MESH, error=True),
    _code(562, "Weights that do not add up", "Envoy takes weights as parts of their sum. 95 and 10 are 90.5 % and 9.5 "
          "%, not what people read.", _MESH.replace("weight: 5\n", "weight: 10\n"), _MESH),
    _code(563, "Route that is never reached", "Routes are tried from the top. One without `match` takes everything: "
          "those below it are dead.",
          _MESH.replace(_MATCHED, "").replace("          weight: 5\n", f"          weight: 5\n{_MATCHED}"), _MESH,
          error=True),
    _code(570, "Canary that measures nothing", "Flagger promotes what breaks no metric. Without metrics nothing does.",
          _FLAGGER[: _FLAGGER.index("    metrics:")], _FLAGGER, error=True),
    _code(571, "First step over the last", "With stepWeight over maxWeight the canary is promoted without having had "
          "any step.", _FLAGGER.replace("stepWeight: 10", "stepWeight: 60"), _FLAGGER),
    _code(580, "Chaos that nobody watches", "An experiment without a probe passes whenever its pods were deleted, also "
          "when every user saw an error.", _CHAOS[: _CHAOS.index("        probe:")], _CHAOS),
    _code(581, "Chaos that does not stop", "Without `stopOnFailure` an experiment whose probe fails goes on to its "
          "end: the test of resilience is the outage.", _CHAOS.replace(", stopOnFailure: true", ""), _CHAOS),
    _code(582, "Half of everything at once", "Deleting half of the pods doubles the load of the others. It shows how "
          "that ends, and not whether the service survives the loss of one.",
          _CHAOS.replace('"20"', '"50"'), _CHAOS),
)  # fmt: skip
