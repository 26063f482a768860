"""Reads Markdown into blocks. HTML in it stays words, pictures become links, and no link runs a script."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator

from sereno.compiler.manual_blocks import (
    Block,
    Break,
    Bullets,
    Code,
    Emphasis,
    Fenced,
    Heading,
    Link,
    Paragraph,
    Quote,
    Strong,
    Table,
    Words,
)
from sereno.kernel.inert import inert

Resolve = Callable[[str], str | None]
"""Where a link of the text leads on the written page; None when nowhere that its readers can follow."""

_DEPTH_MAX = 8
_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*")
_FENCE = re.compile(r"( *)(`{3,}|~{3,})[ \t]*([\w+#.-]{0,40})[^`]*")
_ITEM = re.compile(r"( *)([-*+]|\d{1,9}[.)])( +|$)(.*)")
_BREAK = re.compile(r" {0,3}(?:(?:- *){3,}|(?:\* *){3,}|(?:_ *){3,})")
_RULE = re.compile(r"\|? *:?-+:? *(?:\| *:?-+:? *)*\|?")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
# All bounded, so that a thousand openings that nothing closes cost a thousand short looks.
_INLINE = re.compile(
    r"\\(?P<escaped>[!-/:-@\[-`{-~])"
    r"|(?P<ticks>`{1,9})(?!`)(?P<code>.{1,2000}?)(?<!`)(?P=ticks)(?!`)"
    r"|!?\[(?P<label>(?:[^\[\]]|\[[^\[\]]{0,300}\]){0,500})\]"
    r"\([ \t]*<?(?P<to>[^\s()<>]{0,2000}(?:\([^\s()<>]{0,200}\)[^\s()<>]{0,200})?)>?(?:[ \t]+\"[^\"]{0,300}\")?[ \t]*\)"
    r"|<(?P<auto>https?://[^\s<>]{1,2000})>"
    r"|(?P<bare>https?://[^\s<>()\[\]\"'`*]{1,2000}[^\s<>()\[\]\"'`*.,;:!?])"
    r"|\*\*(?=\S)(?P<strong>.{1,600}?)(?<=\S)\*\*"
    r"|(?<![\w*_])(?P<mark>[*_])(?![\s*_])(?P<emphasis>.{1,600}?)(?<![\s*_])(?P=mark)(?![\w*_])"
)


def read_markdown(text: str, resolve: Resolve) -> tuple[Block, ...]:
    """The blocks of `text`; links lead where `resolve` says."""
    return tuple(_blocks(_COMMENT.sub("", inert(text)).expandtabs(4).split("\n"), resolve, 0))


def safe(address: str) -> bool:
    """Whether `address` leads to a page or a mailbox, and not to a program."""
    return bool(re.match(r"(?:https?://|mailto:)\S", address, re.IGNORECASE))


def _blocks(lines: list[str], resolve: Resolve, depth: int) -> Iterator[Block]:
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip():
            at += 1
        elif (fence := _FENCE.fullmatch(line)) is not None:
            fenced, at = _fenced(lines, at, fence)
            yield fenced
        elif (heading := _HEADING.fullmatch(line)) is not None:
            if (heading[2] or "").strip():
                yield Heading(len(heading[1]), inline(heading[2], resolve))
            at += 1
        elif _BREAK.fullmatch(line):
            yield Break()
            at += 1
        elif line.lstrip().startswith("|") and at + 1 < len(lines) and _RULE.fullmatch(lines[at + 1].strip()):
            end = _while(lines, at, lambda found: found.lstrip().startswith("|"))
            yield _table(lines[at:end], resolve)
            at = end
        elif line.lstrip().startswith(">") and depth < _DEPTH_MAX:
            end = _while(lines, at, lambda found: found.lstrip().startswith(">"))
            inner = [re.sub(r"^ *> ?", "", each) for each in lines[at:end]]
            yield Quote(tuple(_blocks(inner, resolve, depth + 1)))
            at = end
        elif _ITEM.fullmatch(line) and depth < _DEPTH_MAX:
            block, at = _bullets(lines, at, resolve, depth)
            yield block
        else:
            end = at + 1
            while end < len(lines) and lines[end].strip() and not _begins(lines[end]):
                end += 1
            yield Paragraph(inline(" ".join(each.strip() for each in lines[at:end]), resolve))
            at = end


def _begins(line: str) -> bool:
    if line.lstrip().startswith((">", "|")):
        return True
    return bool(_FENCE.fullmatch(line) or _HEADING.fullmatch(line) or _ITEM.fullmatch(line))


def _while(lines: list[str], at: int, holds: Callable[[str], bool]) -> int:
    while at < len(lines) and holds(lines[at]):
        at += 1
    return at


def _fenced(lines: list[str], at: int, fence: re.Match[str]) -> tuple[Fenced, int]:
    mark, margin = fence[2], len(fence[1])
    end = at + 1
    while end < len(lines):
        line = lines[end].strip()
        if line.startswith(mark) and not line.strip(mark[0]):
            break
        end += 1
    body = [re.sub(rf"^ {{0,{margin}}}", "", line) for line in lines[at + 1 : end]]
    return Fenced("\n".join(body), fence[3]), end + 1


def _bullets(lines: list[str], at: int, resolve: Resolve, depth: int) -> tuple[Bullets, int]:
    first = _ITEM.fullmatch(lines[at])
    assert first is not None
    numbered = first[2][0].isdigit()
    items: list[tuple[Block, ...]] = []
    while at < len(lines):
        found = _ITEM.fullmatch(lines[at])
        if found is None or found[2][0].isdigit() != numbered or len(found[1]) > len(first[1]) + 1:
            break
        margin = len(found[1]) + 2
        end = at + 1
        while end < len(lines) and _belongs(lines, end, margin):
            end += 1
        indent = re.compile(rf"^ {{0,{len(found[1]) + len(found[2]) + 1}}}")
        inner = [found[4], *(indent.sub("", line) for line in lines[at + 1 : end])]
        items.append(tuple(_blocks(_boxed(inner), resolve, depth + 1)))
        at = end
        following = _while(lines, at, lambda line: not line.strip())
        if following < len(lines) and _ITEM.fullmatch(lines[following]):
            at = following
    return Bullets(tuple(items), int(first[2][:-1]) if numbered else None), at


def _belongs(lines: list[str], at: int, margin: int) -> bool:
    line = lines[at]
    if not line.strip():
        following = _while(lines, at, lambda found: not found.strip())
        return following < len(lines) and lines[following].startswith(" " * margin)
    return line.startswith(" " * margin) or (bool(lines[at - 1].strip()) and not _begins(line))


def _boxed(lines: list[str]) -> list[str]:
    box = re.match(r"\[([ xX])\] +", lines[0])
    return [("☐ " if box[1] == " " else "☑ ") + lines[0][box.end() :], *lines[1:]] if box else lines


def _table(lines: list[str], resolve: Resolve) -> Table:
    head = tuple(html.unescape(cell) for cell in _cells(lines[0]))
    rows = [[inline(cell, resolve) for cell in _cells(line)][: len(head)] for line in lines[2:]]
    empty: Words = ()
    return Table("", head, tuple((*row, *([empty] * (len(head) - len(row)))) for row in rows))


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|")
    inner = inner[:-1] if inner.endswith("|") and not inner.endswith("\\|") else inner
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", inner)]


def inline(text: str, resolve: Resolve, depth: int = 0) -> Words:
    """One run of words."""
    found: list[str | Code | Strong | Emphasis | Link] = []
    at = 0
    for match in _INLINE.finditer(text) if depth < _DEPTH_MAX else ():
        found += _literal(text[at : match.start()])
        found += _marked(match, resolve, depth)
        at = match.end()
    return (*found, *_literal(text[at:]))


def _literal(text: str) -> list[str]:
    return [html.unescape(text)] if text else []


def _marked(match: re.Match[str], resolve: Resolve, depth: int) -> Words:
    if match["escaped"]:
        return (match["escaped"],)
    if match["code"]:
        code = match["code"]
        return (Code(code[1:-1] if code.strip() and code[0] == code[-1] == " " else code),)
    if match["strong"]:
        return (Strong(inline(match["strong"], resolve, depth + 1)),)
    if match["emphasis"]:
        return (Emphasis(inline(match["emphasis"], resolve, depth + 1)),)
    address = match["auto"] or match["bare"]
    if address:
        return (Link((address,), address),)
    label, target = inline(match["label"], _nowhere, depth + 1) or (match["to"],), html.unescape(match["to"])
    to = target if safe(target) else resolve(target)
    return (Link(_unlinked(label), to),) if to else (*_unlinked(label), " (", Code(target), ")")


def _nowhere(_: str) -> None:
    return None


def _unlinked(words: Words) -> Words:
    """`words` without links: there is no link within a link."""
    found: list[str | Code | Strong | Emphasis | Link] = []
    for word in words:
        if isinstance(word, Link):
            found += _unlinked(word.words)
        elif isinstance(word, Strong):
            found.append(Strong(_unlinked(word.words)))
        elif isinstance(word, Emphasis):
            found.append(Emphasis(_unlinked(word.words)))
        else:
            found.append(word)
    return tuple(found)
