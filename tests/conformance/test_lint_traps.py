"""The linter against what people have written: the manuals' traps, published rules, Alertmanager's own test files."""

from __future__ import annotations

import csv
import shutil
import subprocess
from pathlib import Path

import pytest

from sereno.lint.documents import read
from sereno.lint.fixing import mend
from sereno.lint.lint import lint, unignored
from sereno.lint.model import Document, Finding
from sereno.lint.rules_model import WrittenRule, rules_of

HERE = Path(__file__).parent
DATA = HERE.parents[2] / "shared" / "data"
FALSE_MAX = 0.02
# Refused by amtool 0.25 only because it does not know what later versions do.
LATER = ("mattermost", "rocketchat", "telegram", "slack-default-app-token", "slack-both", "slack-update",
         "opsgenie-default-apikey-old-team", "smtp-password-global-and-local", "wechat-default")  # fmt: skip


def table(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def folder(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{path} is missing")
    return path


def look(name: str, text: str, others: tuple[Document, ...] = ()) -> tuple[Finding, ...]:
    found = read(name, text)
    from sereno.lint.model import Context

    context = Context(documents=(*others, *found.documents))
    return (*unignored(found.findings, found.documents), *lint(found.documents, context))


@pytest.fixture(scope="module")
def traps() -> dict[str, set[str]]:
    """Every code found in each file of traps, all files known to each other."""
    paths = sorted(path for path in folder("traps").iterdir() if path.suffix != ".md")
    reads = [read(path.name, path.read_text(encoding="utf-8")) for path in paths]
    documents = [document for one in reads for document in one.documents]
    findings = [finding for one in reads for finding in one.findings] + list(lint(documents))
    found: dict[str, set[str]] = {}
    for finding in findings:
        found.setdefault(finding.diagnostic.file, set()).add(finding.diagnostic.code)
    return found


@pytest.mark.parametrize("row", table("lint_traps.csv"), ids=lambda row: f"{row['trap']}-{row['file']}-{row['code']}")
def test_the_trap_is_found_in_the_file(row: dict[str, str], traps: dict[str, set[str]]) -> None:
    assert row["code"] in traps.get(row["file"], set())


def test_whatever_is_mended_in_the_manuals_is_not_found_again_and_brings_nothing_new() -> None:
    mended = 0
    for path in sorted(path for path in folder("traps").iterdir() if path.suffix != ".md"):
        before = path.read_text(encoding="utf-8")
        result = mend(before, lambda text, name=path.name: look(name, text))  # type: ignore[misc]
        left = look(path.name, result.text)
        had = [finding for finding in look(path.name, before) if finding.diagnostic.level == "error"]
        errors = [finding for finding in left if finding.diagnostic.level == "error"]
        assert {f.diagnostic.code for f in errors} <= {f.diagnostic.code for f in had}, path.name
        assert not [finding for finding in left if finding.edits], path.name
        mended += len(result.fixed)
    assert mended > 60


def rules(name: str) -> list[tuple[Document, WrittenRule]]:
    found = []
    for path in sorted(folder(name).rglob("*.y*ml")):
        for document in read(str(path.relative_to(DATA)), path.read_text(encoding="utf-8")).documents:
            found += [(document, rule) for rule in rules_of(document)]
    return found


def test_all_published_rules_parse() -> None:
    everything = rules("rules/kube-prometheus") + rules("rules/awesome")
    assert len(everything) == 234 + 954
    refused = [rule.name.value for _, rule in everything if rule.tree is None]
    assert refused == []


def test_on_kube_prometheus_nearly_all_that_is_found_is_right() -> None:
    everything = rules("rules/kube-prometheus")
    documents = tuple(dict.fromkeys(id(document) for document, _ in everything))
    by_id = {id(document): document for document, _ in everything}
    findings = lint([by_id[key] for key in documents])
    judged = {(row["file"], row["rule"], row["code"]): row["judged"] for row in table("lint_judged.csv")}
    found = {(Path(f.diagnostic.file).name, _rule_at(everything, f), f.diagnostic.code) for f in findings}
    assert found == set(judged), "judge what is new by hand, with a reason"
    wrong = {(file, rule) for (file, rule, _), said in judged.items() if said == "wrong"}
    assert len(wrong) / len(everything) <= FALSE_MAX


def _rule_at(everything: list[tuple[Document, WrittenRule]], finding: Finding) -> str:
    d = finding.diagnostic
    above = [
        rule.name.value for document, rule in everything
        if document.file.shown == d.file and document.file.place(rule.node.start)[0] <= d.line
    ]  # fmt: skip
    return above[-1]


def configurations() -> list[Path]:
    path = DATA / "alertmanager"
    return sorted(path.glob("*.yml")) if path.exists() else []


@pytest.mark.parametrize("path", configurations(), ids=lambda path: path.stem)
def test_alertmanagers_own_files_are_judged_as_amtool_judges_them(path: Path) -> None:
    if shutil.which("amtool") is None:
        pytest.skip("amtool is missing")
    text = path.read_text(encoding="utf-8")
    errors = [f.diagnostic for f in look(path.name, text) if f.diagnostic.level == "error"]
    says = subprocess.run(["amtool", "check-config", str(path)], capture_output=True, text=True, timeout=60)
    named_bad = any(word in path.stem for word in ("-both", "-no-", "invalid", "nil-", "update-message"))
    if path.stem == "conf.smtp-no-username-or-password":
        named_bad = False  # a server without a password is fine
    if says.returncode == 0:
        assert errors == []
    elif named_bad or not any(word in path.stem for word in LATER):
        assert errors, says.stdout
    else:
        known = {d.code for d in errors} - {"SER301"}
        assert not known, "it is good for later versions"


def test_no_secret_of_a_configuration_is_ever_printed() -> None:
    for path in configurations():
        text = path.read_text(encoding="utf-8")
        told = "\n".join(f.diagnostic.render() for f in look(path.name, text))
        for secret in ("mysecret", "asd132", "xoxb", "hooks.slack.com/services", "xxxxxxxxxx"):
            assert secret not in told, f"{path.name}: {secret}"
