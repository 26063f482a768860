"""Through OpenFeature's own API: values, reasons, errors, events, sync and async."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from openfeature.evaluation_context import EvaluationContext
from tests.kit.flag_peer import switch
from tests.kit.flag_vectors import CASES, DEFINITIONS, Case

from sereno_kit.flags import Flags, SerenoProvider
from sereno_kit.flags.definitions import build


@pytest.fixture(scope="module")
def provider() -> SerenoProvider:
    return SerenoProvider(Flags.of(DEFINITIONS))


RESOLVERS = {"boolean": "boolean", "string": "string", "integer": "integer", "number": "float", "object": "object"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.flag)
async def test_the_reference_is_met(provider: SerenoProvider, case: Case) -> None:
    name = f"resolve_{RESOLVERS[case.kind]}_details"
    attributes = {key: value for key, value in case.context.items() if key != "targetingKey"}
    context = EvaluationContext(case.context.get("targetingKey"), attributes)
    found = getattr(provider, name)(case.flag, case.default, context)
    assert found.value == case.value
    assert (case.reason in (None, found.reason), case.code in (None, found.error_code and found.error_code.value)) == (
        True, True,
    )  # fmt: skip
    again = await getattr(provider, f"{name}_async")(case.flag, case.default, context)
    assert (again.value, again.variant, again.reason) == (found.value, found.variant, found.reason)


EVENTS = """
import json
import time
from openfeature import api
from openfeature.event import ProviderEvent
from sereno_kit.flags import Flags, SerenoProvider
from sereno_kit.flags.definitions import build

heard = []
flags = Flags()
for event in ProviderEvent:
    api.add_handler(event, lambda details, event=event: heard.append((event.name, details.flags_changed)))
api.set_provider(SerenoProvider(flags))
client = api.get_client()
print(client.get_boolean_value("new", True))
flags.adopt(build([json.loads('''%s''')], digest="1"))
print(client.get_boolean_value("new", False))
flags.fail("away")
flags.fail("away")
flags.current()
print(client.get_boolean_details("new", False).variant)
end = time.monotonic() + 20  # OpenFeature calls handlers from threads of its own
while [kind for kind, _ in heard].count("PROVIDER_READY") < 4 and time.monotonic() < end:
    time.sleep(0.01)
print(heard)
api.shutdown()
"""


def test_events_follow_the_source() -> None:
    """In a process of its own: OpenFeature's API is one for the whole program."""
    import json

    program = EVENTS % json.dumps(switch(True))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    lines = done.stdout.splitlines()
    assert lines[:3] == ["True", "True", "on"], done.stderr
    heard: list[tuple[str, Any]] = eval(lines[3])
    kinds = [kind for kind, _ in heard]
    assert kinds.count("PROVIDER_READY") == 4  # of the provider before, begun, read for the first time, found again
    assert ("PROVIDER_CONFIGURATION_CHANGED", ["new"]) in heard
    assert kinds.count("PROVIDER_STALE") == 1


def test_an_error_is_told_while_nothing_was_ever_read() -> None:
    flags = Flags()
    provider = SerenoProvider(flags)
    told: list[str] = []
    provider.attach(lambda _, event, details: told.append(event.name))  # type: ignore[arg-type]
    provider.initialize(EvaluationContext())
    flags.fail("nothing there")
    assert told == ["PROVIDER_ERROR"]
    flags.adopt(build([switch(True)], digest="1"))
    assert told[1:] == ["PROVIDER_CONFIGURATION_CHANGED", "PROVIDER_READY"]
    provider.shutdown()
    flags.fail("gone")
    assert len(told) == 3
