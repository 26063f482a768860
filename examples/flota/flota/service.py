"""One service of the lender: `python -m flota.service --name pagos --port 9303 --peer cobros=http://127.0.0.1:9313`."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from .days import REAL
from .setting import FLAGS, Setting

NEEDS = {
    "api": ("identidad", "telemetria", "creditos", "pagos"),
    "creditos": ("telemetria", "dispersion"),
    "pagos": ("cobros",),
}
"""Whom each service calls."""


def builder(name: str) -> Callable[[Setting], FastAPI]:
    """What makes the application of a service."""
    if name == "api":
        from .api import build as api

        return api
    if name == "creditos":
        from .creditos import build as creditos

        return creditos
    from .pagos import build as pagos

    return pagos


def main() -> None:
    """Serve one of the services."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, choices=tuple(NEEDS))
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--database", default="flota.sqlite", help="a file, or an address as SQLAlchemy writes it")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=URL")
    parser.add_argument("--day-seconds", type=float, default=REAL, help="how long a day of the business takes")
    parser.add_argument("--flags", default=str(FLAGS), help="a file, or the address of a Sereno")
    parser.add_argument("--environment", default="local")
    parser.add_argument("--metrics-port", type=int, default=0, help="metrics on a port of their own")
    parser.add_argument("--drain-seconds", type=float, default=5.0)
    args = parser.parse_args()
    peers = dict(item.split("=", 1) for item in args.peer)
    if missing := set(NEEDS[args.name]) - peers.keys():
        parser.error(f"say where these are: {', '.join(f'--peer {name}=URL' for name in sorted(missing))}")
    setting = Setting(
        database=args.database, peers=peers, day_seconds=args.day_seconds, flags=args.flags,
        environment=args.environment, metrics_port=args.metrics_port, drain_seconds=args.drain_seconds,
    )  # fmt: skip
    uvicorn.run(builder(args.name)(setting), host=args.host, port=args.port, log_config=None, access_log=False)


if __name__ == "__main__":
    main()
