"""Formats YAML: indentation, blanks and line ends, with every comment where it was. What it says does not change.

Only what stands between the tokens of YAML is written anew; the tokens themselves are kept letter by letter. Mappings
and lists are indented by two, a list below its key as well; `{a: 1}` and `[a, b]` hold no blanks at their edges; one
blank stands after `:`, `-` and `,`, two or more before a comment; at most one line is left empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml
from yaml.tokens import (
    AliasToken,
    AnchorToken,
    BlockEndToken,
    BlockEntryToken,
    BlockMappingStartToken,
    BlockSequenceStartToken,
    DirectiveToken,
    DocumentEndToken,
    DocumentStartToken,
    FlowEntryToken,
    FlowMappingEndToken,
    FlowMappingStartToken,
    FlowSequenceEndToken,
    FlowSequenceStartToken,
    KeyToken,
    ScalarToken,
    StreamEndToken,
    StreamStartToken,
    TagToken,
    Token,
    ValueToken,
)

from sereno.spec.source import File, Mapping, Node, Scalar
from sereno.spec.tree import documents

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_OPEN = (FlowMappingStartToken, FlowSequenceStartToken)
_CLOSE = (FlowMappingEndToken, FlowSequenceEndToken)
_STEP = 2


class UnformattableError(ValueError):
    """The text is not YAML, or could not be formatted without changing what it says."""


@dataclass
class _Block:
    """A mapping or list in block style: its column as it was and as it will be. `indentless` lists stand at the column
    of their key."""

    was: int
    now: int
    sequence: bool
    indentless: bool = False


@dataclass
class _Writer:
    text: str
    out: list[str] = field(default_factory=list)
    blocks: list[_Block] = field(default_factory=list)
    closed: list[_Block] = field(default_factory=list)
    """Those that ended since the last token that has a text."""
    shift: int = 0
    """By how many columns the line that is being written has moved."""


def formatted(text: str) -> str:
    """`text` as it should look. Raises UnformattableError if it is not YAML, or would say something else."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    made = _written(text)
    if _meaning(made) != _meaning(text) or _comments(made) != _comments(text):
        raise UnformattableError("it could not be formatted without changing what it says")
    return made


def _meaning(text: str) -> object:
    wrong: list[str] = []
    found = documents(File.of("", text), lambda code, *_: wrong.append(code))
    if set(wrong) - {"SER004"}:
        raise UnformattableError("it is not YAML that can be read")
    return [_plain(node) for node in found], wrong


def _plain(node: Node) -> object:
    if isinstance(node, Scalar):
        return node.kind, node.value, node.broken
    if isinstance(node, Mapping):
        return [(_plain(key), _plain(value)) for key, value in node.entries]
    return tuple(_plain(item) for item in node.items)


def _comments(text: str) -> list[str]:
    return [comment.rstrip() for start, end in _gaps(text) for comment in re.findall(r"#.*", text[start:end])]


def _gaps(text: str) -> Iterator[tuple[int, int]]:
    """What stands between the tokens."""
    done = 0
    for token in _tokens(text):
        if token.start_mark.index >= done:
            yield done, token.start_mark.index
            done = _end_of(text, token)
    yield done, len(text)


def _tokens(text: str) -> Iterator[Token]:
    try:
        yield from yaml.scan(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        raise UnformattableError(str(getattr(error, "problem", None) or error)) from error


def _end_of(text: str, token: Token) -> int:
    """Where the token's own text ends: the marks of those without any are where the next one begins."""
    start, end = token.start_mark.index, token.end_mark.index
    lengths = {BlockEntryToken: 1, FlowEntryToken: 1, ValueToken: 1, KeyToken: 1}
    for kind, length in lengths.items():
        if isinstance(token, kind):
            return int(min(end, start + length) if text[start : start + 1] in "-,:?" and end > start else start)
    if isinstance(token, BlockMappingStartToken | BlockSequenceStartToken | BlockEndToken | StreamStartToken):
        return int(start)
    return int(end)


def _written(text: str) -> str:
    writer = _Writer(text)
    done, before = 0, None
    flow = 0
    for token in _tokens(text):
        start, end = token.start_mark.index, _end_of(text, token)
        _open_block(writer, token, before, flow)
        if end > start or isinstance(token, StreamEndToken):
            _gap(writer, text[done:start], token, before, flow)
            flow += isinstance(token, _OPEN) - isinstance(token, _CLOSE)
            writer.out.append(_own(writer, token, text[start:end]))
            done, before = end, token
            writer.closed.clear()
        if isinstance(token, BlockEndToken) and writer.blocks:
            _close(writer)
        if isinstance(token, DocumentStartToken | DocumentEndToken):
            writer.blocks.clear()
    made = "".join(writer.out).lstrip("\n").rstrip()
    return made + "\n" if made else ""


def _open_block(writer: _Writer, token: Token, before: Token | None, flow: int) -> None:
    """Note where a block begins, as it was and as it will be."""
    column = token.start_mark.column
    if isinstance(token, BlockMappingStartToken | BlockSequenceStartToken):
        _drop_indentless(writer, column, entry=False)
        top = writer.blocks[-1] if writer.blocks else None
        sequence = isinstance(token, BlockSequenceStartToken)
        writer.blocks.append(_Block(column, top.now + _STEP if top else 0, sequence))
    elif isinstance(token, BlockEntryToken) and not flow:
        top = writer.blocks[-1] if writer.blocks else None
        if top is not None and not top.sequence and top.was == column:
            writer.blocks.append(_Block(column, top.now + _STEP, sequence=True, indentless=True))
    elif isinstance(token, KeyToken) and not flow:
        _drop_indentless(writer, column, entry=False)


def _drop_indentless(writer: _Writer, column: int, *, entry: bool) -> None:
    """A list at the column of its key ends where a key of that column begins."""
    while writer.blocks and writer.blocks[-1].indentless and writer.blocks[-1].was >= column and not entry:
        writer.closed.append(writer.blocks.pop())


def _close(writer: _Writer) -> None:
    while writer.blocks and writer.blocks[-1].indentless:
        writer.closed.append(writer.blocks.pop())
    if writer.blocks:
        writer.closed.append(writer.blocks.pop())


def _gap(writer: _Writer, gap: str, token: Token, before: Token | None, flow: int) -> None:
    """Write what stands before a token: blanks, comments, line ends."""
    at_line_start = before is None or (writer.out and writer.out[-1].endswith("\n"))
    if "\n" not in gap and "#" not in gap and not at_line_start:
        writer.out.append(_blank(writer, gap, token, before))
        return
    lines = gap.split("\n")
    first, rest = (lines[0], lines[1:]) if not at_line_start else ("", lines)
    comment = first.strip()
    if comment:
        blanks = len(first) - len(first.lstrip())
        writer.out.append((" " * max(2, blanks) if before is not None else "") + comment)
    if not at_line_start:
        writer.out.append("\n")
    empty = 0
    for line in rest[:-1]:
        if not line.strip():
            empty += 1
            continue
        writer.out.append(("\n" if empty else "") + " " * _column(writer, line, token, flow) + line.strip() + "\n")
        empty = 0
    last = rest[-1] if rest else ""
    writer.out.append("\n" if empty else "")
    if isinstance(token, StreamEndToken):
        writer.out.append(last.strip())
        return
    column = token.start_mark.column
    now = _now(writer, column, token, flow)
    writer.shift = now - column
    writer.out.append(" " * now)


def _now(writer: _Writer, column: int, token: Token, flow: int) -> int:
    """At which column a token that begins a line will stand."""
    if isinstance(token, DocumentStartToken | DocumentEndToken | DirectiveToken):
        return 0
    if not flow and writer.blocks and _begins_entry(writer, column, token):
        return writer.blocks[-1].now
    return max(0, column + writer.shift) if flow else max(0, column + _shift_of(writer, column))


def _begins_entry(writer: _Writer, column: int, token: Token) -> bool:
    return column == writer.blocks[-1].was and not isinstance(token, ValueToken)


def _shift_of(writer: _Writer, column: int) -> int:
    holding = [block for block in writer.blocks if block.was <= column]
    return holding[-1].now - holding[-1].was if holding else 0


def _column(writer: _Writer, line: str, token: Token, flow: int) -> int:
    """At which column a comment of its own line will stand: that of the next token, or of the block that it is in."""
    was = len(line) - len(line.lstrip())
    if flow:
        return max(0, was + writer.shift)
    same = next((block for block in (*reversed(writer.blocks), *writer.closed) if block.was == was), None)
    if same is not None:
        return same.now
    if isinstance(token, StreamEndToken | DocumentStartToken | DocumentEndToken):
        return was
    return _now(writer, token.start_mark.column, token, flow)


def _blank(writer: _Writer, gap: str, token: Token, before: Token | None) -> str:
    """What stands between two tokens of a line."""
    if isinstance(before, _OPEN) or isinstance(token, (*_CLOSE, FlowEntryToken)):
        return ""
    if isinstance(token, ValueToken):
        return " " if isinstance(before, AliasToken | AnchorToken | TagToken) and gap else gap[:0]
    if isinstance(before, ValueToken) and not gap:
        return ""
    if isinstance(before, FlowEntryToken):
        return " "
    return " " if gap else ""


def _own(writer: _Writer, token: Token, written: str) -> str:
    """The token's own text; what goes on over more lines moves with the first."""
    if not isinstance(token, ScalarToken) or "\n" not in written or not writer.shift:
        if isinstance(token, ScalarToken) and "\n" in written and token.style not in ("|", ">"):
            return "\n".join(line.rstrip() for line in written.split("\n"))
        return written
    first, *rest = written.split("\n")
    moved = [_moved(line, writer.shift) for line in rest]
    return "\n".join([first.rstrip() if token.style not in ("|", ">") else first, *moved])


def _moved(line: str, shift: int) -> str:
    if not line.strip():
        return line if shift < 0 and len(line) <= -shift else line[-shift:] if shift < 0 else line
    blanks = len(line) - len(line.lstrip(" "))
    return " " * max(0, blanks + shift) + line[blanks:]
