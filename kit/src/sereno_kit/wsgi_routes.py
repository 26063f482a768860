"""The template of the route that answers a WSGI request: `/users/<int:id>`, never `/users/7`.

Read from what the framework left in the environment when it matched, so that no path is matched twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sereno_kit.routes import SAID, UNMATCHED

OBSERVATION = "sereno_kit.observation"
"""Where in the environment the request's Observation is, for hooks of frameworks."""
MOUNTS = "sereno_kit.mounts"
"""Where in the environment it is kept under which prefixes the outermost application mounts others."""


def template(environ: Mapping[str, Any]) -> str:
    """The template of the route that answers `environ`, or `__unmatched__`.

    Known for Flask (`url_rule`), Django (`resolver_match.route`, kept by the kit's hook), and for everything that says
    its template itself in `environ["sereno_kit.route"]`. It is right once the application was called.
    """
    said = environ.get(SAID)
    if not isinstance(said, str) or not said:
        said = _of_werkzeug(environ.get("werkzeug.request"))
    if not said:
        return UNMATCHED
    return _mount(environ) + said


def _of_werkzeug(request: Any) -> str:
    rule = getattr(request, "url_rule", None)
    return str(rule.rule) if rule is not None else ""


def _mount(environ: Mapping[str, Any]) -> str:
    """The prefix of the mounted application that answered, if the code declares it; never what a caller sent."""
    mounts = environ.get(MOUNTS)
    if not mounts:
        return ""
    script = str(environ.get("SCRIPT_NAME", ""))
    return next((mount for mount in mounts if mount and script.endswith(mount)), "")
