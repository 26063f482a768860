"""An alert may fire with a value that JSON cannot write; it must still reach its hearers."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from sereno.kernel.events import AlertFired, decode_event, encode_event

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize("value", [0.0, -1.5, 3, math.inf, -math.inf, math.nan, 5e-324])
def test_every_value_survives_the_ledger(value: float) -> None:
    fired = AlertFired(
        at=NOON, fingerprint="f", alert="A", service="s", severity="SEV1",
        labels={"update": "null"}, annotations={}, value=value, active_at=NOON,
    )  # fmt: skip
    again = decode_event(*encode_event(fired))
    assert isinstance(again, AlertFired)
    assert again.value == value or (math.isnan(again.value) and math.isnan(value))
    assert again.labels == fired.labels
    assert again.at == fired.at
