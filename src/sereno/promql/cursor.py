"""A cursor over the tokens of one text: what every part of the parser stands on."""

from __future__ import annotations

import re
from typing import NoReturn

from sereno.kernel.errors import QueryError, UnsupportedQuery
from sereno.promql.dialect import ANY, Language
from sereno.promql.lexer import Token, tokens, unquote

LABEL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
DEPTH_MAX = 200


def valid_name(name: str) -> bool:
    """Whether `name` may be the name of a label or a metric in version 3: any text that is UTF-8, but none."""
    return bool(name) and not any(0xD800 <= ord(c) <= 0xDFFF for c in name)


class Cursor:
    """The tokens of one text, and where we stand."""

    def __init__(self, text: str, language: Language = ANY) -> None:
        self._coming = tokens(text)
        self._seen: list[Token] = []
        self.language = language
        self.index = 0
        self.depth = 0

    @property
    def here(self) -> Token:
        """The token where we stand."""
        return self.token(self.index)

    def token(self, index: int) -> Token:
        """The token at `index`; the last one, the end, beyond that. Read no further than asked for."""
        while len(self._seen) <= index:
            fresh = next(self._coming, None)
            if fresh is None:
                return self._seen[-1]
            self._seen.append(fresh)
        return self._seen[index]

    @property
    def word(self) -> str:
        """The word here in lower case, as keywords are read; empty for anything else."""
        return self.here.text.lower() if self.here.kind == "word" else ""

    @property
    def last_end(self) -> int:
        """Where the last token taken ended."""
        return self._seen[self.index - 1].end

    def ahead(self, count: int = 1) -> Token:
        """The token `count` further on."""
        return self.token(self.index + count)

    def take(self) -> Token:
        """The token here, and one step on."""
        token = self.here
        self.index += token.kind != "end"
        return token

    def is_mark(self, mark: str, ahead: int = 0) -> bool:
        """Whether `mark` stands here, or `ahead` tokens further on."""
        token = self.ahead(ahead)
        return token.kind == "mark" and token.text == mark

    def expect(self, mark: str, context: str) -> Token:
        """Take `mark`. Raises QueryError if it is not here."""
        if not self.is_mark(mark):
            self.unexpected(context, f'"{mark}"')
        return self.take()

    def expect_end(self) -> None:
        """Raise QueryError unless all is read."""
        if self.here.kind != "end":
            self.unexpected("the expression", "an operator or the end")

    def unexpected(self, context: str, expected: str) -> NoReturn:
        """Raise QueryError about the token here."""
        token = self.here
        found = "end of input" if token.kind == "end" else repr(token.text[:100])
        raise QueryError(
            f"unexpected {found} in {context}, expected {expected}", position=token.position, end=token.end
        )

    def deeper(self) -> None:
        """One level down. Raises QueryError when that is too deep."""
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise QueryError(f"nested more than {DEPTH_MAX} deep", position=self.here.position)

    # What the language has --------------------------------------------------------------------------------------

    def needs_3(self, what: str, position: int, end: int | None = None) -> None:
        """Raise UnsupportedQuery if `what` is spoken of in version 2."""
        if self.language.dialect == 2:
            raise UnsupportedQuery(
                f"{what} is understood by Prometheus 3 only", position=position, end=end, hint="set the dialect to 3"
            )

    def needs_flag(self, flag: str, on: bool, what: str, position: int, end: int | None = None) -> None:
        """Raise UnsupportedQuery unless `what`, an experiment of version 3, is switched on."""
        self.needs_3(what, position, end)
        if not on:
            raise UnsupportedQuery(
                f"{what} is experimental and not enabled", position=position, end=end, hint=f"switch on {flag}"
            )

    # Names ------------------------------------------------------------------------------------------------------

    def quoted_name(self, context: str) -> str:
        """A name in quotes, as version 3 has them. Raises QueryError if it is none."""
        token = self.take()
        self.needs_3("a name in quotes", token.position, token.end)
        name = unquote(token)
        if not valid_name(name):
            raise QueryError(f"invalid label name for {context}: {name!r}", position=token.position, end=token.end)
        return name

    def label_names(self) -> tuple[str, ...]:
        """The names of labels in parentheses."""
        self.expect("(", "the list of labels")
        names: list[str] = []
        while not self.is_mark(")"):
            token = self.here
            if token.kind == "string":
                names.append(self.quoted_name("grouping"))
            elif token.kind == "word" and LABEL_NAME.fullmatch(token.text):
                names.append(self.take().text)
            else:
                self.unexpected("the list of labels", "the name of a label")
            if not self.is_mark(","):
                break
            self.take()
        self.expect(")", "the list of labels")
        return tuple(names)
