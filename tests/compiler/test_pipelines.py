"""No secret leaves by a pipeline: planted ones are run through what is generated, in the engine that would run it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from tests.compiler import delivered
from tests.compiler.delivered import PAY, WEB, mistakes, workspace
from tests.oracles import ottl, pypi_packages
from tests.oracles import pipelines as oracle
from tests.oracles.npm_packages import Unreachable

from sereno.compiler.redaction import rules_of
from sereno.compiler.targets import Output, Request, build
from sereno.kernel.errors import UsageError
from sereno.spec.logs import KEYS, KINDS
from sereno.spec.model_delivery import Redaction

PIPELINES = """\
pipelines:
  redact: {keys: [clave]}
  logs: {otlp: 'https://logs.example:4318', loki: 'https://loki.example', elasticsearch: 'https://es.example:9200'}
  traces: {otlp: 'http://tempo:4318'}
"""
PAY_LOGS = PAY + "logs: {files: ['/var/log/pay/*.log']}\ntraces: {share: 2%, slow: 300ms}\n"
WEB_LOGS = WEB + "logs: {files: [/var/log/web.log, /var/log/web.err], format: text}\n"
TARGETS = ("otel-collector", "vector", "fluent-bit", "logstash", "tracing-compose")


def made(target: str, pipelines: str = PIPELINES, *parts: str) -> Output:
    """What `target` makes of the shop with these pipelines."""
    shared = delivered.SHARED
    try:
        delivered.SHARED = shared.replace("workspace: shop\n", f"workspace: shop\n{pipelines}", 1)
        spec = workspace(*(parts or (PAY_LOGS, WEB_LOGS)))
    finally:
        delivered.SHARED = shared
    return build(target, Request(spec, ()))


def judged(files: dict[str, str], folder: Path) -> list[str]:
    try:
        return oracle.check(files, folder)
    except Unreachable as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("target", TARGETS)
def test_every_planted_secret_is_taken_out_and_nothing_else(target: str, tmp_path: Path) -> None:
    files = dict(made(target).files)
    assert files
    assert judged(files, tmp_path) == []


PLANTED = (
    ("vector", "vector/vector.yaml", r"\b[3-6](?:[ -]?[0-9]){12,18}\b", r"\b[3-6](?:[0-9]){12,18}\b"),
    ("vector", "vector/vector.yaml", "$${1}", "${1}"),
    ("vector", "vector/vector.yaml", "drop_on_error: true", "drop_on_error: false"),
    ("vector", "vector/vector.yaml", "(?i)", ""),
    ("fluent-bit", "fluent-bit/redact.lua", 'if KINDS.card then line = cards(line) end', ""),
    ("fluent-bit", "fluent-bit/redact.lua", '"cookie", ', ""),
    ("fluent-bit", "fluent-bit/redact.lua", "return 2, timestamp, cleaned", "return 0, timestamp, cleaned"),
    ("fluent-bit", "fluent-bit/fluent-bit.yaml", "read_from_head", "read_from_heads"),
    ("logstash", "logstash/pipeline.conf", "(?i)", ""),
    ("logstash", "logstash/pipeline.conf", "skip_on_invalid_json", "skip_invalid_json"),
    ("logstash", "logstash/pipeline.conf", "gsub => [\"message\"", "gsub => [\"mesage\""),
    ("otel-collector", "otel-collector/config.yaml", "error_mode: propagate", "error_mode: ignore"),
    ("otel-collector", "otel-collector/config.yaml", "$${1}", "${1}"),
    ("otel-collector", "otel-collector/config.yaml", "delete_matching_keys", "delete_keys_matching"),
    ("otel-collector", "otel-collector/config.yaml", "start_at: end", "start_at: last"),
    ("otel-collector", "otel-collector/config.yaml", "replace_pattern(log.body", "replace_pattern(log.severity_text"),
    ("tracing-compose", "tracing/compose.yaml", "restart:", "restarts:"),
    ("tracing-compose", "tracing/compose.yaml", "127.0.0.1:3000:3000", "3000:3000"),
    ("tracing-compose", "tracing/compose.yaml", "./collector.yaml:", "./colector.yaml:"),
)  # fmt: skip


@pytest.mark.parametrize(("target", "path", "right", "wrong"), PLANTED)
def test_the_oracle_sees_a_leak(target: str, path: str, right: str, wrong: str, tmp_path: Path) -> None:
    files = dict(made(target).files)
    variants = [(right, wrong), (right.replace("\\", "\\\\"), wrong.replace("\\", "\\\\"))]
    text = files[path]
    for old, new in variants:
        text = text.replace(old, new)
    assert text != files[path], right
    assert judged({**files, path: text}, tmp_path), f"nobody noticed {wrong!r}"


def test_a_hostile_line_ends(tmp_path: Path) -> None:
    """Two hundred thousand characters of each: an expression that goes back and forth would take minutes."""
    size = 200_000
    hostile = ["a" * size, "a-" * (size // 2), "eyJ" * (size // 3), '"password":"' + "\\" * size, "\\" * size,
               "password={" * (size // 10), "4 " * (size // 2), "://" * (size // 3), "@a." * (size // 3),
               "bearer " * (size // 7), '\\"' * (size // 2)]  # fmt: skip
    script = made("fluent-bit").files["fluent-bit/redact.lua"]
    rules = [[rule.pattern, rule.replacement("\\1")] for rule in rules_of(Redaction(KEYS, KINDS))]
    try:
        lua = pypi_packages.run("lua", {"script": script, "lines": hostile}, oracle.LUA, timeout=60)
        ruby = pypi_packages.run("oniguruma", {"rules": rules, "lines": hostile}, oracle.ONIGURUMA, timeout=60)
    except Unreachable as reason:
        pytest.skip(str(reason))
    assert len(lua) == len(ruby) == len(hostile)


# --- sampling -------------------------------------------------------------------------------------------------------


def keeps(chance: float, *spans: tuple[str, bool, int]) -> bool:
    config = yaml.safe_load(made("otel-collector").files["otel-collector/config.yaml"])
    policies = config["processors"]["tail_sampling"]["policies"]
    return oracle.kept(policies, [{"service": s, "error": e, "ms": ms} for s, e, ms in spans], chance)


def test_failed_and_slow_traces_are_always_kept() -> None:
    assert keeps(99.9, ("pay", True, 5))
    assert keeps(99.9, ("pay", False, 300))
    assert keeps(99.9, ("web", True, 5))
    assert keeps(99.9, ("web", False, 1000))
    assert keeps(99.9, ("unheard-of", False, 1000))


def test_of_the_rest_each_service_keeps_its_own_share() -> None:
    assert keeps(1.9, ("pay", False, 5))
    assert not keeps(2.1, ("pay", False, 5))
    assert keeps(9.9, ("web", False, 5))
    assert not keeps(10.1, ("web", False, 5))
    assert not keeps(9.9, ("pay", False, 299))


def test_a_trace_of_several_services_is_kept_if_one_of_them_would() -> None:
    assert keeps(9.9, ("pay", False, 5), ("web", False, 5))
    assert keeps(99.9, ("web", False, 5), ("pay", True, 5))


def test_without_shares_of_services_there_is_one_for_all() -> None:
    config = yaml.safe_load(
        made("otel-collector", PIPELINES.replace("4318'}\n", "4318', share: 0.5%, slow: 2s}\n").replace(
            "otlp: 'https://logs.example:4318', share: 0.5%, slow: 2s", "otlp: 'https://logs.example:4318'"), PAY, WEB)
        .files["otel-collector/config.yaml"]
    )  # fmt: skip
    policies = config["processors"]["tail_sampling"]["policies"]
    assert [policy["type"] for policy in policies] == ["status_code", "latency", "probabilistic"]
    assert policies[1]["latency"]["threshold_ms"] == 2000
    assert Decimal(str(policies[2]["probabilistic"]["sampling_percentage"])) == Decimal("0.5")


# --- the spec -------------------------------------------------------------------------------------------------------


def test_own_keys_are_added_to_those_always_taken_out() -> None:
    shared = delivered.SHARED
    delivered.SHARED = shared.replace("workspace: shop\n", f"workspace: shop\n{PIPELINES}", 1)
    try:
        spec = workspace(PAY, WEB)
    finally:
        delivered.SHARED = shared
    assert spec.pipelines is not None
    assert spec.pipelines.redaction == Redaction((*KEYS, "clave"), KINDS)
    line, text = '{"clave":"propia","n":1}', made("vector").files["vector/vector.yaml"]
    program = yaml.safe_load(text)["transforms"]["web_redacted"]["source"].replace("$$", "$")
    try:
        (found,) = pypi_packages.run("vrl", {"program": program, "lines": [line]}, oracle.VRL)
    except Unreachable as reason:
        pytest.skip(str(reason))
    assert found["message"] == '{"clave":"[redacted]","n":1}'


def test_rules_stay_within_what_all_engines_share() -> None:
    for rule in rules_of(Redaction(KEYS, KINDS)):
        assert "(?=" not in rule.pattern
        assert "(?!" not in rule.pattern
        assert "(?<" not in rule.pattern
        assert "'" not in rule.pattern
        assert "\\d" not in rule.pattern
        assert "\\w" not in rule.pattern


NOWHERE = (
    ("vector", PIPELINES.replace("loki: 'https://loki.example', elasticsearch: 'https://es.example:9200'", ""), "names neither"),
    ("logstash", PIPELINES.replace(", elasticsearch: 'https://es.example:9200'", ""), "does not name it"),
    ("fluent-bit", "pipelines: {logs: {elasticsearch: 'https://es.example'}}\n", "names neither"),
    ("otel-collector", "pipelines: {logs: {loki: 'https://loki.example'}}\n", "names no address"),
)  # fmt: skip


@pytest.mark.parametrize(("target", "pipelines", "why"), NOWHERE)
def test_where_nothing_could_be_sent_nothing_is_written(target: str, pipelines: str, why: str) -> None:
    output = made(target, pipelines)
    assert output.files == {}
    assert why in output.notes[0]


def test_logs_that_nobody_says_where_to_send_are_refused() -> None:
    with pytest.raises(UsageError, match="nobody says where"):
        made("vector", "")


def test_without_logs_nothing_is_written() -> None:
    for target in ("vector", "logstash", "fluent-bit"):
        output = made(target, PIPELINES, PAY, WEB)
        assert output.files == {}
        assert "nothing to write" in output.notes[0]


MISTAKES = (
    ("files: ['/var/log/pay/*.log']", "files: [var/log/pay.log]", "SER713"),
    ("files: ['/var/log/pay/*.log']", "files: [/var/log/../../etc/shadow]", "SER713"),
    ("files: ['/var/log/pay/*.log']", "files: ['/var/log/pay/\"x.log']", "SER713"),
    ("share: 2%", "share: 0%", "SER702"),
    ("slow: 300ms", "slow: 300", "SER030"),
)


@pytest.mark.parametrize(("right", "wrong", "code"), MISTAKES)
def test_a_mistake_is_found(right: str, wrong: str, code: str) -> None:
    assert right in PAY_LOGS
    assert [found[0] for found in mistakes(PAY_LOGS.replace(right, wrong, 1), WEB_LOGS)] == [code]


def test_the_interpreter_of_statements_is_strict() -> None:
    for wrong in (
        "drop(log.body)",
        'replace_pattern(log.body, "a")',
        'set(log.body, "${env:X}")',
        "replace_pattern(log.body",
    ):
        with pytest.raises(ottl.Wrong):
            ottl.parse(ottl.resolved(wrong))
    assert ottl.parse('replace_pattern(log.body, "a\\\\b\\"", "x") where IsString(log.body)') == (
        "replace_pattern", [("log.body",), 'a\\b"', "x"], "IsString(log.body)",
    )  # fmt: skip
