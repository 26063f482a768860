"""A small service that uses the kit, as a team would write it; its dependency fails when it is told to."""

from __future__ import annotations

import os

from fastapi import FastAPI

from sereno_kit import CircuitBreaker, Retry, instrument, pipeline
from sereno_kit.options import Admin, Logs
from sereno_kit.resilience.bulkhead import Bulkhead

app = FastAPI()
kit = instrument(app, service="pagos", environment="prod", version="1.4.2", admin=Admin(), logs=Logs(level="WARNING"))
kit.features.declare("recomendaciones", description="Lo que otros compraron")
bank = pipeline("banco", Bulkhead(10, queue=5), Retry(2), CircuitBreaker(0.5, minimum=5, window=60))


@bank
async def charge() -> str:
    return "charged"


@app.get("/pay")
async def pay() -> dict[str, str]:
    return {"result": await charge(), "process": str(os.getpid())}
