"""Reads how a new version goes out: the key `canary` of a deployment.

```yaml
canary:
  by: argo                    # Argo Rollouts; or flagger; or istio, by hand: then `image` is the new version
  slos: [availability]        # that judge it; by default all of the service's that count events
  steps: [{weight: 5%, wait: 5m}, {weight: 25%, wait: 10m}, {weight: 50%}]   # without `wait` a person goes on
  every: 1m                   # how often it is judged at each step, `checks` times
  checks: 5
  over: 5m                    # the window of the rates
  burn: 2                     # more than so many times the budget is a failure
  events: 20                  # fewer in the window are too few to judge
  failures: 1                 # more take the version back
  undecided: 3                # more stop it, and wait for a person
```
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Literal, cast

from sereno.spec import values
from sereno.spec.fields import Fields
from sereno.spec.model_delivery import Canary, CanaryStep
from sereno.spec.quantities import image, whole_number
from sereno.spec.reading import Reading, closest
from sereno.spec.source import Node, Scalar

_EVERY = values.duration_within("10s", "1d")
_OVER = values.duration_within("1m", "1d")
_WAIT = values.duration_within("1s", "30d")
_BURN = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,6})?")


def canary(reading: Reading, node: Node, slos: tuple[str, ...]) -> Canary | None:
    """How a new version of the service whose objectives are `slos` goes out."""
    fields = Fields(
        reading, node, "a canary", required=("by", "steps"),
        optional=("slos", "every", "over", "checks", "failures", "undecided", "burn", "events", "image"),
    )  # fmt: skip
    by = fields.read("by", values.one_of("argo", "flagger", "istio"))
    steps = fields.read("steps", values.items(_step, what="steps"))
    if (place := fields.value("steps")) is not None and steps:
        _check_rising(reading, place, steps)

    def known(reading: Reading, node: Node) -> str | None:
        return _known(reading, node, slos)

    judges = fields.read("slos", values.items(known, what="objectives")) or slos
    if not judges and by is not None:
        reading.complain("SER708", node, "nothing judges the new version: the service has no objective")
    if by == "istio" and not fields.has("image"):
        expected = "`image`, the new version's; `argo` and `flagger` take it from the deployment"
        reading.complain("SER707", node, "a canary by hand needs the image of the new version", expected=expected)
    if by not in ("istio", None) and (place := fields.key("image")) is not None:
        message = f"with `{by}` the new version is the deployment's own image"
        reading.complain("SER707", place, message, expected="no `image` here")
    counted = whole_number(0, 1000, "a whole number from 0 to 1000")
    if by is None or not steps:
        return None
    checks = fields.read("checks", whole_number(1, 1000, "a whole number from 1 to 1000")) or 5
    failures, undecided = _or(fields.read("failures", counted), 1), _or(fields.read("undecided", counted), 3)
    for key, number in (("failures", failures), ("undecided", undecided)):
        if number >= checks:
            place = fields.value(key) or fields.value("checks") or node
            message = f"with {checks} checks and {number} `{key}` forgiven, no check need pass"
            reading.complain("SER702", place, message, expected=f"fewer than {checks}")
    return Canary(
        by=cast(Literal["argo", "flagger", "istio"], by),
        steps=steps,
        slos=judges,
        every=fields.read("every", _EVERY) or timedelta(minutes=1),
        over=fields.read("over", _OVER) or timedelta(minutes=5),
        checks=checks,
        failures=failures,
        undecided=undecided,
        burn=fields.read("burn", _burn) or Decimal(2),
        events_min=_or(fields.read("events", whole_number(0, 10**9, "a whole number")), 20),
        image=fields.read("image", image) or "",
    )


def _or(found: int | None, otherwise: int) -> int:
    return otherwise if found is None else found


def _step(reading: Reading, node: Node) -> CanaryStep | None:
    fields = Fields(reading, node, "a step of a canary", required=("weight",), optional=("wait",))
    weight, wait = fields.read("weight", _weight), fields.read("wait", _WAIT)
    return None if weight is None else CanaryStep(weight, wait)


def _weight(reading: Reading, node: Node) -> int | None:
    written = node.value.strip() if isinstance(node, Scalar) else ""
    found = re.fullmatch(r"([0-9]{1,2})\s*%", written)
    if found and 1 <= int(found[1]) <= 99:
        return int(found[1])
    message = f"`{written[:40]}` is not a share of the traffic"
    reading.complain("SER707", node, message, expected="a whole percentage from 1% to 99%, such as 5%")
    return None


def _check_rising(reading: Reading, node: Node, steps: tuple[CanaryStep, ...]) -> None:
    weights = [step.weight for step in steps]
    if any(after <= before for before, after in pairwise(weights)):
        reading.complain(
            "SER707", node, "each step must send more traffic than the one before", expected="rising weights"
        )


def _known(reading: Reading, node: Node, slos: tuple[str, ...]) -> str | None:
    found = values.text(reading, node)
    if found is None or found in slos:
        return found
    declared = f"one of {', '.join(slos)}" if slos else "an objective of this service"
    message = f"the service has no objective `{found[:80]}`"
    reading.complain("SER708", node, message, expected=declared, hint=closest(found, slos))
    return None


def _burn(reading: Reading, node: Node) -> Decimal | None:
    written = node.value.strip() if isinstance(node, Scalar) else ""
    if _BURN.fullmatch(written) and Decimal(written) >= 1:
        return Decimal(written)
    message = f"`{written[:40]}` is not a burn rate to refuse at"
    reading.complain("SER702", node, message, expected="a number from 1, such as 2: so many times the budget")
    return None
