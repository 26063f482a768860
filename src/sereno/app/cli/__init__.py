"""The command line: each command is a module here, imported only when it is called."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from sereno import __version__
from sereno.kernel.errors import SerenoError, SpecError

HELP = """Sereno watches your services by night: one spec per service, from alert to page to incident to
status page to post-mortem.

Begin with `sereno init`, then `sereno up`. To see it all at work: `sereno demo`."""

COMMANDS = {
    "init": ("init:init", "Ask the few questions that matter and write a first spec."),
    "check": ("check:check", "Find mistakes in the spec, rules, dashboards, manifests."),
    "fmt": ("fmt:fmt", "Format the spec's files; comments stay where they are."),
    "schema": ("schema:schema", "Print the JSON Schema of the spec, for editors."),
    "test": ("test:test", "Run unit tests of Prometheus rules, as promtool does."),
    "build": ("build:build", "Write what the spec becomes: rules, dashboards, manifests."),
    "diff": ("diff:diff", "What a build would change: on disk, live, or since a commit."),
    "backtest": ("backtest:backtest", "Replay rules over the past: who would have been called."),
    "import": ("import_:app", "Bring samples, rules, dashboards, receivers from elsewhere."),
    "export": ("export:app", "Write samples, or the objectives in the words of others."),
    "up": ("up:up", "Run the control plane: scrape, evaluate, page, tell the public."),
    "demo": ("demo:demo", "Run a small shop with a month of history; see it watched."),
    "status": ("look:status", "What is wrong now, and who is on it."),
    "budget": ("budget:app", "Error budgets: how much is left, how fast it goes."),
    "alerts": ("look:alerts", "Alerts that are pending or firing."),
    "oncall": ("look:oncall", "Who is on call."),
    "query": ("query:query", "Ask the samples in PromQL."),
    "token": ("token:app", "Make and withdraw tokens of programs."),
    "page": ("page:app", "List, acknowledge and close pages."),
    "flags": ("flags:app", "Feature flags: see, turn on, off or up, explain."),
    "kit": ("kit:app", "Running services: see and override breakers, features."),
    "incident": ("incident:app", "Declare, note, resolve and learn from incidents."),
}


def build_app() -> App:
    """The command tree; commands are imported when they are called."""
    app = App(name="sereno", help=HELP, version=__version__, result_action="return_value")
    for order, (name, (place, text)) in enumerate(COMMANDS.items()):
        app.command(f"sereno.app.cli.{place}", name=name, help=text, sort_key=order)
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; mistakes are explained on stderr, never as a traceback."""
    app = build_app()
    try:
        result = app(list(arguments), exit_on_error=False, print_error=True)
    except CycloptsError:
        return 2
    except SpecError as error:
        for diagnostic in error.diagnostics:
            print(diagnostic.render(), file=sys.stderr)
        print(f"sereno: {error.message}", file=sys.stderr)
        return 1
    except SerenoError as error:
        print(f"sereno: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return result if isinstance(result, int) else 0
