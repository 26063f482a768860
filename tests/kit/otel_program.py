"""Programs that set OpenTelemetry up, run in a process of their own: its provider can be set once in a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from typing import Any

PRELUDE = """
import asyncio, json, os, sys
from sereno_kit import context, traces
from sereno_kit.options import Traces
class Plain:
    "Takes the word s3cret out, and nothing else."
    def text(self, text): return text.replace("s3cret", "[redacted]")
    url = text
    def redact(self, value, key=""):
        if key in ("password", "authorization"): return "[redacted]"
        if isinstance(value, str): return self.text(value)
        if isinstance(value, (list, tuple)): return [self.redact(item) for item in value]
        return value
def configured(app=None, share=1.0, **settings):
    redactor = settings.pop("redactor", Plain())
    endpoint = settings.pop("endpoint", os.environ.get("RECEIVER"))
    headers = settings.pop("headers", {})
    options = Traces(share=share, endpoint=endpoint, headers=headers)
    return traces.configure(options, service=settings.pop("service", "orders"), environment="test", version="1.2",
                            app=app, redactor=redactor, **settings)
def say(**facts): print("FACTS " + json.dumps(facts), flush=True)
"""


def run(program: str, receiver: str = "", ends: int = 0, **environment: str) -> dict[str, Any]:
    """Run `program` after the prelude; the facts that it `say`s, all put together. It `ends` with that code."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "FASTAPI_OTEL"))}
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(program)],
        env={**kept, "RECEIVER": receiver, "PYTHONWARNINGS": "ignore", **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == ends, done.stderr + done.stdout
    facts: dict[str, Any] = {"stderr": done.stderr, "lines": []}
    for line in done.stdout.splitlines():
        if line.startswith("FACTS "):
            facts.update(json.loads(line[6:]))
        elif line.startswith("{"):
            facts["lines"].append(line)
    return facts
