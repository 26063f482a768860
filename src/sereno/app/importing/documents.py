"""Documents to be written, and what is said about them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

from sereno.compiler.text import Value, yaml

Document = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Note:
    """What became of one thing: `place` is file:line, `kept` how (an alert, an objective, raw, left out)."""

    place: str
    what: str
    kept: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.what}: {self.kept}" + (f": {self.why}" if self.why else "")


@dataclass(slots=True)
class Brought:
    """Documents by the file they go into, other texts (`plain`), and a note for each thing that was found."""

    files: dict[str, list[Document]] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    plain: dict[str, str] = field(default_factory=dict)

    def texts(self) -> dict[str, str]:
        """Each file as text, documents as YAML."""
        made = {name: "---\n".join(yaml(one) for one in documents) for name, documents in self.files.items()}
        return dict(sorted({**made, **self.plain}.items()))


def name_of(text: str, otherwise: str = "imported") -> str:
    """`text` as a name of the spec."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", plain).lower()
    return re.sub(r"[^a-z0-9._-]+", "-", spaced).strip("-._")[:63].rstrip("-._") or otherwise


def nobody(teams: set[str]) -> list[Document]:
    """Teams with one escalation to a person who is a terminal, until somebody says who is paged."""
    found: list[Document] = []
    for team in sorted(teams):
        found += [{"team": team, "escalation": team}, {"escalation": team, "steps": [{"page": ["somebody"]}]}]
    return [*found, {"person": "somebody", "title": "Say who is paged", "contacts": [{"terminal": True}]}]
