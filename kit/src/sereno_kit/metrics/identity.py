"""Who the metrics are of, for those who read nothing else: `sereno init --from` writes a spec from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sereno_kit.metrics.registry import Registry


def tell(registry: Registry, *, service: str, environment: str, version: str, slo_seconds: Sequence[float]) -> None:
    """Expose `sereno_kit_info` and, for each threshold of a latency objective, `sereno_kit_slo_seconds`."""
    info = registry.gauge(
        "sereno_kit_info", "What runs here, as it was told", multiprocess="livemax",
        service=None, environment=None, version=None,
    )  # fmt: skip
    info.set(1, service=service, environment=environment, version=version)
    if slo_seconds:
        texts = [f"{seconds:g}" for seconds in slo_seconds]
        thresholds = registry.gauge(
            "sereno_kit_slo_seconds", "Thresholds of latency objectives, each a bucket's bound", multiprocess="livemax",
            threshold=None,
        )  # fmt: skip
        for text, seconds in zip(texts, slo_seconds, strict=True):
            thresholds.set(seconds, threshold=text)
