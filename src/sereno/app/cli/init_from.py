"""`sereno init --from URL`: the spec that an instrumented service's own metrics suggest."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from sereno.app.cli.init_from_words import FILES, WHY
from sereno.app.cli.init_words import FILES as USUAL
from sereno.app.discovering import Discovered, Outcomes, Requests, Seen, Times, discover
from sereno.kernel.errors import UsageError
from sereno.kernel.language import say
from sereno.kernel.message import Language

if TYPE_CHECKING:
    from sereno.app.cli.init import Answers

_TIMEOUT_SECONDS = 10
_BYTES_MAX = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Draft:
    """A part of the spec: the text under its key, what it is, and where it comes from."""

    key: str
    text: str
    what: str
    source: str
    why: str


def look_at(url: str) -> Discovered:
    """What the service that exposes its metrics at `url` says about itself. Raises UsageError if it cannot be told."""
    from sereno.adapters.samples.exposition import Limits, Parser, ScrapeError
    from sereno.adapters.samples.fetching import ask, client

    limits = Limits(body_bytes=_BYTES_MAX, samples=200_000)

    async def read() -> Seen:
        async with client() as http:
            answer = await ask(
                http, url, timeout_seconds=_TIMEOUT_SECONDS, body_bytes_max=limits.body_bytes, allowed=lambda _: True
            )
        parsed = Parser(limits=limits).parse(answer.body, openmetrics=answer.openmetrics)
        names = [name for name in parsed.metadata or () for name in (name, f"{name}_total")]
        return Seen.of(
            ((dict(labels), float(value)) for labels, value in zip(parsed.labels, parsed.values, strict=True)), names
        )

    try:
        found = discover(asyncio.run(read()))
    except ScrapeError as problem:
        raise UsageError(
            f"{url}: {problem.message}", hint="give the address of Prometheus metrics, such as http://host:8000/metrics"
        ) from None
    if found.requests is None and found.times is None and not found.integrations:
        raise UsageError(
            f"{url}: {'; '.join(found.remarks)}; nothing was written",
            hint="instrument the service with sereno-kit, or run `sereno init` and write the objective yourself",
        )
    return found


def drafts(found: Discovered, service: str, objective: str, language: Language) -> list[Draft]:
    """The parts of the spec that `found` suggests, in the order in which they are written."""
    return list(_drafts(found, f'job="{service}"', service, objective, language))


def _drafts(found: Discovered, job: str, service: str, objective: str, language: Language) -> Iterator[Draft]:
    def part(key: str, kind: str, source: str, why: str = "", **values: object) -> Draft:
        text = say(FILES, kind, language, job=job, service=service, **values)
        return Draft(key, text, say(WHY, f"{kind}_what", language, **values), source, why or say(WHY, kind, language))

    if found.requests is not None:
        requests = found.requests
        yield part(
            "slos", "availability", requests.counter,
            objective=objective, counter=requests.counter, status=requests.status, left_out=_left_out(requests),
        )  # fmt: skip
    if found.times is not None:
        times = found.times
        promise = _promise(times)
        yield part(
            "slos", "latency", times.histogram, say(WHY, times.why, language),
            histogram=times.histogram, left_out=_left_out(times), **promise,
        )  # fmt: skip
    for name in found.integrations:
        yield part("slos", "integration", "integration_api_calls_total", name=_slug(name), integration=name)
    for outcome in found.outcomes:
        yield _business(outcome, job, language)
    if found.pools:
        yield part("saturation", "pool", "db_connections_active / db_connections_max")
    if found.breakers:
        yield part("alerts", "breaker", "sereno_circuit_state", alert=_camel(service))


def _left_out(part: Requests | Times) -> str:
    """The line that leaves out what no customer asks for; nothing where routes are not told apart."""
    if not part.route:
        return ""
    seen = "|".join(re.sub(r"([.])", r"[\1]", route) for route in part.internal)
    return f"\n        except: '{part.route}=~\"{seen or '/health.*|/metrics'}\"'"


def _promise(times: Times) -> dict[str, str]:
    """One promise is an objective with its threshold; several are a list."""
    promised = ", ".join(f"{share:f}% ≤ {_milliseconds(bound)}" for share, bound in times.promises)
    if len(times.promises) == 1:
        ((share, bound),) = times.promises
        return {
            "target": f"\n    objective: {share:f}%",
            "within": f"within: {_milliseconds(bound)}",
            "promised": promised,
        }
    several = ", ".join(f"{{objective: {share:f}%, within: {_milliseconds(bound)}}}" for share, bound in times.promises)
    return {"target": "", "within": f"promises: [{several}]", "promised": promised}


def _milliseconds(seconds: Decimal) -> str:
    """Exactly, as durations are written in the spec."""
    whole = int(seconds * 1000)
    return f"{whole // 1000}s" if whole % 1000 == 0 else f"{whole}ms"


def _business(outcome: Outcomes, job: str, language: Language) -> Draft:
    values = {"counter": outcome.counter, "label": outcome.label, "values": ", ".join(outcome.values)}
    name = _slug(outcome.counter.removesuffix("_total"))
    text = say(FILES, "business", language, job=job, name=name, **values)
    return Draft(
        "slos", text, say(WHY, "business_what", language, **values), outcome.counter, say(WHY, "business", language)
    )


def _slug(text: str) -> str:
    from sereno.app.cli.init import slug

    return slug(text)


def _camel(service: str) -> str:
    return "".join(word.capitalize() for word in re.split(r"[^A-Za-z0-9]+", service))


def enrich(files: Mapping[str, str], found: Discovered, answers: Answers) -> dict[str, str]:
    """The files of a first spec with what was found in the place of what is usual."""
    from sereno.app.cli.init import slug

    language, service = answers.language, slug(answers.service)
    name = say(USUAL, "service_name", language)
    head, _, rest = files[name].partition("slos:\n")
    alert = rest.partition("alerts:\n")[2]
    parts = drafts(found, service, answers.objective, language)
    blocks = {key: "".join(part.text for part in parts if part.key == key) for key in ("slos", "saturation", "alerts")}
    if not any(line.startswith("  - ") for line in blocks["slos"].splitlines()):
        blocks["slos"] = ""  # comments alone would leave a key without a value
    sections = [f"{key}:\n{blocks[key]}" for key in ("slos", "saturation") if blocks[key]]
    text = head + "".join(sections) + f"alerts:\n{alert}{blocks['alerts']}"
    runbooks = {
        say(FILES, f"{kind}_name", language, service=service): say(
            FILES, kind, language, service=service, rest=say(FILES, "rest", language)
        )
        for kind in ("errors", "slow", "dependency")
    }
    return {**files, name: text, **{path: body for path, body in runbooks.items() if path in text}}


def tell(found: Discovered, answers: Answers, path: Path, *, json: bool) -> None:
    """Print what was derived from what, and why."""
    from sereno.app.cli.client import print_json, print_line, print_table
    from sereno.app.cli.init import slug

    language = answers.language
    parts = drafts(found, slug(answers.service), answers.objective, language)
    remarks = [say(WHY, remark, language) for remark in found.remarks]
    if json:
        derived = [{"key": p.key, "what": p.what, "from": p.source, "why": p.why} for p in parts]
        print_json({"path": str(path), "service": slug(answers.service), "derived": derived, "remarks": remarks})
        return
    print_table(
        say(WHY, "title", language, url=answers.metrics),
        [say(WHY, column, language) for column in ("what", "source", "why")],
        [[part.what, part.source, part.why] for part in parts],
        empty=say(WHY, "nothing", language),
    )
    for remark in remarks:
        print_line(f"· {remark}")
