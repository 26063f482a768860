"""The template of the route that answers a WSGI request: `/users/<int:id>`, never `/users/7`.

Left in the environment by whoever matched it, so that no path is matched twice.
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

    What `environ["sereno_kit.route"]` says: the kit's hooks of Flask and Django put it there, others may do so
    themselves. It is right once the application was called.
    """
    said = environ.get(SAID)
    if not isinstance(said, str) or not said:
        return UNMATCHED
    return _mount(environ) + said


def _mount(environ: Mapping[str, Any]) -> str:
    """The prefix of the mounted application that answered, if the code declares it; never what a caller sent."""
    mounts = environ.get(MOUNTS)
    if not mounts:
        return ""
    script = str(environ.get("SCRIPT_NAME", ""))
    return next((mount for mount in mounts if mount and script.endswith(mount)), "")
