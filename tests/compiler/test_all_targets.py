"""One workspace, every target: none of them comes to nothing, and what everybody was promised of an alert holds."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import yaml
from tests.compiler.rich import WHOLE

from sereno.app.building import Built, compile_spec
from sereno.app.spec_folder import read_texts
from sereno.compiler.targets import TARGETS
from sereno.lint.documents import read
from sereno.lint.lint import lint, unignored


@pytest.fixture(scope="module")
def whole() -> Built:
    runbooks = "defaults: {slos: {runbook: https://git.shop.example/slo.md}}\n"
    loaded = read_texts({"shop.yaml": WHOLE.replace("workspace: shop\n", f"workspace: shop\n{runbooks}", 1)})
    assert loaded.spec is not None, "\n".join(d.render() for d in loaded.diagnostics)
    return compile_spec(loaded.spec, every=timedelta(seconds=15), language="en", targets=tuple(TARGETS))


def alerts(files: dict[str, str]) -> list[dict[str, Any]]:
    documents = [yaml.safe_load(text) for name, text in files.items() if name.startswith("prometheus/rules/")]
    return [
        rule for document in documents for group in document["groups"] for rule in group["rules"] if "alert" in rule
    ]


def test_no_target_comes_to_nothing(whole: Built) -> None:
    assert whole.empty == ()
    assert set(whole.made) == set(TARGETS)


def test_every_alert_says_what_it_owes_to_whom_it_wakes(whole: Built) -> None:
    found = alerts(whole.files)
    assert len(found) > 100
    missing = [
        (rule["alert"], key)
        for rule in found
        for part, keys in (
            ("labels", ("severity",)),
            ("annotations", ("summary", "description", "owner", "runbook_url", "dashboard_url")),
        )
        for key in keys
        if not str(rule.get(part, {}).get(key, "")).strip()
    ]  # fmt: skip
    # No runbook is declared for these, and none is made up; of PoolFull nobody says more than the summary.
    undeclared = re.compile("PoolFull|Watchdog|Api(ConnectionPool|Health|Old|Db|Mail|Dns|Gateway)")
    assert [(name, key) for name, key in missing if key != "runbook_url" or not undeclared.match(name)] == [
        ("PoolFull", "description")
    ]


def test_a_burn_rate_alert_says_its_windows_and_when_the_budget_ends(whole: Built) -> None:
    burning = [rule for rule in alerts(whole.files) if "window_long" in rule["labels"]]
    assert len(burning) > 70
    for rule in burning:
        for label in ("window_long", "window_short", "exhausts_in"):
            assert in_words(rule["labels"][label]) in rule["annotations"]["description"], (rule["alert"], label)


def in_words(duration: str) -> str:
    """`2d2h` as people read it: `2 d 2 h`."""
    return " ".join(f"{n} {'min' if unit == 'm' else unit}" for n, unit in re.findall(r"(\d+)([a-z]+)", duration))


# What is said of what is built, and why it stands: runbooks are tested above; there are no checks of blackbox exporter's
# modules nor of Terraform; a share of a whole period's budget is asked of that period.
_KNOWN: dict[str, str | tuple[str, ...]] = {
    "SER600": "prometheus/",
    "SER200": ("blackbox/", "terraform/"),
    "SER240": "prometheus/rules/quiet.yml",
}


def test_the_linter_finds_nothing_else_in_what_is_built(whole: Built) -> None:
    """The rules of the operator are those of Prometheus again, and are left out here."""
    files = {name: text for name, text in whole.files.items() if not name.startswith("prometheus-operator/rules/")}
    reads = [read(name, text) for name, text in sorted(files.items()) if name.endswith((".yml", ".yaml", ".json"))]
    documents = [document for one in reads for document in one.documents]
    assert {document.kind for document in documents} >= {"rules", "alertmanager", "dashboard", "kubernetes"}
    found = [each for one in reads for each in unignored(one.findings, one.documents)] + list(lint(documents))
    unknown = [
        each.diagnostic for each in found if not each.diagnostic.file.startswith(_KNOWN.get(each.diagnostic.code, "?"))
    ]
    assert [each.render() for each in unknown] == []
