"""`carrito`: what a customer is going to buy."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .process import Offered, Process


class Cart:
    """Carts, of which this one forgets everything."""

    def __init__(self, process: Process) -> None:
        self.process = process

    def offers(self) -> list[Offered]:
        """What customers may ask for."""
        return [("/carrito", self.add, "POST")]

    async def add(self, request: Request) -> Response:
        """Put something into the cart."""
        await self.process.work(0.015)
        return JSONResponse({"items": 1})
