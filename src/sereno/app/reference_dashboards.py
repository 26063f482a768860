"""The reference of dashboards: headings and meanings of their keys."""

from __future__ import annotations

from collections.abc import Mapping

MODULES = ("dashboards",)
TITLES = {"dashboards": "Dashboards"}
HEADINGS = {
    "a dashboard": "dashboard",
    "a row": "dashboard · rows[]",
    "a panel": "dashboard · rows[] · panels[]",
    "a query": "dashboard · rows[] · panels[] · queries[]",
    "a threshold": "dashboard · rows[] · panels[] · thresholds[]",
    "a value's name": "dashboard · rows[] · panels[] · values[]",
    "a column": "dashboard · rows[] · panels[] · columns[]",
    "a variable": "dashboard · variables[]",
}
_UNIT = "a unit of Grafana (`percentunit`, `s`, `bytes`, `reqps` …), or one of your own: `currency:PEN`, `suffix: pods`"
_COLOR = "a word such as `green`, or `#EAB839`"
SERVICE: Mapping[str, str] = {"dashboards": "dashboards that its own links to"}
MEANINGS: Mapping[str, Mapping[str, str]] = {
    "a dashboard": {
        "dashboard": "its name: letters a-z, digits, `-`, `_`, `.`; at most 63",
        "title": "what people read; its name by default",
        "description": "one sentence for people",
        "template": "rows that are built in: `kubernetes`, `nodes`, `postgresql`, `probes`, `redis`, `storage`,"
        " `integrations`, `security`",
        "with": "a mapping of the template's parameters: your metrics, without braces",
        "jobs": "which jobs a template offers; all that have its metrics by default",
        "rows": "rows of panels, after those of the template",
        "variables": "what the reader may choose; `$name` in queries, with `=~` where there may be several",
        "tags": "words to find it by",
        "links": "a mapping of names to addresses",
        "since": "what is shown at first, 1m to 400d; `6h` by default",
        "refresh": "how often it is asked anew; `1m` by default",
        "raw": "Grafana's own JSON of the whole dashboard, written as it is",
    },
    "a row": {
        "panels": "what it holds, from left to right",
        "title": "its heading",
        "collapsed": "whether the reader opens it; `false` by default",
    },
    "a panel": {
        "title": "its heading",
        "kind": "`timeseries` (the default), `stat`, `gauge`, `bar_gauge`, `table`, `heatmap`, `state_timeline` or"
        " `text`",
        "query": "PromQL with Grafana's variables such as `$__rate_interval`; or",
        "queries": "several of them",
        "unit": _UNIT,
        "description": "what it means and what to do; how it is computed by default",
        "thresholds": "from which values on it has which colour",
        "lines": "whether the thresholds are drawn into a time series",
        "min": "the least value of the scale; a number, or a percentage",
        "max": "the greatest",
        "decimals": "digits after the point",
        "stacked": "whether one series stands upon the other",
        "values": "names of values, such as 0 and 1",
        "columns": "names of a table's labels",
        "sort": "the column that a table is ordered by; with `-` before it from the greatest on",
        "width": "cells of 24; by default those of its kind",
        "height": "cells of 30 pixels; by default those of its kind",
        "links": "a mapping of names to addresses",
        "since": "a range of its own",
        "text": "Markdown, of a panel of the kind `text`",
        "raw": "Grafana's own JSON of the panel, written as it is but for its id and place",
    },
    "a query": {
        "expr": "PromQL, as above",
        "legend": "name of its series, with `{{label}}`; or of its column in a table",
        "unit": "unit of its column in a table",
        "colored": "whether that column takes the colours of the thresholds",
    },
    "a threshold": {
        "color": _COLOR,
        "at": "from this value on: a number, or a percentage; without it below all others",
    },
    "a value's name": {"value": "the value as it is", "text": "what it is called", "color": _COLOR},
    "a column": {"label": "a label", "title": "its name; without one it is not shown"},
    "a variable": {
        "name": "what stands after `$`",
        "title": "what people read; its name by default",
        "label": "its values are those of this label; or",
        "of": "in the series of this selector",
        "values": "a list of values; or",
        "raw": "Grafana's own JSON of the variable, written as it is",
        "several": "whether more than one may be chosen; `true` by default",
    },
}
