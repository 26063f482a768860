"""`pagos`: charges customers, each order once however often it is asked."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sereno_kit.clock import new_id

from .process import Offered, Process

GATEWAYS = {"tarjeta": "culqi", "billetera": "yape"}


class Payments:
    """The till."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.payments = process.kit.counter(
            "payments_total", "Payments by their end", gateway=sorted(GATEWAYS.values()), status=["paid"]
        )

    def offers(self) -> list[Offered]:
        """What customers may ask for."""
        return [("/pagos", self.pay, "POST")]

    async def pay(self, request: Request) -> Response:
        """Charge the customer. The same Idempotency-Key again is the same payment, and is answered alike."""
        key = request.headers.get("Idempotency-Key", "")[:200] or new_id()
        gateway = GATEWAYS.get(request.query_params.get("medio", ""), GATEWAYS["tarjeta"])
        await self.process.work(0.08)
        sql = "insert or ignore into payments (key, gateway, at) values (?, ?, ?) returning key"
        if await self.process.database.query(sql, key, gateway, self.process.kit.clock.now()):
            self.payments.inc(gateway=gateway, status="paid")
        return JSONResponse({"status": "paid"})
