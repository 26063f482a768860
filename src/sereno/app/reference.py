"""Writes the reference: `python -m sereno.app.reference docs`.

Pages under `docs/reference/` are made whole. Elsewhere, what stands between `<!-- generated: NAME -->` and
`<!-- end -->` is made anew and the rest is left alone.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sereno.app import reference_codes, reference_spec
from sereno.kernel.duration import format_duration, parse_duration

if TYPE_CHECKING:
    from fastapi import FastAPI

BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
NOTE = "<!-- Generated: scripts/reference -->"


def pages() -> dict[str, str]:
    """Every generated page by its name below `docs/reference/`."""
    return {
        "cli.md": command_line(),
        "settings.md": settings(),
        "http-api.md": asyncio.run(http_api()),
        "metrics.md": metrics(),
        "spec.md": reference_spec.page(),
        "diagnostics.md": diagnostics(),
        "spec.schema.json": json_schema(),
        **reference_codes.pages(),
    }


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    cells = [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *cells)]
    return "\n".join(re.sub(r"\|  (?=\|)", "| ", line) for line in lines)


def command_line() -> str:
    """The commands, as they describe themselves."""
    from sereno.app.cli import build_app

    text = build_app().generate_docs(output_format="markdown")
    text = re.sub(r"## Table of Contents\n.*?(?=\n\*\*Commands\*\*)", "", text, flags=re.DOTALL)
    text = text.replace(", --no-yes", "").replace(", --no-json", "").replace(", --no-public", "")
    text = re.sub(
        r"^(sereno [\w ]*?)-m [\w.]+ ", r"\1", text, flags=re.MULTILINE
    )  # cyclopts quotes how Python was started
    text = re.sub(r" \*\[default: False\]\*", "", text)
    text = re.sub(r"\n{3,}", "\n\n", text).replace("# sereno\n", f"# The command line\n\n{NOTE}\n", 1)
    return text.rstrip() + "\n\n" + EXITS


def settings() -> str:
    """Name, environment variable, default and meaning of every setting."""
    from sereno.app.settings import Settings

    meanings = dict(_explained(ast.parse(inspect.getsource(Settings)).body[0]))
    rows = [
        (f"`{name}`", f"`SERENO_{name.upper()}`", _default(field.default), meanings[name])
        for name, field in Settings.model_fields.items()
    ]
    return f"# Settings\n\n{NOTE}\n\n{SETTINGS}\n\n{table(['name', 'environment', 'default', 'meaning'], rows)}\n"


def _explained(body: ast.AST) -> Iterator[tuple[str, str]]:
    """The attributes of a class that are followed by a text, and the text."""
    statements = getattr(body, "body", [])
    for before, after in pairwise(statements):
        if isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name) and isinstance(after, ast.Expr):
            yield before.target.id, " ".join(str(ast.literal_eval(after.value)).split())


def _default(value: object) -> str:
    if isinstance(value, timedelta):
        return f"`{format_duration(value)}`"
    return "" if value in (None, "", ()) else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def metrics() -> str:
    """What `/metrics` shows."""
    from prometheus_client.metrics import MetricWrapperBase

    from sereno.app.metrics import Metrics

    held = Metrics()  # its registry must outlive the loop below
    made = [metric for metric in vars(held).values() if isinstance(metric, MetricWrapperBase)]
    rows = [
        (
            f"`{metric._name}{'_total' if metric._type == 'counter' else ''}`",
            metric._type,
            ", ".join(f"`{label}`" for label in metric._labelnames),
            metric._documentation,
        )
        for metric in made
    ]
    return f"# Metrics\n\n{NOTE}\n\n{METRICS}\n\n{table(['name', 'type', 'labels', 'meaning'], rows)}\n"


def json_schema() -> str:
    """What editors check the spec against as it is typed."""
    from sereno.app.schema import schema

    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def diagnostics() -> str:
    """What `sereno check` can say."""
    from sereno.spec.codes import reference

    return reference()


async def http_api() -> str:
    """Every route: the API's from its OpenAPI description, the others by path; each with the role it asks for."""
    with tempfile.TemporaryDirectory() as folder:
        app, close = await _app(Path(folder))
        try:
            return _http_api(app)
        finally:
            await close()


async def _app(folder: Path) -> tuple[FastAPI, Callable[[], Any]]:
    """The HTTP face of a control plane that watches nothing."""
    from sereno.app.control import open_control
    from sereno.app.http import create_app
    from sereno.app.settings import Settings

    spec = folder / "reliability"
    spec.mkdir()
    (spec / "one.yaml").write_text(EXAMPLE)
    control = await open_control(Settings(spec=spec, data_dir=folder / "data", database=None, prometheus=None))
    return create_app(control), control.close


def _http_api(app: FastAPI) -> str:
    from sereno.app.http import every_route, path_of
    from sereno.app.http.auth import guard_of

    roles: dict[tuple[str, str], str] = {}
    for route in every_route(app.routes):
        for method in sorted(set(getattr(route, "methods", None) or ()) - {"HEAD", "OPTIONS"}):
            roles[method, path_of(route)] = guard_of(route) or "public"
    description = app.openapi()
    parts = [f"# HTTP\n\n{NOTE}\n\n{HTTP}"]
    described = set()
    by_tag: dict[str, list[tuple[str, ...]]] = {}
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            described.add((method.upper(), path))
            row = (
                method.upper(), f"`{path}`", roles.get((method.upper(), path), "public"),
                operation.get("summary", ""), _takes(operation, description),
            )  # fmt: skip
            by_tag.setdefault(operation.get("tags", ["other"])[0], []).append(row)
    for tag, rows in by_tag.items():
        parts.append(f"## {tag.capitalize()}\n\n{table(['method', 'path', 'role', 'what', 'takes'], rows)}")
    others = [
        (method, f"`{path}`", role) for (method, path), role in sorted(roles.items(), key=lambda item: item[0][::-1])
        if (method, path) not in described
    ]  # fmt: skip
    parts.append(f"## Pages, links and the rest\n\n{PLACES}\n\n{table(['method', 'path', 'role'], others)}")
    return "\n\n".join(parts) + "\n"


def _takes(operation: Mapping[str, Any], description: Mapping[str, Any]) -> str:
    """Query parameters and fields of the body; `?` after what may be left out."""
    found = [f"`?{parameter['name']}=`" for parameter in operation.get("parameters", ()) if parameter["in"] == "query"]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    schema = description["components"]["schemas"].get(body.get("$ref", "").rpartition("/")[2], {})
    needed = schema.get("required", ())
    found += [f"`{name}`" + ("" if name in needed else "?") for name in schema.get("properties", ())]
    return ", ".join(found)


def events() -> str:
    """Every event, what it says, and who hears it, in order."""
    from sereno.app import wiring
    from sereno.kernel.events import EVENTS

    heard = dict(_heard(ast.parse(inspect.getsource(wiring.hearers))))
    rows = [
        (f"`{name}`", (kind.__doc__ or "").splitlines()[0], "; ".join(heard.get(name, ())) or "nobody")
        for name, kind in EVENTS.items()
    ]
    return table(["event", "what happened", "who hears it"], rows)


def _heard(tree: ast.AST) -> Iterator[tuple[str, list[str]]]:
    returned = [n.value for n in ast.walk(tree) if isinstance(n, ast.Return) and isinstance(n.value, ast.Dict)]
    for key, value in zip(returned[-1].keys, returned[-1].values, strict=True):
        assert isinstance(value, ast.Tuple)
        yield ast.unparse(key) if key else "", [_hearer(ast.unparse(one)) for one in value.elts]


def _hearer(written: str) -> str:
    if written.startswith("_timeline("):
        return "incidents: a line in the timeline"
    return HEARERS.get(written, written.replace("_", " "))


def tiers() -> str:
    """The burn-rate tiers of an objective of 99.9 % over windows of several lengths, and those left out."""
    rows: list[tuple[str, ...]] = []
    for window in ("30d", "7d", "24h", "1h"):
        kept, dropped = _tiers("99.9%", window)
        rows += [
            (window, t.kind, f"{_duration(t.long)} / {_duration(t.short)}", f"{_plain(t.factor)}×",
             f"{_plain(t.share * 100)} %", _span(t.exhausts_in), _span(t.detection(Decimal("0.001"), Decimal(1))), "")
            for t in kept
        ]  # fmt: skip
        rows += [
            (window, d.kind, f"{_duration(d.long)} / {_duration(d.short)}", f"{_plain(d.factor)}×", "", "", "",
             f"{d.reason}: {d.explanation}")
            for d in dropped
        ]  # fmt: skip
    head = ["window", "kind", "windows", "factor", "spent at detection", "whole budget gone in",
            "total outage found in", "left out because"]  # fmt: skip
    return table(head, rows)


def _tiers(objective: str, window: str) -> tuple[Sequence[Any], Sequence[Any]]:
    from sereno.slo.tiers import tiers_of
    from sereno.spec.model import EventsSli, Objective, Slo

    ratio = Decimal(objective.rstrip("%")) / 100
    slo = Slo("example", Objective(objective, ratio), parse_duration(window), EventsSli("a", "b", None))
    every = timedelta(seconds=15)
    return tiers_of(slo, scrape_interval=every, evaluation_interval=every)


def _duration(value: timedelta) -> str:
    return format_duration(value)


def _span(value: timedelta) -> str:
    from sereno.kernel.language import span

    return span(value, "en")


def _plain(value: Decimal) -> str:
    return f"{value.quantize(Decimal('0.01')).normalize():f}"


BLOCKS: Mapping[str, Callable[[], str]] = {"events": events, "tiers": tiers}


def fill(text: str) -> str:
    """`text` with its generated blocks made anew. Raises KeyError for a block that is not known."""
    return BLOCK.sub(lambda found: f"{found[1]}{BLOCKS[found[2]]()}\n{found[3]}", text)


def write(docs: Path) -> list[Path]:
    """Write what has changed below `docs`; returns the files written."""
    wanted = {docs / "reference" / name: text for name, text in pages().items()}
    for path in sorted(docs.rglob("*.md")):
        if path not in wanted and path.parent.name != "codes":
            wanted[path] = fill(path.read_text(encoding="utf-8"))
    for gone in sorted({*(docs / "reference" / "codes").glob("*.md")} - {*wanted}):
        gone.unlink()  # the page of a code that was taken back before anyone had it
    written = [p for p, text in wanted.items() if not p.exists() or p.read_text(encoding="utf-8") != text]
    for path in written:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8")
    return written


HEARERS = {
    "alert_page": "on call: open a page, or add the alert to the one that is open",
    "alert_over": "on call: close the page once nothing in it fires",
    "next_contact": "on call: the next address, or the next step",
    "incident_for_page": "incidents: open one if the severity asks for it, or attach the page",
    "page_closed": "incidents: mitigated once its last page is closed",
    "public": "status: bring the components into the state that open incidents call for",
    "observed": "status: show components as unknown, or known again",
}
EXITS = """\
## Exit codes

| code | meaning |
| --- | --- |
| 0 | all is well |
| 1 | problems were found: mistakes in the spec, something wrong or unknown, no answer from the control plane |
| 2 | it was used wrongly |
| 130 | interrupted |

`status`, `budget`, `alerts`, `oncall`, `page`, `flags` and `incident` speak to a running control plane: the one at
`SERENO_URL`, or on this machine at `SERENO_PORT` (8420). They show who they are with `SERENO_TOKEN`, or else with the
token that `sereno up` leaves in `operator.token` of its data directory (`SERENO_DATA_DIR`, or `.sereno`).
"""
SETTINGS = """\
A setting comes from an option of the command, over an environment variable, over a line of `sereno.toml` in the working
directory, over the default. An unknown or wrong one is refused at start. Durations are written `30s`, `5m`, `45d`;
lists in the environment as JSON: `SERENO_ALLOWED_HOSTS='["hooks.corp.example", "10.0.0.0/8"]'`. Secrets
(`database`, `prometheus_token`, `smtp_password`, `webhook_secret`) belong in the environment; they are never logged
or shown."""
METRICS = """\
`/metrics` on Sereno's port, in Prometheus's text format, open to whoever can reach the port. Histograms have `_bucket`,
`_sum` and `_count`. Watch `sereno_invariant_repairs_total` (it should stay 0), `sereno_spec_good` (it should be 1) and
`sereno_loop_errors_total`; and watch that Sereno is up at all, from another machine."""
HTTP = """\
One port. The native API is under `/api/v1`; its OpenAPI description is at `/api/v1/openapi.json`. Programs send
`Authorization: Bearer sereno_…`; browsers hold a session. Roles are a ladder: `viewer` < `responder` < `admin`;
`public` lets everyone in. Bodies are JSON of at most 1 MB; unknown fields are refused. Errors have one shape,
`{"error": {"code", "message", "hint"}}`, and every answer has an `X-Request-ID`. A 2xx is answered after the commit.
A 503 has `Retry-After`: nothing was accepted, try again."""
PLACES = """\
The console's pages and buttons, acknowledge links, the public status page with its documents, health and metrics. Their
addresses are stable; the console's buttons want a browser's session and the same origin."""
EXAMPLE = """\
service: web
team: owners
alerts: [{alert: WebDown, expr: up == 0, severity: SEV1}]
---
{team: owners, escalation: owners}
---
{person: ana, contacts: [{terminal: true}]}
---
{escalation: owners, steps: [{page: ana}]}
"""


def main() -> int:
    """Write the pages below the folder that is named; says which were not up to date."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        print("usage: python -m sereno.app.reference DOCS", file=sys.stderr)
        return 2
    for path in write(Path(sys.argv[1])):
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
