"""Codes of Prometheus's own configuration."""

from __future__ import annotations

from sereno.lint.code import Code

_RIGHT = """\
global:
  scrape_interval: 15s
  evaluation_interval: 15s

rule_files:
  - rules/*.yaml

alerting:
  alertmanagers:
    - static_configs:
        - targets: ["alertmanager:9093"]

scrape_configs:
  - job_name: shop
    static_configs:
      - targets: ["shop:8080"]
"""
_JOB = '  - job_name: shop\n    static_configs:\n      - targets: ["shop:8080"]\n'
_PODS = """\
  - job_name: pods
    kubernetes_sd_configs:
      - role: pod
    relabel_configs:
      - source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape]
        action: keep
        regex: "true"
"""
_PORT = """\
      - source_labels: [__address__, __meta_kubernetes_pod_annotation_prometheus_io_port]
        action: replace
        regex: ([^:]+)(?::\\d+)?;(\\d+)
        replacement: $1:$2
        target_label: __address__
"""
_FOUND = _RIGHT + _PODS + _PORT
_NATIVE = _RIGHT + "    always_scrape_classic_histograms: true\n"
_AUTH = _RIGHT + "    basic_auth:\n      username: prometheus\n      password_file: /run/secrets/shop\n"


def _code(
    number: int, title: str, why: str, wrong: str, right: str = _RIGHT, *, error: bool = False, fixable: bool = False
) -> Code:  # fmt: skip
    level = "error" if error else "warning"
    return Code(f"SER{number}", title, why, "prometheus", wrong, right, level, fixable, "prometheus.yml")  # type: ignore[arg-type]


TABLE: tuple[Code, ...] = (
    _code(720, "No rule is loaded", "Prometheus loads the files under `rule_files` and no others. Without it the rules "
          "beside the configuration are text: /rules is empty, and nothing ever fires.",
          _RIGHT.replace("rule_files:\n  - rules/*.yaml\n\n", ""), error=True),
    _code(721, "Alerts go nowhere", "Without an Alertmanager alerts fire inside of Prometheus and reach nobody.",
          _RIGHT[: _RIGHT.index("alerting:")] + _RIGHT[_RIGHT.index("scrape_configs:") :], error=True),
    _code(722, "API v1 of Alertmanager", "Alertmanager 0.27 and Prometheus 3.0 dropped it: alerts are sent and "
          "refused.",
          _RIGHT.replace("    - static_configs:\n        - targets: [\"alert", "    - api_version: v1\n      "
                         "static_configs:\n        - targets: [\"alert"),
          _RIGHT.replace("    - static_configs:\n        - targets: [\"alert", "    - api_version: v2\n      "
                         "static_configs:\n        - targets: [\"alert"), error=True, fixable=True),
    _code(723, "Interval that does not divide five minutes", "Recorded `rate…[5m]` are summed over a period by "
          "stepping through it. If the interval of evaluation does not divide five minutes, windows overlap or leave "
          "gaps, and the budget is wrong by that.",
          _RIGHT.replace("evaluation_interval: 15s", "evaluation_interval: 45s")),
    _code(724, "Scraped too seldom", "Prometheus looks back five minutes for a sample. Scraped every five, one that "
          "comes late is a gap: the line breaks, alerts resolve and fire again.",
          _RIGHT.replace("job_name: shop\n", "job_name: shop\n    scrape_interval: 5m\n")),
    _code(725, "Timeout over the interval", "Prometheus refuses a scrape_timeout that is longer than the interval, and "
          "does not start.",
          _RIGHT.replace("job_name: shop\n", "job_name: shop\n    scrape_timeout: 20s\n"), error=True),
    _code(726, "Job given twice", "Two jobs of one name: Prometheus does not start.",
          _RIGHT + _JOB.replace("shop:8080", "cart:8080"),
          _RIGHT + _JOB.replace("shop:8080", "cart:8080").replace("job_name: shop", "job_name: cart"), error=True),
    _code(727, "Targets that name themselves", "With `honor_labels` the labels of a target win over those of "
          "Prometheus. One that exports `job` or `instance` overwrites the samples of another: an alert on `up` asks "
          "about the wrong one.",
          _RIGHT.replace("job_name: shop\n", "job_name: shop\n    honor_labels: true\n")),
    _code(728, "Pods without their port", "Discovery of pods gives one target for every declared port, and one on port "
          "80 if there is none. Without the relabelling of `__address__` the annotation prometheus.io/port is not "
          "looked at: targets that are down, or the wrong port scraped.", _RIGHT + _PODS, _FOUND),
    _code(729, "Target with a scheme", "A target is host:port. With http:// before it Prometheus does not start.",
          _RIGHT.replace('"shop:8080"', '"http://shop:8080"'), error=True, fixable=True),
    _code(730, "Name of before Prometheus 3", "Prometheus 3.0 renamed the setting and does not start with the old "
          "name.",
          _NATIVE.replace("always_scrape", "scrape"), _NATIVE, error=True, fixable=True),
    _code(731, "Secret in prometheus.yml", "What is written into the configuration is in the repository and its "
          "history. Every secret has a `…_file` beside it. (The value itself is never shown by the linter.)",
          _AUTH.replace("password_file: /run/secrets/shop", "password: hunter2"), _AUTH, error=True),
)  # fmt: skip
