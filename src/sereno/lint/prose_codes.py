"""Codes of manuals and other texts."""

from __future__ import annotations

from sereno.lint.code import Code

_TABLE = """\
# Objectives

| Service | SLI | SLO Target | Error Budget | Window |
|---------|-----|------------|--------------|--------|
| API | Availability | 99.9% | 43.2 min/month | 30 days |
| Search | Latency | 95% < 1s | 5% of requests | 30 days |
"""
_LIST = """\
# Severities

- **SEV1**: everything is down. Response within 15 min.
- **SEV2**: much is down. Response within 30 min.
"""
_POST_MORTEM = """\
# Post-mortem

- **Duration**: 35 minutes
- **Requests failed**: 12,500 (error rate: 35%)
- **Impact**: error budget consumed: 28%
"""
_CLASS = """\
# Budgets

```python
def remaining(allowed, consumed):
    remaining = 1 - consumed / allowed
    return remaining
```
"""
_SLI = """\
availability_sli:
  description: Share of requests that are served
  exclusions:
    - 4xx client errors (except 429)
  implementation: |
    sum(rate(http_requests_total{status!~"5..|429",path!~"/health.*"}[5m]))
    /
    sum(rate(http_requests_total{path!~"/health.*"}[5m]))
"""
_LEVELS = """\
saturation_thresholds:
  memory:
    warning: 80
    critical: 90
    sustained_period: 5m
"""
_NESTED = """\
# How to roll back

````markdown
## Roll back
```bash
kubectl rollout undo deployment/shop
```
Then look at the dashboard.
````
"""
_METRICS = """\
# Metrics

```python
route = request.scope["route"].path
requests_total.labels(route, status).inc()
if status >= 500:
    errors_total.labels(route).inc()
```
"""


def _code(
    number: int, title: str, why: str, wrong: str, right: str, *, fixable: bool = False, name: str = "manual.md"
) -> Code:  # fmt: skip
    return Code(f"SER{number}", title, why, "prose", wrong, right, "warning", fixable, name)


TABLE: tuple[Code, ...] = (
    _code(770, "Budget that does not add up", "A budget is (1 - target) × window and nothing else: 99.9 % of 30 days "
          "is 43.2 minutes. People act on the number that is written.",
          _TABLE.replace("43.2 min", "21.6 min"), _TABLE),
    _code(771, "Limit without a share", "“Latency < 500 ms” can be the average, the slowest request or the 95th "
          "percentile. Without the share of requests it holds for there is no budget, and nothing to alert on.",
          _TABLE.replace("95% < 1s | 5% of requests", "< 1s | -"), _TABLE),
    _code(772, "Target without a budget", "A target whose row has no budget is a wish: nobody knows how much may go "
          "wrong before features wait.", _TABLE.replace("43.2 min/month", "-"), _TABLE),
    _code(773, "Two numbers for one promise", "99.95 % here and 95 % there is a factor of 100 in what may fail. Each "
          "team believes the one it read.",
          f"{_TABLE}\nAPI Availability:\n  Target: 99.5%\n", f"{_TABLE}\nAPI Availability:\n  Target: 99.9%\n"),
    _code(774, "Budget by year and by month", "8.76 hours a year and 43 minutes a month are the same share. But the "
          "year's may be spent in one night, the month's may not: it is the window that decides when to stop.",
          f"{_TABLE}\nUptime of 99.9% (8.76 hours/year)\n", f"{_TABLE}\nUptime of 99.9% (43.2 min/month)\n"),
    _code(775, "Two vocabularies of severity", "SEV1 to SEV4 in one document, P1 to P4 in another, critical and "
          "warning in the alerts: whoever is woken has to translate, and P1 is not SEV1 for everyone. One table maps "
          "them, once.",
          f"{_LIST}\n| Level | Response |\n|---|---|\n| P1 | 15 min |\n",
          f"{_LIST}\n| Level | Response |\n|---|---|\n| SEV1 | 15 min |\n"),
    _code(776, "Two times for one level", "With 5 minutes in one document and 15 in another the person on call is late "
          "by one of them, and both are right.",
          f"{_LIST}\n| Severity | Response |\n|---|---|\n| SEV1 | 5 min |\n",
          f"{_LIST}\n| Severity | Response |\n|---|---|\n| SEV1 | 15 min |\n"),
    _code(777, "Impact that does not add up", "35 minutes in which 35 % fail are 12.25 bad minutes: 28 % of the 43.2 "
          "that 99.9 % leaves in 30 days, not 15 %. Decisions about freezing are made on such numbers.",
          _POST_MORTEM.replace("28%", "15%"), _POST_MORTEM),
    _code(778, "Projection without a formula", "“60 % by the end of the month” cannot be checked, and not be made "
          "again tomorrow, without what was spent and how much of the window is over.",
          "# Budget\n\n- Projected: 60% by end of month\n", "# Budget\n\n- Projected: 60% by end of month = 15% / day "
          "7.5 × 30\n"),
    _code(780, "Budget that stops at zero", "With max(0, …) a budget that is overspent by half looks like one that is "
          "just used up. Measured: 99.85 % against 99.9 % is -50 %, shown as 0.",
          _CLASS.replace("return remaining", "return max(0, remaining)"), _CLASS),
    _code(781, "Alert on what is left", "Once 20 % are left the alert fires until the window has moved on, for weeks; "
          "a fast burn at the beginning of the month is not seen for hours. Rates are for pages, levels for decisions.",
          "# Budgets\n\n```python\ndef should_alert(budget):\n    return budget.remaining < 20\n```\n",
          "# Budgets\n\n```python\ndef freeze(budget):\n    return budget.remaining < 20\n```\n"),
    _code(782, "Score of capped ratios", "Ratios to targets, capped and weighted, hide what they measure: with "
          "availability 0 and everything else well the score is 60 (measured); 99.0 % against 99.9 % scores 99.6; no "
          "errors divide by zero.",
          "# Score\n\n```python\nscore = min(actual / target, 1.0) * weight\n```\n",
          "# Score\n\n```python\nscore = sum(weight * good / total for weight, good, total in parts)\n```\n"),
    _code(783, "Budgets by the text of a target", "A table from “99.9%” to “43.2 minutes” returns text for what it "
          "lists and a number for everything else; 99 does not find “99.0%”.",
          '# Budgets\n\n```python\nreturn budgets.get(f"{target}%", minutes)\n```\n',
          "# Budgets\n\n```python\nreturn (100 - target) / 100 * window_minutes\n```\n"),
    _code(784, "Block inside of a block", "A fence ends at the next line with as many marks. The inner block ends the "
          "outer one, and the rest of the runbook is shown as text, or not at all.",
          _NESTED.replace("````", "```"), _NESTED, fixable=True),
    _code(785, "Path as a label", "The path that was asked for has ids in it, and whatever scanners try. Each is a "
          "series of every metric, in every bucket: Prometheus runs out of memory.",
          _METRICS.replace('route = request.scope["route"].path', "route = request.url.path"), _METRICS),
    _code(786, "Errors from 400 on", "With 4xx among the errors a client with a wrong password spends the budget, and "
          "a scanner pages someone.", _METRICS.replace("status >= 500", "status >= 400"), _METRICS),
    _code(787, "Said and not measured", "What is to be left out of an SLI, or kept in it, has to show in its query. "
          "Health checks are most of the requests at night and always succeed.",
          _SLI.replace("(except 429)\n", "(except 429)\n    - Health check endpoints\n")
          .replace(',path!~"/health.*"', "").replace('{path!~"/health.*"}', ""), _SLI, name="sli.yaml"),
    _code(788, "Level without a time", "One sample over a level is a garbage collection, a backup, a scrape that came "
          "late. Saturation that matters lasts.", _LEVELS.replace("    sustained_period: 5m\n", ""), _LEVELS,
          name="thresholds.yaml"),
    _code(789, "Forecast that nothing makes", "A number of days in a list predicts nothing. The rule is predict_linear "
          "over a day or more, with a `for`.",
          _LEVELS.replace("    sustained", "    forecast_days: 7\n    sustained"), _LEVELS, name="thresholds.yaml"),
    _code(790, "Text that was misread", "UTF-8 read as Latin-1, Windows-1252 or Mac Roman and saved again: "
          "“disponibilidad del catÃ¡logo”. It is shown like that in alerts, pages and dashboards. It can be read back "
          "without loss.",
          "# Objetivos\n\nDisponibilidad del catÃ¡logo.\n", "# Objetivos\n\nDisponibilidad del catálogo.\n",
          fixable=True),
)  # fmt: skip
