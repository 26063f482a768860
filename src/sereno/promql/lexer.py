"""Text into tokens, each with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from sereno.kernel.errors import QueryError

TokenKind = Literal["number", "duration", "string", "word", "mark", "end"]


class Token(NamedTuple):
    """One token. `text` is as written; for a mark, the mark itself."""

    kind: TokenKind
    text: str
    position: int

    @property
    def end(self) -> int:
        """The offset after its last character."""
        return self.position + len(self.text)


_SKIP = re.compile(r"(?:[ \t\r\n]+|#[^\r\n]*)+")
_NUMBER = re.compile(r"(?:0[xX][0-9a-fA-F_]*|[0-9_]*)(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?(?![0-9A-Za-z_])")
_DURATION = re.compile(r"(?:[0-9]+(?:ms|[smhdwy]))+(?![0-9A-Za-z_])")
_WORD = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"|' + r"'(?:[^'\\\n]|\\.)*'" + r"|`[^`]*`")
_MARK = re.compile(r"==|=~|!=|!~|>=|<=|</|>/|[-+*/%^=<>(){}\[\],:@]")
_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}


def tokens(text: str) -> Iterator[Token]:
    """The tokens of `text`, closed by one of kind `end`. Raises QueryError at the first character that fits nowhere."""
    position = 0
    bracket = brace = False
    while True:
        if skipped := _SKIP.match(text, position):
            position = skipped.end()
        if position >= len(text):
            yield Token("end", "", len(text))
            return
        token = _next(text, position, bracket=bracket, brace=brace)
        if token.text in ("[", "]") and not brace:
            bracket = token.text == "["
        elif token.kind == "mark" and token.text in ("{", "}"):
            brace = token.text == "{"
        yield token
        position = token.end


def _next(text: str, position: int, *, bracket: bool, brace: bool) -> Token:
    """The token at `position`: a colon is a mark in brackets and part of a word elsewhere; braces hold no numbers."""
    char = text[position]
    if char in "\"'`":
        if match := _STRING.match(text, position):
            return Token("string", match[0], position)
        raise QueryError("the string has no end", position=position)
    if not brace and (char.isdigit() or (char == "." and text[position + 1 : position + 2].isdigit())):
        if match := _NUMBER.match(text, position):
            return Token("number", match[0], position)
        if match := _DURATION.match(text, position):
            return Token("duration", match[0], position)
        raise QueryError("neither a number nor a duration", position=position)
    word = _LABEL if bracket or brace else _WORD
    if match := word.match(text, position):
        return Token("word", match[0], position)
    if match := _MARK.match(text, position):
        return Token("mark", match[0], position)
    raise QueryError(f"unexpected character {char!r}", position=position)


def unquote(token: Token) -> str:
    """What a string token says, its escapes resolved as Go does. Raises QueryError at an escape that does not exist."""
    quote, body = token.text[0], token.text[1:-1]
    if quote == "`" or "\\" not in body:
        return body
    parts: list[bytes] = []
    last = 0
    for match in _ESCAPE.finditer(body):
        parts.append(body[last : match.start()].encode("utf-8", "surrogatepass"))
        parts.append(_unescape(match[0][1:], quote, token.position + 1 + match.start()))
        last = match.end()
    parts.append(body[last:].encode("utf-8", "surrogatepass"))
    return b"".join(parts).decode("utf-8", "surrogateescape")


def _unescape(escape: str, quote: str, position: int) -> bytes:
    """The bytes of one escape, without its backslash."""
    if escape in _SIMPLE:
        return _SIMPLE[escape].encode()
    if escape == quote:
        return quote.encode()
    if escape[0] in "uU" and len(escape) > 1:
        code = int(escape[1:], 16)
        if code <= 0x10FFFF and not 0xD800 <= code < 0xE000:
            return chr(code).encode()
    elif escape[0] == "x" and len(escape) == 3:
        return bytes([int(escape[1:], 16)])
    elif len(escape) == 3 and int(escape, 8) <= 255:
        return bytes([int(escape, 8)])
    raise QueryError(f"unknown escape \\{escape}", position=position)


def number_of(token: Token) -> float:
    """The number that `token` writes, read as Go reads it: 0x1f is hexadecimal and 010 octal."""
    text = token.text
    if "_" in text:
        text = re.sub(r"(?<=[0-9a-fA-FxX])_(?=[0-9a-fA-F])", "", text)
    try:
        if "_" in text:
            raise ValueError
        if re.fullmatch(r"0[xX][0-9a-fA-F]+", text):
            return float(int(text, 16))
        if re.fullmatch(r"0[0-7]+", text):
            return float(int(text, 8))
        return float(text)
    except (ValueError, OverflowError):
        raise QueryError(f"{token.text[:100]!r} is not a number", position=token.position, end=token.end) from None
