"""What operators see in a browser: read-only, without JavaScript, with the commands to paste into a shell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import quote

_STYLE = """
:root{color-scheme:light dark;--bad:#a61b1b}@media(prefers-color-scheme:dark){:root{--bad:#ff9a8f}}
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:64rem;padding:0 1rem;overflow-wrap:anywhere;
background:Canvas;color:CanvasText}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;
border-bottom:1px solid #8884}tbody th{font-weight:600}pre{font:13px/1.5 ui-monospace,monospace;white-space:pre-wrap;
border:1px solid #8884;padding:.6rem}.bad{font-weight:700;color:var(--bad)}h2{margin-top:2rem}
@media(max-width:40rem){thead{display:none}table,tbody,tr,th,td{display:block}th,td{border:0;padding:0}
tr{border-bottom:1px solid #8884;padding:.5rem 0}}
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
        f"<title>{title}</title><style>{_STYLE}</style><main><h1>{title}</h1>"
        f"<p>Log level <strong>{escape(str(view['log_level']))}</strong>. {escape(view['scope'])}</p>"
        f"{_curl(path + '/log-level', _DEBUG)}"
        f"<h2>Pipelines</h2>{pipelines}<h2>Features</h2>{_features(view['features'], path)}"
        f"{_facts('Flags', [view['flags']])}{_facts('Faults', view['chaos'])}</main></html>\n"
    ).encode()


def _pipeline(pipeline: Mapping[str, Any], path: str) -> str:
    where = f"{path}/pipelines/{quote(pipeline['name'], safe='')}"
    rows = "".join(
        f"<tr><th scope=row>{escape(policy['kind'])}<td>{_values(policy['view'])}"
        f"<td>{escape(', '.join(policy['commands']))}"
        for policy in pipeline["policies"]
    )
    commands = [(policy["kind"], command) for policy in pipeline["policies"] for command in policy["commands"]]
    example = _curl(f"{where}/{commands[0][0]}/{commands[0][1]}") if commands else ""
    return f"<h3>{escape(pipeline['name'])}</h3>{_table(('Policy', 'Now', 'Commands'), rows)}{example}"


def _features(features: Sequence[Mapping[str, Any]], path: str) -> str:
    if not features:
        return "<p>None.</p>"
    rows = "".join(
        f"<tr><th scope=row>{escape(one['name'])}<td>{_value(one['state'])}"
        f"<td>{_values({**(one['override'] or {}), 'state': None})}"
        f"<td>{escape(one['description'])}"
        for one in features
    )
    example = _curl(f"{path}/features/{quote(features[0]['name'], safe='')}/degraded", '{"seconds": 1800}')
    return _table(("Feature", "State", "Override", "Description"), rows) + example


def _table(columns: Sequence[str], rows: str) -> str:
    heads = "".join(f"<th scope=col>{column}" for column in columns)
    return f"<table><thead><tr>{heads}<tbody>{rows}</table>"


def _facts(title: str, facts: Sequence[Mapping[str, Any]]) -> str:
    return f"<h2>{title}</h2>" + "".join(f"<p>{_values(one)}</p>" for one in facts) if facts else ""


def _values(values: Mapping[str, Any]) -> str:
    return "<br>".join(
        f"{escape(str(key).replace('_', ' '))} {_value(value)}" for key, value in values.items() if value is not None
    )


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = (f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}") if isinstance(value, float) else str(value)
    return f'<span class="bad">{escape(text)}</span>' if text in _BAD else escape(text)


def _curl(path: str, body: str = "") -> str:
    data = f" -d '{body}'" if body else ""
    command = f'curl -X POST -H "Authorization: Bearer $TOKEN" -H "X-Operator: $USER"{data} "$HOST{path}"'
    return f"<pre>{escape(command)}</pre>"
