"""What `sereno check` says of switches that the spec alone cannot know: which are past their date."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sereno.adapters.clock import SystemClock
from sereno.delivery.rules import remarks
from sereno.kernel.diagnostics import Diagnostic
from sereno.lint.model import Finding

if TYPE_CHECKING:
    from datetime import datetime

    from sereno.spec.loader import Loaded

_HINTS = {
    "SER139": "take it out of the code and of the spec, or give it another date",
    "SER142": "name one of them otherwise, or say which `services` each set is for",
}


def flag_findings(loads: Iterable[Loaded], now: datetime | None = None) -> list[Finding]:
    """The switches that are overdue or declared twice, each a warning at its set."""
    found = []
    for loaded in loads:
        for code, message, one in remarks(loaded.spec, now or SystemClock().now()) if loaded.spec else ():
            source = loaded.spec.flags[one.set].source if loaded.spec else None
            if source is not None:
                found.append(
                    Finding(
                        Diagnostic(
                            code, message, source.file, source.line, source.column, hint=_HINTS[code], level="warning"
                        )
                    )
                )
    return found
