"""One line a request, by the shortest way: no record, no processors, one encoding, one write."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from sereno_kit import clock, context
from sereno_kit.logs.bound import bound
from sereno_kit.logs.exceptions import described, type_name
from sereno_kit.logs.layouts import Ids, Layout, Request
from sereno_kit.logs.records import Encode
from sereno_kit.logs.sinks import Sink
from sereno_kit.options import Logs
from sereno_kit.redact import Redactor

_PATH_MAX = 1_024
_new: Any = tuple.__new__  # Half of what the call of a NamedTuple costs.
NAME = "sereno_kit.access"
"""The logger whose level decides: `set_level("WARNING", "sereno_kit.access")` leaves the failed ones."""


class AccessLog:
    """Lines of requests.

    Args:
        options: which paths are quiet, which routes sampled.
        layout: how things are called.
        encode: a line as bytes.
        sink: where to.
        redactor: what paths and errors pass.
    """

    def __init__(self, options: Logs, layout: Layout, encode: Encode, sink: Sink, redactor: Redactor) -> None:
        self._on = options.access
        self._hushes = options.quiet is None
        self._quiet = frozenset(options.quiet or ())
        self._sample = dict(options.sample)
        self._layout, self._encode, self._sink, self._redactor = layout, encode, sink, redactor
        self._enabled = logging.getLogger(NAME).isEnabledFor

    def hush(self, paths: Iterable[str]) -> None:
        """Count `paths` among the quiet ones, unless the options say themselves which those are."""
        if self._hushes:
            self._quiet |= frozenset(paths)

    def write(
        self,
        method: str,
        route: str,
        path: str,
        status: int,
        duration_seconds: float,
        client: str = "",
        error: BaseException | None = None,
        trace_id: str = "",
        span_id: str = "",
    ) -> None:
        """Write the line of a request that ended: ERROR for 5xx, INFO for others.

        Args:
            method: as it is counted.
            route: the template.
            path: as it came, without the query.
            status: what was answered.
            duration_seconds: until the end of the body.
            client: its address.
            error: what the application raised, if it did.
            trace_id: of the request's trace.
            span_id: of its span.
        """
        failed = status >= 500
        fields: Mapping[str, Any] | None = None
        if not failed:
            if path in self._quiet or not self._on or not self._enabled(logging.INFO):
                return
            if self._sample and (share := self._sample.get(route, 1.0)) < 1.0:
                if clock.uniform() >= share:
                    return
                fields = {"sample_share": share}
        elif not self._on or not self._enabled(logging.ERROR):
            return
        request_id = context.request_id.get()
        if more := bound(request_id):
            clean = self._redactor.redact(dict(more))
            fields = {**clean, **(fields or {})} if isinstance(clean, dict) else fields
        shown = self._redactor.path(path[:_PATH_MAX])
        kind = type_name(error) if error is not None else str(status) if failed else ""
        self._sink.write(
            self._encode(
                self._layout.access(
                    clock.SYSTEM.now(),
                    "ERROR" if failed else "INFO",
                    _new(Ids, (request_id, trace_id, span_id)),
                    _new(Request, (method, route, shown, status, duration_seconds, client, kind, failed)),
                    fields or {},
                    described(error, self._redactor) if failed and error is not None else None,
                )
            )
        )
