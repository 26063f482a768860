"""Reads what is kept as it was found: rules and configuration that the spec has no words for.

```yaml
raw:                       # of a service, or of the workspace; `sereno import` writes it
  prometheus:              # groups as a rule file has them; `sereno build` passes them through
    - name: api.rules
      interval: 30s
      rules:
        - record: job:errors:rate5m
          expr: sum by (job) (rate(errors_total[5m]))
  alertmanager: |          # of the workspace alone: what an Alertmanager file said besides; kept for people
    inhibit_rules: []
```
"""

from __future__ import annotations

from sereno.spec import values
from sereno.spec.fields import Fields
from sereno.spec.model import Raw
from sereno.spec.reading import Reading
from sereno.spec.rule_groups import RuleGroup
from sereno.spec.source import Node


def raw(reading: Reading, node: Node) -> Raw:
    """What a service keeps as it was found."""
    fields = Fields(reading, node, "what is kept raw", optional=("prometheus",))
    return Raw(fields.read("prometheus", _groups) or ())


def raw_of_workspace(reading: Reading, node: Node) -> Raw:
    """What the workspace keeps as it was found."""
    fields = Fields(reading, node, "what the workspace keeps raw", optional=("prometheus", "alertmanager"))
    return Raw(fields.read("prometheus", _groups) or (), fields.read("alertmanager", values.text) or "")


def _groups(reading: Reading, node: Node) -> tuple[RuleGroup, ...] | None:
    from sereno.spec.rule_files import groups_of

    return groups_of(reading, node)
