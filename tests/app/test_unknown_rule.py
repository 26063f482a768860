"""A rule that cannot be computed is said to be unknown, and spoils no other."""

from __future__ import annotations

from pathlib import Path

from tests.app.town import SPEC, opened

TWO_WITH_ONE_NAME = """alerts:
  - alert: Twice
    expr: http_requests_total{job="payments"} >= 0
    labels: {status: any}
    severity: SEV3
    summary: Two series, one set of labels
"""


async def test_a_rule_whose_alerts_cannot_be_told_apart_is_unknown_and_the_others_go_on(tmp_path: Path):
    town = await opened(tmp_path, spec=SPEC.replace("alerts:\n", TWO_WITH_ONE_NAME))
    try:
        assert "payments/alert:Twice" in (town.control.evaluation_error or "")
        town.broken = True
        await town.run(seconds=45)
        assert [message.person for message in town.mail.taken] == ["ana"]
    finally:
        await town.close()
