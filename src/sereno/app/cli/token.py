"""`sereno token`: what programs show to be let in."""

from __future__ import annotations

from typing import Literal

from cyclopts import App

from sereno.app.cli.client import Client, print_json, print_line, print_table

app = App(name="token", help="Make and withdraw tokens of programs.", result_action="return_value")
TokenRole = Literal["samples", "viewer", "responder", "admin"]


@app.command(name="list")
def list_tokens(*, json: bool = False) -> int:
    """Tokens of programs, oldest first.

    Parameters
    ----------
    json
        Print JSON for machines.
    """
    found = Client().get("/tokens")
    if json:
        print_json(found)
    else:
        rows = [[t["name"], t["role"], t["prefix"] + "…", t["created_at"], t["expires_at"] or "never"] for t in found]
        print_table("Tokens", ["name", "role", "begins", "made", "expires"], rows, empty="No tokens.")
    return 0


@app.command
def add(name: str, *, role: TokenRole, days: int | None = None, json: bool = False) -> int:
    """Make a token and print it, this once.

    Parameters
    ----------
    name
        What it is called: letters, digits, `.`, `_` and `-`.
    role
        What it may: `samples` sends samples and nothing else; the others as a person of that role.
    days
        How long it is good; for ever if not given.
    json
        Print JSON for machines.
    """
    body = {"name": name, "role": role} | ({"days": days} if days is not None else {})
    made = Client().post("/tokens", body)
    print_json(made) if json else print_line(made["token"])
    return 0


@app.command
def withdraw(name: str, *, json: bool = False) -> int:
    """Withdraw a token: it opens nothing from now on.

    Parameters
    ----------
    name
        Its name.
    json
        Print JSON for machines.
    """
    found = Client().post(f"/tokens/{name}/withdraw")
    print_json(found) if json else print_line(f"The token {found['name']} opens nothing any more.")
    return 0
