"""Arithmetic of budgets in code that a manual shows, and metrics that it counts."""

from __future__ import annotations

import re

from sereno.lint.model import Document
from sereno.lint.reporting import Report

_CLAMPED = re.compile(
    r"\bmax\(\s*0(?:\.0)?\s*,\s*[\w.]{0,60}(?:remain|budget|restante|presupuesto)\w*\s*\)", re.IGNORECASE
)
_LEVEL = re.compile(
    r"alert\w{0,60}\([^)]{0,200}\)[^{\n]{0,60}[{:][^{}]{0,300}?(?P<test>[\w.]{0,60}(?:remain|restante)\w*\s*<\s*[\d.]+)",
    re.IGNORECASE,
)
_CAPPED = re.compile(r"\bmin\(\s*(?:actual\s*/\s*target|target\s*/\s*actual)\s*,\s*1(?:\.0)?\s*\)")
_LOOKED_UP = re.compile(r"\.get\(\s*f[\"']\{\w+\}%[\"']\s*,")
_PATH = re.compile(r"\b(?P<name>endpoint|path|route|url)\s*=\s*request\.(?:url\.path|path|url)\b")
_LABELLED = re.compile(r"\.labels\((?P<labels>[^()]*)\)")
_NEAR = 3000
"""How far below a value is looked for what becomes of it."""
_CLIENT = re.compile(r"\bif\s+(?:\w+\.)?status\w*\s*>=\s*400\s*:(?P<body>[\s\S]{0,240}?errors?_total)")


def check_code(document: Document, report: Report) -> None:
    """Everything about code in a text."""
    text = document.file.text
    for found in _CLAMPED.finditer(text):
        report.complain_at(
            "SER780", document.file, found.start(), len(found[0]),
            "a budget that is overspent is shown as 0: at 99.85 % of 99.9 % it is -50 %, and after two such months "
            "nobody can tell", expected="the number as it is, below zero too",
        )  # fmt: skip
    for found in _LEVEL.finditer(text):
        report.complain_at(
            "SER781", document.file, found.start("test"), len(found["test"]),
            "an alert on what is left fires for weeks once it is reached, and not while everything burns: 20 % are "
            "left after a slow month as after a fast hour",
            expected="burn rates for pages; levels for policy and tickets",
        )  # fmt: skip
    for found in _CAPPED.finditer(text):
        report.complain_at(
            "SER782", document.file, found.start(), len(found[0]),
            "a score of ratios to targets, capped at 1: with availability 0 and good latency it is 60 of 100; 99.0 % "
            "against 99.9 % scores 99.6; an error rate of 0 divides by zero",
            expected="good events over all, or the burn of each budget, weighted",
        )  # fmt: skip
    for found in _LOOKED_UP.finditer(text):
        report.complain_at(
            "SER783", document.file, found.start(), len(found[0]),
            "budgets by the text of their target: 99 is not “99.0%”, and what is found is text where a number is "
            "returned otherwise", expected="(100 - target) / 100 × window, as a number",
        )  # fmt: skip
    _check_labels(document, report)
    for found in _CLIENT.finditer(text):
        report.complain_at(
            "SER786", document.file, found.start(), found.end() - found.start(),
            "errors are counted from 400 on: what clients do wrong spends the service's budget",
            expected="5xx and 429, or the status as a label of one counter",
        )  # fmt: skip


def _check_labels(document: Document, report: Report) -> None:
    text = document.file.text
    for found in _PATH.finditer(text):
        after = _LABELLED.finditer(text, found.end(), found.end() + _NEAR)
        used = any(re.search(rf"\b{found['name']}\b", match["labels"]) for match in after)
        if used:
            report.complain_at(
                "SER785", document.file, found.start(), len(found[0]),
                "the path as it was asked for becomes a label: every id and every scanner makes series of its own, "
                "until Prometheus runs out of memory", expected="the template of the route (/orders/{id})",
            )  # fmt: skip
