"""The little Markdown that our own drafts use, as safe HTML: headings, paragraphs, lists, tables, emphasis, code."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from markupsafe import Markup, escape

_ESCAPED = re.compile(r"\\([\\`*_\[\]|~#\-.!()])")
_PRIVATE = 0xE000
_BOLD = re.compile(r"\*\*(.+?)\*\*")
# Bounded, so that a thousand opening stars cost a thousand short looks and not a thousand long ones.
_EMPHASIS = re.compile(r"(?<![\w*_])([*_])(?!\s)(.{1,300}?)(?<!\s)\1(?![\w*_])")
_COMMENT = re.compile(r"<!--(?:(?!<!--).)*?-->")
_CODE = re.compile(r"`([^`]+)`")
_RULE = re.compile(r"^\|?\s*:?-{2,}:?\s*(\|\s*:?-{2,}:?\s*)*\|?$")
_ITEM = re.compile(r"^\s*(?:[-*]|\d+\.)\s+(?:\[([ xX])\]\s+)?(.*)$")


def to_html(text: str) -> Markup:
    """`text` as HTML. Nothing in it can become markup of its own: everything is escaped before anything is marked."""
    lines = [_COMMENT.sub("", line).rstrip() for line in text.splitlines()]
    return Markup("\n").join(_blocks(lines))


def _blocks(lines: list[str]) -> Iterator[Markup]:
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip():
            at += 1
            continue
        kind = _kind(line)
        end = at + 1
        while kind != "heading" and end < len(lines) and lines[end].strip() and _kind(lines[end]) == kind:
            end += 1
        yield _MAKERS[kind](lines[at:end])
        at = end


def _kind(line: str) -> str:
    if re.match(r"^#{1,6} ", line):
        return "heading"
    if line.lstrip().startswith("|"):
        return "table"
    if re.match(r"^(-{3,}|\*{3,})$", line):
        return "rule"
    if line.startswith(">"):
        return "quote"
    return "list" if _ITEM.match(line) else "paragraph"


def _heading(lines: list[str]) -> Markup:
    marks, _, words = lines[0].partition(" ")
    level = min(6, len(marks) + 1)  # the page has its own h1
    return Markup(f"<h{level}>{{}}</h{level}>").format(inline(words))  # noqa: S704


def _break(lines: list[str]) -> Markup:
    return Markup("<hr>")


def _paragraph(lines: list[str]) -> Markup:
    return Markup("<p>{}</p>").format(inline(" ".join(lines)))


def _quote(lines: list[str]) -> Markup:
    return Markup("<blockquote><p>{}</p></blockquote>").format(inline(" ".join(line.lstrip("> ") for line in lines)))


def _list(lines: list[str]) -> Markup:
    ordered = bool(re.match(r"^\s*\d+\.", lines[0]))
    items = []
    for line in lines:
        found = _ITEM.match(line)
        box, words = (found.group(1), found.group(2)) if found else (None, line)
        mark = "" if box is None else "☐ " if box == " " else "☑ "
        items.append(Markup("<li>{}{}</li>").format(mark, inline(words)))
    tag = "ol" if ordered else "ul"
    return Markup(f"<{tag}>{{}}</{tag}>").format(Markup("").join(items))  # noqa: S704


def _table(lines: list[str]) -> Markup:
    rows = [_cells(line) for line in lines if not _RULE.match(line.strip())]
    headed = len(lines) > 1 and bool(_RULE.match(lines[1].strip()))
    head = Markup("")
    names: list[str] = []
    if headed and rows:
        names = rows.pop(0)
        cells = Markup("").join(Markup('<th role="columnheader" scope="col">{}</th>').format(inline(c)) for c in names)
        head = Markup('<thead role="rowgroup"><tr role="row">{}</tr></thead>').format(cells)
    body = Markup("").join(_row(row, names) for row in rows)
    return Markup('<table role="table" class="grid-table">{}<tbody role="rowgroup">{}</tbody></table>').format(
        head, body
    )


def _row(row: list[str], names: list[str]) -> Markup:
    cells = []
    for index, cell in enumerate(row):
        label = inline(names[index]).striptags() if index < len(names) else ""
        cells.append(Markup('<td role="cell" data-label="{}">{}</td>').format(label, inline(cell)))
    return Markup('<tr role="row">{}</tr>').format(Markup("").join(cells))


def _cells(line: str) -> list[str]:
    return [_shown(cell.strip(), "\\") for cell in _hide(line.strip()).strip("|").split("|")]


def _hide(text: str) -> str:
    # Characters of the private area that came from outside would turn into markup on the way back: they go.
    foreign = "".join(c for c in text if not _PRIVATE <= ord(c) < _PRIVATE + 128)
    return _ESCAPED.sub(lambda m: chr(_PRIVATE + ord(m.group(1))), foreign)


def _shown(text: str, before: str = "") -> str:
    return "".join(before + chr(ord(c) - _PRIVATE) if _PRIVATE <= ord(c) < _PRIVATE + 128 else c for c in text)


def inline(text: str) -> Markup:
    """One run of words: escapes honoured, bold, emphasis and code marked."""
    safe = str(escape(_hide(html.unescape(text))))
    safe = _CODE.sub(r"<code>\1</code>", safe)
    safe = _BOLD.sub(r"<strong>\1</strong>", safe)
    safe = _EMPHASIS.sub(r"<em>\2</em>", safe)
    # What a backslash hid comes back only now; none of those characters means anything to HTML.
    return Markup(_shown(safe))  # noqa: S704


_MAKERS = {
    "heading": _heading,
    "table": _table,
    "list": _list,
    "paragraph": _paragraph,
    "quote": _quote,
    "rule": _break,
}
