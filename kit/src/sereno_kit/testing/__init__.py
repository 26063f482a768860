"""What tests of instrumented programs need: time that obeys, captured signals, faults.

Context managers all of them, for pytest or anything else; nothing is loaded by itself and nothing stays behind.
"""

from sereno_kit.testing.clock import FakeClock, settle
from sereno_kit.testing.faults import faults
from sereno_kit.testing.logs import CapturedLogs, capture_logs
from sereno_kit.testing.metrics import CapturedMetrics, capture_metrics
from sereno_kit.testing.spans import CapturedSpan, CapturedSpans, capture_spans

__all__ = [
    "CapturedLogs",
    "CapturedMetrics",
    "CapturedSpan",
    "CapturedSpans",
    "FakeClock",
    "capture_logs",
    "capture_metrics",
    "capture_spans",
    "faults",
    "settle",
]
