"""The target `runbook-pages`: every runbook as a page, with the alerts that lead to it, and what has none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from posixpath import dirname, join, normpath
from urllib.parse import unquote

from sereno.compiler.manual_blocks import (
    Block,
    Code,
    Document,
    Fenced,
    Heading,
    Link,
    Paragraph,
    Table,
    Terms,
    Words,
    anchored,
    ordered,
    plain,
    slug,
)
from sereno.compiler.manual_html import to_html
from sereno.compiler.manual_markdown import to_markdown
from sereno.compiler.manual_reading import Resolve, read_markdown, safe
from sereno.compiler.manual_words import PHRASES
from sereno.compiler.prometheus_rules import WATCHDOG, alerts_of
from sereno.compiler.targets import Output, Request
from sereno.kernel.language import say, span
from sereno.kernel.message import Language
from sereno.kernel.rule import Rule
from sereno.slo.links import runbook_url
from sereno.spec.model import Runbook, Spec

_FOLDER = "runbooks"
_INDEX = "index"


@dataclass(frozen=True, slots=True)
class Book:
    """The runbooks of a workspace: each page's name, and the alerts that lead to each and to none."""

    pages: Mapping[str, str]
    leading: Mapping[str, tuple[Rule, ...]]
    without: tuple[Rule, ...]
    elsewhere: tuple[Rule, ...]


def runbook_pages(request: Request) -> Output:
    """Each runbook as Markdown and HTML with the alerts that lead to it, and a list of alerts without one."""
    spec, language = request.spec, request.language
    book = book_of(spec, alerts_of(request))
    if not book.pages and not book.without:
        return Output({}, ("the spec declares no runbook and no alert: there is no page to write",))
    files: dict[str, str] = {}
    for ending, write in (("md", to_markdown), ("html", to_html)):
        files[f"{_FOLDER}/{_INDEX}.{ending}"] = write(_index(spec, book, language, ending))
        for path, name in book.pages.items():
            page = _page(spec, spec.runbooks[path], book, language, ending)
            files[f"{_FOLDER}/{name}.{ending}"] = write(page)
    missing = f"{len(book.without)} alerts have no runbook: see {_FOLDER}/{_INDEX}.md"
    return Output(files, (missing,) if book.without else ())


def book_of(spec: Spec, alerts: Iterable[Rule]) -> Book:
    """Which runbook each of `alerts` leads to; the watchdog needs none."""
    pages = _names(spec)
    by_url = {runbook_url(spec.addresses, path): path for path in pages} | {path: path for path in pages}
    leading: dict[str, list[Rule]] = {path: [] for path in pages}
    without, elsewhere = [], []
    for rule in alerts:
        url = rule.annotations.get("runbook_url") or ""
        path = by_url.get(url)
        if path is not None:
            leading[path].append(rule)
        elif url:
            elsewhere.append(rule)
        elif rule.name != WATCHDOG:
            without.append(rule)
    return Book(pages, {path: tuple(rules) for path, rules in leading.items()}, tuple(without), tuple(elsewhere))


def _names(spec: Spec) -> dict[str, str]:
    """A file's name for each runbook, unlike any other's even where case does not count."""
    taken = {_INDEX}
    names: dict[str, str] = {}
    for path in sorted(spec.runbooks):
        stem = path.removesuffix(".md").removeprefix(f"{_FOLDER}/")
        wanted = slug(stem.replace("/", "-").replace(".", "-")) or "runbook"
        name, count = wanted, 2
        while name in taken:
            name, count = f"{wanted}-{count}", count + 1
        taken.add(name)
        names[path] = name
    return names


def linked(path: str, to: Mapping[str, str]) -> Resolve:
    """Where the links of the runbook at `path` lead: other runbooks by `to`, nothing else of the folder."""

    def resolve(target: str) -> str | None:
        name, _, _ = target.partition("#")
        return to.get(normpath(join(dirname(path), unquote(name)))) if name else None

    return resolve


def body_of(runbook: Runbook, resolve: Resolve, below: int) -> tuple[Block, ...]:
    """What the runbook says, headings below level `below`, without a first heading that only repeats its title."""
    blocks = read_markdown(runbook.text, resolve)
    first = blocks[0] if blocks else None
    if isinstance(first, Heading) and plain(first.words).strip() == runbook.title.strip():
        blocks = blocks[1:]
    return tuple(ordered(blocks, below))


def _page(spec: Spec, runbook: Runbook, book: Book, language: Language, ending: str) -> Document:
    files = {path: f"{name}.{ending}" for path, name in book.pages.items()}
    rules = book.leading[runbook.path]
    blocks: list[Block] = []
    owner = runbook.front.get("owner", "")
    if owner:
        title = spec.teams[owner].title if owner in spec.teams else owner
        blocks.append(Paragraph((say(PHRASES, "owner", language), ": ", title)))
    blocks += body_of(runbook, linked(runbook.path, files), 1)
    blocks.append(Heading(2, (say(PHRASES, "leads_here", language),), "alerts"))
    if not rules:
        blocks.append(Paragraph((say(PHRASES, "nothing_leads_here", language),)))
    for rule in rules:
        blocks += [Heading(3, (rule.name,)), terms_of(spec, rule, language), Fenced(rule.expr.strip(), "promql")]
    back: Words = (Link((say(PHRASES, "index", language),), f"{_INDEX}.{ending}"),)
    return Document(runbook.title, language, anchored([*blocks, Paragraph(back)]))


def terms_of(spec: Spec, rule: Rule, language: Language, runbook: Words = ("",), *, expr: str = "") -> Block:
    """What is to be known of an alert by whom it wakes; its runbook and what it asks only where given."""
    severity = spec.severities.find(rule.severity)
    service = spec.services.get(rule.service)
    board = rule.annotations.get("dashboard_url") or ""
    pairs: list[tuple[str, Words]] = [
        ("meaning", (rule.annotations.get("description") or rule.annotations.get("summary") or "",)),
        ("severity", (severity.name if severity else rule.severity,)),
        ("service", ((service.title or service.name) if service else rule.service,)),
        ("owner", (rule.annotations.get("owner") or "",)),
        ("condition", (Code(" ".join(expr.split())),)),
        ("for", (span(rule.for_, language) if rule.for_ else say(PHRASES, "at_once", language),)),
        ("dashboard", (Link((board,), board),) if safe(board) else (board,)),
        ("runbook", runbook),
    ]
    return Terms(tuple(((say(PHRASES, key, language),), words) for key, words in pairs if plain(words)))


def _index(spec: Spec, book: Book, language: Language, ending: str) -> Document:
    blocks: list[Block] = [Paragraph((say(PHRASES, "runbook_lead", language),), lead=True)]
    if book.pages:
        rows: list[tuple[Words, ...]] = [
            (
                (Link((spec.runbooks[path].title,), f"{name}.{ending}"),),
                (", ".join(rule.name for rule in book.leading[path]) or "–",),
            )
            for path, name in book.pages.items()
        ]
        head = (say(PHRASES, "title", language), say(PHRASES, "leads_here", language))
        blocks.append(Table("", head, tuple(rows)))
    blocks.append(Heading(2, (say(PHRASES, "without", language),), "without"))
    blocks += without_blocks(spec, book, language)
    return Document(say(PHRASES, "runbooks", language), language, anchored(blocks))


def without_blocks(spec: Spec, book: Book, language: Language) -> list[Block]:
    """The alerts that lead nowhere."""
    if not book.without:
        return [Paragraph((say(PHRASES, "none_without", language),))]
    head = tuple(say(PHRASES, key, language) for key in ("alert", "severity", "service", "meaning"))
    rows: list[tuple[Words, ...]] = []
    for rule in book.without:
        service = spec.services.get(rule.service)
        title = (service.title or service.name) if service else rule.service
        rows.append(((rule.name,), (rule.severity,), (title,), (rule.annotations.get("summary") or "",)))
    return [Paragraph((say(PHRASES, "without_lead", language),)), Table("", head, tuple(rows))]
