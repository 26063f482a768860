"""Django under the kit. Its settings are the process's, so that each story is a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

PROJECT = """
import json, sys
from types import ModuleType
from django.conf import settings
from django.http import HttpResponse, StreamingHttpResponse, Http404
from django.urls import include, path, re_path
from sereno_kit import ClientError, Transient
from tests.kit.wsgi_caller import serving_wsgi

def fails(request): raise ValueError("secret of the house")
def away(request): raise Transient("the bank is away", retry_after=3)
def wrong(request): raise ClientError("theirs", status=422, detail="the sum is negative")
def missing(request, slug): raise Http404
def pieces():
    yield b"a"
    raise ValueError("amid")
urls = ModuleType("urls")
ok = lambda request, **words: HttpResponse("ok")
urls.urlpatterns = [
    path("", ok), path("fails", fails), path("away", away), path("wrong", wrong),
    path("stream", lambda request: StreamingHttpResponse(pieces())),
    path("orders/", include([path("<int:order>/", ok), path("<int:order>/items/<path:name>", ok)])),
    re_path(r"^posts/(?P<slug>[a-z]+)/$", missing),
    path("late", lambda request: (_ for _ in ()).throw(KeyError("early"))),
]
sys.modules["urls"] = urls
def configure(**more):
    settings.configure(**{"ROOT_URLCONF": "urls", "ALLOWED_HOSTS": ["*"], "SECRET_KEY": "x",
        "MIDDLEWARE": ["django.middleware.common.CommonMiddleware"], **more})
    from django.core.wsgi import get_wsgi_application
    return get_wsgi_application()
def told(served, heard):
    return [heard.status, dict(heard.headers), heard.body.decode(), type(heard.raised).__name__]
"""


def story(program: str) -> Any:
    """What the program prints as its last line."""
    done = subprocess.run(
        [sys.executable, "-c", PROJECT + program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_routes_are_djangos_own() -> None:
    counted = story("""
handler = configure()
with serving_wsgi() as serve:
    served = serve(handler)
    for way in ("/", "/orders/7/", "/orders/7/items/a/b", "/orders/7", "/posts/abc/", "/posts/ABC/", "/nowhere"):
        heard = served.ask(way)
        assert len(heard.all("X-Request-ID")) == 1
    served.ask("/orders/7/", method="HEAD")
    print(json.dumps([[*key, value] for key, value in served.counted().items()]))
""")
    assert sorted(counted) == sorted(
        [
            ["/", "GET", "200", 1],
            ["/orders/<int:order>/", "GET", "200", 1],
            ["/orders/<int:order>/", "HEAD", "200", 1],
            ["/orders/<int:order>/items/<path:name>", "GET", "200", 1],
            ["__unmatched__", "GET", "301", 1],  # Django's CommonMiddleware answers before anything is resolved
            ["/posts/(?P<slug>[a-z]+)/$", "GET", "404", 1],
            ["__unmatched__", "GET", "404", 2],
        ]
    )


def test_errors_are_problems_and_others_still_hear_of_them() -> None:
    answers, counted, errors, heard_of, lines = story("""
from django.core.signals import got_request_exception
heard_of = []
def listen(sender, request, **_): heard_of.append(request.path)
got_request_exception.connect(listen)
handler = configure()
with serving_wsgi() as serve:
    served = serve(handler)
    answers = [told(served, served.ask(way)) for way in ("/fails", "/away", "/wrong", "/stream")]
    counted = [[*key, value] for key, value in served.counted().items()]
    lines = [type(line["error"]).__name__ for line in served.lines.lines]
    print(json.dumps([answers, counted, served.errors(), heard_of, lines]))
""")
    fails, away, wrong, stream = answers
    assert (fails[0], fails[1]["content-type"]) == (500, "application/problem+json")
    assert "secret" not in fails[2]
    assert (away[0], away[1]["retry-after"]) == (503, "3")
    assert (wrong[0], json.loads(wrong[2])["detail"]) == (422, "the sum is negative")
    assert (stream[0], stream[2], stream[3]) == (200, "a", "ValueError")
    assert heard_of == ["/fails"]
    assert sorted(counted) == [
        ["/away", "GET", "503", 1],
        ["/fails", "GET", "500", 1],
        ["/stream", "GET", "500", 1],
        ["/wrong", "GET", "422", 1],
    ]
    assert errors == {"server_error": 2, "transient": 1, "client_error": 1}
    assert lines == ["ValueError", "Transient", "ClientError", "ValueError"]


def test_a_projects_own_page_for_errors_stays() -> None:
    (status, headers, text, _), lines = story("""
urls.handler500 = lambda request: HttpResponse("of the shop", status=500)
handler = configure()
with serving_wsgi() as serve:
    served = serve(handler)
    print(json.dumps([told(served, served.ask("/fails")), [str(line["error"]) for line in served.lines.lines]]))
""")
    assert (status, text) == (500, "of the shop")
    assert lines == ["secret of the house"]
    assert headers["X-Request-ID"]


def test_while_debugging_djangos_own_page_stays() -> None:
    fails, away = story("""
handler = configure(DEBUG=True)
with serving_wsgi() as serve:
    served = serve(handler)
    print(json.dumps([told(served, served.ask(way)) for way in ("/fails", "/away")]))
""")
    assert fails[0] == 500
    assert "ValueError at /fails" in fails[2]
    assert (away[0], json.loads(away[2])["status"]) == (503, 503)


def test_closed_it_is_as_it_was() -> None:
    before, after = story("""
handler = configure()
state = lambda: [len(handler._exception_middleware), "resolve_request" in vars(handler)]
before = state()
with serving_wsgi() as serve:
    served = serve(handler)
    assert state() == [before[0] + 1, True]
print(json.dumps([before, state()]))
""")
    assert before == [0, False]
    assert after[0] == 0
