"""Tables of the command line: nothing is cut off, and figures are those of people."""

from __future__ import annotations

import pytest

from sereno.app.cli import budget, client
from sereno.app.cli.client import print_table

PAGE = "pg_01m7x6bt1zev2s2bv2x3dnqww1"


@pytest.mark.parametrize("width", [60, 80, 200])
def test_an_identity_stays_whole_whatever_else_is_in_the_row(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_WIDTH_OF_PIPES", width)
    summary = "the error budget of availability burns at more than 14.4 times the sustainable rate " * 4
    print_table("Pages", ["id", "state", "summary"], [[PAGE, "acknowledged", summary]], empty="No pages.")
    shown = capsys.readouterr().out
    assert PAGE in shown
    assert "…" not in shown


def test_instants_are_told_to_the_second_and_other_texts_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("x", ["a", "b"], [["2026-11-20T19:19:05.024118Z", "[bold]2026-11-20T19"], [None, 3]], empty="")
    shown = capsys.readouterr().out
    assert "2026-11-20 19:19:05Z" in shown
    assert "024118" not in shown
    assert "[bold]2026-11-20T19" in shown
    assert "None" not in shown


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("objective", "0.9995", "99.95%"),
        ("objective", "0.9", "90%"),
        ("sli", "0.99999999", "99.99%"),  # never 100 while something failed
        ("sli", "1", "100.00%"),
        ("remaining", "-2.5", "-250.00%"),
        ("burn_rate", "1401.129", "1,401.13"),
        ("sli", None, "unknown"),
        ("state", "idle", "idle"),
    ],
)
def test_figures_of_a_budget_are_told_without_flattery(name: str, value: str | None, shown: str) -> None:
    assert budget._shown(name, value) == shown
