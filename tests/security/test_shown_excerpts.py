"""What is shown of others' files, and where files are written: no secret, and nothing outside."""

from __future__ import annotations

from pathlib import Path

import pytest

from sereno.app.building import write
from sereno.lint.secrets import masked


@pytest.mark.parametrize(
    "line",
    [
        "- {to: a@b.c, headers: {X-Auth: plant3d, Cookie: 'plant3d'}}",
        "containers: [{name: c, env: [{name: DB_PASSWORD, value: plant3d}]}]",
        "environment: {POSTGRES_PASSWORD: plant3d, GITHUB_TOKEN: \"plant3d\"}",
        "environment: ['API_KEY=plant3d', MY_SECRET=plant3d]",
        "  Authorization: plant3d",
        '{"name": "x", "private_key": "plant3d"}',
    ],
)  # fmt: skip
def test_a_line_is_shown_without_its_secrets(line: str) -> None:
    shown = masked(line)
    assert "plant3d" not in shown
    assert len(shown) == len(line)


@pytest.mark.parametrize(
    "line", ["expr: sum(rate(token_total[5m])) > 1", "summary: the password is wrong", "  - name: api, value: 5"]
)
def test_what_is_no_secret_stays(line: str) -> None:
    assert masked(line) == line


def test_long_lines_are_masked_soon() -> None:
    for line in ("token" * 2000, "a" * 240 + "token:", "name: " + "a-" * 5000, "headers: {" * 1000, "'" * 10_000):
        assert len(masked(line)) == len(line)


def test_a_link_in_the_output_leads_nowhere_else(tmp_path: Path) -> None:
    """`build/prometheus` was a link, and the files of whoever it led to were replaced."""
    out, elsewhere = tmp_path / "build", tmp_path / "elsewhere"
    out.mkdir()
    elsewhere.mkdir()
    (out / "prometheus").symlink_to(elsewhere)
    with pytest.raises(OSError, match="leads out of"):
        write(out, {"prometheus": {"prometheus/prometheus.yml": "a: b\n"}})
    assert not any(elsewhere.iterdir())
    (out / "linked.yml").symlink_to(elsewhere / "mine.yml")
    (elsewhere / "mine.yml").write_text("mine\n")
    write(out, {"x": {"linked.yml": "a: b\n"}})
    assert (elsewhere / "mine.yml").read_text() == "mine\n"
