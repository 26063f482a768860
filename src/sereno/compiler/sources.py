"""What every pipeline begins with: the services whose logs are read, and where all of it goes."""

from __future__ import annotations

import re

from sereno.kernel.errors import UsageError
from sereno.spec.model import Service, Spec
from sereno.spec.model_delivery import Pipelines


def sources(spec: Spec) -> list[Service]:
    """The services that say where their logs are, by name. Raises UsageError for two that would share a name."""
    found = [spec.services[name] for name in sorted(spec.services) if spec.services[name].logs is not None]
    seen: dict[str, str] = {}
    for service in found:
        other = seen.setdefault(name_of(service), service.name)
        if other != service.name:
            raise UsageError(f"the services {other} and {service.name} would have the same name in a pipeline")
    return found


def name_of(service: Service) -> str:
    """The service's name as a part of a pipeline may be called."""
    return re.sub("[^A-Za-z0-9]", "_", service.name)


def require(spec: Spec) -> Pipelines:
    """Where logs and traces go. Raises UsageError where nobody has said so."""
    if spec.pipelines is None:
        raise UsageError(
            "nobody says where logs and traces go",
            hint="write `pipelines: {logs: {otlp: …}, traces: {otlp: …}}` in the workspace document",
        )
    return spec.pipelines
