"""What operators see in a browser: read-only, without JavaScript, with the commands to paste into a shell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import quote

_STYLE = """
:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:64rem;padding:0 1rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;
border-bottom:1px solid #8884}code,pre{font:13px/1.5 ui-monospace,monospace}pre{overflow-x:auto;background:#8881;
padding:.6rem}.bad{font-weight:700;color:#c0392b}h2{margin-top:2rem}
""".replace("\n", "")
_DEBUG = '{"level": "DEBUG", "seconds": 600}'
_BAD = frozenset({"open", "half_open", "forced_open", "degraded", "disabled"})


def page(view: Mapping[str, Any], path: str) -> bytes:
    """The view as HTML.

    Args:
        view: what the endpoint answers as JSON.
        path: where the endpoint is, without a slash at its end.
    """
    title = " · ".join(escape(str(view[key])) for key in ("service", "environment", "instance") if view[key])
    pipelines = "".join(_pipeline(one, path) for one in view["pipelines"]) or "<p>None.</p>"
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style><h1>{title}</h1>"
        f"<p>Log level <strong>{escape(str(view['log_level']))}</strong>. {escape(view['scope'])}</p>"
        f"{_curl(path + '/log-level', _DEBUG)}"
        f"<h2>Pipelines</h2>{pipelines}<h2>Features</h2>{_features(view['features'], path)}"
        f"{_facts('Flags', [view['flags']])}{_facts('Faults', view['chaos'])}</html>\n"
    ).encode()


def _pipeline(pipeline: Mapping[str, Any], path: str) -> str:
    where = f"{path}/pipelines/{quote(pipeline['name'], safe='')}"
    rows = "".join(
        f"<tr><td>{escape(policy['kind'])}<td>{_values(policy['view'])}<td>{escape(', '.join(policy['commands']))}"
        for policy in pipeline["policies"]
    )
    commands = [(policy["kind"], command) for policy in pipeline["policies"] for command in policy["commands"]]
    example = _curl(f"{where}/{commands[0][0]}/{commands[0][1]}") if commands else ""
    return f"<h3>{escape(pipeline['name'])}</h3><table><tr><th>Policy<th>Now<th>Commands{rows}</table>{example}"


def _features(features: Sequence[Mapping[str, Any]], path: str) -> str:
    if not features:
        return "<p>None.</p>"
    rows = "".join(
        f"<tr><td>{escape(one['name'])}<td>{_value(one['state'])}<td>{_values(one['override'] or {})}"
        f"<td>{escape(one['description'])}"
        for one in features
    )
    example = _curl(f"{path}/features/{quote(features[0]['name'], safe='')}/degraded", '{"seconds": 1800}')
    return f"<table><tr><th>Feature<th>State<th>Override<th>{rows}</table>{example}"


def _facts(title: str, facts: Sequence[Mapping[str, Any]]) -> str:
    return f"<h2>{title}</h2>" + "".join(f"<p>{_values(one)}</p>" for one in facts) if facts else ""


def _values(values: Mapping[str, Any]) -> str:
    return "<br>".join(f"{escape(str(key))} {_value(value)}" for key, value in values.items() if value is not None)


def _value(value: Any) -> str:
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    return f'<span class="bad">{escape(text)}</span>' if text in _BAD else escape(text)


def _curl(path: str, body: str = "") -> str:
    data = f" -d '{body}'" if body else ""
    command = f'curl -X POST -H "Authorization: Bearer $TOKEN" -H "X-Operator: $USER"{data} "$HOST{path}"'
    return f"<pre>{escape(command)}</pre>"
