"""What every object of a cluster has in common: labels, metadata, names, and several objects in one file."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256

from sereno.compiler.text import Value, yaml
from sereno.kernel.errors import UsageError
from sereno.spec.model import Service, Spec
from sereno.spec.model_delivery import Deployment

NOTICE = "# Written by `sereno build` from the declared spec. Change the spec: changes here are lost.\n"
NAME = "app.kubernetes.io/name"
INSTANCE = "app.kubernetes.io/instance"
TRACK = "track"
NAME_MAX = 63

Object = Mapping[str, Value]


def deployed(spec: Spec) -> Iterator[tuple[Service, Deployment]]:
    """The services that say how they run, by name.

    Raises UsageError when two of them would be one thing in the cluster.
    """
    seen: dict[tuple[str, str], str] = {}
    for name in sorted(spec.services):
        service = spec.services[name]
        if service.deployment is None:
            continue
        place = (service.deployment.namespace, service.deployment.name)
        if place in seen:
            raise UsageError(
                f"the services {seen[place]} and {name} would both be {'/'.join(place)} in the cluster",
                hint="give one of them a `name` or a `namespace` in its `deployment`",
            )
        seen[place] = name
        yield service, service.deployment


def metadata(spec: Spec, service: Service, name: str, namespace: str, **more: Value) -> Value:
    """The metadata of an object of `service`; `more` are further keys, such as annotations."""
    return {"name": name, "namespace": namespace, "labels": labels(spec, service), **more}


def labels(spec: Spec, service: Service) -> dict[str, Value]:
    """The labels of everything that belongs to `service`."""
    name = service.deployment.name if service.deployment else service.name
    found: dict[str, Value] = {NAME: name, INSTANCE: name, "app.kubernetes.io/managed-by": "sereno"}
    if spec.name:
        found["app.kubernetes.io/part-of"] = spec.name.rstrip("-._")
    if service.team:
        found["team"] = service.team.rstrip("-._")  # a label ends in a letter or digit
    return found


def selector(deployment: Deployment, track: str = "") -> dict[str, Value]:
    """The labels by which a controller finds its own pods. They can never change, so they are few."""
    found: dict[str, Value] = {NAME: deployment.name}
    return found | ({TRACK: track} if track else {})


def every_pod(deployment: Deployment) -> dict[str, Value]:
    """The label of all pods of the service, whoever made them: the old version's, the new one's, Flagger's copies."""
    found: dict[str, Value] = {INSTANCE: deployment.name}
    return found


def documents(objects: Iterable[Object]) -> str:
    """The objects as one file."""
    return NOTICE + "---\n".join(yaml(item) for item in objects)


def shortened(name: str, suffix: str = "") -> str:
    """`name` and `suffix` as one name that fits; what is cut off is the end of `name`."""
    return name[: NAME_MAX - len(suffix)].rstrip("-.") + suffix


def object_name(name: str) -> str:
    """A name that the cluster takes, different for different names."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9-]+", "-", plain).strip("-")
    if slug == name and len(name) <= 50:
        return slug
    mark = sha256(name.encode()).hexdigest()[:8]
    return shortened(slug, f"-{mark}").lstrip("-") if slug else f"x-{mark}"
