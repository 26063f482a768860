"""Litmus: experiments that nobody watches, that hit too much, or that do not stop."""

from __future__ import annotations

from sereno.lint.kubernetes_model import Manifest
from sereno.lint.paths import at, key, mappings, number, text
from sereno.lint.reporting import Report
from sereno.spec.source import Mapping

BLAST_MAX = 50
"""Percent of pods hit at once from which on what is left does not carry the load of a service sized N+1."""


def check_engine(manifest: Manifest, report: Report) -> None:
    """Everything about a ChaosEngine."""
    for experiment in mappings(at(manifest.root, "spec", "experiments")):
        _check_probes(experiment, report)
        _check_blast(experiment, report)


def _check_probes(experiment: Mapping, report: Report) -> None:
    spec = experiment.get("spec")
    probes = mappings(at(spec, "probe"))
    if not probes:
        report.complain(
            "SER580", experiment.get("name") or experiment,
            f"the experiment {text(experiment.get('name'))!r} asks nothing while it breaks things: it passes also when "
            "every user saw an error", expected="spec.probe: what must stay true",
        )  # fmt: skip
        return
    if not any(text(at(p, "runProperties", "stopOnFailure")).lower() == "true" for p in probes):
        place = key(probes[0], "runProperties") or probes[0].get("name") or probes[0]
        report.complain(
            "SER581", place, "the experiment goes on when its probe fails: chaos becomes an outage of "
            f"{_duration(experiment)}", expected="runProperties: {stopOnFailure: true}",
        )  # fmt: skip


def _env(experiment: Mapping, name: str) -> Mapping | None:
    variables = mappings(at(experiment, "spec", "components", "env"))
    return next((v for v in variables if text(v.get("name")) == name), None)


def _duration(experiment: Mapping) -> str:
    seconds = text(at(_env(experiment, "TOTAL_CHAOS_DURATION"), "value"))
    return f"{seconds} s" if seconds else "its whole length"


def _check_blast(experiment: Mapping, report: Report) -> None:
    node = at(_env(experiment, "PODS_AFFECTED_PERC"), "value")
    share = number(node)
    if node is not None and share is not None and share >= BLAST_MAX:
        report.complain(
            "SER582", node, f"{text(node)} % of the pods at once: those that are left get {_times(int(share))} the "
            "load, which shows that, and not whether one pod may fail",
            expected=f"under {BLAST_MAX}, to begin with one pod",
        )  # fmt: skip


def _times(share: int) -> str:
    return "infinite" if share >= 100 else f"{100 / (100 - share):.3g} times"
