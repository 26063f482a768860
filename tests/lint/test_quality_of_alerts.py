"""What an alert owes to those it calls, told as they would."""

from __future__ import annotations

import pytest

from sereno.kernel.severity import DEFAULT_SEVERITIES
from sereno.lint.documents import read
from sereno.lint.examples import alert
from sereno.lint.lint import lint
from sereno.lint.model import Context
from sereno.spec.model import Addresses, Runbook, Spec

RATIO = 'sum(rate(a_total{status=~"5.."}[5m])) / sum(rate(a_total[5m])) > 0.05'
GOOD = alert(RATIO)
WORKSPACE = Spec(
    severities=DEFAULT_SEVERITIES,
    addresses=Addresses(grafana="https://grafana.example", runbooks="https://runbooks.shop.example/main"),
    runbooks={"runbooks/checkout.md": Runbook("runbooks/checkout.md", "Checkout", (), "")},
)


def codes(text: str, context: Context | None = None, name: str = "a.yml") -> list[str]:
    found = read(name, text)
    return sorted({f.diagnostic.code for f in lint(found.documents, context)})


def runbook(value: str) -> str:
    return GOOD.replace("https://runbooks.example/checkout", value)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("https://runbooks.example/checkout", []),
        ("http://wiki/runbooks/checkout#steps", []),
        ("https://...", ["SER601"]),
        ("https://wiki.example/<name>", ["SER601"]),
        ("https://wiki.example/TODO", ["SER601"]),
        ("'https://wiki.example/{{ $labels.job }}'", ["SER258"]),
        ("''", ["SER600"]),
    ],
)
def test_a_runbooks_address_leads_somewhere(value: str, found: list[str]) -> None:
    assert codes(runbook(value)) == found


def test_a_runbooks_file_is_there() -> None:
    here = Context(exists=lambda name: name == "runbooks/checkout.md")
    assert codes(runbook("runbooks/checkout.md"), here) == []
    assert codes(runbook("runbooks/checkout.md#steps"), here) == []
    assert codes(runbook("runbooks/gone.md"), here) == ["SER601"]
    assert codes(runbook("runbooks/gone.md")) == [], "where no files can be asked for, nothing is said"


def test_the_workspaces_own_runbooks_are_known() -> None:
    known = Context(spec=WORKSPACE)
    whole = (
        GOOD.replace("severity: warning", "severity: warning, team: a")
        + "          dashboard_url: https://g.example/d/a\n"
    )
    base = "https://runbooks.shop.example/main"
    assert codes(whole.replace("https://runbooks.example/checkout", f"{base}/runbooks/checkout.md"), known) == []
    assert codes(whole.replace("https://runbooks.example/checkout", f"{base}/runbooks/gone.md"), known) == ["SER601"]
    assert codes(GOOD, known) == ["SER606", "SER607"], "the workspace has teams, and a Grafana"


def test_who_is_only_informed_needs_no_runbook_and_what_always_fires_needs_nothing() -> None:
    without = GOOD.replace("          runbook_url: https://runbooks.example/checkout\n", "")
    assert codes(without) == ["SER600"]
    assert codes(without.replace("severity: warning", "severity: info")) == []
    assert codes("groups: [{name: a, rules: [{alert: Watchdog, expr: vector(1), labels: {severity: none}}]}]\n") == []


def test_who_is_woken_is_told_the_harm() -> None:
    page = GOOD.replace("severity: warning", "severity: critical")
    assert codes(page) == []
    dry = page.replace("Customers cannot pay", "High ratio").replace("is past what was promised", "now")
    assert codes(dry) == ["SER604"]
    assert codes(dry.replace("severity: critical", "severity: warning")) == [], "nobody is woken by it"
    assert codes(dry.replace("High ratio", "Nadie puede pagar")) == []


def test_a_number_is_told_unless_there_is_none_to_tell() -> None:
    silent = GOOD.replace("'{{ $value | humanizePercentage }} is past what was promised'", "Too many fail")
    assert codes(silent) == ["SER605"]
    assert codes(silent.replace("Too many fail", "More than 5% fail")) == []
    state = alert("max(gateway_down) == 1", value="it is")
    assert codes(state) == []


def test_precision_is_judged_where_it_is_known() -> None:
    assert codes(GOOD, Context(precision={"CheckoutFails": 0.5})) == ["SER608"]
    assert codes(GOOD, Context(precision={"CheckoutFails": 0.95})) == []
    assert codes(GOOD, Context(precision={"Other": 0.1})) == []


RUNBOOK = "---\ntitle: Pagos\n---\n# No se puede pagar\n\n{}"


@pytest.mark.parametrize(
    ("titles", "missing"),
    [
        (("Síntomas", "Impacto", "Diagnóstico", "Mitigación", "Escalamiento"), ""),
        (("Symptoms", "User impact", "How to investigate", "Fix it", "Who to call"), ""),
        (("Descripción", "Impacto", "Diagnóstico", "Resolución", "Contactos"), ""),
        (("Symptoms", "Impact"), "diagnosis, mitigation, escalation"),
        ((), "symptoms, impact, diagnosis, mitigation, escalation"),
    ],
)
def test_a_runbook_has_its_sections_in_either_language(titles: tuple[str, ...], missing: str) -> None:
    text = RUNBOOK.format("".join(f"## {title}\n\nText.\n\n" for title in titles))
    found = [f.diagnostic for f in lint(read("runbooks/pay.md", text).documents) if f.diagnostic.code == "SER602"]
    assert [d.message for d in found] == ([f"the runbook has no section for {missing}"] if missing else [])
    assert all(d.line == 4 for d in found), "below the front matter"


def test_headings_in_examples_of_code_are_no_sections() -> None:
    text = RUNBOOK.format("```\n## Symptoms\n## Impact\n## Diagnosis\n## Mitigation\n## Escalation\n```\n")
    assert "SER602" in codes(text, name="runbooks/pay.md")
    assert codes(text, name="runbooks/README.md") == []
