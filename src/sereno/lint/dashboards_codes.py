"""Codes of dashboards."""

from __future__ import annotations

from sereno.lint.code import Code

_PANEL = """\
    {
      "id": 1,
      "type": "timeseries",
      "title": "Requests",
      "gridPos": {"h": 8, "w": 12, "x": 0, "y": 0},
      "datasource": {"type": "prometheus", "uid": "${datasource}"},
      "fieldConfig": {"defaults": {"unit": "reqps"}},
      "targets": [
        {"refId": "A", "expr": "sum(rate(http_requests_total{job=\\"shop\\"}[$__rate_interval]))"}
      ]
    }"""
_RIGHT = f"""\
{{
  "uid": "shop-api",
  "title": "Shop: API",
  "schemaVersion": 39,
  "templating": {{
    "list": [
      {{"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}}
    ]
  }},
  "panels": [
{_PANEL}
  ]
}}
"""
_SECOND = _PANEL.replace('"id": 1', '"id": 2').replace('"Requests"', '"Errors"').replace('"x": 0', '"x": 12')
_TWO = _RIGHT.replace(_PANEL, f"{_PANEL},\n{_SECOND}")
_EXPR = 'sum(rate(http_requests_total{job=\\"shop\\"}[$__rate_interval]))'
_TWICE = _RIGHT.replace(f'{_EXPR}"}}', f'{_EXPR}"}},\n        {{"refId": "A", "expr": "vector(1)"}}')
_UNIT = '"fieldConfig": {"defaults": {"unit": "reqps"}},'
_STEPS = (
    '"thresholds": {"mode": "absolute", "steps": [{"value": null, "color": "green"}, {"value": 9, "color": "red"}]}'
)
_COLOURED = _RIGHT.replace('{"unit": "reqps"}', f'{{"unit": "reqps", {_STEPS}}}')
_VARIABLE = '{"name": "job", "type": "query", "query": "label_values(up, job)", "refresh": 2}'
_LISTED = '"type": "datasource", "query": "prometheus"}'
_CHOSEN = _RIGHT.replace(_LISTED, f"{_LISTED},\n      {_VARIABLE}").replace('job=\\"shop\\"', 'job=~\\"$job\\"')
_LOGS = _RIGHT.replace('"prometheus"', '"loki"')
_LOG_QUERY = 'sum(count_over_time({app=\\"shop\\"} |= \\"error\\" [$__auto]))'


def _asks(expr: str) -> str:
    return _RIGHT.replace(_EXPR, expr)


def _code(
    number: int, title: str, why: str, wrong: str, right: str = _RIGHT, *, error: bool = False, fixable: bool = False
) -> Code:  # fmt: skip
    level = "error" if error else "warning"
    return Code(f"SER{number}", title, why, "dashboard", wrong, right, level, fixable, "dashboard.json")  # type: ignore[arg-type]


TABLE: tuple[Code, ...] = (
    _code(400, "Envelope of the API", "Grafana's HTTP API is sent `{\"dashboard\": …}`; a file for provisioning, the "
          "sidecar or `grafana-cli` is the dashboard itself. With the envelope Grafana logs “Dashboard title cannot be "
          "empty” and loads nothing.",
          '{"dashboard": ' + _RIGHT.rstrip("\n") + "}\n", fixable=True),
    _code(401, "No title", "Grafana refuses to save a dashboard without a title.",
          _RIGHT.replace('  "title": "Shop: API",\n', ""), error=True),
    _code(402, "No uid", "Without a `uid` each import makes one up: the dashboard exists twice after the second, and "
          "the links of alerts and runbooks lead to the old one or nowhere.",
          _RIGHT.replace('  "uid": "shop-api",\n', "")),
    _code(403, "No schemaVersion", "Grafana converts dashboards from the version they say to its own. Without one it "
          "starts from the first and rewrites every panel as if it were of 2013.",
          _RIGHT.replace('  "schemaVersion": 39,\n', "")),
    _code(404, "Panel without id", "Links to a panel, its rendered image in a message and “View panel” go by its "
          "number.",
          _RIGHT.replace('      "id": 1,\n', "")),
    _code(405, "Two panels with one id", "Of two panels with one id Grafana renumbers one as it loads: a link, an "
          "image in a message or “View panel” shows the other one.",
          _TWO.replace('"id": 2', '"id": 1'), _TWO, error=True, fixable=True),
    _code(406, "Panel without a place", "Without `gridPos` all panels land in the same corner, small and in an order "
          "of chance.", _RIGHT.replace('      "gridPos": {"h": 8, "w": 12, "x": 0, "y": 0},\n', "")),
    _code(407, "Panels over one another", "Grafana pushes one of two panels that overlap down, and all below it: the "
          "picture people know is not the one they get.", _TWO.replace('"x": 12', '"x": 6'), _TWO),
    _code(408, "Panel out of the grid", "The grid has 24 columns; what reaches beyond is cut or moved.",
          _RIGHT.replace('"w": 12, "x": 0', '"w": 12, "x": 16')),
    _code(410, "Type of panel that is gone", "Panels made with AngularJS (`graph`, `singlestat`, `table-old` …) were "
          "switched off in Grafana 11 and removed in 12: an error is shown in their place. Of 4,800 panels of public "
          "mixins 639 are still of these types.", _RIGHT.replace('"timeseries"', '"graph"'), error=True, fixable=True),
    _code(411, "Panel without type", "Grafana draws nothing for a panel whose type is not said.",
          _RIGHT.replace('      "type": "timeseries",\n', ""), error=True),
    _code(412, "Alert inside of a panel", "Alerts of panels were replaced in Grafana 9 and removed in 11. They stay in "
          "the file, look like alerts, and never fire.",
          _RIGHT.replace(f"      {_UNIT}\n", f'      {_UNIT}\n      "alert": {{"name": "High error rate"}},\n'),
          error=True),
    _code(413, "Unit beside the panel", "`unit` is read in `fieldConfig.defaults` only. Beside it nothing happens: a "
          "share of 0.3 is shown as 0.3, an amount without its currency.",
          _RIGHT.replace(_UNIT, '"unit": "reqps",'), fixable=True),
    _code(414, "Unknown unit", "What Grafana does not know as a unit it writes behind the bare number.",
          _RIGHT.replace('"reqps"', '"req/s"'), fixable=True),
    _code(415, "No unit", "Whether 0.3 is seconds, a share or a rate has to be guessed, at night.",
          _RIGHT.replace(f"      {_UNIT}\n", "")),
    _code(416, "Thresholds beside the panel", "Thresholds are read in `fieldConfig.defaults` only. Anywhere else the "
          "panel stays green whatever happens.",
          _RIGHT.replace(f"      {_UNIT}\n", f'      {_UNIT}\n      "thresholds": [{{"value": 0, "color": "red"}}],\n'),
          _COLOURED, error=True),
    _code(417, "Thresholds without mode", "Grafana takes `absolute` when nothing is said; its schema asks for it, and "
          "tools that go by the schema refuse the dashboard.",
          _COLOURED.replace('"mode": "absolute", ', ""), _COLOURED, fixable=True),
    _code(418, "First threshold with a number", "The colour of the first step holds from minus infinity on: Grafana "
          "does not look at its number. A single step “80, red” is red at 1. What is meant is a first step with null, "
          "and a second one at 80.", _COLOURED.replace('"value": null', '"value": 5'), _COLOURED),
    _code(419, "Panel without title", "Two people on the phone cannot say which picture they look at.",
          _RIGHT.replace('      "title": "Requests",\n', "")),
    _code(420, "Panel that asks nothing", "A panel without a query shows “No data” for ever.",
          _RIGHT.replace(_RIGHT[_RIGHT.index(",\n      \"targets\""):_RIGHT.index("\n    }\n  ]")], "")),
    _code(421, "Two queries with one letter", "Grafana matches answers to queries by `refId`. Of two with the same "
          "letter one is never drawn, and expressions that refer to it use the other.",
          _TWICE, _TWICE.replace('"A", "expr": "vector', '"B", "expr": "vector'),
          error=True, fixable=True),
    _code(422, "Dashboard in a file can be edited", "What people change in a provisioned dashboard is lost with the "
          "next deployment, usually after the incident in which they needed it.",
          _RIGHT.replace('  "schemaVersion"', '  "editable": true,\n  "schemaVersion"'), fixable=True),
    _code(423, "No variable for the data source", "Without a variable of type datasource the dashboard can only look "
          "at one Prometheus: not at the one of staging, and not at the one that still works.",
          _RIGHT.replace(f'{{"name": "datasource", "label": "Data source", {_LISTED}', "")
          .replace("${datasource}", "$source")),
    _code(424, "Panel without data source", "A panel that names none asks the default one, which differs between "
          "installations and changes with a click.",
          _RIGHT.replace('      "datasource": {"type": "prometheus", "uid": "${datasource}"},\n', "")),
    _code(425, "Data source written in", "A name or uid of a data source exists in the Grafana it was copied from. "
          "Everywhere else all panels are empty.", _RIGHT.replace("${datasource}", "PBFA97CFB590B2093"), fixable=True),
    _code(426, "Variable that does not look again", "With `refresh` other than 2 the values of a variable are those of "
          "when the page was opened, or saved: the pod that broke five minutes ago cannot be chosen.",
          _CHOSEN.replace('"refresh": 2', '"refresh": 1'), _CHOSEN, fixable=True),
    _code(427, "Variable with a wrong query", "A variable whose query is wrong has no values, and every panel that "
          "uses it is empty.", _CHOSEN.replace("label_values(up, job)", "label_value(up, job)"), _CHOSEN, error=True),
    _code(428, "Variable that is not there", "Prometheus is sent the dollar sign and finds nothing.",
          _asks(_EXPR.replace('job=\\"shop\\"', 'job=\\"shop\\", pod=~\\"$pod\\"')), error=True),
    _code(429, "Panel that does not obey a variable", "People choose a job or an instance at the top and read panels "
          "that show all of them: they look at the wrong service.",
          _CHOSEN.replace('{job=~\\"$job\\"}', '{code=~\\"2..\\"}'), _CHOSEN),
    _code(441, "Fixed window of a rate", "`[5m]` is too short when people look at a week (most samples fall between "
          "two points of the picture) and empty when the scrape interval is over half of it. `$__rate_interval` is "
          "Grafana's answer: never less than four scrapes, never less than a step.",
          _RIGHT.replace("$__rate_interval", "5m"), fixable=True),
    _code(442, "Counter as it is", "A counter counts since its process began. Its value says when that was; each "
          "deployment makes it fall to zero.", _asks("http_requests_total")),
    _code(446, "No LogQL", "A query of Loki begins with a selector in braces. Without one the panel shows an error.",
          _LOGS.replace(_EXPR, 'app=\\"shop\\" |= \\"error\\"'), _LOGS.replace(_EXPR, _LOG_QUERY), error=True),
    _code(447, "Fixed window of logs", "Loki counts lines per window; a fixed one leaves lines out when the picture's "
          "steps are longer than it. `$__auto` is the step.",
          _LOGS.replace(_EXPR, _LOG_QUERY.replace("$__auto", "5m")), _LOGS.replace(_EXPR, _LOG_QUERY), fixable=True),
)  # fmt: skip

PARITY: dict[str, str] = {
    "template-datasource-rule": "SER423",
    "template-job-rule": "not judged: a dashboard of one service needs no variable for its job",
    "template-instance-rule": "not judged: a dashboard of one service needs no variable for its instances",
    "template-label-promql-rule": "SER427",
    "template-on-time-change-reload-rule": "SER426",
    "panel-datasource-rule": "SER424, SER425",
    "panel-title-description-rule": "SER419 for titles; descriptions are not judged",
    "panel-units-rule": "SER413, SER414, SER415",
    "panel-no-targets-rule": "SER420",
    "target-logql-rule": "SER446, as far as brackets and the selector go",
    "target-logql-auto-rule": "SER447",
    "target-promql-rule": "SER060 and SER215, as in rules",
    "target-rate-interval-rule": "SER441, for windows under 30 minutes: longer ones, as of burn rates, are meant",
    "target-job-rule": "SER429, where the dashboard has a variable for it",
    "target-instance-rule": "SER429, where the dashboard has a variable for it",
    "target-counter-agg-rule": "SER442, and SER221 as in rules",
    "uneditable-dashboard": "SER422",
}
"""The rules of Grafana's dashboard-linter (docs/index.md of 4d0844b) and what judges the same here."""
