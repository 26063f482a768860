"""`sereno diff` and `sereno import rules` ask servers: no token goes astray, no answer runs away, nothing is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sereno.app.asking import asked
from sereno.app.differing import of_configuration
from sereno.kernel.errors import SerenoError, Unavailable


@contextmanager
def serving(body: bytes, status: int = 200, location: str = "") -> Iterator[tuple[str, list[str]]]:
    """The address of a server that always says the same, and the credentials that it was told."""
    told: list[str] = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.append(self.headers.get("Authorization", ""))
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", told
    finally:
        server.shutdown()
        server.server_close()


def test_the_token_is_for_the_server_of_the_settings_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was named on the command line was handed it."""
    monkeypatch.setenv("SERENO_PROMETHEUS_TOKEN", "s3cret-token")
    with serving(b"{}") as (mine, told), serving(b"{}") as (other, told_other):
        monkeypatch.setenv("SERENO_PROMETHEUS", mine)
        asked(mine + "/", "/api/v1/rules")
        asked(other, "/api/v1/rules")
        assert (told, told_other) == (["Bearer s3cret-token"], [""])


def test_redirects_are_not_followed() -> None:
    with serving(b"{}") as (inner, told), serving(b"", 302, inner) as (address, _):
        with pytest.raises(Unavailable, match="answers 302"):
            asked(address, "/api/v1/rules")
        assert told == []


def test_too_much_is_left_unread_and_too_deep_is_refused() -> None:
    with serving(b"[" + b"1," * 50_000 + b"1]") as (address, _), pytest.raises(Unavailable, match="says more than"):
        asked(address, "/x", bytes_max=50_000)
    with serving(b"[" * 200_000) as (address, _), pytest.raises(Unavailable):
        asked(address, "/x")


@pytest.mark.parametrize(
    "where", ["http://ana:hunter2@127.0.0.1:9", "http://ana:hunter2@169.254.169.254", "http://ana:hunter2@["]
)
def test_a_password_in_an_address_is_not_told(where: str) -> None:
    with pytest.raises(SerenoError) as caught:
        asked(where, "/api/v1/rules?token=hunter2")
    assert "hunter2" not in str(caught.value)


def test_a_configuration_that_grows_without_end_is_none() -> None:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    for running in ("\n".join([*lines, "route: *a9"]), "a: [", "[" * 100_000):
        with pytest.raises(ValueError, match="configuration"):
            of_configuration(running, "route: x\n", "alertmanager.yml")
