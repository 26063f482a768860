"""`bench/run NAME [--json] [ITS OWN ARGUMENTS]`."""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import asdict

NAMES = {
    "loop": "the demo's stages, from the fault to the post-mortem, in real time (about 8 minutes)",
    "startup": "CPU of --version and --help; from `up` to the first page served",
    "footprint": "distributions and megabytes of the base install",
    "idle": "memory and CPU of a control plane that watches five services and has nothing to do",
    "page-delay": "from the evaluation that fires to the first byte of the page",
    "status-page": "requests per second and latency of the public page at 50 connections",
    "store": "20,000 series every 15 s, reading, bytes per sample, 200 times kill -9 (about a minute)",
    "receive": "remote write and OTLP read, files of samples brought and written",
    "promql": "the evaluator over 30 days, and how its cost grows with the window",
    "promqltest": "Prometheus's own test scripts: cases that hold, by file and class",
    "compliance": "prometheus/compliance's PromQL cases beside the packaged Prometheus",
    "fuzz": "random queries, samples and grids beside the packaged Prometheus [--seed N] [--count N]",
    "promql-rules": "published rules over samples shaped to them, beside the packaged Prometheus",
    "rules-live": "a thousand ratio rules over twenty thousand series, one evaluation",
    "backtest": "a burn-rate objective over 30 days, seven windows, beside Prometheus",
    "backtest-report": "from the command line to the report: seconds, megabytes, the same bytes from many hands",
    "query-api": "a large answer of the query API, and what a rule waits while people ask",
    "rule-tests": "a one-day unit test of two burn-rate alerts beside promtool",
    "detection": "when burn-rate alerts fire and stop beside their formulae, by our evaluator and promtool",
    "budgets": "budgets beside exact counts: six profiles, three ways; cases computed by hand",
    "lint": "traps of the manuals found and mended, false alarms on published rules, seconds per thousand rules",
    "artefacts": "everything that is built from the examples and a rich workspace, judged by all oracles (minutes)",
    "compile": "1,000 objectives built as a whole process; a cold check of one service; exits where nothing is built",
    "fire-times": "when alerts fire and resolve beside a live Prometheus, two dozen bad days (about 90 seconds)",
    "dialects": "OpenSLO, Sloth and Pyrra read and written, Prometheus rules brought and built again",
    "pipeline": "four policies beside stamina + purgatory + limits and pyresilience; half-open breakers under a herd",
    "retry-storm": "three layers that retry above a dependency that is down: load beside naive loops and stamina",
    "drain": "SIGTERM under traffic: requests lost by nine ways to serve, with the drain and without (about 3 minutes)",
    "limits": "a decision of the rate limiter, with 20,000 keys beside 10, and a flood of a million (a minute)",
    "flags": "cohorts, the reference's cases, cost of an evaluation, from `sereno flags set` to a service (20 seconds)",
    "traces": "a SERVER span beside OpenTelemetry's own middleware, an observed call beside a bare one",
    "redaction": "planted secrets through lines, Sentry, headers, error bodies; innocents; microseconds a clean line",
    "middleware": "what a request costs under the kit, beside nothing and beside libraries; what importing costs",
    "cardinality": "labels beside FastAPI's own route templates; series that ten thousand hostile requests add",
}


def main() -> int:
    """Measure one figure; exit 1 below a floor, 2 on wrong use."""
    arguments = [a for a in sys.argv[1:] if a != "--json"]
    if arguments in ([], ["--list"], ["--help"]):
        for name, meaning in NAMES.items():
            print(f"{name:<12} {meaning}")
        return 0 if arguments else 2
    if arguments[0] not in NAMES:
        print(f"bench: no figure is called {' '.join(arguments)!r}; see bench/run --list", file=sys.stderr)
        return 2
    module = importlib.import_module(f"bench.{arguments[0].replace('-', '_')}")
    if arguments[1:] and not hasattr(module, "options"):
        print(f"bench: {arguments[0]} takes no arguments of its own", file=sys.stderr)
        return 2
    figures = module.measure(**module.options(arguments[1:])) if hasattr(module, "options") else module.measure()
    if "--json" in sys.argv:
        print(json.dumps([asdict(figure) | {"passed": figure.passed} for figure in figures], indent=2))
    else:
        print("\n".join(map(str, figures)))
    return 0 if all(figure.passed for figure in figures) else 1


if __name__ == "__main__":
    raise SystemExit(main())
