"""SIGTERM under traffic: requests lost by each server, behind a balancer that asks each 250 ms and acts 300 ms later.

Ten slow requests are under way and new ones keep coming, on connections of their own and on one that is kept. The same
server without the delay stands beside it. [--rounds N]
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.kit.balancing_kit import Ending, ended
from tests.kit.serving_kit import ASGI, DJANGO, FLASK, serving

from bench.figure import Figure

DELAY_SECONDS = "1.5"
# Server, application, whether it needs the preStop that the documentation gives, slow requests that fit into it.
SERVERS = [
    ("uvicorn", ASGI, False, 10),
    ("uvicorn-2", ASGI, False, 10),
    ("gunicorn-uvicorn-2", ASGI, False, 10),
    ("gunicorn-sync-4", FLASK, False, 3),
    ("gunicorn-gthread-preload", DJANGO, False, 10),
    ("granian", ASGI, False, 10),
    ("hypercorn-0", ASGI, False, 10),
    ("hypercorn", ASGI, True, 10),
    ("granian-wsgi", FLASK, True, 10),
]


def options(arguments: list[str]) -> dict[str, int]:
    """`--rounds N`."""
    return {"rounds": int(arguments[arguments.index("--rounds") + 1])} if "--rounds" in arguments else {}


def measure(rounds: int = 3) -> list[Figure]:
    """Each server `rounds` times with the drain, once without."""
    figures: list[Figure] = []
    late, dead, endings = 0, 0, []
    for kind, app, pre_stop, slow in SERVERS:
        drained = [_end(kind, app, DELAY_SECONDS, pre_stop, slow) for _ in range(rounds)]
        bare = _end(kind, app, "0", False, slow)
        asked = sum(sum(one.fates.values()) for one in drained)
        lost = sum(one.lost for one in drained)
        beside = f"of {asked} in {rounds} rounds{', with the preStop' if pre_stop else ''}; without: {bare.lost} in one"
        figures.append(Figure(f"lost on {kind}", lost, "requests", most=0, beside=beside))
        if kind != "uvicorn-2":  # Its parent looks twice a second whether there was a signal.
            late += sum(one.polls_until_503 not in (0, 1) for one in drained)
        dead += sum(not one.live_until_exit for one in drained)
        endings += drained
    return [
        *figures,
        Figure("ends whose first poll did not find 503", late, "ends", most=0, beside=f"of {len(endings)}"),
        Figure("ends in which liveness did not say 200", dead, "ends", most=0, beside=f"of {len(endings)}"),
        Figure(
            "longest end", max(one.seconds for one in endings), "s", most=6.0, beside="1.5 s of delay, 2.5 s requests"
        ),
    ]


def _end(kind: str, app: str, delay: str, pre_stop: bool, slow: int) -> Ending:
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "drain"
        told = {"SERVED_DELAY_SECONDS": delay, "SERVED_DRAIN_FILE": str(file)}
        several = Path(name) / "metrics"
        several.mkdir()
        with serving(kind, app, Path(name), PROMETHEUS_MULTIPROC_DIR=str(several), **told) as server:
            return ended(server, slow=slow, pre_stop=file if pre_stop else None)
