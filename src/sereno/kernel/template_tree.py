"""Go's text/template, read: from text to a tree, with the places of mistakes.

The subset that Prometheus's alerts can use: no definitions and no calls of other templates.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

DEPTH_MAX = 50
BUILTINS = frozenset(
    {"and", "or", "not", "len", "index", "slice", "print", "printf", "println", "html", "urlquery",
     "eq", "ne", "lt", "le", "gt", "ge"}
)  # fmt: skip
PROMETHEUS = frozenset(
    {"query", "first", "label", "value", "strvalue", "args", "reReplaceAll", "safeHtml", "match", "title", "toUpper",
     "toLower", "graphLink", "tableLink", "sortByLabel", "stripPort", "stripDomain", "humanize", "humanize1024",
     "humanizeDuration", "humanizePercentage", "humanizeTimestamp", "toTime", "toDuration", "now", "pathPrefix",
     "externalURL", "parseDuration", "urlQueryEscape"}
)  # fmt: skip
FUNCTIONS = BUILTINS | PROMETHEUS
GIVEN = ("$", "$labels", "$externalLabels", "$externalURL", "$value")
"""The variables that every template of an alert begins with."""


class TemplateError(ValueError):
    """A template that cannot be read; `position` is the offset of the character."""

    def __init__(self, message: str, position: int = 0) -> None:
        super().__init__(message)
        self.message, self.position = message, position


@dataclass(frozen=True, slots=True)
class Constant:
    """A string, number or truth value, or nil."""

    value: str | int | float | bool | None
    position: int


@dataclass(frozen=True, slots=True)
class Dot:
    """What the template is about just now, or a field of it."""

    fields: tuple[str, ...]
    position: int


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable, or a field of it."""

    name: str
    fields: tuple[str, ...]
    position: int


@dataclass(frozen=True, slots=True)
class Function:
    """The name of a function."""

    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Chain:
    """A field of what a pipeline in parentheses gives."""

    pipeline: Pipeline
    fields: tuple[str, ...]
    position: int


Operand = Constant | Dot | Variable | Function | Chain


@dataclass(frozen=True, slots=True)
class Command:
    """An operand, or a function with its arguments."""

    words: tuple[Operand, ...]
    position: int


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands, each with the result of the one before as its last argument; what is declared or assigned of it."""

    commands: tuple[Command, ...]
    variables: tuple[str, ...] = ()
    assigns: bool = False
    position: int = 0


@dataclass(frozen=True, slots=True)
class Text:
    """Text that stands for itself."""

    text: str


@dataclass(frozen=True, slots=True)
class Action:
    """A pipeline whose value is shown."""

    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class Branch:
    """if, with and range: what is done, and what otherwise."""

    kind: str
    pipeline: Pipeline
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Jump:
    """break or continue."""

    kind: str


Node = Text | Action | Branch | Jump

_OPEN = re.compile(r"\{\{(-(?=[ \t\r\n]))?")
_COMMENT = re.compile(r"\s*/\*(?:[^*]|\*(?!/))*\*/\s*")
_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
    |(?P<string>"(?:[^"\\\n]|\\[^\n])*")
    |(?P<raw>`[^`]*`)
    |(?P<char>'(?:[^'\\\n]|\\[^\n])+')
    |(?P<number>[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?))
    |(?P<field>\.[^\W\d]\w*)
    |(?P<dot>\.)
    |(?P<variable>\$\w*)
    |(?P<word>[^\W\d]\w*)
    |(?P<declare>:=)
    |(?P<sign>[=|(),])""",
    re.VERBOSE,
)
_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\'\"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))", re.S
)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", "'": "'", '"': '"'}


@dataclass(frozen=True, slots=True)
class Token:
    """A word of an action. `spaced` says whether blanks stand before it."""

    kind: str
    text: str
    position: int
    spaced: bool = False


Piece = str | list[Token]


def read(text: str) -> tuple[Node, ...]:
    """The tree of a template. Raises TemplateError."""
    return _Parser(_pieces(text), len(text)).whole()


def _pieces(text: str) -> list[tuple[Piece, int]]:
    """Texts and actions in turn, blanks trimmed where the template asks for it."""
    found: list[tuple[Piece, int]] = []
    at, trim = 0, False
    while True:
        opened = _OPEN.search(text, at)
        plain = text[at : opened.start() if opened else len(text)]
        if trim:
            plain = plain.lstrip(" \t\r\n")
        if opened is None:
            found.append((plain, at))
            return found
        if opened[1]:
            plain = plain.rstrip(" \t\r\n")
        found.append((plain, at))
        at, trim, tokens = _action(text, opened.end(), opened.start())
        if tokens is not None:
            found.append((tokens, opened.start()))


def _action(text: str, at: int, opened: int) -> tuple[int, bool, list[Token] | None]:
    """Where the action that begins at `at` ends, whether blanks after it go, and its words (None for a comment)."""
    comment = _COMMENT.match(text, at)
    if comment:
        at = comment.end()
        for end, trim in (("-}}", True), ("}}", False)):
            if text.startswith(end, at):
                return at + len(end), trim, None
        raise TemplateError("comment ends before closing delimiter", opened)
    tokens: list[Token] = []
    spaced = False
    while True:
        if text.startswith("}}", at):
            return at + 2, False, tokens
        if spaced and text.startswith("-}}", at):
            return at + 3, True, tokens
        found = _TOKEN.match(text, at)
        if found is None:
            raise TemplateError(_lexical(text, at), min(at, max(len(text) - 1, 0)))
        if found.lastgroup == "space":
            spaced = True
        else:
            tokens.append(Token(found.lastgroup or "", found[0], at, spaced))
            spaced = False
        at = found.end()


def _lexical(text: str, at: int) -> str:
    if at >= len(text):
        return "unclosed action"
    if text[at] == '"':
        return "unterminated quoted string"
    if text[at] == "`":
        return "unterminated raw quoted string"
    if text[at] == "'":
        return "unterminated character constant"
    return f"unexpected {text[at]!r} in action"


class _Parser:
    """Reads pieces into nodes."""

    def __init__(self, pieces: Sequence[tuple[Piece, int]], size: int) -> None:
        self.pieces, self.size = pieces, size
        self.at = 0
        self.scopes: list[str] = list(GIVEN)
        self.tokens: list[Token] = []
        self.index = 0
        self.here = 0

    def whole(self) -> tuple[Node, ...]:
        nodes, ended = self.nodes(0, ranged=False)
        if ended:
            raise TemplateError(f"unexpected {{{{{ended}}}}}", self.here)
        return nodes

    def nodes(self, depth: int, *, ranged: bool) -> tuple[tuple[Node, ...], str]:
        """Nodes up to `end` or `else` (left for the caller to read on), or to the end of the template."""
        if depth > DEPTH_MAX:
            raise TemplateError(f"the template is nested more than {DEPTH_MAX} deep", self.here)
        found: list[Node] = []
        while self.at < len(self.pieces):
            piece, self.here = self.pieces[self.at]
            self.at += 1
            if isinstance(piece, str):
                if piece:
                    found.append(Text(piece))
                continue
            self.tokens, self.index = piece, 0
            word = piece[0].text if piece and piece[0].kind == "word" else ""
            if word in ("end", "else"):
                self.index = 1
                if word == "end":
                    self.finish("end")
                return tuple(found), word
            found.append(self.node(word, depth, ranged=ranged))
        return tuple(found), ""

    def node(self, word: str, depth: int, *, ranged: bool) -> Node:
        if word in ("if", "with", "range"):
            self.index = 1
            return self.branch(word, depth, ranged=ranged)
        if word in ("break", "continue"):
            self.index = 1
            if not ranged:
                raise TemplateError(f"{{{{{word}}}}} outside {{{{range}}}}", self.here)
            self.finish(word)
            return Jump(word)
        if word in ("define", "template", "block"):
            raise TemplateError(f"unexpected {{{{{word}}}}}: templates of alerts stand alone", self.here)
        if not self.tokens:
            raise TemplateError("missing value for command", self.here)
        return Action(self.pipeline("command"))

    def branch(self, kind: str, depth: int, *, ranged: bool) -> Branch:
        opened, scope = self.here, len(self.scopes)
        pipeline = self.pipeline(kind)
        inside = ranged or kind == "range"
        body, ended = self.nodes(depth + 1, ranged=inside)
        otherwise: tuple[Node, ...] = ()
        if ended == "else":
            word = self.peek()
            if word is not None and word.text == kind and kind in ("if", "with"):
                self.index += 1
                otherwise, ended = (self.branch(kind, depth + 1, ranged=ranged),), "end"
            else:
                self.finish("else")
                otherwise, ended = self.nodes(depth + 1, ranged=ranged)
                if ended == "else":
                    raise TemplateError("expected end; found {{else}}", self.here)
        if not ended:
            raise TemplateError("unexpected EOF", min(opened, self.size))
        del self.scopes[scope:]
        return Branch(kind, pipeline, body, otherwise)

    # Pipelines -------------------------------------------------------------------------------------------------

    def peek(self, ahead: int = 0) -> Token | None:
        index = self.index + ahead
        return self.tokens[index] if index < len(self.tokens) else None

    def finish(self, where: str) -> None:
        word = self.peek()
        if word is not None:
            raise TemplateError(f"unexpected {word.text!r} in {where}", word.position)

    def pipeline(self, context: str, depth: int = 0) -> Pipeline:
        """A pipeline up to the end of the action, or to a closing parenthesis."""
        if depth > DEPTH_MAX:
            raise TemplateError("too many parentheses", self.here)
        position = self.tokens[self.index].position if self.peek() else self.here
        variables, assigns = self.declared(context)
        commands: list[Command] = []
        while True:
            commands.append(self.command(context, depth))
            word = self.peek()
            if word is None or word.text == ")":
                break
            self.index += 1  # only | ends a command otherwise
        for index, command in enumerate(commands[1:], 2):
            if not isinstance(command.words[0], Function):
                raise TemplateError(f"non executable command in pipeline stage {index}", command.position)
        if not assigns:
            self.scopes += variables
        if depth == 0:
            self.finish(context)
        return Pipeline(tuple(commands), variables, assigns, position)

    def declared(self, context: str) -> tuple[tuple[str, ...], bool]:
        first, second = self.peek(), self.peek(1)
        if first is None or first.kind != "variable" or second is None:
            return (), False
        if second.kind == "declare" or second.text == "=":
            self.index += 2
            if second.text == "=":
                self.known(first)
            return (first.text,), second.text == "="
        third, fourth = self.peek(2), self.peek(3)
        if second.text == "," and third is not None and third.kind == "variable" and fourth is not None:
            if context != "range":
                raise TemplateError(f"too many declarations in {context}", second.position)
            if fourth.kind == "declare" or fourth.text == "=":
                self.index += 4
                return (first.text, third.text), fourth.text == "="
        return (), False

    def known(self, word: Token) -> None:
        if word.text not in self.scopes:
            raise TemplateError(f'undefined variable "{word.text}"', word.position)

    def command(self, context: str, depth: int) -> Command:
        words: list[Operand] = []
        first = self.peek()
        while (word := self.peek()) is not None and word.text not in ("|", ")"):
            if words and not word.spaced:
                raise TemplateError(f"unexpected {word.text!r} in operand", word.position)
            words.append(self.operand(word, context, depth))
        after = self.peek()
        if not words or (after is not None and after.text == "|" and self.peek(1) is None):
            raise TemplateError("missing value for " + context, (first or after or Token("", "", self.here)).position)
        return Command(tuple(words), words[0].position)

    def operand(self, word: Token, context: str, depth: int) -> Operand:
        self.index += 1
        if word.kind == "word" and word.text not in ("true", "false", "nil"):
            if word.text not in FUNCTIONS:
                raise TemplateError(f'function "{word.text}" not defined', word.position)
            return Function(word.text, word.position)
        if word.kind == "variable":
            self.known(word)
            return Variable(word.text, self.fields(), word.position)
        if word.kind == "field":
            return Dot((word.text[1:], *self.fields()), word.position)
        if word.kind == "dot":
            return Dot((), word.position)
        if word.text == "(":
            return self.parenthesis(word, context, depth)
        return Constant(_constant(word), word.position)

    def parenthesis(self, word: Token, context: str, depth: int) -> Operand:
        pipeline = self.pipeline("parenthesized pipeline", depth + 1)
        closing = self.peek()
        if closing is None or closing.text != ")":
            raise TemplateError("unclosed left paren", word.position)
        self.index += 1
        return Chain(pipeline, self.fields(), word.position)

    def fields(self) -> tuple[str, ...]:
        found: list[str] = []
        while (word := self.peek()) is not None and word.kind == "field" and not word.spaced:
            found.append(word.text[1:])
            self.index += 1
        return tuple(found)


def _constant(word: Token) -> str | int | float | bool | None:
    if word.kind == "string":
        return _unquoted(word)
    if word.kind == "raw":
        return word.text[1:-1].replace("\r", "")
    if word.kind == "char":
        found = _unquoted(word)
        if len(found) == 1:
            return ord(found)
    if word.text in ("true", "false"):
        return word.text == "true"
    if word.text == "nil":
        return None
    if word.kind == "number":
        digits = word.text.replace("_", "")
        try:
            if re.fullmatch(r"[+-]?0[0-7]+", digits):
                return int(digits, 8)
            return int(digits, 0) if re.fullmatch(r"[+-]?(0[xXbBoO]\w+|\d+)", digits) else float(digits)
        except ValueError:
            pass
    raise TemplateError(f"unexpected {word.text!r} in operand", word.position)


def _unquoted(word: Token) -> str:
    def replace(found: re.Match[str]) -> str:
        if found[1]:
            return _SIMPLE[found[1]]
        digits = found[2] or found[3] or found[4]
        code = int(digits, 16) if digits else 0
        if found[6] or code > 0x10FFFF or 0xD800 <= code < 0xE000:
            raise TemplateError("invalid syntax in a string", word.position)
        return chr(code if digits else int(found[5], 8))

    return _ESCAPE.sub(replace, word.text[1:-1])
