"""`sereno up`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path


def up(
    *,
    spec: Path | None = None,
    data_dir: Path | None = None,
    host: str | None = None,
    port: int | None = None,
    database: str | None = None,
    prometheus: str | None = None,
    environment: str | None = None,
) -> int:
    """Run the control plane until it is told to stop.

    Every option is also a setting: an environment variable (SERENO_PORT …) or a line of sereno.toml.

    Parameters
    ----------
    spec
        The folder of the spec (reliability).
    data_dir
        Where state, samples and the secret key lie (.sereno).
    host
        The address to listen on (127.0.0.1).
    port
        The port to listen on (8420).
    database
        A postgresql:// address, to run as one of several replicas.
    prometheus
        A Prometheus to read, instead of scraping.
    environment
        Which of the environments that the spec declares this is.
    """
    given = {
        "spec": spec, "data_dir": data_dir, "host": host, "port": port, "database": database, "prometheus": prometheus,
        "environment": environment,
    }  # fmt: skip
    return asyncio.run(_up({name: value for name, value in given.items() if value is not None}))


async def _up(given: dict[str, object]) -> int:
    from sereno.app.control import open_control
    from sereno.app.http.auth import ensure_admin, ensure_operator_token
    from sereno.app.logs import configure_logs
    from sereno.app.serve import bind, run
    from sereno.app.settings import load_settings

    settings = load_settings(given)
    configure_logs()
    listener = bind(settings.host, settings.port)
    control = await open_control(settings)
    try:
        password = await ensure_admin(control)
        await ensure_operator_token(control)
        count = len(control.spec.current.services)
        print(f"Sereno watches {count} service{'s' if count != 1 else ''} at {settings.address}", flush=True)
        if password:
            print(f"First administrator: user admin, password {password} (shown once; change it)", flush=True)
        for diagnostic in control.spec.diagnostics:
            print(diagnostic.render(), file=sys.stderr)
        await run(control, listener)
    finally:
        await control.close()
        listener.close()
    return 0
