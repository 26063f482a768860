"""What the kit promises holds in every framework: the same shop, asked the same, tells the same."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.kit.frameworks_program import SECRET
from tests.peers.sentry_envelopes import SentryPeer

ROOT = Path(__file__).resolve().parents[2]
FRAMEWORKS = ("fastapi", "starlette", "litestar", "django_asgi", "asgi", "flask", "django_wsgi", "wsgi")


def told(framework: str) -> tuple[dict[str, Any], list[Any]]:
    """What the program says of itself, and what reached Sentry."""
    with SentryPeer() as peer:
        command = [sys.executable, "-m", "tests.kit.frameworks_program", peer.dsn, framework]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1]), peer.items("event")


@pytest.fixture(scope="module")
def stories() -> dict[str, tuple[dict[str, Any], list[Any]]]:
    """Each framework in a process of its own, two at a time."""
    with ThreadPoolExecutor(2) as two:
        return dict(zip(FRAMEWORKS, two.map(told, FRAMEWORKS), strict=True))


@pytest.fixture(params=FRAMEWORKS)
def story(request: pytest.FixtureRequest, stories: Any) -> Any:
    return stories[request.param]


def test_errors_are_problems_in_the_callers_language(story: Any) -> None:
    said = story[0]["said"]
    assert [said[name][0] for name in ("ok", "open", "tired", "boom")] == [200, 503, 503, 500]
    for name, title in (("open", "No disponible por el momento"), ("boom", "Error interno")):
        _, headers, body = said[name]
        assert headers["content-type"] == "application/problem+json"
        problem = json.loads(body)
        assert (problem["title"], problem["request_id"]) == (title, headers["x-request-id"])
        assert SECRET not in body
    assert said["open"][1]["retry-after"] == "3"


def test_who_retried_in_vain_asks_callers_not_to(story: Any) -> None:
    said = story[0]["said"]
    assert said["tired"][1].get("x-no-retry") == "1"
    assert "x-no-retry" not in said["open"][1] | said["boom"][1]


def test_each_request_is_counted_once_by_its_route_and_whose_fault_it_was(story: Any) -> None:
    families = {family.name: family.samples for family in text_string_to_metric_families(story[0]["metrics"])}
    requests = {
        (sample.labels["endpoint"], sample.labels["status"]): sample.value
        for sample in families["http_requests"]
        if sample.name == "http_requests_total"
    }
    assert requests == {("/ok", "200"): 1, ("/open", "503"): 1, ("/tired", "503"): 1, ("/boom", "500"): 1}
    faults = {
        (sample.labels["endpoint"], sample.labels["error_type"])
        for sample in families["http_errors"]
        if sample.name == "http_errors_total" and sample.value
    }
    assert faults == {("/open", "rejected"), ("/tired", "transient"), ("/boom", "server_error")}
    assert {s.value for s in families.get("sereno_kit_errors", ()) if s.name == "sereno_kit_errors_total"} <= {0.0}


def test_the_kits_own_addresses_answer(story: Any) -> None:
    assert set(story[0]["own"].values()) == {200}


def test_one_line_a_request_names_the_error(story: Any) -> None:
    lines = [line for line in story[0]["lines"] if line["message"] == "request"][: len(story[0]["said"])]
    assert [line["http.response.status_code"] for line in lines] == [200, 503, 503, 500]
    assert lines[-1]["error.type"].endswith("ValueError")
    assert SECRET not in json.dumps(story[0]["lines"])


def test_sentry_hears_of_our_own_fault_once_and_nothing_of_other_requests(story: Any) -> None:
    (event,) = story[1]
    assert event["exception"]["values"][-1]["type"] == "ValueError"
    assert event["tags"]["request_id"] == story[0]["said"]["boom"][1]["x-request-id"]
    assert "of the first" not in json.dumps(event)
    assert "the first" not in json.dumps(event.get("user", {}))
