"""Reads how Prometheus finds the targets of a job by itself.

```yaml
scrape:
  - job: api
    discovery:
      kubernetes:
        role: pod                # or endpointslice
        namespaces: [shop]       # all by default
        selector: app=api        # optional
        port: metrics            # the name or number of the port
        path: /metrics
        scheme: http
  - job: batch
    discovery: {files: [targets/batch-*.json]}
  - job: annotated
    discovery: {kubernetes: {annotations: true}}   # pods say it themselves: prometheus.io/scrape, /port, /path
```
"""

from __future__ import annotations

import re
from typing import Literal, cast

from sereno.spec import values
from sereno.spec.fields import Fields, Reader
from sereno.spec.model_monitoring import Discovery, KubernetesTargets
from sereno.spec.reading import Reading
from sereno.spec.source import Mapping, Node, Scalar

_ROLE = values.one_of("pod", "endpointslice")
_SCHEME = values.one_of("http", "https")
_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_PORT = re.compile(r"[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?|[1-9][0-9]{0,4}")
# Prometheus allows one star, and only in the last part of the path.
_FILE = re.compile(r"[^*\s]*\*?[^*/\s]*\.(json|yml|yaml)")
_SELECTOR = re.compile(r"[A-Za-z0-9._/=!,() -]{1,400}")


def discovery(reading: Reading, node: Node) -> Discovery | None:
    """How the targets of a job are found."""
    fields = Fields(reading, node, "a discovery", optional=("files", "kubernetes"))
    fields.exactly_one("files", "kubernetes")
    return Discovery(
        files=fields.read("files", values.items(_matching(_FILE, "such as targets/api-*.json"), what="files")) or (),
        kubernetes=fields.read("kubernetes", _kubernetes),
    )


def _kubernetes(reading: Reading, node: Node) -> KubernetesTargets:
    fields = Fields(
        reading,
        node,
        "a discovery in Kubernetes",
        optional=("role", "namespaces", "selector", "port", "path", "scheme", "annotations"),
    )
    namespaces = values.items(_matching(_NAMESPACE, "the name of a namespace"), what="namespaces")
    if isinstance(node, Mapping) and not fields.has("port") and not fields.has("annotations"):
        reading.complain(
            "SER194", node, "every port of every container would be scraped", expected="`port`, or `annotations: true`"
        )  # fmt: skip
    return KubernetesTargets(
        role=cast(Literal["pod", "endpointslice"], fields.read("role", _ROLE) or "pod"),
        namespaces=fields.read("namespaces", namespaces) or (),
        selector=fields.read("selector", _matching(_SELECTOR, "such as app=api,tier!=test")) or "",
        port=fields.read("port", _matching(_PORT, "the name or number of a port")) or "",
        path=fields.read("path", _matching(re.compile(r"/\S*"), "a path such as /metrics")) or "/metrics",
        scheme=cast(Literal["http", "https"], fields.read("scheme", _SCHEME) or "http"),
        annotations=fields.read("annotations", values.flag) or False,
    )


def _matching(pattern: re.Pattern[str], expected: str) -> Reader[str]:
    def read(reading: Reading, node: Node) -> str | None:
        found = values.text(reading, node)
        if found is None or pattern.fullmatch(found):
            return found
        assert isinstance(node, Scalar)
        reading.complain("SER194", node, f"`{found[:80]}` is not possible here", expected=expected)
        return None

    return read
