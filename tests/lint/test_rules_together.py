"""Rules that are read together know of each other."""

from __future__ import annotations

from sereno.lint.documents import read
from sereno.lint.examples import alert, record
from sereno.lint.lint import lint
from sereno.lint.model import Document


def look(*texts: str) -> list[tuple[str, str, int]]:
    documents: list[Document] = []
    for number, text in enumerate(texts):
        documents += read(f"{number}.yml", text).documents
    return [(f.diagnostic.code, f.diagnostic.file, f.diagnostic.line) for f in lint(documents)]


def test_a_rate_of_what_another_rule_sums_is_told() -> None:
    recorded = record("sum(http_requests_total)", name="job:requests:sum")
    used = record("sum(rate(job:requests:sum[5m]))", name="job:requests:rate5m")
    assert ("SER222", "1.yml", 5) in look(recorded, used)
    assert "SER222" not in {code for code, _, _ in look(used)}, "alone nobody knows"


def test_a_mean_of_what_another_rule_divides_is_told() -> None:
    share = '(sum(rate(a_total{status=~"5.."}[5m])) or 0 * sum(rate(a_total[5m]))) / sum(rate(a_total[5m]))'
    recorded = record(share, name="job:a:failed5m")
    used = record("avg_over_time(job:a:failed5m[7d])", name="job:a:failed7d")
    assert look(recorded, used) == [("SER233", "1.yml", 5)]
    assert look(recorded, record("avg_over_time(job:a:failed5m[30m])", name="job:a:failed30m")) == []


def test_an_alert_on_absence_in_another_file_is_enough() -> None:
    down = alert('up{job="api"} == 0', value="{{ $labels.instance }}: {{ $value }}")
    gone = alert('absent(up{job="api"})', name="ApiGone", value="gone")
    other = alert('absent(up{job="web"})', name="WebGone", value="gone")
    assert [code for code, _, _ in look(down)] == ["SER250"]
    assert look(down, gone) == []
    assert [code for code, _, _ in look(down, other)] == ["SER250"]


def test_the_same_name_with_another_threshold_is_told_once_and_where() -> None:
    ratio = 'sum(rate(a_total{status=~"5.."}[5m])) / sum(rate(a_total[5m]))'
    one, other = alert(f"{ratio} > 0.05"), alert(f"{ratio} > 0.01")
    assert look(one, other) == [("SER253", "1.yml", 4)]
    critical = other.replace("severity: warning", "severity: critical")
    assert look(one, critical) == [], "a warning and a critical one of the same name are a pair"


def test_a_scale_of_its_own_beside_most_rules_is_told() -> None:
    ratio = 'sum(rate(a_total{status=~"5.."}[5m])) / sum(rate(a_total[5m])) > 0.05'
    texts = [alert(ratio, name=f"A{n}", labels=f"severity: {s}") for n, s in enumerate(("warning", "critical", "P1"))]
    assert look(*texts) == [("SER256", "2.yml", 7)]
    assert look(*texts[:2]) == []


def test_a_prometheus_yml_beside_the_rules_says_how_often_targets_are_read() -> None:
    rules = alert("sum(rate(a_total[2m])) > 3", value="{{ $value }}")
    assert look(rules) == []
    assert ("SER223", "0.yml", 5) in look(rules, "global: {scrape_interval: 1m}\nrule_files: [0.yml]\n")
