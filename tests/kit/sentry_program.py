"""A program that reports to Sentry, in a process of its own: `python -m tests.kit.sentry_program DSN STORY`.

Stories are functions; what they print as JSON is read by the test.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import sentry_sdk
from tests.kit.planted import VALUE, everything

from sereno_kit import context, sentry
from sereno_kit.context import Trace
from sereno_kit.options import Sentry
from sereno_kit.redact import Redactor


class Broken(Redactor):
    """Raises wherever it is asked."""

    def redact(self, value: Any, key: str = "") -> Any:
        raise RuntimeError("no")

    text = url = sql = path = redact  # type: ignore[assignment]


def start(dsn: str, redactor: Redactor | None = None, **options: Any) -> sentry.Reporting:
    return sentry.configure(Sentry(dsn=dsn, **options), redactor or Redactor(), "orders", "prod", "1.2")


def one_error(dsn: str) -> None:
    """What an unhandled error of a request looks like."""
    start(dsn)
    request, trace = context.request_id.set("req-12345678"), context.trace.set(Trace("a" * 32, "b" * 16))
    with sentry.scope():
        sentry_sdk.set_user({"id": "u-7", "email": "ana@example.com", "ip_address": "10.0.0.7"})
        sentry_sdk.add_breadcrumb(message=f"password={VALUE}", category="auth", data={"token": VALUE})
        try:
            password = VALUE
            order = {"order_id": 7, "cvv": password}
            raise ValueError(f"could not pay {order}")
        except ValueError as error:
            sentry.capture(error, route="/orders/{id}", request_id="req-12345678")
    context.request_id.reset(request)
    context.trace.reset(trace)
    sentry_sdk.capture_message("after")
    sentry.close()


def seventh(dsn: str) -> None:
    """Every seventh planted secret, which are some of each notation."""
    corpus(dsn, 7)


def corpus(dsn: str, step: int = 1) -> None:
    """Each planted secret in each place of an event."""
    start(dsn, traces_share=1.0)
    count = 0
    for one in everything()[::step]:
        if one.name != "deep":  # the SDK makes a text of it, in which it stands under no name
            _report(one.name, {one.key: one.value})
            count += 1
        if count % 20 == 0:  # the SDK keeps no more than a hundred waiting
            sentry_sdk.flush(10)
    sentry.close()
    print(json.dumps({"sent": count}))


def _report(name: str, carried: dict[str, Any]) -> None:
    text = str(carried) if "value" not in carried else str(carried["value"])
    with sentry.scope() as scope:
        scope.set_context("cart", carried)
        scope.set_extra("more", carried)
        scope.set_tag("what", text)
        sentry_sdk.add_breadcrumb(message=text, data=carried)
        scope.add_event_processor(_with_request(carried, text))
        with sentry_sdk.start_transaction(name=name, op="http.server") as transaction:
            transaction.set_data("what", text)
        try:
            raise ValueError(carried.get("value", carried))
        except ValueError as error:
            sentry.capture(error, route="/a")


def _with_request(carried: dict[str, Any], text: str) -> Any:
    """As the SDK's own integrations would put a request into an event."""

    def process(event: Any, hint: Any) -> Any:
        event["request"] = {
            "url": "https://shop.example/pay", "method": "POST", "query_string": text, "data": carried,
            "headers": {"Authorization": f"Bearer {VALUE}", "X-Note": text}, "cookies": {"sid": VALUE},
        }  # fmt: skip
        return event

    return process


def broken(dsn: str) -> None:
    """A redactor that raises costs no event."""
    start(dsn, Broken(), traces_share=1.0)
    context.request_id.set("req-12345678")
    sentry_sdk.add_breadcrumb(message=f"password={VALUE}")
    for i in range(10):
        try:
            secret = VALUE
            raise ValueError(f"password={secret} {i}")
        except ValueError as error:
            sentry.capture(error, route="/a")
    with sentry_sdk.start_transaction(name=f"password={VALUE}"):
        pass
    sentry_sdk.capture_message(f"password={VALUE}")
    sentry.close()


def share(dsn: str) -> None:
    """A share of the errors: whole traces."""
    start(dsn, share=0.25)
    for i in range(400):
        if i % 20 == 0:
            sentry_sdk.flush(10)
        context.trace.set(Trace(f"{i:032x}", "b" * 16))
        for _ in range(2):
            try:
                raise ValueError(str(i))
            except ValueError as error:
                sentry.capture(error, route="/a")
    sentry.close()


def logged(dsn: str) -> None:
    """Errors that are logged are events, once."""
    start(dsn)
    try:
        raise ValueError(f"token={VALUE}")
    except ValueError as error:
        logging.getLogger("a").exception("bad token=%s", VALUE)
        sentry.capture(error, route="/a")
    sentry.close()


def quiet(dsn: str) -> None:
    """Without `configure` nothing happens; afterwards nothing of frameworks is patched."""
    with sentry.scope():
        sentry.capture(ValueError("x"))
    start(dsn)
    client = sentry_sdk.get_client()
    print(json.dumps({"integrations": sorted(client.integrations), "pii": bool(client.options["send_default_pii"])}))
    again = start(dsn)
    again.close()
    sentry.capture(ValueError("after the end"))


def cost(dsn: str) -> None:
    """Microseconds of CPU that a request that goes well pays."""
    import time

    start(dsn)
    scope = sentry.scope

    def work(count: int) -> float:
        begin = time.thread_time()
        for _ in range(count):
            with scope():
                pass
        return (time.thread_time() - begin) / count * 1e6

    work(1_000)
    print(json.dumps({"microseconds": sorted(work(2_000) for _ in range(15))[1]}))
    sentry.close()


if __name__ == "__main__":
    {f.__name__: f for f in (one_error, corpus, seventh, broken, share, logged, quiet, cost)}[sys.argv[2]](sys.argv[1])
