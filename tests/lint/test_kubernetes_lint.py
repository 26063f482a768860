"""Manifests that stand with one another: what selects, scales, blocks, routes and hides what."""

from __future__ import annotations

import pytest

from sereno.lint.documents import read
from sereno.lint.fixing import mend
from sereno.lint.kubernetes_model import selects
from sereno.lint.lint import lint
from sereno.lint.model import Finding
from sereno.spec.source import File
from sereno.spec.tree import documents

SECRET = "s3cr3t-of-the-shop"


def look(*files: str) -> tuple[Finding, ...]:
    reads = [read(f"{n}.yaml", text) for n, text in enumerate(files)]
    return tuple(lint([document for one in reads for document in one.documents]))


def codes(*files: str) -> list[str]:
    return [finding.diagnostic.code for finding in look(*files)]


def deployment(name: str = "shop", *, pod: str = "", container: str = "", spec: str = "replicas: 3") -> str:
    return f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  {spec}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}, tier: web}}}}
    spec:
      securityContext: {{runAsNonRoot: true}}
      {pod}
      containers:
        - name: {name}
          image: registry.example/{name}:1.0
          resources: {{requests: {{cpu: 1, memory: 1Gi}}, limits: {{memory: 1Gi}}}}
          {container}
---
"""


def budget(**spec: str) -> str:
    written = "".join(f"  {key}: {value}\n" for key, value in spec.items())
    return f"""\
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{name: shop}}
spec:
{written}  selector: {{matchLabels: {{app: shop}}}}
---
"""


SCALER = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: shop}}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: shop}}
  minReplicas: {least}
  maxReplicas: 9
---
"""


@pytest.mark.parametrize(
    ("spec", "rule", "blocks"),
    [
        ("replicas: 3", {"minAvailable": "2"}, False),
        ("replicas: 3", {"minAvailable": "3"}, True),
        ("replicas: 1", {"minAvailable": "1"}, True),
        ("paused: false", {"minAvailable": "1"}, True),  # one replica, when nothing is said
        ("replicas: 3", {"minAvailable": "67%"}, True),  # 2.01, rounded up to 3
        ("replicas: 3", {"minAvailable": "66%"}, False),  # 1.98, rounded up to 2
        ("replicas: 3", {"minAvailable": "100%"}, True),
        ("replicas: 9", {"maxUnavailable": "0"}, True),
        ("replicas: 9", {"maxUnavailable": "0%"}, True),
        ("replicas: 9", {"maxUnavailable": "1%"}, False),  # rounded up to 1
        ("replicas: 0", {"minAvailable": "1"}, False),  # there is nothing to drain
    ],
)
def test_when_a_budget_lets_no_pod_go(spec: str, rule: dict[str, str], blocks: bool) -> None:
    assert ("SER520" in codes(deployment(spec=spec), budget(**rule))) is blocks


def test_the_least_of_an_autoscaler_counts_for_a_budget() -> None:
    scaled = deployment(spec="paused: false")
    assert codes(scaled, SCALER.format(least=2), budget(minAvailable="2")) == ["SER520"]
    assert codes(scaled, SCALER.format(least=3), budget(minAvailable="2")) == []


def test_a_budget_of_another_namespace_is_about_other_pods() -> None:
    here = deployment().replace("{name: shop}", "{name: shop, namespace: a}", 1)
    there = budget(minAvailable="3").replace("{name: shop}", "{name: shop, namespace: b}")
    assert codes(here, there) == []


@pytest.mark.parametrize(
    ("selector", "worn", "chosen"),
    [
        ("{matchLabels: {app: shop}}", {"app": "shop", "x": "y"}, True),
        ("{matchLabels: {app: shop}}", {"app": "cart"}, False),
        ("{app: shop}", {"app": "shop"}, True),
        ("{}", {"app": "shop"}, True),
        ("{matchExpressions: [{key: app, operator: In, values: [shop, cart]}]}", {"app": "cart"}, True),
        ("{matchExpressions: [{key: app, operator: NotIn, values: [shop]}]}", {"app": "shop"}, False),
        ("{matchExpressions: [{key: app, operator: Exists}]}", {}, False),
        ("{matchExpressions: [{key: app, operator: DoesNotExist}]}", {}, True),
        ("{matchLabels: {a: b}, matchExpressions: [{key: app, operator: Exists}]}", {"app": "x"}, False),
        ("{matchExpressions: [{key: app, operator: Gt, values: ['1']}]}", {"app": "2"}, None),
    ],
)
def test_what_a_selector_chooses(selector: str, worn: dict[str, str], chosen: bool | None) -> None:
    (node,) = documents(File.of("x.yaml", selector), lambda *_: None)
    assert selects(node, worn) is chosen


@pytest.mark.parametrize(
    "container",
    [
        f"env: [{{name: DB_PASSWORD, value: {SECRET}}}]",
        f'env: [{{value: "{SECRET}", name: API_KEY}}]',
        f"env:\n            - name: TOKEN\n              value: {SECRET}",
        f"env:\n            - name: DATABASE_URL\n              value: postgres://shop:{SECRET}@db/shop",
    ],
)
def test_a_secret_is_found_and_never_shown(container: str) -> None:
    (found,) = look(deployment(container=container))
    assert found.diagnostic.code == "SER509"
    assert SECRET not in found.diagnostic.render()
    assert SECRET not in repr(found.diagnostic)


@pytest.mark.parametrize(
    "variable",
    [
        "{name: PASSWORD_FILE, value: /run/secrets/p}", "{name: TOKEN_URL, value: 'https://id.example'}",
        "{name: SECRET_NAME, value: shop}", "{name: DB_PASSWORD, value: $(OTHER)}", "{name: DB_PASSWORD, value: ''}",
        "{name: TOKEN_TTL, value: '3600'}", "{name: DATABASE_URL, value: 'postgres://shop:$(DB_PASSWORD)@db/shop'}",
        "{name: DB_PASSWORD, valueFrom: {secretKeyRef: {name: a, key: b}}}",
    ],
)  # fmt: skip
def test_what_only_sounds_like_a_secret(variable: str) -> None:
    assert codes(deployment(container=f"env: [{variable}]")) == []


@pytest.mark.parametrize(
    ("grace", "hook", "found"),
    [
        ("terminationGracePeriodSeconds: 30", "{exec: {command: [sleep, '30']}}", ["SER505"]),
        ("terminationGracePeriodSeconds: 31", "{exec: {command: [sleep, '30']}}", []),
        ("terminationGracePeriodSeconds: 90", "{exec: {command: [sh, -c, sleep 1m && stop]}}", []),
        ("terminationGracePeriodSeconds: 60", "{exec: {command: [sh, -c, sleep 1m && stop]}}", ["SER505"]),
        ("terminationGracePeriodSeconds: 9", "{sleep: {seconds: 10}}", ["SER505"]),
        ("hostNetwork: false", "{sleep: {seconds: 40}}", ["SER505"]),  # over the 30 s of by default
        ("hostNetwork: false", "{sleep: {seconds: 5}}", ["SER506"]),
        ("hostNetwork: false", "{httpGet: {path: /drain}}", ["SER506"]),
    ],
)
def test_how_long_a_pod_has_to_end(grace: str, hook: str, found: list[str]) -> None:
    assert codes(deployment(pod=grace, container=f"lifecycle: {{preStop: {hook}}}")) == found


def test_subsets_may_be_defined_in_another_file() -> None:
    route = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: front}
spec:
  hosts: [shop]
  http: [{route: [{destination: {host: shop, subset: stable}}]}]
"""
    rule = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: shop, namespace: front}
spec: {host: shop.front.svc.cluster.local, subsets: [{name: stable, labels: {a: b}}]}
"""
    assert codes(route) == ["SER561"]
    assert codes(route, rule) == []
    assert codes(route, rule.replace("shop.front.", "cart.front.")) == ["SER561"]


def test_weights_of_one_destination_or_none_need_no_sum() -> None:
    route = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: shop}}
spec: {{hosts: [shop], http: [{{route: {routes}}}]}}
"""
    one, two = "{destination: {host: a}", "{destination: {host: b}"
    assert codes(route.format(routes=f"[{one}}}]")) == []
    assert codes(route.format(routes=f"[{one}}}, {two}}}]")) == []
    assert codes(route.format(routes=f"[{one}, weight: 90}}, {two}, weight: 10}}]")) == []
    assert codes(route.format(routes=f"[{one}, weight: 90}}, {two}, weight: 5}}]")) == ["SER562"]


def test_old_versions_are_mended_where_the_fields_stayed_the_same() -> None:
    text = budget(maxUnavailable="1").replace("policy/v1", "policy/v1beta1")
    mended = mend(text, lambda body: look(body))
    assert "apiVersion: policy/v1\n" in mended.text
    ingress = "apiVersion: networking.k8s.io/v1beta1\nkind: Ingress\nmetadata: {name: a}\n"
    assert codes(ingress) == ["SER530"]
    assert mend(ingress, lambda body: look(body)).text == ingress


def test_a_query_of_an_analysis_is_judged_as_every_other() -> None:
    text = """\
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: a}
spec:
  args: [{name: pod}]
  metrics:
    - name: a
      failureLimit: 1
      successCondition: default(result, 0) < 1
      provider:
        prometheus:
          query: histogram_quantile(0.95, rate(b_bucket{pod=~"{{args.pod}}"}[5m]))
"""
    (found,) = look(text)
    assert found.diagnostic.code == "SER213"
    assert found.diagnostic.line == 12


@pytest.mark.parametrize(
    ("replicas", "weight", "found"),
    [(9, 10, []), (9, 9, ["SER551"]), (19, 5, []), (3, 25, []), (3, 24, ["SER551"]), (1, 50, []), (1, 49, ["SER551"])],
)
def test_how_small_a_step_can_be_without_a_mesh(replicas: int, weight: int, found: list[str]) -> None:
    """One new pod beside n old ones gets 1 / (n + 1) of the requests."""
    text = f"""\
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {{name: shop}}
spec:
  replicas: {replicas}
  workloadRef: {{apiVersion: apps/v1, kind: Deployment, name: shop}}
  strategy: {{canary: {{steps: [{{setWeight: {weight}}}]}}}}
"""
    assert codes(text) == found


@pytest.mark.parametrize(("second", "found"), [(50, []), (20, ["SER552"]), (10, ["SER552"])])
def test_the_steps_of_a_canary_grow(second: int, found: list[str]) -> None:
    text = f"""\
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {{name: shop}}
spec:
  workloadRef: {{apiVersion: apps/v1, kind: Deployment, name: shop}}
  strategy: {{canary: {{trafficRouting: {{nginx: {{}}}}, steps: [{{setWeight: 20}}, {{setWeight: {second}}}]}}}}
"""
    assert codes(text) == found


CONFIG = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: rules}
data:
  note.txt: |
    groups: not looked at
  shop.rules: |
    groups:
      - name: shop
        rules:
          - record: job:latency:p95
            expr: histogram_quantile(0.95, rate(b_bucket[5m]))
  prometheus.yml: |
    global: {scrape_interval: 15s}
    rule_files: [a.yaml]
    scrape_configs: []
"""


def test_rules_and_configuration_inside_of_a_config_map_are_judged_where_they_stand() -> None:
    found = [(f.diagnostic.code, f.diagnostic.line) for f in look(CONFIG)]
    assert found == [("SER213", 12), ("SER721", 14)]
    assert mend(CONFIG, look).text == CONFIG  # other rules may read the labels of what is recorded
    mended = mend(CONFIG.replace("record: job:latency:p95", "alert: Slow"), look)
    assert "histogram_quantile(0.95, sum by (le) (rate(b_bucket[5m])))" in mended.text
    assert codes(CONFIG.replace("data:", "immutable: true\nother:")) == []
