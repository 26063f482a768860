"""Reads what holds for the whole workspace.

```yaml
workspace: shop
title: The shop            # optional, the name by default
addresses:                 # where people find things: links in alerts and dashboards begin with these
  console: https://sereno.shop.example
  grafana: https://grafana.shop.example
  prometheus: https://prometheus.shop.example
  alertmanager: https://alerts.shop.example
  runbooks: https://git.shop.example/shop/blob/main/reliability
blackbox: 127.0.0.1:9115   # where the blackbox exporter answers, which asks what `probes` want to know
targets: [prometheus, alertmanager, grafana]   # what `sereno build` writes when not told
variables: {region: south} # see Variables below, as for `environments` and `defaults`
environments: {staging: {variables: {region: test}}}
defaults: {slos: {window: 30d}}
backtest:                  # what `sereno backtest` holds every service to; a service may say otherwise
  precision: 80%           # of its pages, at least so many were about an incident
  recall: 95%              # of its incidents, at least so many were paged about
  max_pages_per_week: 7
```
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from sereno.spec import values
from sereno.spec.fields import Fields, expect
from sereno.spec.model import Addresses, Demands, Raw
from sereno.spec.model_monitoring import Notifications
from sereno.spec.notifications import notifications
from sereno.spec.probes import address
from sereno.spec.raw import raw_of_workspace
from sereno.spec.reading import Reading
from sereno.spec.source import Node, Scalar

if TYPE_CHECKING:
    from sereno.spec.model_delivery import Pipelines

_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,12})?)\s*%")
_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")


@dataclass(frozen=True, slots=True)
class Workspace:
    """What holds for all services."""

    name: str = ""
    title: str = ""
    addresses: Addresses = field(default_factory=Addresses)
    targets: tuple[str, ...] = ()
    backtest: Demands | None = None
    raw: Raw = field(default_factory=Raw)
    pipelines: Pipelines | None = None
    notifications: Notifications | None = None
    blackbox: str = ""


def workspace(reading: Reading, node: Node) -> Workspace:
    """What the document `node` says of the whole. Its variables, environments and defaults have been applied."""
    fields = Fields(
        reading,
        node,
        "the workspace",
        required=("workspace",),
        optional=("title", "addresses", "targets", "variables", "environments", "defaults", "backtest", "pipelines",
                  "raw", "notifications", "blackbox"),
    )  # fmt: skip
    name = fields.read("workspace", values.name) or ""
    return Workspace(
        name=name,
        title=fields.read("title", values.text) or name,
        addresses=fields.read("addresses", _addresses) or Addresses(),
        targets=fields.read("targets", values.items(values.name, what="targets")) or (),
        backtest=fields.read("backtest", demands),
        pipelines=fields.read("pipelines", _pipelines),
        raw=fields.read("raw", raw_of_workspace) or Raw(),
        notifications=fields.read("notifications", notifications),
        blackbox=fields.read("blackbox", address) or "",
    )


def _pipelines(reading: Reading, node: Node) -> Pipelines:
    from sereno.spec.logs import pipelines  # read by few, so imported only then

    return pipelines(reading, node)


def _addresses(reading: Reading, node: Node) -> Addresses:
    fields = Fields(
        reading,
        node,
        "the addresses",
        optional=("console", "grafana", "prometheus", "alertmanager", "runbooks"),
    )

    def address(key: str) -> str:
        return (fields.read(key, values.url) or "").rstrip("/")

    return Addresses(
        console=address("console"),
        grafana=address("grafana"),
        prometheus=address("prometheus"),
        alertmanager=address("alertmanager"),
        runbooks=address("runbooks"),
    )


def demands(reading: Reading, node: Node) -> Demands:
    """The floors of a backtest; what is not said is not demanded."""
    fields = Fields(reading, node, "the demands of a backtest", optional=("precision", "recall", "max_pages_per_week"))
    return Demands(
        precision=fields.read("precision", _share),
        recall=fields.read("recall", _share),
        max_pages_per_week=fields.read("max_pages_per_week", _number),
        source=reading.source(node),
    )


def _share(reading: Reading, node: Node) -> Decimal | None:
    found = _SHARE.fullmatch(node.value.strip()) if isinstance(node, Scalar) else None
    if found is not None and 0 < Decimal(found[1]) <= 100:
        return Decimal(found[1]).scaleb(-2)
    _complain(reading, node, "a percentage above 0% and up to 100%, such as 80%")
    return None


def _number(reading: Reading, node: Node) -> Decimal | None:
    if isinstance(node, Scalar) and _NUMBER.fullmatch(node.value.strip()):
        return Decimal(node.value.strip())
    _complain(reading, node, "a number such as 7 or 0.5")
    return None


def _complain(reading: Reading, node: Node, expected: str) -> None:
    if not isinstance(node, Scalar):
        expect(reading, node, expected)
        return
    reading.complain("SER110", node, f"`{node.value.strip()[:40]}` cannot be demanded of a backtest", expected=expected)
