"""Reads where an objective also lives in CloudWatch: the key `cloudwatch` of an objective.

```yaml
cloudwatch:
  namespace: AWS/ApplicationELB
  dimensions: {LoadBalancer: app/shop/1}
  total: RequestCount
  bad: HTTPCode_Target_5XX_Count      # or `good`
```
"""

from __future__ import annotations

from sereno.spec import values
from sereno.spec.fields import Fields, expect
from sereno.spec.model_cloud import CloudWatch
from sereno.spec.reading import Reading
from sereno.spec.source import Mapping, Node

_NAME_MAX = 255
_VALUE_MAX = 1024
_DIMENSIONS_MAX = 30


def cloudwatch(reading: Reading, node: Node) -> CloudWatch | None:
    """The metrics that count the same events in CloudWatch."""
    fields = Fields(
        reading, node, "an objective in CloudWatch", required=("namespace", "total"),
        optional=("bad", "good", "dimensions"),
    )  # fmt: skip
    kind = fields.exactly_one("bad", "good")
    namespace, total = fields.read("namespace", _name), fields.read("total", _name)
    chosen = fields.read(kind, _name) if kind else None
    dimensions = fields.read("dimensions", _dimensions) or ()
    if namespace is None or total is None or chosen is None:
        return None
    return CloudWatch(namespace, total, chosen, kind == "good", dimensions)


def _name(reading: Reading, node: Node) -> str | None:
    return _written(reading, node, _NAME_MAX)


def _written(reading: Reading, node: Node, length_max: int) -> str | None:
    """A text that CloudWatch takes in a metric's identity."""
    found = values.text(reading, node)
    if found is None or (found.isascii() and found.isprintable() and len(found) <= length_max and found[0] != ":"):
        return found
    expect(reading, node, f"at most {length_max} plain (ASCII) characters, the first no colon")
    return None


def _dimensions(reading: Reading, node: Node) -> tuple[tuple[str, str], ...] | None:
    if not isinstance(node, Mapping) or len(node.entries) > _DIMENSIONS_MAX:
        expect(
            reading, node, f"a mapping of at most {_DIMENSIONS_MAX} dimensions, such as {{LoadBalancer: app/shop/1}}"
        )
        return None
    found = [(_name(reading, key), _written(reading, value, _VALUE_MAX)) for key, value in node.entries]
    return tuple((name, value) for name, value in found if name is not None and value is not None)
