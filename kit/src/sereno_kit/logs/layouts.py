"""The names that lines give to things: OpenTelemetry's, Elastic's, CloudWatch's or Application Insights'."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from sereno_kit.logs.exceptions import as_text
from sereno_kit.options import FieldSet


class Ids(NamedTuple):
    """Whose line it is: a request's and a trace's."""

    request_id: str = ""
    trace_id: str = ""
    span_id: str = ""


class Request(NamedTuple):
    """What an access line tells."""

    method: str
    route: str
    path: str
    status: int
    duration_seconds: float
    client: str
    error_type: str
    failed: bool


class Layout(Protocol):
    """One set of names."""

    def line(
        self,
        moment: float,
        level: str,
        message: str,
        logger: str,
        ids: Ids,
        fields: Mapping[str, Any],
        error: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """What somebody logged."""
        ...

    def access(
        self,
        moment: float,
        level: str,
        ids: Ids,
        request: Request,
        fields: Mapping[str, Any],
        error: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """A request that ended."""
        ...


_last: tuple[int, str] = (-1, "")


def timestamp(moment: float) -> str:
    """Seconds since 1970 as RFC 3339 has them, in UTC, with milliseconds."""
    global _last
    whole = int(moment // 1)
    second, stamp = _last
    if whole != second:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
        _last = (whole, stamp)
    return "%s.%03dZ" % (stamp, (moment - whole) * 1000)  # noqa: UP031 - a third of an f-string, at every line


def merged(line: dict[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """The line with the program's own fields, none of which takes the place of one of the kit's."""
    for name, value in fields.items():
        line[name if name not in line else f"extra.{name}"] = value
    return line


class Otel:
    """OpenTelemetry's semantic conventions, flat."""

    def __init__(self, service: str, environment: str, version: str) -> None:
        named = (("service.name", service), ("service.version", version), ("deployment.environment.name", environment))
        self._who = {name: value for name, value in named if value}

    def line(
        self,
        moment: float,
        level: str,
        message: str,
        logger: str,
        ids: Ids,
        fields: Mapping[str, Any],
        error: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """What somebody logged."""
        line: dict[str, Any] = {
            "timestamp": timestamp(moment),
            "level": level,
            "message": message,
            "logger": logger,
            **self._who,
        }
        _add(line, ids, "request_id", "trace_id", "span_id")
        if error is not None:
            line["error.type"] = error["type"]
            line["exception"] = error
        return merged(line, fields) if fields else line

    def access(
        self,
        moment: float,
        level: str,
        ids: Ids,
        request: Request,
        fields: Mapping[str, Any],
        error: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """A request that ended."""
        line: dict[str, Any] = {
            "timestamp": timestamp(moment),
            "level": level,
            "message": "request",
            "logger": "sereno_kit.access",
            **self._who,
        }
        _add(line, ids, "request_id", "trace_id", "span_id")
        method, route, path, status, seconds, client, error_type, _ = request
        line["http.request.method"] = method
        line["http.route"] = route
        line["url.path"] = path
        line["http.response.status_code"] = status
        line["http.server.request.duration"] = round(seconds * 1e6) / 1e6
        if client:
            line["client.address"] = client
        if error_type:
            line["error.type"] = error_type
        if error is not None:
            line["exception"] = error
        return merged(line, fields) if fields else line


class Elastic:
    """The Elastic Common Schema, flat, as `ecs-logging` writes it."""

    def __init__(self, service: str, environment: str, version: str) -> None:
        named = (("service.name", service), ("service.version", version), ("service.environment", environment))
        self._who = {"ecs.version": "8.11.0", **{name: value for name, value in named if value}}

    def line(
        self,
        moment: float,
        level: str,
        message: str,
        logger: str,
        ids: Ids,
        fields: Mapping[str, Any],
        error: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """What somebody logged."""
        line = {
            "@timestamp": timestamp(moment),
            "log.level": level.lower(),
            "message": message,
            "log.logger": logger,
            **self._who,
        }
        _add(line, ids, "http.request.id", "trace.id", "span.id")
        if error is not None:
            line["error.type"], line["error.message"] = error["type"], error["message"]
            line["error.stack_trace"] = as_text(dict(error))
        return merged(line, fields)

    def access(
        self,
        moment: float,
        level: str,
        ids: Ids,
        request: Request,
        fields: Mapping[str, Any],
        error: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """A request that ended."""
        line = self.line(moment, level, "request", "sereno_kit.access", ids, {}, error)
        line |= {
            "event.duration": int(request.duration_seconds * 1e9),
            "event.outcome": "failure" if request.failed else "success",
            "http.request.method": request.method,
            "http.response.status_code": request.status,
            "http.route": request.route,
            "url.path": request.path,
        }
        if request.client:
            line["client.address"] = request.client
        if request.error_type:
            line["error.type"] = request.error_type
        return merged(line, fields)


class CloudWatch:
    """Names without dots and dashes, which Logs Insights finds by themselves and takes without backticks."""

    def __init__(self, service: str, environment: str, version: str) -> None:
        named = (("service", service), ("version", version), ("environment", environment))
        self._who = {name: value for name, value in named if value}

    def line(
        self,
        moment: float,
        level: str,
        message: str,
        logger: str,
        ids: Ids,
        fields: Mapping[str, Any],
        error: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """What somebody logged."""
        line: dict[str, Any] = {
            "timestamp": timestamp(moment),
            "level": level,
            "message": message,
            "logger": logger,
            **self._who,
        }
        _add(line, ids, "request_id", "trace_id", "span_id")
        if error is not None:
            line["error_type"], line["error_message"] = error["type"], error["message"]
            line["exception"] = as_text(dict(error))
        return merged(line, {_word(name): value for name, value in fields.items()})

    def access(
        self,
        moment: float,
        level: str,
        ids: Ids,
        request: Request,
        fields: Mapping[str, Any],
        error: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """A request that ended."""
        line = self.line(moment, level, "request", "sereno_kit.access", ids, {}, error)
        line |= {
            "method": request.method,
            "route": request.route,
            "path": request.path,
            "status": request.status,
            "duration_ms": round(request.duration_seconds * 1000, 3),
        }
        if request.client:
            line["client"] = request.client
        if request.error_type:
            line["error_type"] = request.error_type
        return merged(line, {_word(name): value for name, value in fields.items()})


class Azure:
    """Columns of Application Insights: `requests`, `exceptions` and `traces`; the rest under `customDimensions`."""

    _SEVERITY = {"DEBUG": 0, "INFO": 1, "WARNING": 2, "ERROR": 3, "CRITICAL": 4}  # noqa: RUF012 - never written to

    def __init__(self, service: str, environment: str, version: str) -> None:
        named = (("cloud_RoleName", service), ("application_Version", version))
        self._who = {name: value for name, value in named if value}
        self._dimensions = {"environment": environment} if environment else {}

    def line(
        self,
        moment: float,
        level: str,
        message: str,
        logger: str,
        ids: Ids,
        fields: Mapping[str, Any],
        error: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """What somebody logged."""
        line: dict[str, Any] = {
            "timestamp": timestamp(moment),
            "itemType": "trace" if error is None else "exception",
            "severityLevel": self._SEVERITY.get(level, 1),
            "message": message,
            **self._who,
        }
        _add(line, ids, "", "operation_Id", "operation_ParentId")
        if error is not None:
            line |= {"type": error["type"], "outerMessage": error["message"], "details": [error]}
        line["customDimensions"] = self._more(logger, ids, fields)
        return line

    def access(
        self,
        moment: float,
        level: str,
        ids: Ids,
        request: Request,
        fields: Mapping[str, Any],
        error: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """A request that ended."""
        line: dict[str, Any] = {
            "timestamp": timestamp(moment),
            "itemType": "request",
            "severityLevel": self._SEVERITY.get(level, 1),
            "name": f"{request.method} {request.route}",
            "url": request.path,
            "resultCode": str(request.status),
            "duration": round(request.duration_seconds * 1000, 3),
            "success": not request.failed,
            **self._who,
        }
        _add(line, ids, "", "operation_Id", "id")
        if request.client:
            line["client_IP"] = request.client
        if error is not None:
            line["details"] = [error]
        more = {"error.type": request.error_type, **fields} if request.error_type else fields
        line["customDimensions"] = self._more("sereno_kit.access", ids, more)
        return line

    def _more(self, logger: str, ids: Ids, fields: Mapping[str, Any]) -> dict[str, Any]:
        known: dict[str, Any] = {"logger": logger, **self._dimensions}
        if ids.request_id:
            known["request_id"] = ids.request_id
        return merged(known, fields)


def _add(line: dict[str, Any], ids: Ids, request_name: str, trace_name: str, span_name: str) -> None:
    request_id, trace_id, span_id = ids
    if request_id and request_name:
        line[request_name] = request_id
    if trace_id:
        line[trace_name] = trace_id
        if span_id:
            line[span_name] = span_id


def _word(name: str) -> str:
    """A name of letters, digits and underscores."""
    return name if name.isidentifier() else "".join(c if c.isalnum() else "_" for c in name)


def layout(fields: FieldSet, service: str, environment: str, version: str) -> Layout:
    """The set of names that is called `fields`. Raises ValueError for one that is not known."""
    kinds: dict[str, type[Otel] | type[Elastic] | type[CloudWatch] | type[Azure]] = {
        "otel": Otel,
        "elastic": Elastic,
        "cloudwatch": CloudWatch,
        "azure": Azure,
    }
    if fields not in kinds:
        raise ValueError(f"logs have no field set {fields!r}; there are {', '.join(kinds)}")
    return kinds[fields](service, environment, version)
