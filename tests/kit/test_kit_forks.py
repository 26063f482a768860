"""A child of a fork is not held up by what threads of its parent were about."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import os, sys
from prometheus_client import REGISTRY
from sereno_kit import AdaptiveLimit, Bulkhead, CircuitBreaker, RateLimit, Retry, Timeout, pipeline
from sereno_kit.metrics.registry import current

kinds = (RateLimit.token_bucket(rate=1e6), Bulkhead(9), Retry(2), CircuitBreaker(window_calls=50), AdaptiveLimit(9))
guarded = pipeline("ledger", *kinds)
orders = current().counter("orders_total", "Orders", status=["paid"], method=None)
sizes = current().histogram("order_bytes", "Sizes", native=True, status=None)


def serve():
    guarded.call(int)
    orders.inc(status="paid", method=str(os.getpid()))
    sizes.observe(7, status="paid")
    return current().value("order_bytes_count", status="paid")


serve()
parts = [current(), REGISTRY, orders, orders.space, *orders._parent._metrics.values(), sizes, *kinds]
(size,) = sizes._children.values()
(told,) = sizes._parent._metrics.values()
parts += [size.native, told._sum, *told._buckets, kinds[0]._limiter, kinds[2].budget]
parts += [one._value for one in orders._parent._metrics.values()]
locks = [part._lock for part in parts if hasattr(part, "_lock")]
assert len(locks) > 20, len(locks)
for lock in locks:  # as threads of the parent may, at any moment
    lock.acquire()
child = os.fork()
if child == 0:
    os._exit(0 if serve() == 2 else 1)
assert os.waitpid(child, 0)[1] == 0
"""


def test_a_child_finds_every_lock_free() -> None:
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
