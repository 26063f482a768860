"""Every code of the linter, gathered from the modules that define them beside their checks.

A code, once given out, keeps its meaning for ever. SER2xx rules and PromQL, SER3xx Alertmanager, SER4xx dashboards,
SER5xx manifests, SER6xx the quality of alerts, SER7xx Prometheus's own configuration, pipelines and the rest.
"""

from __future__ import annotations

from sereno.lint.alertmanager_codes import TABLE as ALERTMANAGER
from sereno.lint.argo_codes import TABLE as ARGO
from sereno.lint.code import Code as Code
from sereno.lint.compose_codes import TABLE as COMPOSE
from sereno.lint.dashboards_codes import TABLE as DASHBOARDS
from sereno.lint.documents_codes import TABLE as DOCUMENTS
from sereno.lint.kubernetes_codes import TABLE as KUBERNETES
from sereno.lint.pipelines_codes import TABLE as PIPELINES
from sereno.lint.prometheus_config_codes import TABLE as PROMETHEUS
from sereno.lint.prose_codes import TABLE as PROSE
from sereno.lint.quality_codes import TABLE as QUALITY
from sereno.lint.queries_codes import TABLE as QUERIES
from sereno.lint.rules_codes import TABLE as RULES

_TABLES: tuple[tuple[Code, ...], ...] = (
    DOCUMENTS,
    QUERIES,
    RULES,
    ALERTMANAGER,
    QUALITY,
    DASHBOARDS,
    KUBERNETES,
    ARGO,
    PROMETHEUS,
    COMPOSE,
    PIPELINES,
    PROSE,
)

CODES: dict[str, Code] = {code.id: code for table in _TABLES for code in table}
