"""The target `manual`: everything that a workspace promises and does, for people to read, print and keep."""

from __future__ import annotations

from sereno.compiler.manual_blocks import Block, Code, Document, Heading, Link, Paragraph, Terms, Words, anchored
from sereno.compiler.manual_html import to_html
from sereno.compiler.manual_markdown import to_markdown
from sereno.compiler.manual_people import on_call, severities
from sereno.compiler.manual_plans import maintenance, policies, status
from sereno.compiler.manual_services import dependencies, services
from sereno.compiler.manual_words import GLOSSARY, PHRASES
from sereno.compiler.prometheus_rules import alerts_of
from sereno.compiler.runbook_pages import Book, body_of, book_of, linked, terms_of, without_blocks
from sereno.compiler.targets import Output, Request
from sereno.kernel.language import say
from sereno.kernel.message import Language
from sereno.kernel.rule import Rule
from sereno.slo.links import runbook_url
from sereno.spec.model import Spec


def manual(request: Request) -> Output:
    """The reliability manual of the whole workspace, as Markdown and as one HTML file to read or print."""
    if not request.spec.services:
        return Output({}, ("the spec declares no service: there is nothing to write a manual about",))
    document = document_of(request)
    return Output({"manual/manual.md": to_markdown(document), "manual/manual.html": to_html(document)})


def document_of(request: Request) -> Document:
    """The manual before it is written down."""
    spec, language = request.spec, request.language
    alerts = alerts_of(request)
    book = book_of(spec, alerts)
    title = say(PHRASES, "manual", language)
    chapters: list[tuple[str, list[Block]]] = [
        ("services", services(request)),
        ("alerts", _alerts(spec, alerts, book, language)),
        ("on_call", on_call(spec, language)),
        ("severities", severities(spec, language)),
        ("policies", policies(spec, language)),
        ("maintenance", maintenance(spec, language)),
        ("status", status(spec, language)),
        ("dependencies", dependencies(spec, language)),
        ("runbooks", _runbooks(spec, book, language)),
        ("glossary", [_glossary(language)]),
    ]
    blocks: list[Block] = [Paragraph((say(PHRASES, "lead", language),), lead=True)]
    if spec.environment:
        blocks.append(Paragraph((say(PHRASES, "environment", language, name=spec.environment),)))
    before, _, after = say(PHRASES, "written", language).partition("`sereno build`")
    blocks.append(Paragraph((before, Code("sereno build"), after)))
    for name, chapter in chapters:
        blocks.append(Heading(2, (say(PHRASES, name, language),), name.replace("_", "-")))
        blocks += chapter or [Paragraph((say(PHRASES, "none", language),))]
    return Document(f"{title}: {spec.name}" if spec.name else title, language, anchored(blocks), contents=True)


def _alerts(spec: Spec, alerts: tuple[Rule, ...], book: Book, language: Language) -> list[Block]:
    blocks: list[Block] = []
    for name in [*sorted(spec.services), *sorted({rule.service for rule in alerts} - set(spec.services))]:
        own = [rule for rule in alerts if rule.service == name]
        if own:
            service = spec.services.get(name)
            title = (service.title or name) if service else name
            blocks.append(Heading(3, (title,), f"alerts-{name}"))
        for rule in own:
            blocks.append(Heading(4, (rule.name,), f"alert-{rule.name}"))
            # What tiers of an objective ask is said by its numbers above.
            asked = "" if rule.origin.startswith("slo:") else rule.expr
            blocks.append(terms_of(spec, rule, language, _runbook(spec, rule, book, language), expr=asked))
    if alerts:
        blocks.append(Heading(3, (say(PHRASES, "without", language),), "without"))
        blocks += without_blocks(spec, book, language)
    return blocks


def _runbook(spec: Spec, rule: Rule, book: Book, language: Language) -> Words:
    url = rule.annotations.get("runbook_url") or ""
    for path, name in book.pages.items():
        if rule in book.leading[path]:
            return (Link((spec.runbooks[path].title,), f"#runbook-{name}"),)
    if url:
        return (Link((url,), url),) if "://" in url else (say(PHRASES, "unreadable", language, path=url),)
    return (say(PHRASES, "no_runbook", language),)


def _runbooks(spec: Spec, book: Book, language: Language) -> list[Block]:
    anchors = {path: f"#runbook-{name}" for path, name in book.pages.items()}
    blocks: list[Block] = []
    for path, name in book.pages.items():
        runbook = spec.runbooks[path]
        blocks.append(Heading(3, (runbook.title,), f"runbook-{name}"))
        url = runbook_url(spec.addresses, path)
        if "://" in url:
            blocks.append(Paragraph((Link((url,), url),)))
        blocks += body_of(runbook, linked(path, anchors), 3)
        rules = book.leading[path]
        told: list[Words] = [(Link((rule.name,), f"#alert-{rule.name}"),) for rule in rules]
        joined = tuple(word for at, words in enumerate(told) for word in ((", ", *words) if at else words))
        blocks.append(Paragraph((say(PHRASES, "leads_here", language), ": ", *(joined or ("–",)))))
    return blocks


def _glossary(language: Language) -> Block:
    return Terms(tuple(((term,), (say(GLOSSARY, term, language),)) for term in GLOSSARY))
