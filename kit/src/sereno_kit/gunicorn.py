"""Hooks for gunicorn's configuration: `from sereno_kit.gunicorn import *` in gunicorn.conf.py.

Only needed with several workers that share PROMETHEUS_MULTIPROC_DIR, or with `preload_app` and threads.
"""

from __future__ import annotations

from typing import Any

from sereno_kit.drain import install_all
from sereno_kit.metrics.multiprocess import child_exit

__all__ = ["child_exit", "post_worker_init"]


def post_worker_init(worker: Any) -> None:
    """A worker is about to serve: take SIGTERM here, in the main thread, for requests are served in others."""
    install_all()
