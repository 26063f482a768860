"""`sereno init`: the few questions that matter, and a first spec that works."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import sys
import tempfile
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

from cyclopts import Parameter

from sereno.app.cli.init_words import FILES, WORDS
from sereno.kernel.errors import UsageError
from sereno.kernel.language import LANGUAGES, say
from sereno.kernel.message import Language

if TYPE_CHECKING:
    from sereno.app.discovering import Discovered


@dataclass(frozen=True, slots=True)
class Answers:
    """What a first spec needs to know."""

    service: str
    metrics: str
    owner: str
    person: str
    email: str
    objective: str
    language: Language


SCHEMA = ".schema.json"
"""What editors complete and check the files of a first spec with; `sereno schema` writes it anew."""
QUESTIONS = ("service", "metrics", "owner", "person", "email", "objective")


def init(
    path: Path = Path("reliability"),
    *,
    from_: Annotated[str | None, Parameter(name="--from")] = None,
    service: str | None = None,
    metrics: str | None = None,
    owner: str | None = None,
    person: str | None = None,
    email: str | None = None,
    objective: str | None = None,
    language: str | None = None,
    yes: bool = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Ask the few questions that matter and write a first spec.

    With --from it is written from what the service's own metrics tell: requests, times, integrations, connections.

    Args:
        path: the folder to write; it must not exist, or be empty.
        from_: the address of the metrics of a service that runs.
        service: what must keep working.
        metrics: the address of its Prometheus metrics.
        owner: the team that owns it.
        person: who is woken.
        email: where they are reached; without it, messages go to the terminal.
        objective: the promise, such as 99.9%.
        language: es or en.
        yes: ask nothing; what is not given takes its usual value.
        json: print JSON for machines.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError(
            f"{path} is already there; nothing was written", hint="choose another folder: sereno init PATH"
        )
    answers = _usual(language)
    found = None
    if from_ is not None:
        from sereno.app.cli.init_from import look_at

        found = look_at(from_)
        service, metrics = service or slug(found.service or answers.service), metrics or from_
    given = dict(zip(QUESTIONS, (service, metrics, owner, person, email, objective), strict=True))
    said: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    answers = replace(answers, **said)
    _refuse_mistakes(answers)
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("there is no terminal to ask questions on", hint="give --yes, or run it in a terminal")
        try:
            answers = ask(answers, [name for name in QUESTIONS if given[name] is None], input)
        except EOFError:
            raise UsageError("the questions were broken off; nothing was written") from None
    _write(path, {**files_of(answers, found), SCHEMA: _schema()})
    if found is not None:
        from sereno.app.cli.init_from import tell

        tell(found, answers, path, json=json)
    if not json:
        print(say(WORDS, "written", answers.language, path=path))
    return 0


def ask(answers: Answers, names: list[str], read: Callable[[str], str]) -> Answers:
    """Ask for each of `names`; an empty line keeps what is there, a wrong answer is explained and asked again."""
    print(say(WORDS, "welcome", answers.language))
    for name in names:
        usual = getattr(answers, name)
        prompt = f"{say(WORDS, name, answers.language)} [{usual or say(WORDS, 'terminal', answers.language)}]: "
        while True:
            said: dict[str, Any] = {name: read(prompt).strip() or usual}
            wanted = replace(answers, **said)
            mistakes = mistakes_in(wanted)
            if not mistakes:
                answers = wanted
                break
            print("  " + mistakes[0])
    return answers


def mistakes_in(answers: Answers) -> list[str]:
    """What `sereno check` would say against the spec of these answers, a line each."""
    from sereno.app.promql_checker import Checker
    from sereno.spec.loader import load_text

    files = files_of(answers)
    specs = {name: text for name, text in files.items() if name.endswith(".yaml")}
    loaded = load_text(specs, promql=Checker(), exists=lambda name: name in files)
    return [
        d.message + (f"; {d.hint}" if d.hint else f"; {d.expected}" if d.expected else "") for d in loaded.diagnostics
    ]


def files_of(answers: Answers, found: Discovered | None = None) -> dict[str, str]:
    """The files of a first spec, by name; with what was found out about the service, if it was asked."""
    values = {
        "service": slug(answers.service),
        "title": quoted(answers.service),
        "alert": "".join(word.capitalize() for word in re.split(r"[^A-Za-z0-9]+", slug(answers.service))),
        "metrics": quoted(answers.metrics),
        "team": slug(answers.owner),
        "team_title": quoted(answers.owner),
        "person": slug(answers.person),
        "person_title": quoted(answers.person),
        "contact": f"email: {quoted(answers.email)}" if answers.email else "terminal: true",
        "objective": quoted(answers.objective),
        "tongue": answers.language,
        "zone": quoted(_zone()),
    }
    files = {
        say(FILES, f"{key}_name", answers.language, **values): say(FILES, key, answers.language, **values)
        for key in ("service", "people", "runbook")
    }
    if found is not None:
        from sereno.app.cli.init_from import enrich

        files = enrich(files, found, answers)
    told = f"# yaml-language-server: $schema={SCHEMA}\n"
    return {name: told + text if name.endswith(".yaml") else text for name, text in files.items()}


def _schema() -> str:
    import json

    from sereno.app.schema import schema

    return json.dumps(schema(), ensure_ascii=False) + "\n"


def slug(text: str) -> str:
    """`text` as a name: `Búsqueda rápida` becomes `busqueda-rapida`."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:50].strip("-") or "x"


def quoted(text: str) -> str:
    """`text` as a YAML scalar in single quotes, on one line."""
    line = "".join(char if char.isprintable() else " " for char in text)
    return "'" + line.replace("'", "''") + "'"


def _usual(language: str | None) -> Answers:
    chosen = language or ("es" if os.environ.get("LANG", "").startswith("es") else "en")
    if chosen not in LANGUAGES:
        raise UsageError(f"the language {chosen!r} is not known", hint="es or en")
    tongue: Language = "es" if chosen == "es" else "en"
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "me"
    owner = say(WORDS, "usual_owner", tongue)
    return Answers("web", "http://127.0.0.1:8080/metrics", owner, user, "", "99.9%", tongue)


def _zone() -> str:
    """This machine's time zone, if it says so; UTC otherwise."""
    said = [str(Path("/etc/localtime").resolve()).rpartition("/zoneinfo/")[2]]
    with suppress(OSError, UnicodeDecodeError):
        said.insert(0, Path("/etc/timezone").read_text(encoding="ascii").strip())
    for name in said:
        with suppress(ValueError, OSError, KeyError):
            return ZoneInfo(name).key
    return "UTC"


def _refuse_mistakes(answers: Answers) -> None:
    mistakes = mistakes_in(answers)
    if mistakes:
        raise UsageError("; ".join(mistakes))


def _write(path: Path, files: dict[str, str]) -> None:
    """Write all files or none: a folder beside `path` takes its name at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".sereno-init-", dir=path.parent))
    try:
        for name, text in files.items():
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            (draft / name).write_text(text, encoding="utf-8")
        draft.chmod(0o755)
        draft.replace(path)
    except OSError as error:
        raise UsageError(f"{path} could not be written: {error.strerror}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
