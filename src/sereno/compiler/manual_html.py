"""Writes a document as one HTML file that needs nothing else: light and dark, phone and paper, no script."""

from __future__ import annotations

from html import escape

from sereno.compiler.manual_blocks import (
    Block,
    Bullets,
    Code,
    Document,
    Emphasis,
    Fenced,
    Heading,
    Link,
    Paragraph,
    Quote,
    Strong,
    Table,
    Terms,
    Words,
    plain,
)
from sereno.compiler.manual_style import STYLE
from sereno.compiler.manual_words import PHRASES
from sereno.kernel.inert import inert
from sereno.kernel.language import say


def to_html(document: Document) -> str:
    """`document` as a page that ends in a line feed. Everything in it is escaped before anything is marked, and nothing
    turns the direction of reading."""
    contents = _contents(document) if document.contents else ""
    blocks = document.blocks
    starts = next((at for at, one in enumerate(blocks) if isinstance(one, Heading)), 0) if document.contents else 0
    before, body = ("\n".join(_block(block) for block in some) for some in (blocks[:starts], blocks[starts:]))
    title = escape(document.title)
    return inert(
        f'<!doctype html>\n<html lang="{document.language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{title}</h1>\n{before}</header>\n{contents}<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _contents(document: Document) -> str:
    found = [block for block in document.blocks if isinstance(block, Heading) and block.level == 2]
    items = "".join(f'<li><a href="#{escape(one.anchor)}">{_words(one.words)}</a></li>' for one in found)
    label = escape(say(PHRASES, "contents", document.language))
    return f'<nav aria-label="{label}">\n<ol>{items}</ol>\n</nav>\n'


def _block(block: Block) -> str:
    if isinstance(block, Heading):
        return f'<h{block.level} id="{escape(block.anchor)}">{_words(block.words)}</h{block.level}>'
    if isinstance(block, Paragraph):
        return f'<p class="lead">{_words(block.words)}</p>' if block.lead else f"<p>{_words(block.words)}</p>"
    if isinstance(block, Bullets):
        return _bullets(block)
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Terms):
        return f"<dl>{''.join(f'<dt>{_words(name)}</dt><dd>{_words(what)}</dd>' for name, what in block.pairs)}</dl>"
    if isinstance(block, Fenced):
        return f'<pre tabindex="0"><code>{escape(block.text)}</code></pre>'
    if isinstance(block, Quote):
        return f"<blockquote>{''.join(_block(each) for each in block.blocks)}</blockquote>"
    return "<hr>"


def _bullets(block: Bullets) -> str:
    items = "".join(f"<li>{_item(item)}</li>" for item in block.items)
    if block.first is None:
        return f"<ul>{items}</ul>"
    start = f' start="{block.first}"' if block.first != 1 else ""
    return f"<ol{start}>{items}</ol>"


def _item(blocks: tuple[Block, ...]) -> str:
    if blocks and isinstance(blocks[0], Paragraph):
        return _words(blocks[0].words) + "".join(_block(each) for each in blocks[1:])
    return "".join(_block(each) for each in blocks)


def _table(block: Table) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in block.head)
    rows = "".join(
        f"<tr>{''.join(_cell(cell, first=not at) for at, cell in enumerate(row))}</tr>" for row in block.rows
    )
    caption = f"<caption>{escape(block.caption)}</caption>" if block.caption else ""
    table = f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    label = escape(block.caption or ", ".join(block.head) or "–")
    return f'<div class="wide" role="region" tabindex="0" aria-label="{label}">{table}</div>'


def _cell(words: Words, *, first: bool) -> str:
    kind = ' class="long"' if len(plain(words)) > 28 else ""
    return f'<th scope="row"{kind}>{_words(words)}</th>' if first else f"<td{kind}>{_words(words)}</td>"


def _words(words: Words) -> str:
    return "".join(_word(word) for word in words)


def _word(word: str | Code | Strong | Emphasis | Link) -> str:
    if isinstance(word, str):
        return escape(word)
    if isinstance(word, Code):
        return f"<code>{escape(word.text)}</code>"
    if isinstance(word, Strong):
        return f"<strong>{_words(word.words)}</strong>"
    if isinstance(word, Emphasis):
        return f"<em>{_words(word.words)}</em>"
    return f'<a href="{escape(word.to)}">{_words(word.words)}</a>'
