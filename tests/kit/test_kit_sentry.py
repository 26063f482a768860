"""What reaches Sentry, read by a peer that speaks its protocol."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.kit.planted import VALUE, everything
from tests.peers.sentry_envelopes import SentryPeer, decode

from sereno_kit import sentry
from sereno_kit.options import Sentry
from sereno_kit.redact import MASK, UNREDACTABLE, Redactor

ROOT = Path(__file__).resolve().parents[2]


def told(peer: SentryPeer, story: str) -> Any:
    """What the story printed; its events are with the peer."""
    command = [sys.executable, "-m", "tests.kit.sentry_program", peer.dsn, story]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=240)
    assert done.returncode == 0, done.stderr.decode()
    assert peer.refused == []
    return json.loads(done.stdout) if done.stdout else None


def test_an_error_arrives_with_whose_it_was_and_without_secrets() -> None:
    with SentryPeer() as peer:
        told(peer, "one_error")
    event, after = peer.items("event")
    assert VALUE.encode() not in peer.raw
    assert b"ana@example.com" not in peer.raw
    assert event["exception"]["values"][0]["type"] == "ValueError"
    assert event["transaction"] == "/orders/{id}"
    assert event["tags"]["request_id"] == "req-12345678"
    assert event["tags"]["trace_id"] == event["contexts"]["trace"]["trace_id"] == "a" * 32
    assert (event["release"], event["environment"]) == ("orders@1.2", "prod")
    variables = event["exception"]["values"][0]["stacktrace"]["frames"][-1]["vars"]
    assert variables["password"] == MASK
    assert variables["order"]["order_id"] == "7"
    assert event["user"] == {"id": "u-7", "email": MASK}
    crumb = event["breadcrumbs"]["values"][0]
    assert (crumb["message"], crumb["data"]) == (f"password={MASK}", {"token": MASK})
    # What belongs to one request is not seen in the next.
    assert "user" not in after
    assert "request_id" not in after.get("tags", {})
    assert not after.get("breadcrumbs", {}).get("values")


def test_no_planted_secret_arrives_and_no_event_is_missing() -> None:
    """A share of the corpus, in which all ten notations are; `bench/run redaction` sends the whole of it."""
    with SentryPeer() as peer:
        sent = told(peer, "seventh")["sent"]
    planted = [one for one in everything()[::7] if one.name != "deep"]
    assert len(planted) > 200
    assert len(peer.items("event")) == sent == len(planted)
    assert len(peer.items("transaction")) == sent
    leaks = {
        s for one in planted for s in one.secrets if s.encode() in peer.raw or json.dumps(s)[1:-1].encode() in peer.raw
    }
    assert leaks == set()


def test_a_redactor_that_raises_costs_no_event() -> None:
    with SentryPeer() as peer:
        told(peer, "broken")
    events = peer.items("event")
    assert len(events) == 11
    assert len(peer.items("transaction")) == 1
    assert VALUE.encode() not in peer.raw
    assert {event["tags"]["unredactable"] for event in events} == {"true"}
    first = events[0]["exception"]["values"][0]
    assert (first["type"], first["value"]) == ("ValueError", UNREDACTABLE)
    assert events[0]["tags"]["request_id"] == "req-12345678"


def test_a_share_keeps_traces_whole() -> None:
    with SentryPeer() as peer:
        told(peer, "share")
    traces = [event["tags"]["trace_id"] for event in peer.items("event")]
    assert all(traces.count(trace) == 2 for trace in traces)
    # 400 traces by 0.25: five standard deviations are 43.
    assert 57 <= len(set(traces)) <= 143


def test_what_is_logged_and_captured_is_one_event() -> None:
    with SentryPeer() as peer:
        told(peer, "logged")
    (event,) = peer.items("event")
    assert VALUE.encode() not in peer.raw
    assert event["logentry"]["message"] == f"bad token={MASK}" or MASK in json.dumps(event["logentry"])


def test_nothing_is_patched() -> None:
    with SentryPeer() as peer:
        known = told(peer, "quiet")
    assert peer.items("event") == []
    assert known["pii"] is False
    assert not {"starlette", "fastapi", "flask", "django", "sqlalchemy", "redis", "httpx", "aiohttp"} & set(
        known["integrations"]
    )


def test_the_share_is_decided_by_the_trace() -> None:
    by_trace = [sentry.kept(0.5, {"tags": {"trace_id": f"{i:032x}"}}) for i in range(1_000)]
    assert by_trace == [sentry.kept(0.5, {"contexts": {"trace": {"trace_id": f"{i:032x}"}}}) for i in range(1_000)]
    assert 400 < sum(by_trace) < 600
    assert all(sentry.kept(0.7, {"tags": {"trace_id": f"{i:032x}"}}) for i in range(1_000) if by_trace[i])
    assert not any(sentry.kept(0.0, {"event_id": f"{i:032x}"}) for i in range(1_000))
    assert sentry.kept(1.0, {})


def test_logs_and_metrics_of_the_sdk_pass_too() -> None:
    made = sentry.Reporting(Sentry(dsn=""), Redactor())
    log = {"body": f"password={VALUE}", "attributes": {"token": VALUE, "order": 7}, "severity_text": "info"}
    assert made.before_send_log(log) == {
        "body": f"password={MASK}", "attributes": {"token": MASK, "order": 7}, "severity_text": "info"
    }  # fmt: skip


def test_a_dsn_that_is_none_is_said() -> None:
    with pytest.raises(ValueError, match="DSN"):
        sentry.configure(Sentry(dsn="not a dsn"), Redactor())


def test_the_peer_reads_envelopes_as_the_protocol_says() -> None:
    body = b'{"event_id":"1"}\n{"type":"event","length":7}\n{"a":1}\n{"type":"log"}\n{"b":2}\n'
    header, items = decode(body)
    assert header == {"event_id": "1"}
    assert [(item.kind, item.json) for item in items] == [("event", {"a": 1}), ("log", {"b": 2})]
    with pytest.raises(ValueError, match="says 9 bytes"):
        decode(b'{}\n{"type":"event","length":9}\n{"a":1}')
