"""How the shop asks `pagos` for an order's money, and what it does while it cannot have it."""

from __future__ import annotations

from sereno_kit import Bulkhead, CircuitBreaker, Fallback, Retry, Timeout, pipeline
from sereno_kit.resilience.retry import idempotency_key

from .process import Process

PAID, PENDING = "paid", "payment_pending"


class Charging:
    """Charges orders. An order that cannot be paid now is kept and paid later: the customer is not sent away."""

    def __init__(self, process: Process) -> None:
        self._client = process.kit.outgoing(process.client, integration="pagos", endpoint="/pagos")
        self._address = f"{process.neighbours.get('pagos', 'http://127.0.0.1:9104')}/pagos"
        self._guarded = pipeline(
            "pagos",
            Fallback(PENDING),
            Bulkhead(40),
            Timeout(8.0),  # all attempts together
            Retry(2),
            CircuitBreaker(0.5, minimum=10, window=20, open_for=5),
            Timeout(3.0),  # each attempt
        )

    async def charge(self, order: int, means: str) -> str:
        """The order's status after an attempt to charge it. Never raises for a fault of `pagos`.

        Args:
            order: its number.
            means: `tarjeta` or `billetera`.
        """
        return await self._guarded.acall(self._ask, order, means)

    async def _ask(self, order: int, means: str) -> str:
        headers = {"Idempotency-Key": idempotency_key(order)}
        answer = await self._client.post(self._address, params={"medio": means}, headers=headers)
        answer.raise_for_status()
        return PAID
