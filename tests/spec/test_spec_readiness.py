"""Lists of readiness and flags, as they come out of a good spec."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from tests.spec.shop import PEOPLE, SHOP, good

from sereno.spec.model_readiness import Flag, ReadinessItem

TEXT = """\
readiness: production
title: Ready for customers
services: [pay]
items:
  - {name: runbooks, title: Every alert has a runbook, check: runbooks}
  - {name: restore, title: A backup was restored, owner: shop, evidence: https://wiki.shop.example/restore}
  - {name: boards, title: There is a dashboard, check: dashboards, required: false}
---
flags: checkout
define:
  - {name: new-checkout, type: boolean, default: false, share: 10%, to: true, owner: ana, expires: 2026-06-01}
  - {name: theme, type: string, values: [light, dark], default: light, title: How it looks}
"""


def test_readiness_and_flags_are_kept_as_they_are_declared() -> None:
    spec = good({"p.yaml": PEOPLE, "s.yaml": SHOP, "r.yaml": TEXT})
    ready = spec.readiness["production"]
    assert (ready.title, ready.services) == ("Ready for customers", ("pay",))
    assert ready.items == (
        ReadinessItem("runbooks", "Every alert has a runbook", "runbooks"),
        ReadinessItem("restore", "A backup was restored", owner="shop", evidence="https://wiki.shop.example/restore"),
        ReadinessItem("boards", "There is a dashboard", "dashboards", required=False),
    )
    assert spec.flags["checkout"].flags == (
        Flag("new-checkout", "new-checkout", "boolean", "false", (), Decimal("0.10"), "true", "ana", date(2026, 6, 1)),
        Flag("theme", "How it looks", "string", "light", ("light", "dark")),
    )
