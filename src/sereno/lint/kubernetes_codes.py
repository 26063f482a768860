"""Codes of manifests: workloads, their scaling, and what finds them."""

from __future__ import annotations

from sereno.lint.code import Code

_DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
spec:
  replicas: 3
  selector:
    matchLabels:
      app: shop
  template:
    metadata:
      labels:
        app: shop
    spec:
      terminationGracePeriodSeconds: 45
      securityContext:
        runAsNonRoot: true
      containers:
        - name: shop
          image: registry.example/shop:1.4.2
          ports:
            - name: http
              containerPort: 8080
          readinessProbe:
            httpGet: {path: /health/ready, port: http}
          livenessProbe:
            httpGet: {path: /health/live, port: http}
          lifecycle:
            preStop:
              exec:
                command: ["sleep", "10"]
          resources:
            requests: {cpu: 100m, memory: 128Mi}
            limits: {memory: 256Mi}
"""
_BUDGET = """\
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: shop
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      app: shop
"""
_SCALER = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: shop
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: shop
  minReplicas: 3
  maxReplicas: 9
  metrics:
    - type: Resource
      resource:
        name: cpu
        target: {type: Utilization, averageUtilization: 70}
"""
_SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: shop
  labels:
    app: shop
spec:
  selector:
    app: shop
  ports:
    - name: http
      port: 80
      targetPort: http
"""
_MONITOR = """\
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  name: shop
spec:
  selector:
    matchLabels:
      app: shop
  endpoints:
    - port: http
"""
_PROMETHEUS = """\
apiVersion: monitoring.coreos.com/v1
kind: Prometheus
metadata:
  name: main
spec:
  ruleSelector:
    matchLabels:
      prometheus: main
"""
_RULE = """\
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: shop
  labels:
    prometheus: main
spec:
  groups:
    - name: shop
      rules:
        - record: job:http_requests:rate5m
          expr: sum by (job) (rate(http_requests_total[5m]))
"""
_NETWORK = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: shop
spec:
  podSelector:
    matchLabels:
      app: shop
  policyTypes: [Ingress]
"""
_UNSCALED = _DEPLOYMENT.replace("  replicas: 3\n", "")
_LIMITED = "            limits: {memory: 256Mi}\n"
_ENV = '          env:\n            - name: DB_PASSWORD\n              value: "hunter2hunter2"\n'
_FROM = (
    "          env:\n            - name: DB_PASSWORD\n              valueFrom:\n                secretKeyRef: {name: "
    "shop, key: password}\n"
)
_SCRAPED = _DEPLOYMENT.replace(
    "      labels:\n        app: shop\n    spec:",
    '      labels:\n        app: shop\n      annotations:\n        prometheus.io/port: "8080"\n    spec:',
)


def _all(*documents: str) -> str:
    return "---\n".join(documents)


def _without(text: str, *lines: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not any(part in line for part in lines))


def _code(
    number: int, title: str, why: str, wrong: str, right: str = _DEPLOYMENT, *, error: bool = False,
    fixable: bool = False, companions: tuple[str, ...] = (),
) -> Code:  # fmt: skip
    level = "error" if error else "warning"
    name = "manifests.yaml"
    return Code(f"SER{number}", title, why, "kubernetes", wrong, right, level, fixable, name, companions)  # type: ignore[arg-type]


TABLE: tuple[Code, ...] = (
    _code(500, "Image without a version", "`latest`, or no tag, is whatever was pushed last: pods started at different "
          "times run different programs, and a rollback restarts the one that is broken.",
          _DEPLOYMENT.replace("shop:1.4.2", "shop:latest")),
    _code(501, "No readiness probe", "A container with ports and no readinessProbe is sent requests as soon as its "
          "process exists. Each rollout and each scaling up fails the requests of the seconds in which it starts.",
          _without(_DEPLOYMENT, "readinessProbe", "/health/ready")),
    _code(502, "One question for both probes", "When readiness and liveness ask the same, whatever makes pods unready "
          "(a slow database, asked by /health) kills them too: all at once, again and again, and the cold caches keep "
          "the database slow. Liveness asks the process only.",
          _DEPLOYMENT.replace("/health/live", "/health/ready")),
    _code(503, "No requests", "Without requests the scheduler takes a pod for free, puts it on a full node, and it is "
          "the first to be evicted. Autoscaling by utilisation has nothing to divide by.",
          _DEPLOYMENT.replace("requests: {cpu: 100m, memory: 128Mi}", "requests: {memory: 128Mi}")),
    _code(504, "No limit of memory", "A container that leaks takes the node down with it; with a limit only itself.",
          _without(_DEPLOYMENT, "limits:")),
    _code(505, "preStop as long as the grace", "The grace period counts from the moment the pod is told to go, preStop "
          "included. If that sleeps it all away the process is killed without having been told to end: whatever it was "
          "answering is cut off.", _DEPLOYMENT.replace('"10"', '"45"'), error=True),
    _code(506, "preStop without a grace period", "preStop and shutting down share terminationGracePeriodSeconds, 30 if "
          "nothing is said. A preStop of 15 s leaves 15 to finish the requests, close the pools and flush what is "
          "buffered; the rest is killed.", _without(_DEPLOYMENT, "terminationGrace")),
    _code(507, "Privileged container", "A privileged container is root on the node: who breaks into the one has all "
          "others.", _DEPLOYMENT.replace(_LIMITED, f"{_LIMITED}          securityContext:\n            privileged: "
          "true\n"),
          error=True),
    _code(508, "Rights are not limited", "Without a securityContext a container runs as its image likes, usually as "
          "root and with everything that root may gain.", _without(_DEPLOYMENT, "securityContext:", "runAsNonRoot")),
    _code(509, "Secret in a manifest", "A password in `env.value` is in the repository, in its history, in every copy "
          "of it, and shown to all who may look at pods. (The value itself is never shown by the linter.)",
          _DEPLOYMENT.replace(_LIMITED, _LIMITED + _ENV), _DEPLOYMENT.replace(_LIMITED, _LIMITED + _FROM), error=True),
    _code(510, "Port that is not there", "Prometheus asks the port that the annotation names. If no container has it "
          "the target is down for ever, and an alert on `up` with it.",
          _SCRAPED.replace('"8080"', '"9090"'), _SCRAPED, error=True),
    _code(520, "No pod may go", "A budget that allows no disruption stops every drain: the upgrade of the cluster "
          "waits, then someone forces it and all pods go at once. One replica with minAvailable 1 is such a budget.",
          _all(_DEPLOYMENT, _BUDGET.replace("maxUnavailable: 1", "minAvailable: 3")), _all(_DEPLOYMENT, _BUDGET),
          error=True),
    _code(521, "Autoscaler with nothing to do", "With the minimum equal to the maximum the autoscaler never scales; "
          "with it above, Kubernetes refuses it.",
          _all(_UNSCALED, _SCALER.replace("maxReplicas: 9", "maxReplicas: 3")), _all(_UNSCALED, _SCALER)),
    _code(522, "Replicas beside an autoscaler", "`replicas` in the manifest of something that is scaled sets it back "
          "each time the manifest is applied: a deployment in the evening's peak takes 20 pods down to 3.",
          _all(_DEPLOYMENT, _SCALER), _all(_UNSCALED, _SCALER)),
    _code(523, "Utilisation of nothing", "Utilisation is what is used over what was requested. If a container requests "
          "none the autoscaler reports “missing request” and never scales.",
          _all(_UNSCALED.replace("cpu: 100m, ", ""), _SCALER), _all(_UNSCALED, _SCALER), error=True,
          companions=("SER503",)),
    _code(524, "Service that finds no pods", "A selector that no pod's labels match gives a Service without endpoints: "
          "every connection is refused, and nothing says why.",
          _all(_DEPLOYMENT, _SERVICE.replace("    app: shop\n  ports", "    app: shopp\n  ports")),
          _all(_DEPLOYMENT, _SERVICE), error=True),
    _code(525, "Named port that is not there", "A targetPort by name is looked up in the containers. Without one of "
          "that name there are no endpoints.",
          _all(_DEPLOYMENT, _SERVICE.replace("targetPort: http", "targetPort: web")), _all(_DEPLOYMENT, _SERVICE),
          error=True),
    _code(526, "ServiceMonitor that selects nothing", "A ServiceMonitor goes by the labels of the Service itself, not "
          "of the pods. If none fits, nothing is scraped and no alert on these metrics can ever fire.",
          _all(_SERVICE, _MONITOR.replace("app: shop", "app: shops")), _all(_SERVICE, _MONITOR), error=True),
    _code(527, "Scraped port that is not there", "The port of an endpoint is the name of the Service's port. A name it "
          "does not have, or its number, scrapes nothing.",
          _all(_SERVICE, _MONITOR.replace("port: http", "port: metrics")), _all(_SERVICE, _MONITOR), error=True),
    _code(528, "Rules that Prometheus does not load", "The operator loads the PrometheusRules that `ruleSelector` "
          "chooses. One without the label is accepted by Kubernetes and read by nobody: its alerts do not exist.",
          _all(_PROMETHEUS, _without(_RULE, "  labels:", "prometheus: main")), _all(_PROMETHEUS, _RULE), error=True),
    _code(529, "Workload that no policy covers", "Network policies only hold for the pods they select; all others may "
          "be reached from anywhere. Where some workloads are covered, one that is not is usually forgotten.",
          _all(_DEPLOYMENT, _NETWORK.replace("app: shop", "app: cart")), _all(_DEPLOYMENT, _NETWORK)),
    _code(530, "Version that is not served", "Kubernetes does not know the version any more: `kubectl apply` fails, at "
          "the next deployment after the upgrade.",
          _BUDGET.replace("policy/v1", "policy/v1beta1"), _BUDGET, error=True, fixable=True),
)  # fmt: skip
