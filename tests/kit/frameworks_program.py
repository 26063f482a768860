"""The same small shop in every framework, under a whole kit: `python -m tests.kit.frameworks_program DSN FRAMEWORK`.

Prints, as JSON, what callers got, what was counted and what the kit swallowed.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
from types import ModuleType
from typing import Any

import httpx
import sentry_sdk

from sereno_kit import Admin, CircuitOpen, Logs, Retry, Transient, instrument, pipeline

TOKEN = "a token of sixteen and more"
SECRET = "hunter2"
bank = pipeline("bank", Retry(2, base=0.001, budget=None, idempotent=True))


def crumb() -> str:
    """A request that goes well, and leaves its trail with Sentry."""
    sentry_sdk.add_breadcrumb(message="of the first")
    sentry_sdk.set_user({"id": "the first"})
    return "ok"


def open_circuit() -> str:
    """A refusal of the kit's."""
    raise CircuitOpen("the bank failed too often", retry_after=3)


@bank
def pay() -> None:
    """A dependency that is away."""
    raise Transient("away")


def tired() -> str:
    """A call that was tried again in vain."""
    pay()
    return "ok"


def boom() -> str:
    """A fault of the program's."""
    raise ValueError(f"password={SECRET}")


VIEWS = {"ok": crumb, "open": open_circuit, "tired": tired, "boom": boom}


def starlette() -> Any:
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    def endpoint(view: Any) -> Any:
        return lambda request: PlainTextResponse(view())

    return Starlette(routes=[Route(f"/{name}", endpoint(view)) for name, view in VIEWS.items()])


def fastapi() -> Any:
    from fastapi import FastAPI

    app = FastAPI()
    for name, view in VIEWS.items():
        app.get(f"/{name}")(view)
    return app


def litestar() -> Any:
    from litestar import Litestar, get

    def endpoint(name: str, view: Any) -> Any:
        def handler() -> str:
            return str(view())

        return get(f"/{name}", sync_to_thread=True)(handler)

    return Litestar([endpoint(name, view) for name, view in VIEWS.items()], logging_config=None)


def flask() -> Any:
    from flask import Flask

    app = Flask("shop")
    for name, view in VIEWS.items():
        app.add_url_rule(f"/{name}", name, view)
    return app


def _django() -> None:
    from django.conf import settings
    from django.http import HttpResponse
    from django.urls import path

    def endpoint(view: Any) -> Any:
        return lambda request: HttpResponse(view())

    urls: Any = ModuleType("urls")
    urls.urlpatterns = [path(name, endpoint(view)) for name, view in VIEWS.items()]
    sys.modules["urls"] = urls
    settings.configure(ROOT_URLCONF="urls", ALLOWED_HOSTS=["*"], SECRET_KEY="x", LOGGING_CONFIG=None)


def django_asgi() -> Any:
    from django.core.asgi import get_asgi_application

    _django()
    return get_asgi_application()


def django_wsgi() -> Any:
    from django.core.wsgi import get_wsgi_application

    _django()
    return get_wsgi_application()


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    name = scope["path"][1:]
    if scope["type"] == "http" and name in VIEWS:
        scope["sereno_kit.route"] = scope["path"]
        body = (await asyncio.to_thread(VIEWS[name])).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})


def wsgi(environ: Any, start_response: Any) -> list[bytes]:
    environ["sereno_kit.route"] = environ["PATH_INFO"]
    body = VIEWS[environ["PATH_INFO"][1:]]().encode()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body]


def caller(app: Any, *, of_wsgi: bool) -> Any:
    def ask_wsgi(path: str, headers: dict[str, str]) -> httpx.Response:
        with httpx.Client(
            transport=httpx.WSGITransport(app, raise_app_exceptions=False), base_url="http://shop"
        ) as client:
            return client.get(path, headers=headers)

    async def ask(path: str, **headers: str) -> httpx.Response:
        if of_wsgi:
            return await asyncio.to_thread(ask_wsgi, path, headers)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            return await client.get(path, headers=headers)

    return ask


async def story(dsn: str, framework: str) -> dict[str, Any]:
    """One request of each kind, one after the other on the same thread or loop."""
    made: Any = globals()[framework]
    app = made if framework in ("asgi", "wsgi") else made()
    lines = io.StringIO()
    kit = instrument(app, service="shop", logs=Logs(stream=lines), sentry=dsn, admin=Admin(token=TOKEN, chaos=True))
    logging.getLogger("httpx").setLevel("WARNING")
    ask = caller(kit.app, of_wsgi=framework in ("flask", "django_wsgi", "wsgi"))
    said = {}
    for name in VIEWS:
        answer = await ask(f"/{name}", **{"accept-language": "es"})
        said[name] = [answer.status_code, dict(answer.headers), answer.text]
    bearer = f"Bearer {TOKEN}"
    addresses = ("/metrics", "/health/live", "/health/ready", "/-/kit", "/-/kit/chaos")
    own = {path: (await ask(path, authorization=bearer)) for path in addresses}
    kit.close()
    return {
        "said": said,
        "own": {path: answer.status_code for path, answer in own.items()},
        "metrics": own["/metrics"].text,
        "lines": [json.loads(line) for line in lines.getvalue().splitlines()],
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(story(*sys.argv[1:]))))
