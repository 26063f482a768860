"""The pod of a service: its container, health, security and end. Used by Deployments and by Rollouts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from math import ceil

from sereno.compiler.kubernetes_objects import NAME, TRACK, labels, shortened
from sereno.compiler.text import Value
from sereno.spec.model import Service, Spec
from sereno.spec.model_delivery import Deployment, HealthPaths, Variable

_STARTUP_EVERY = 5
_VOLUME_MAX = "1Gi"


def pod_template(spec: Spec, service: Service, deployment: Deployment, *, image: str = "", track: str = "") -> Value:
    """The template of a pod that runs `image` (by default the deployment's)."""
    marks = labels(spec, service) | ({TRACK: track} if track else {})
    return {
        "metadata": {"labels": marks, "annotations": {"kubectl.kubernetes.io/default-container": deployment.name}},
        "spec": {
            "serviceAccountName": deployment.name,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": seconds(deployment.drain + deployment.grace),
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": deployment.user,
                "runAsGroup": deployment.user,
                "fsGroup": deployment.user,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "topologySpreadConstraints": [_spread(deployment, key, track) for key in _TOPOLOGIES],
            "containers": [_container(service, deployment, image or deployment.image)],
            **_volumes(deployment),
        },
    }


_TOPOLOGIES = ("topology.kubernetes.io/zone", "kubernetes.io/hostname")


def _spread(deployment: Deployment, topology: str, track: str) -> Value:
    # ScheduleAnyway: a full zone must not keep an outage's replacement from starting.
    marks = {NAME: deployment.name} | ({TRACK: track} if track else {})
    return {
        "maxSkew": 1,
        "topologyKey": topology,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": marks},
    }


def _container(service: Service, deployment: Deployment, image: str) -> Value:
    found: dict[str, Value] = {"name": deployment.name, "image": image, "imagePullPolicy": "IfNotPresent"}
    if deployment.command:
        found["command"] = list(deployment.command)
    if deployment.ports:
        found["ports"] = [{"name": port.name, "containerPort": port.number} for port in deployment.ports]
    if env := [*deployment.env, *_tracing(service, deployment)]:
        found["env"] = [_variable(each.name, each.value, each.secret, each.key) for each in env]
    found["resources"] = _resources(deployment)
    if deployment.health is not None:
        found |= _probes(deployment.health, deployment.slow_start)
    if deployment.drain:
        # The kubelet's own sleep (Kubernetes 1.30): an image without a shell can wait too.
        found["lifecycle"] = {"preStop": {"sleep": {"seconds": seconds(deployment.drain)}}}
    found["securityContext"] = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    if deployment.writable:
        found["volumeMounts"] = [
            {"name": _volume(index), "mountPath": path} for index, path in enumerate(deployment.writable)
        ]
    return found


def _tracing(service: Service, deployment: Deployment) -> Iterator[Variable]:
    """A service that sends every span, under its own name: which are kept is decided when a trace is whole."""
    declared = {each.name for each in deployment.env}
    wanted = {"OTEL_SERVICE_NAME": service.name, "OTEL_TRACES_SAMPLER": "parentbased_always_on"}
    if service.traces is not None:
        yield from (Variable(name, value) for name, value in wanted.items() if name not in declared)


def _variable(name: str, value: str, secret: str, key: str) -> Value:
    if secret:
        return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}
    return {"name": name, "value": value}


def _resources(deployment: Deployment) -> Value:
    wanted = deployment.resources
    limits: dict[str, Value] = {"memory": wanted.memory_limit or wanted.memory}
    if wanted.cpu_limit:
        limits = {"cpu": wanted.cpu_limit, **limits}
    return {"requests": {"cpu": wanted.cpu, "memory": wanted.memory}, "limits": limits}


def _probes(health: HealthPaths, slow_start: timedelta) -> dict[str, Value]:
    """Startup waits as long as a start may take, so that liveness can be quick without killing what still starts."""
    return {
        "startupProbe": {
            **_get(health.startup, health.port),
            "periodSeconds": _STARTUP_EVERY,
            "timeoutSeconds": 3,
            "failureThreshold": max(1, ceil(slow_start / timedelta(seconds=_STARTUP_EVERY))),
        },
        "livenessProbe": {
            **_get(health.live, health.port),
            "periodSeconds": 10,
            "timeoutSeconds": 5,
            "failureThreshold": 3,
        },
        "readinessProbe": {
            **_get(health.ready, health.port),
            "periodSeconds": 5,
            "timeoutSeconds": 3,
            "failureThreshold": 2,
        },
    }


def _get(path: str, port: str) -> dict[str, Value]:
    return {"httpGet": {"path": path, "port": port}}


def _volumes(deployment: Deployment) -> dict[str, Value]:
    if not deployment.writable:
        return {}
    volumes: list[Value] = [
        {"name": _volume(index), "emptyDir": {"sizeLimit": _VOLUME_MAX}} for index, _ in enumerate(deployment.writable)
    ]
    return {"volumes": volumes}


def _volume(index: int) -> str:
    return shortened("writable", f"-{index}")


def seconds(length: timedelta) -> int:
    """Whole seconds, rounded up: a promise of time is never shortened."""
    return ceil(length.total_seconds())
