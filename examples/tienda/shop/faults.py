"""Breaking a service on purpose: `/_fault`, and what customers meet then."""

from __future__ import annotations

import json
from collections.abc import Collection

from sereno_kit import chaos
from sereno_kit.endpoints import Answer, Ask


class Faults:
    """At most one fault at a time. It befalls what customers ask for; operators' addresses answer as ever.

    Args:
        paths: what customers ask for.
    """

    def __init__(self, paths: Collection[str]) -> None:
        self.mode = ""
        self._paths = frozenset(paths)
        self._modes = {
            "down": chaos.Fault(error=503, only=self._of_customers),
            "slow": chaos.Fault(latency_seconds=2.0, only=self._of_customers),
            "hang": chaos.Fault(latency_seconds=30.0, only=self._of_customers),
        }
        self._injected: chaos.Injected | None = None

    def endpoint(self, ask: Ask) -> Answer:
        """`POST {"mode": "down"}` breaks, `DELETE` mends, everything says how things stand."""
        if ask.method == "DELETE":
            self._turn("")
        elif ask.method == "POST":
            try:
                mode = json.loads(ask.body)["mode"]
            except (ValueError, KeyError, TypeError):
                mode = None
            if not isinstance(mode, str) or mode not in self._modes:
                return Answer(400, json.dumps({"modes": sorted(self._modes)}).encode())
            self._turn(mode)
        return Answer(200, json.dumps({"fault": self.mode}).encode())

    def _turn(self, mode: str) -> None:
        if self._injected is not None:
            self._injected.remove()
        self.mode = mode
        self._injected = chaos.inject(self._modes[mode]) if mode else None

    def _of_customers(self, place: str, name: str) -> bool:
        return place == "request" and name in self._paths
