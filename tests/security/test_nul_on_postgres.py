"""NUL, the one character that PostgreSQL does not keep, wherever a stranger can put it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.app.town import SPEC, opened
from tests.http.conftest import SAME

from sereno.app.http.auth import add_token
from sereno.kernel.labels import Labels


async def test_nul_in_a_label_a_path_or_a_word_stops_nothing(tmp_path: Path, postgres_url: str) -> None:
    spec = SPEC.replace('max(up{job="payments"}) == 0 or absent(up{job="payments"})', 'up{job="payments"} == 0')
    spec = spec.replace("Nobody can pay", "'{{ $labels.instance }}: nobody can pay'")
    town = await opened(tmp_path, spec=spec, database=postgres_url)
    town.labels = (*town.labels[:2], Labels(__name__="up", job="payments", instance="a\0b"))
    town.scraped = False

    async def paged():
        return town.mail.taken

    assert await town.until(paged, timedelta(minutes=5))
    token = await add_token(town.control, name="ci", role="admin", kind="api")
    async with town.http() as program:
        signing_in = await program.post("/sign-in", data={"name": "al\0ba", "password": "a\0b"}, headers=SAME)
        assert signing_in.status_code in (400, 401)
        program.headers["authorization"] = f"Bearer {token}"
        for method, path, body in (
            ("GET", "/api/v1/pages/a%00b", None), ("GET", "/incidents/a%00b", None), ("GET", "/pages/%00", None),
            ("POST", "/api/v1/pages/%00/acknowledge", {}), ("POST", "/api/v1/incidents/1/notes", {"text": "a\0b"}),
            ("POST", "/api/v1/incidents/1/roles", {"role": "scribe", "person": "a\0b"}),
            ("POST", "/api/v1/incidents", {"service": "a\0", "severity": "b\0", "title": "c\0"}),
        ):  # fmt: skip
            answer = await program.request(method, path, json=body)
            assert answer.status_code < 500, (method, path, answer.text)
    await town.close()
