"""The template of the route that answers a request: `/users/{user_id}`, never `/users/7`.

Read from what the framework has found, not found a second time. Only templates that the application declared come out
of here, so that a label of them is bounded by the code and not by the callers.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sereno_kit.clock import SYSTEM

UNMATCHED = "__unmatched__"
"""The template of requests that no route was found for."""
OTHER_METHOD = "_OTHER"
METHODS = {
    name: name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY")
}
"""Methods that are told apart (RFC 9110, RFC 5789 and QUERY); look others up with `OTHER_METHOD` as the default."""
SAID = "sereno_kit.route"
"""Where in the scope an application without a router that is known here may say its template itself."""
REQUEST = "sereno_kit.request"
"""Where in the scope the middleware leaves the Exchange, which knows the routes."""

_MOUNTED = "/{path}"
_DEPTH_MAX = 20
_PARAMETER = re.compile(r"\{([^{}]*)\}")
_REBUILD_SECONDS = 1.0


def template(scope: Mapping[str, Any]) -> str:
    """The template of the route that answers the ASGI `scope`, or `__unmatched__`.

    Right once the application has routed the request. Mounts contribute their templates, never the root path, which
    holds what the caller sent.
    """
    exchange = scope.get(REQUEST)
    return str(exchange.template(scope)) if exchange is not None else _said(scope) or UNMATCHED


@dataclass(frozen=True)
class Candidate:
    """One route of the application as its whole tree of routers, mounts and inclusions makes it."""

    endpoint: object
    route: object
    template: str
    pattern: str
    mount: bool

    @cached_property
    def matches(self) -> re.Pattern[str]:
        """What whole paths of this route look like."""
        return re.compile(self.pattern)


class Routes:
    """The routes of one ASGI application.

    Args:
        app: Starlette, FastAPI, or anything that holds `routes` like theirs. Of others only what they say in the scope
            is known (Litestar's `path_template`, or `sereno_kit.route`).
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._candidates: tuple[Candidate, ...] = ()
        self._by_endpoint: dict[int, str | dict[int, tuple[Candidate, ...]]] = {}
        self._built_at: float | None = None

    def template(self, scope: Mapping[str, Any], root: str = "", status: int = 0) -> str:
        """The template of the route that answers `scope`.

        Args:
            scope: after the application has routed it.
            root: the root path as it was outside of the application.
            status: what was answered, if that is known: it tells redirections to the same path with or without its last
                slash, and answers of routes that a middleware kept from the scope.
        """
        endpoint = scope.get("endpoint")
        if endpoint is None:
            return _said(scope) or self._without_endpoint(scope, root, status)
        if self._built_at is None:
            self._build()
        found = self._by_endpoint.get(id(endpoint))
        if found is None:
            found = self._again(endpoint)
        if isinstance(found, str):
            return found
        if status in (307, 308) and (target := self._search(_toggled(_path(scope, root)), mounts=False)):
            return target.template
        if found is None:
            return self._unknown(scope, root)
        candidates = found.get(id(scope.get("route"))) or found[0]
        if len(candidates) > 1:
            path = _path(scope, root)
            candidates = tuple(c for c in candidates if c.matches.fullmatch(path)) or candidates
        return candidates[0].template

    def _build(self) -> None:
        self._built_at = SYSTEM.monotonic()
        self._candidates = tuple(_walk(_routes_of(self._app), "", "", frozenset()))
        groups: dict[int, list[Candidate]] = {}
        for one in self._candidates:
            groups.setdefault(id(one.endpoint), []).append(one)
        self._by_endpoint = {key: _grouped(group) for key, group in groups.items()}

    def _again(self, endpoint: object) -> str | dict[int, tuple[Candidate, ...]] | None:
        """Routes may be added while the program runs; who asks for unknown ones does not make us look all the time."""
        if self._built_at is None or SYSTEM.monotonic() - self._built_at >= _REBUILD_SECONDS:
            self._build()
        return self._by_endpoint.get(id(endpoint))

    def _without_endpoint(self, scope: Mapping[str, Any], root: str, status: int) -> str:
        """No route was found, or a middleware handed on a copy of the scope, or the router redirected."""
        frontend = _frontend(scope, root)
        if frontend:
            return frontend
        if status in (0, 404):
            return UNMATCHED
        if self._built_at is None:
            self._build()
        path = _path(scope, root)
        found = self._search(path) or (self._search(_toggled(path)) if status in (307, 308) else None)
        return found.template if found else UNMATCHED

    def _search(self, path: str, *, mounts: bool = True) -> Candidate | None:
        return next((c for c in self._candidates if (mounts or not c.mount) and c.matches.fullmatch(path)), None)

    def _unknown(self, scope: Mapping[str, Any], root: str) -> str:
        """An endpoint that is not in the tree, such as one below a middleware that hides its application."""
        leaf = _leaf(scope)
        if scope.get("root_path", "") == root:
            return leaf or UNMATCHED
        mount = self._search(_path(scope, root))
        if mount is None or not mount.mount:
            return leaf or UNMATCHED
        return mount.template.removesuffix(_MOUNTED) + leaf if leaf else mount.template


def _grouped(candidates: list[Candidate]) -> str | dict[int, tuple[Candidate, ...]]:
    """The template, where there is only one; otherwise the candidates by route, and all of them under 0."""
    if len({one.template for one in candidates}) == 1 and not candidates[0].mount:
        return candidates[0].template
    groups: dict[int, tuple[Candidate, ...]] = {0: tuple(candidates)}
    for one in candidates:
        groups[id(one.route)] = (*groups.get(id(one.route), ()), one)
    return groups


def _walk(routes: Iterable[Any], prefix: str, pattern: str, seen: frozenset[int]) -> Iterator[Candidate]:
    """All routes below `routes`; what is below a mount comes before the mount itself."""
    for route in flat(routes):
        own = getattr(route, "path_format", None)
        original = getattr(route, "original_route", route)
        inner = getattr(route, "app", None) if _holds_routes(route) else None
        if inner is None:
            if own is not None:
                whole = pattern + _pattern(own, route)
                yield Candidate(getattr(route, "endpoint", None), original, prefix + own, whole, False)
            continue
        stem = own.removesuffix(_MOUNTED) if own is not None else ""
        below = pattern + _pattern(stem, route)
        if id(inner) not in seen and len(seen) < _DEPTH_MAX:
            yield from _walk(_routes_of(route) or _routes_of(inner), prefix + stem, below, seen | {id(inner)})
        if own is not None:
            yield Candidate(inner, original, prefix + own, below + "/.*", True)


def _holds_routes(route: Any) -> bool:
    """Whether it is a mount or a host, and not a route whose handler is kept as `app`."""
    return getattr(route, "endpoint", None) is None and getattr(route, "methods", None) is None


def flat(routes: Iterable[Any]) -> Iterable[Any]:
    """The routes with included routers dissolved, which FastAPI 0.137 and later keep as nodes."""
    routing = sys.modules.get("fastapi.routing")
    flatten = getattr(routing, "iter_route_contexts", None)
    return flatten(routes) if flatten is not None else routes


def _routes_of(app: Any) -> Sequence[Any]:
    """The routes of an application, through middlewares that keep it as `app`."""
    for _ in range(_DEPTH_MAX):
        routes = getattr(app, "routes", None)
        if isinstance(routes, (list, tuple)) and routes:
            return routes
        app = getattr(app, "app", None)
        if app is None:
            break
    return ()


def _pattern(path_format: str, route: Any) -> str:
    """What paths of the format look like, by the regular expressions of the route's own parameters."""
    convertors = getattr(route, "param_convertors", None) or {}
    parts = _PARAMETER.split(path_format)
    return "".join(
        f"(?:{getattr(convertors.get(part), 'regex', '[^/]+')})" if at % 2 else re.escape(part)
        for at, part in enumerate(parts)
    )


def _path(scope: Mapping[str, Any], root: str) -> str:
    path: str = scope["path"]
    return path[len(root) :] if root and path.startswith(root) else path


def _toggled(path: str) -> str:
    return path.rstrip("/") if path.endswith("/") else path + "/"


def _said(scope: Mapping[str, Any]) -> str:
    said = scope.get(SAID) or scope.get("path_template")
    return said if isinstance(said, str) else ""


def _leaf(scope: Mapping[str, Any]) -> str:
    """The template of the last router alone, as FastAPI or Starlette leave it in the scope."""
    route = scope.get("route")
    context = (scope.get("fastapi") or {}).get("effective_route_context")
    if context is not None and getattr(context, "original_route", None) is route:
        route = getattr(context, "starlette_route", None) or context
    return getattr(route, "path_format", None) or ""


def _frontend(scope: Mapping[str, Any], root: str) -> str:
    """Files that FastAPI serves by `app.frontend`: the scope tells how much of the path is the declared one."""
    length = (scope.get("fastapi") or {}).get("frontend_specificity")
    return _path(scope, root)[:length].rstrip("/") + _MOUNTED if isinstance(length, int) else ""
