"""A Kubernetes cluster as kube-state-metrics, the kubelet and cAdvisor tell of it; replicas of these count once."""

from __future__ import annotations

from decimal import Decimal

from sereno.compiler.grafana_sheet import BAD_IF_ANY, UP_DOWN, Options, Sheet, full, present
from sereno.spec.dashboard_model import PanelRow

PROBE = '{__name__=~"kube_node_info|container_cpu_usage_seconds_total|kubelet_volume_stats_capacity_bytes"}'
TITLE = ("Kubernetes", "Kubernetes")
ABOUT = (
    "Nodos, pods, despliegues, autoescalado y volúmenes del clúster, según kube-state-metrics y el kubelet.",
    "Nodes, pods, deployments, autoscaling and volumes of the cluster, as kube-state-metrics and the kubelet tell.",
)
_USED = 'sum by (namespace) (rate(container_cpu_usage_seconds_total{@,container!="",container!="POD"}[@]))'
_HELD = 'sum by (namespace) (container_memory_working_set_bytes{@,container!="",container!="POD"})'
_READY = 'kube_node_status_condition{@,condition="Ready",status="true"}'


def _asked(resource: str) -> str:
    """How much of what the nodes can give is asked for."""
    each = f'max by (namespace, pod, container) (kube_pod_container_resource_requests{{@,resource="{resource}"}})'
    there = f'max by (node) (kube_node_status_allocatable{{@,resource="{resource}"}})'
    return f"sum({each}) / sum({there})"


VOLUMES = (
    "1 - max by (namespace, persistentvolumeclaim) (kubelet_volume_stats_available_bytes{@})"
    " / (max by (namespace, persistentvolumeclaim) (kubelet_volume_stats_capacity_bytes{@}) > 0)"
)


def rows(sheet: Sheet) -> tuple[PanelRow, ...]:
    """The rows of the dashboard."""
    return present(_now(sheet), _pods(sheet), _deployments(sheet), _resources(sheet), volumes(sheet))


def _now(sheet: Sheet) -> PanelRow | None:
    none: Options = {"kind": "stat", "unit": "none", "steps": BAD_IF_ANY, "decimals": 0}
    share: Options = {
        "kind": "gauge",
        "unit": "percentunit",
        "least": Decimal(0),
        "steps": full("0.85", "1"),
        "height": 4,
    }
    return sheet.row(
        ("Ahora", "Now"),
        sheet.panel(
            ("Nodos que no están listos", "Nodes not ready"),
            ("Sus pods se mueven a otros nodos a los cinco minutos.",
             "Their pods move to other nodes in five minutes."),
            f"count(max by (node) ({_READY}) == 0) or 0 * count({_READY})", **none,
        ),
        sheet.panel(
            ("Pods que esperan", "Pods pending"),
            ("Pods que no encuentran lugar. Si duran, falta capacidad o un volumen.",
             "Pods that find no place. If they last, capacity or a volume is missing."),
            'sum(max by (namespace, pod) (kube_pod_status_phase{@,phase="Pending"}))', **none,
        ),
        sheet.panel(
            ("Réplicas que faltan", "Replicas missing"),
            ("Réplicas pedidas que no están disponibles, en todos los despliegues.",
             "Replicas asked for that are not available, over all deployments."),
            "sum(max by (namespace, deployment) (kube_deployment_spec_replicas{@})"
            " - max by (namespace, deployment) (kube_deployment_status_replicas_available{@}))", **none,
        ),
        sheet.panel(
            ("CPU pedida", "CPU asked for"),
            ("Lo que piden los pods sobre lo que dan los nodos. Por encima de 1, si cae un nodo no caben.",
             "What pods ask for over what nodes can give. Above 1 they will not fit when a node is gone."),
            _asked("cpu"), **share,
        ),
        sheet.panel(
            ("Memoria pedida", "Memory asked for"),
            ("Lo que piden los pods sobre lo que dan los nodos.", "What pods ask for over what nodes can give."),
            _asked("memory"), **share,
        ),
    )  # fmt: skip


def _pods(sheet: Sheet) -> PanelRow | None:
    return sheet.row(
        ("Pods", "Pods"),
        sheet.panel(
            ("Pods por fase", "Pods by phase"),
            ("`Failed` y `Unknown` que crecen piden mirar sus eventos.",
             "`Failed` and `Unknown` that grow: look at their events."),
            ("sum by (phase) (max by (namespace, pod, phase) (kube_pod_status_phase{@}))", "{{phase}}"),
            unit="none", stacked=True,
        ),
        sheet.panel(
            ("Reinicios", "Restarts"),
            ("Contenedores que se reiniciaron en la última hora. Repetidos: mire el registro del anterior.",
             "Containers that restarted during the last hour. Again and again: look at the log of the previous one."),
            ("sum by (namespace, pod) (increase(kube_pod_container_status_restarts_total{@}[1h])) > 0",
             "{{namespace}}/{{pod}}"), unit="none",
        ),
        sheet.panel(
            ("Por qué esperan los contenedores", "Why containers wait"),
            ("`CrashLoopBackOff` es el programa; `ImagePullBackOff` es la imagen o su permiso.",
             "`CrashLoopBackOff` is the program; `ImagePullBackOff` is the image or its permission."),
            ("sum by (reason) (max by (namespace, pod, container, reason)"
             " (kube_pod_container_status_waiting_reason{@})) > 0", "{{reason}}"), unit="none", stacked=True,
        ),
        sheet.panel(
            ("Nodos listos", "Nodes ready"),
            ("Cada nodo a lo largo del tiempo.", "Each node over time."),
            (f"max by (node) ({_READY})", "{{node}}"), kind="state_timeline", unit="none", mappings=UP_DOWN, width=12,
            height=8,
        ),
    )  # fmt: skip


def _deployments(sheet: Sheet) -> PanelRow | None:
    return sheet.row(
        ("Despliegues y autoescalado", "Deployments and autoscaling"),
        sheet.panel(
            ("Réplicas que faltan por despliegue", "Replicas missing by deployment"),
            ("Más de cero tras un despliegue: no arranca o no pasa su sonda.",
             "More than zero after a release: it does not start, or fails its probe."),
            ("max by (namespace, deployment) (kube_deployment_spec_replicas{@})"
             " - max by (namespace, deployment) (kube_deployment_status_replicas_available{@}) > 0",
             "{{namespace}}/{{deployment}}"), unit="none",
        ),
        sheet.panel(
            ("Réplicas disponibles", "Replicas available"),
            ("Por despliegue.", "By deployment."),
            ("max by (namespace, deployment) (kube_deployment_status_replicas_available{@})",
             "{{namespace}}/{{deployment}}"), unit="none",
        ),
        sheet.panel(
            ("Autoescalado: réplicas sobre el máximo", "Autoscaling: replicas over the maximum"),
            ("En 1 el HPA ya no puede ayudar: suba el máximo o reduzca la carga.",
             "At 1 the HPA can help no more: raise the maximum or shed load."),
            ("max by (namespace, horizontalpodautoscaler) (kube_horizontalpodautoscaler_status_current_replicas{@})"
             " / max by (namespace, horizontalpodautoscaler) (kube_horizontalpodautoscaler_spec_max_replicas{@})",
             "{{namespace}}/{{horizontalpodautoscaler}}"), unit="percentunit", least=Decimal(0), steps=full("0.8", "1"),
        ),
    )  # fmt: skip


def _resources(sheet: Sheet) -> PanelRow | None:
    return sheet.row(
        ("CPU y memoria", "CPU and memory"),
        sheet.panel(
            ("CPU por espacio de nombres", "CPU by namespace"),
            ("Núcleos en uso.", "Cores in use."), (_USED, "{{namespace}}"), unit="none", stacked=True,
        ),
        sheet.panel(
            ("Memoria por espacio de nombres", "Memory by namespace"),
            ("Memoria que no se puede recuperar (lo que mira el OOM).",
             "Memory that cannot be reclaimed (what the OOM killer sees)."),
            (_HELD, "{{namespace}}"), unit="bytes", stacked=True,
        ),
        sheet.panel(
            ("CPU frenada", "CPU throttled"),
            ("Qué parte de sus turnos pasó frenado cada contenedor por su límite. Alto, con latencia alta: suba el"
             " límite.",
             "How many of its periods each container spent throttled by its limit. High, with a high latency: raise the"
             " limit."),
            ('sum by (namespace, pod) (rate(container_cpu_cfs_throttled_periods_total{@,container!=""}[@]))'
             ' / (sum by (namespace, pod) (rate(container_cpu_cfs_periods_total{@,container!=""}[@])) > 0)',
             "{{namespace}}/{{pod}}"), unit="percentunit", least=Decimal(0), most=Decimal(1), steps=full("0.25", "0.5"),
        ),
    )  # fmt: skip


def volumes(sheet: Sheet) -> PanelRow | None:
    """How full the persistent volumes are."""
    return sheet.row(
        ("Volúmenes", "Volumes"),
        sheet.panel(
            ("Volúmenes usados", "Volumes used"),
            ("Espacio usado de cada volumen; las líneas avisan a 80 % y 90 %. Lleno, el pod falla al escribir.",
             "Space used of each volume; the lines warn at 80% and 90%. Full, the pod fails when it writes."),
            (VOLUMES, "{{namespace}}/{{persistentvolumeclaim}}"), unit="percentunit", least=Decimal(0),
            most=Decimal(1), steps=full("0.8", "0.9"), width=24,
        ),
    )  # fmt: skip
