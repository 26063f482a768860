"""`sereno page`: demands on people."""

from __future__ import annotations

from cyclopts import App

from sereno.app.cli.client import Client, print_json, print_line, print_table

app = App(name="page", help="List, acknowledge and close pages.", result_action="return_value")


@app.command(name="list")
def list_pages(*, json: bool = False) -> int:
    """Pages, newest first.

    Parameters
    ----------
    json
        Print JSON for machines.
    """
    pages = Client().get("/pages")
    if json:
        print_json(pages)
    else:
        rows = [[p["id"], p["state"], p["severity"], p["service"], p["summary"], p["opened_at"]] for p in pages]
        print_table("Pages", ["id", "state", "severity", "service", "summary", "opened"], rows, empty="No pages.")
    return 0


@app.command
def acknowledge(page: str, *, json: bool = False) -> int:
    """Answer a page: stop its escalation.

    Parameters
    ----------
    page
        Its identity, as `sereno page list` shows it.
    json
        Print JSON for machines.
    """
    answer = Client().post(f"/pages/{page}/acknowledge")
    if json:
        print_json(answer)
    else:
        print_line(f"Acknowledged {page} by {answer['acknowledged_by']}: {answer['summary']}")
    return 0


@app.command
def close(page: str, *, json: bool = False) -> int:
    """Close a page whose alerts you know to be harmless.

    Parameters
    ----------
    page
        Its identity.
    json
        Print JSON for machines.
    """
    answer = Client().post(f"/pages/{page}/close")
    print_json(answer) if json else print(f"Closed {page}.")
    return 0
