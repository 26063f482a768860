"""Reads how full things may become.

```yaml
saturation:                  # of a service
  - name: connection-pool
    title: Connections       # optional, the name by default
    used: max(pg_connections{job="db"}) / 100   # PromQL, 0 … 1
    levels:                  # each asks for people once it has held for a while
      - {at: 80%, for: 10m, severity: P3}
      - {at: 90%, for: 5m, severity: P2}
    ahead: 7d                # optional: say so when the trend reaches 100 % within that time
    over: 1d                 # the trend of this long; 1d by default
    runbook: runbooks/pool.md
```
"""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from sereno.spec import values
from sereno.spec.fields import Fields
from sereno.spec.model import Saturation, Threshold
from sereno.spec.paths import runbook
from sereno.spec.queries import expression
from sereno.spec.reading import Reading
from sereno.spec.source import Mapping, Node

_AT = values.share_within("0%", "100%")
_WAIT = values.duration_within("0s", "7d")
_AHEAD = values.duration_within("1h", "365d")
_OVER = values.duration_within("10m", "90d")


def saturation(reading: Reading, node: Node) -> Saturation:
    """What the node says of how full something may become."""
    fields = Fields(
        reading,
        node,
        "a saturation",
        required=("name", "used"),
        optional=("title", "levels", "ahead", "over", "runbook"),
    )
    if isinstance(node, Mapping) and not fields.has("levels") and not fields.has("ahead"):
        reading.complain("SER022", node, "a saturation needs `levels`, or `ahead`", expected="the key `levels`")
    levels = fields.read("levels", values.items(_level, what="levels")) or ()
    for (before, _), (after, place) in pairwise(levels):
        if before.at >= after.at:
            reading.complain("SER121", place, "this level is not above the one before it", expected="levels that go up")
    return Saturation(
        name=fields.read("name", values.name) or "",
        used=fields.read("used", expression) or "",
        levels=tuple(level for level, _ in levels),
        title=fields.read("title", values.text) or "",
        ahead=fields.read("ahead", _AHEAD),
        over=fields.read("over", _OVER) or timedelta(days=1),
        runbook=fields.read("runbook", runbook),
        source=reading.source(node),
    )


def _level(reading: Reading, node: Node) -> tuple[Threshold, Node] | None:
    fields = Fields(reading, node, "a level", required=("at", "severity"), optional=("for",))
    at, severity = fields.read("at", _AT), fields.read("severity", values.severity)
    wait = fields.read("for", _WAIT) or timedelta(0)
    if at is None or severity is None:
        return None
    return Threshold(at, wait, severity), fields.value("at") or node
