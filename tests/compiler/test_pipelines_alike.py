"""Four engines that redact alike: lines put together at random, with secrets whose every piece is known."""

from __future__ import annotations

import json
import random

import pytest
import yaml
from tests.compiler.test_pipelines import made
from tests.oracles import pipelines as oracle
from tests.oracles import pypi_packages
from tests.oracles.npm_packages import Unreachable

from sereno.compiler.redaction import rules_of
from sereno.spec.logs import KEYS, KINDS
from sereno.spec.model_delivery import Redaction

WORDS = ("ok", "pago", "año", "id=7", "status=200", "→", "GET /x", "{", "}", "[", "]", ",", ";", "\\", "'", '"', "12.5",
         "a@", "@b", "://", "::", "\t", "{}", '{"n":1}', "user:", "…", "0", "4", "basic", "token", "-", "_")  # fmt: skip
SEPARATORS = (" ", "  ", ", ", " | ", "; ")
COUNT = 400


def secret(rng: random.Random) -> tuple[str, str]:
    """A piece of a line, and what of it may not be left."""
    mark = "".join(rng.choices("bcdfghjklmnpqrstvwxz", k=10))
    digits = "".join(rng.choices("0123456789", k=12))
    key = rng.choice(
        ("password", "api_key", "X-Api-Key", "clientSecret", "db.password", "session-id", "pin", "card_cvv")
    )
    gap = rng.choice(("", " ", "-"))
    shapes = (
        (json.dumps({key: mark}), mark),
        (json.dumps({"a": {"b": {key: mark, "n": 1}}}), mark),
        (json.dumps({"inner": json.dumps({key: mark})}), mark),
        (json.dumps({key: {"value": mark}}), mark),
        (json.dumps({key: [mark, mark]}), mark),
        (json.dumps({key: f'quo"te {mark}'}, separators=(",", ":")), mark),
        (f"{key}={mark}", mark),
        (f"{key} : {mark}", mark),
        (f"{key}='{mark} {mark}'", mark),
        (f"?a=1&{key}={mark}&b=2", mark),
        (f"Authorization: Bearer {mark}", mark),
        (f"{mark}@{rng.choice(('shop', 'mail.shop'))}.example", mark),
        (f"https://svc:{mark}@db.example/x", mark),
        (f"ghp_{mark}{mark}", mark),
        (f"AKIA{mark.upper()}1234", mark.upper()),
        (gap.join((f"4{digits[:3]}", digits[3:7], digits[7:11], digits[:4])), gap.join((digits[3:7], digits[7:11]))),
        (f"DNI {digits[:8]}", digits[:8]),
    )
    return rng.choice(shapes)


def lines(seed: int) -> list[tuple[str, tuple[str, ...]]]:
    rng = random.Random(seed)
    found = []
    for _ in range(COUNT):
        secrets = [secret(rng) for _ in range(rng.randint(1, 2))]
        parts = [part for part, _ in secrets] + rng.choices(WORDS, k=rng.randint(0, 3))
        rng.shuffle(parts)
        found.append((rng.choice(SEPARATORS).join(parts), tuple(gone for _, gone in secrets)))
    return found


@pytest.mark.parametrize("seed", range(3))
def test_no_engine_lets_out_what_another_keeps(seed: int) -> None:
    planted = lines(seed)
    texts = [line for line, _ in planted]
    rules = [[rule.pattern, rule.replacement("\\1")] for rule in rules_of(Redaction((*KEYS, "clave"), KINDS))]
    vector = yaml.safe_load(made("vector").files["vector/vector.yaml"])
    program = vector["transforms"]["web_redacted"]["source"].replace("$$", "$")
    script = made("fluent-bit").files["fluent-bit/redact.lua"]
    try:
        found = {
            "re2": pypi_packages.run("re2_rules", {"rules": rules, "lines": texts}, oracle.RE2),
            "oniguruma": pypi_packages.run("oniguruma", {"rules": rules, "lines": texts}, oracle.ONIGURUMA),
            "vrl": [
                each["message"] for each in pypi_packages.run("vrl", {"program": program, "lines": texts}, oracle.VRL)
            ],
            "lua": [each[1] for each in pypi_packages.run("lua", {"script": script, "lines": texts}, oracle.LUA)],
        }
    except Unreachable as reason:
        pytest.skip(str(reason))
    for number, (line, gone) in enumerate(planted):
        for engine, outcomes in found.items():
            left = [each for each in gone if each in outcomes[number]]
            assert not left, f"{engine} leaves {left} of {line!r}: {outcomes[number]!r}"
        assert found["re2"][number] == found["oniguruma"][number] == found["vrl"][number], line
