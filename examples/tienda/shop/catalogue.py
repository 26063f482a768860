"""`catalogo`: products and the search, which can be degraded: who cannot search sees what sells best."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .database import PRODUCTS
from .process import Offered, Process

BEST_SELLERS = PRODUCTS[:2]
WITHIN_SECONDS = 1.0
"""What is promised for a search."""


class Catalogue:
    """What there is to buy."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.seconds = process.kit.histogram("search_latency_seconds", "Time to search", slo=[WITHIN_SECONDS])
        searching = process.kit.features.declare(
            "busqueda",
            degraded=BEST_SELLERS,
            disabled=(),
            flag="busqueda",
            description="El buscador; degradado, muestra lo más vendido",
        )
        self.find = searching(self._find)

    def offers(self) -> list[Offered]:
        """What customers may ask for."""
        return [("/productos", self.products, "GET"), ("/buscar", self.search, "GET")]

    async def products(self, request: Request) -> Response:
        """The catalogue."""
        await self.process.work(0.02)
        return JSONResponse([name for (name,) in await self.process.database.query("select name from products")])

    async def search(self, request: Request) -> Response:
        """Products whose name holds the words."""
        with self.seconds.time():
            return JSONResponse(await self.find(request.query_params.get("q", "")))

    async def _find(self, words: str) -> tuple[str, ...]:
        await self.process.work(0.06)
        sql = "select name from products where instr(lower(name), lower(?)) > 0"
        return tuple(str(name) for (name,) in await self.process.database.query(sql, words[:100]))
