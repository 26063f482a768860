"""Flask under the kit: its templates, its handlers, its debugger."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Blueprint, Flask, abort
from tests.kit.wsgi_caller import Serve, serving_wsgi
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from sereno_kit import ClientError, Transient


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves applications under kits of their own."""
    with serving_wsgi() as make:
        yield make


@pytest.fixture
def shop() -> Flask:
    app = Flask("shop")
    orders = Blueprint("orders", "orders", url_prefix="/orders")
    items = Blueprint("items", "items", url_prefix="/<int:order>/items")

    @app.get("/")
    def home() -> str:
        return "home"

    @items.get("/<path:name>")
    def item(order: int, name: str) -> str:
        return f"{order} {name}"

    @orders.get("/<int:order>/")
    def order(order: int) -> str:
        return str(order)

    @orders.post("/")
    def create() -> str:
        return "made"

    @app.get("/fails")
    def fails() -> str:
        raise ValueError("secret of the house")

    @app.get("/away")
    def away() -> str:
        raise Transient("the bank is away", retry_after=3)

    @app.get("/wrong")
    def wrong() -> str:
        raise ClientError("of theirs", status=422, detail="the sum is negative")

    @app.get("/aborts")
    def aborts() -> str:
        abort(500)

    @app.get("/stream")
    def stream() -> Iterator[str]:
        yield "a"
        raise ValueError("amid")

    orders.register_blueprint(items)
    app.register_blueprint(orders)
    return app


@pytest.mark.parametrize(
    ("method", "path", "route", "status"),
    [
        ("GET", "/", "/", 200),
        ("HEAD", "/", "/", 200),
        ("OPTIONS", "/orders/", "/orders/", 200),
        ("POST", "/orders/", "/orders/", 200),
        ("GET", "/orders/", "/orders/", 405),
        ("GET", "/orders/7/", "/orders/<int:order>/", 200),
        ("GET", "/orders/7", "/orders/<int:order>/", 308),
        ("GET", "/orders/7/items/a/b", "/orders/<int:order>/items/<path:name>", 200),
        ("DELETE", "/orders/7/items/a/b", "/orders/<int:order>/items/<path:name>", 405),
        ("GET", "/orders/x/", "__unmatched__", 404),
        ("GET", "/static/none.css", "/static/<path:filename>", 404),
        ("GET", "/" + "x" * 5000, "__unmatched__", 404),
    ],
)
def test_routes_are_flasks_own_templates(
    serve: Serve, shop: Flask, method: str, path: str, route: str, status: int
) -> None:
    served = serve(shop)
    assert served.ask(path, method=method).status == status
    assert served.counted() == {(route, method, str(status)): 1}


def test_errors_are_problems_counted_by_their_route(serve: Serve, shop: Flask) -> None:
    served = serve(shop)
    heard = served.ask("/fails")
    assert (heard.status, json.loads(heard.body)["code"]) == (500, "internal_error")
    assert b"secret" not in heard.body
    heard = served.ask("/away")
    assert (heard.status, heard.all("Retry-After")) == (503, ["3"])
    heard = served.ask("/wrong")
    assert (heard.status, json.loads(heard.body)["detail"]) == (422, "the sum is negative")
    assert served.ask("/aborts").status == 500
    assert served.counted() == {
        ("/fails", "GET", "500"): 1,
        ("/away", "GET", "503"): 1,
        ("/wrong", "GET", "422"): 1,
        ("/aborts", "GET", "500"): 1,
    }
    assert served.errors() == {"server_error": 2, "transient": 1, "client_error": 1}
    assert [type(line["error"]).__name__ for line in served.lines.lines] == [
        "ValueError",
        "Transient",
        "ClientError",
        "NoneType",
    ]
    assert all(len(heard.all("X-Request-ID")) == 1 for heard in (served.ask("/fails"), served.ask("/nowhere")))


def test_a_stream_that_breaks_off_is_a_failure(serve: Serve, shop: Flask) -> None:
    served = serve(shop)
    heard = served.ask("/stream")
    assert (heard.body, type(heard.raised)) == (b"a", ValueError)
    assert served.counted() == {("/stream", "GET", "500"): 1}


def test_a_debugger_gets_the_error_itself(serve: Serve, shop: Flask) -> None:
    served = serve(shop)
    shop.testing = True
    assert isinstance(served.ask("/fails").raised, ValueError)
    assert served.ask("/away").status == 503  # of ours, the answer is what one wants to see
    assert served.counted() == {("/fails", "GET", "500"): 1, ("/away", "GET", "503"): 1}


def test_handlers_of_the_application_win(serve: Serve, shop: Flask) -> None:
    shop.register_error_handler(Transient, lambda error: ("of the shop", 599))
    served = serve(shop)
    shop.register_error_handler(500, lambda error: ("also of the shop", 500))
    assert served.ask("/away").body == b"of the shop"
    assert served.ask("/fails").body == b"also of the shop"
    assert json.loads(served.ask("/wrong").body)["status"] == 422
    assert served.counted()["/away", "GET", "599"] == 1
    assert isinstance(served.lines.lines[1]["error"], ValueError)  # told all the same


def test_handlers_that_were_there_before_stay(serve: Serve, shop: Flask) -> None:
    from sereno_kit import KitError

    shop.register_error_handler(KitError, lambda error: ("of the shop", 599))
    shop.register_error_handler(500, lambda error: ("also of the shop", 500))
    served = serve(shop)
    assert served.ask("/wrong").body == b"of the shop"
    assert served.ask("/fails").body == b"also of the shop"


@pytest.mark.parametrize("late", [True, False])
def test_a_handler_for_everything_wins_too(serve: Serve, shop: Flask, late: bool) -> None:
    def handle(error: Exception) -> Any:
        return f"handled {type(error).__name__}", 500

    if not late:
        shop.register_error_handler(Exception, handle)
    served = serve(shop)
    if late:
        shop.register_error_handler(Exception, handle)
    assert served.ask("/away").body == b"handled Transient"
    assert served.ask("/fails").body == b"handled ValueError"


def test_applications_under_one_another_keep_their_prefix(serve: Serve, shop: Flask) -> None:
    other = Flask("other")
    other.add_url_rule("/fails", view_func=lambda: "well")
    served = serve(DispatcherMiddleware(shop, {"/other": other}))
    served.ask("/other/fails")
    served.ask("/orders/7/")
    served.ask("/other/nowhere")
    assert served.counted() == {
        ("/other/fails", "GET", "200"): 1,
        ("/orders/<int:order>/", "GET", "200"): 1,
        ("__unmatched__", "GET", "404"): 1,
    }


def test_closed_it_is_as_it_was(serve: Serve, shop: Flask) -> None:
    original = shop.wsgi_app
    handlers = {code: dict(kinds) for code, kinds in shop.error_handler_spec[None].items() if kinds}
    served = serve(shop)
    assert shop.wsgi_app != original
    served.ask("/")
    served.kit.close()
    assert shop.wsgi_app == original
    assert {code: dict(kinds) for code, kinds in shop.error_handler_spec[None].items() if kinds} == handlers
    from flask import got_request_exception, request_started

    assert not request_started.receivers
    assert not got_request_exception.receivers
