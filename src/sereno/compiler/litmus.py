"""Experiments by Litmus: a fault in a service's pods that is not begun, and is stopped, when its probes do not hold."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sereno.compiler.canary_queries import number
from sereno.compiler.kubernetes import workload_ref
from sereno.compiler.kubernetes_objects import INSTANCE, Object, documents, labels
from sereno.compiler.kubernetes_pods import seconds
from sereno.compiler.targets import Output, Request
from sereno.compiler.text import Value
from sereno.kernel.errors import UsageError
from sereno.slo.expressions import bad_ratio
from sereno.spec.model import CompositeSli, Slo, Spec
from sereno.spec.model_delivery import Deployment, Experiment, ExperimentProbe

_STRIKES_AGAIN = frozenset(("pod-delete", "container-kill"))
_KINDS = {"Deployment": "deployment", "Rollout": "rollout"}
_PROBE_EVERY = 5
_RATE_LEAST = timedelta(minutes=1)


def litmus(request: Request) -> Output:
    """A ChaosEngine for each `experiment`, to be applied by whoever carries it out."""
    spec = request.spec
    files = {
        f"litmus/{name}.yml": documents([_engine(spec, spec.experiments[name])]) for name in sorted(spec.experiments)
    }
    return Output(files, () if files else ("no `experiment` is declared: nothing to write for Litmus",))


def _engine(spec: Spec, experiment: Experiment) -> Object:
    service = spec.services[experiment.service]
    deployment = service.deployment
    if deployment is None:
        raise UsageError(
            f"experiment {experiment.name}: {service.name} has no `deployment`, so its pods are not known"
        )  # fmt: skip
    return {
        "apiVersion": "litmuschaos.io/v1alpha1",
        "kind": "ChaosEngine",
        "metadata": {
            "name": experiment.name,
            "namespace": deployment.namespace,
            "labels": labels(spec, service),
            "annotations": _annotations(experiment),
        },
        "spec": {
            "engineState": "active",
            "appinfo": {
                "appns": deployment.namespace,
                "applabel": f"{INSTANCE}={deployment.name}",
                "appkind": _KINDS[str(workload_ref(deployment)["kind"])],
            },
            "chaosServiceAccount": experiment.account,
            "jobCleanUpPolicy": "retain",
            "experiments": [{"name": experiment.fault, "spec": _fault(spec, experiment, deployment)}],
        },
    }


def _annotations(experiment: Experiment) -> Value:
    found = {"sereno/title": experiment.title}
    if experiment.hypothesis:
        found["sereno/hypothesis"] = experiment.hypothesis
    return dict(found)


def _fault(spec: Spec, experiment: Experiment, deployment: Deployment) -> Value:
    percent = (experiment.share * 100).to_integral_value()
    env = {"TOTAL_CHAOS_DURATION": str(seconds(experiment.duration)), "PODS_AFFECTED_PERC": f"{percent:f}"}
    if experiment.fault in _STRIKES_AGAIN:
        env["CHAOS_INTERVAL"] = str(seconds(experiment.every))
    if experiment.fault != "pod-delete":
        env["TARGET_CONTAINER"] = deployment.name
    env |= dict(experiment.settings)
    probes = [found for probe in experiment.probes for found in _probes(spec, experiment, probe)]
    return {
        "components": {"env": [{"name": name, "value": value} for name, value in env.items()]},
        "probe": probes,
    }


def _probes(spec: Spec, experiment: Experiment, probe: ExperimentProbe) -> Iterator[Value]:
    """Each is asked before anything is broken, and all the time after; the first no is the end."""
    kind, inputs = _http(probe) if probe.http else _slo(spec, experiment, probe)
    for mode, suffix in (("SOT", "-before"), ("Continuous", "")):
        yield {
            "name": f"{probe.name}{suffix}",
            "type": kind,
            "mode": mode,
            f"{kind}/inputs": inputs,
            "runProperties": {
                "probeTimeout": f"{_PROBE_EVERY}s",
                "interval": f"{_PROBE_EVERY}s",
                "probePollingInterval": f"{_PROBE_EVERY}s",
                "attempt": 2,
                "stopOnFailure": True,
            },
        }


def _http(probe: ExperimentProbe) -> tuple[str, Value]:
    return "httpProbe", {
        "url": probe.http,
        "insecureSkipVerify": False,
        "method": {"get": {"criteria": "==", "responseCode": str(probe.status)}},
    }


def _slo(spec: Spec, experiment: Experiment, probe: ExperimentProbe) -> tuple[str, Value]:
    """The share of bad events over as long as the experiment takes; without any event there is no answer, which to
    Litmus is a no."""
    slo = _found(spec, experiment, probe)
    limit = slo.objective.budget * probe.burn
    if limit >= 1:
        raise UsageError(
            f"experiment {experiment.name}: {probe.burn:f} times the budget of {slo.name} can never be exceeded"
        )  # fmt: skip
    address = spec.addresses.prometheus
    if not address:
        raise UsageError(
            f"experiment {experiment.name}: Prometheus judges it, and its address is not known",
            hint="write `addresses: {prometheus: …}` in the workspace document",
        )
    return "promProbe", {
        "endpoint": address,
        "query": bad_ratio(slo.sli, max(experiment.duration, _RATE_LEAST)),
        "comparator": {"type": "float", "criteria": "<=", "value": number(limit.normalize())},
    }


def _found(spec: Spec, experiment: Experiment, probe: ExperimentProbe) -> Slo:
    slos = {slo.name: slo for slo in spec.services[experiment.service].slos}
    if probe.slo not in slos:
        raise UsageError(
            f"experiment {experiment.name}: {experiment.service} has no objective {probe.slo}",
            hint=f"one of {', '.join(slos)}" if slos else None,
        )
    if isinstance(slos[probe.slo].sli, CompositeSli):
        raise UsageError(f"experiment {experiment.name}: {probe.slo} is a composite; name one of its parts")
    return slos[probe.slo]
