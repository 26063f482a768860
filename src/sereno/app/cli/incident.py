"""`sereno incident`: the shared answer to a bad day."""

from __future__ import annotations

from typing import Literal

from cyclopts import App

from sereno.app.cli.client import Client, print_json, print_line, print_table

app = App(name="incident", help="Declare, note, resolve and learn from incidents.", result_action="return_value")


@app.command(name="list")
def list_incidents(*, json: bool = False) -> int:
    """Incidents, newest first.

    Parameters
    ----------
    json
        Print JSON for machines.
    """
    incidents = Client().get("/incidents")
    if json:
        print_json(incidents)
    else:
        rows = [[i["number"], i["phase"], i["severity"], i["service"], i["title"], i["opened_at"]] for i in incidents]
        print_table("Incidents", ["#", "phase", "severity", "service", "title", "opened"], rows, empty="No incidents.")
    return 0


@app.command
def declare(title: str, *, service: str, severity: str, json: bool = False) -> int:
    """Open an incident by hand.

    Parameters
    ----------
    title
        What is wrong, in a few words.
    service
        The service that suffers.
    severity
        How bad, a name or alias of the scale in the spec.
    json
        Print JSON for machines.
    """
    answer = Client().post("/incidents", {"title": title, "service": service, "severity": severity})
    print_json(answer) if json else print_line(f"Incident {answer['number']} is open: {answer['title']}")
    return 0


@app.command
def note(incident: str, text: str, *, public: bool = False) -> int:
    """Write a line into the timeline.

    Parameters
    ----------
    incident
        Its number.
    text
        What happened or was decided.
    public
        Show it on the status page.
    """
    Client().post(f"/incidents/{incident}/notes", {"text": text, "public": public})
    print("Noted.")
    return 0


@app.command
def phase(incident: str, phase: Literal["detected", "triaged", "mitigated", "resolved", "reviewed"]) -> int:
    """Say how far the answer has come.

    Parameters
    ----------
    incident
        Its number.
    phase
        The phase reached.
    """
    Client().post(f"/incidents/{incident}/phase", {"phase": phase})
    print(f"Incident {incident} is now {phase}.")
    return 0


@app.command
def role(incident: str, role: str, person: str) -> int:
    """Give somebody a role.

    Parameters
    ----------
    incident
        Its number.
    role
        commander, technical_lead, communications_lead or scribe.
    person
        Who takes it.
    """
    Client().post(f"/incidents/{incident}/roles", {"role": role, "person": person})
    print(f"{person} is {role} of incident {incident}.")
    return 0


@app.command
def resolve(incident: str, *, json: bool = False) -> int:
    """The bad day is over.

    Parameters
    ----------
    incident
        Its number.
    json
        Print JSON for machines.
    """
    answer = Client().post(f"/incidents/{incident}/resolve")
    print_json(answer) if json else print(
        f"Incident {incident} is resolved. Next: sereno incident postmortem {incident}"
    )
    return 0


@app.command
def postmortem(incident: str, *, language: Literal["es", "en"] | None = None) -> int:
    """The draft of the post-mortem, in Markdown, with the numbers computed from the samples.

    Parameters
    ----------
    incident
        Its number.
    language
        es or en; the installation's language otherwise.
    """
    print(Client().get(f"/incidents/{incident}/postmortem", language=language))
    return 0
