"""`api`: the shop window, the catalogue, the checkout, and the door."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from .accounts import Accounts
from .charging import PAID, PENDING, Charging
from .database import PRODUCTS
from .process import Offered, Process

PAGE_BOUNDS_SECONDS = (0.1, 0.25, 0.5, 1, 2, 4, 8)


class Storefront:
    """What customers meet first."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.charging = Charging(process)
        self.accounts = Accounts(process)
        kit = process.kit
        self.orders = kit.counter("orders_total", "Orders by their end", status=[PAID, PENDING])
        self.page_load = kit.histogram(
            "page_load_seconds", "Time until a page has loaded", bounds=PAGE_BOUNDS_SECONDS, slo=[2.0]
        )

    def offers(self) -> list[Offered]:
        """What customers may ask for."""
        return [
            ("/", self.home, "GET"),
            ("/productos", self.products, "GET"),
            ("/checkout", self.checkout, "POST"),
            ("/entrar", self.accounts.enter, "POST"),
        ]

    async def home(self, request: Request) -> Response:
        """The shop window. How long browsers took is thrown by dice: there are no browsers here."""
        await self.process.work(0.03)
        self.page_load.observe(self.process.dice.lognormvariate(-0.6, 0.35))
        shown = [*PRODUCTS]
        if self.process.kit.flags.enabled("recomendaciones", user=request.cookies.get("cliente")):
            shown.insert(0, f"Para ti: {self.process.dice.choice(PRODUCTS)}")
        return HTMLResponse("<!doctype html><title>Tienda</title><h1>Tienda</h1>" + "<br>".join(shown))

    async def products(self, request: Request) -> Response:
        """The catalogue."""
        await self.process.work(0.02)
        return JSONResponse([name for (name,) in await self.process.database.query("select name from products")])

    async def checkout(self, request: Request) -> Response:
        """Take the order, then ask for the money: whatever happens in between, the order is not lost."""
        kit, query = self.process.kit, self.process.database.query
        sql = "insert into orders (status, at) values (?, ?) returning id"
        ((number,),) = await query(sql, PENDING, kit.clock.now())
        assert isinstance(number, int)
        status = await self.charging.charge(number, request.query_params.get("medio", "tarjeta"))
        if status == PAID:
            await query("update orders set status = ? where id = ?", status, number)
        self.orders.inc(status=status)
        kit.log.info("order taken", order_id=number, status=status)
        return JSONResponse({"order": number, "status": status}, status_code=200 if status == PAID else 202)
