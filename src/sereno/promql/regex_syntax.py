"""The syntax of Go's regular expressions (RE2, Perl flavour) as a tree.

Source: https://github.com/google/re2/wiki/Syntax, and regexp/syntax of Go for what is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sereno.kernel.errors import QueryError, UnsupportedQuery
from sereno.promql.regex_chars import CONTROL, PERL, POSIX, TOP, CharRange, category, folded, inverted, merged

REPEAT_MAX = 1000


@dataclass(frozen=True, slots=True)
class Chars:
    """One character out of `ranges` (sorted, apart, both ends included)."""

    ranges: tuple[CharRange, ...]


@dataclass(frozen=True, slots=True)
class Edge:
    """A place: beginning or end of the text or of a line, at a word's boundary (b) or not at one (B)."""

    where: Literal["text_begin", "text_end", "line_begin", "line_end", "b", "B"]


@dataclass(frozen=True, slots=True)
class Cat:
    """One after the other."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Alt:
    """One or the other, earlier ones preferred."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`least` to `most` times (None: without end)."""

    item: Node
    least: int
    most: int | None
    greedy: bool


@dataclass(frozen=True, slots=True)
class Group:
    """A group that remembers what it matched."""

    item: Node
    index: int
    name: str | None


Node = Chars | Edge | Cat | Alt | Repeat | Group


class _Syntax:
    """A cursor over one pattern."""

    def __init__(self, text: str, offset: int | None) -> None:
        self.text = text
        self.offset = offset
        self.index = 0
        self.flags: frozenset[str] = frozenset("s")
        self.groups = 0
        self.names: list[str | None] = []
        self.depth = 0

    def wrong(self, message: str) -> QueryError:
        return QueryError(f"invalid regular expression {self.text[:200]!r}: {message}", position=self.offset)

    def more(self) -> bool:
        return self.index < len(self.text)

    def looking_at(self, text: str) -> bool:
        return self.text.startswith(text, self.index)

    def take(self) -> str:
        if not self.more():
            raise self.wrong("it ends too early")
        self.index += 1
        return self.text[self.index - 1]

    def alternatives(self) -> Node:
        self.depth += 1
        if self.depth > 100:
            raise self.wrong("nested too deep")
        flags = self.flags
        items = [self.sequence()]
        while self.looking_at("|"):
            self.index += 1
            items.append(self.sequence())
        self.flags = flags
        self.depth -= 1
        if len(items) > 1 and all(isinstance(item, Chars) for item in items):
            return Chars(merged([r for item in items if isinstance(item, Chars) for r in item.ranges]))
        return items[0] if len(items) == 1 else Alt(tuple(items))

    def sequence(self) -> Node:
        items: list[Node] = []
        while self.more() and self.text[self.index] not in "|)":
            if self.looking_at("\\Q"):
                items += self.quoted()
                if items:
                    items.append(self.repeated(items.pop()))
                continue
            found = self.item()
            if found is not None:
                items.append(self.repeated(found))
        return items[0] if len(items) == 1 else Cat(tuple(items))

    def repeated(self, item: Node) -> Node:
        found = self.repetition()
        if found is None:
            return item
        least, most = found
        greedy = "U" not in self.flags
        if self.looking_at("?"):
            self.index += 1
            greedy = not greedy
        if self.repetition() is not None:
            raise self.wrong("a repetition of a repetition")
        return Repeat(item, least, most, greedy)

    def repetition(self) -> tuple[int, int | None] | None:
        if not self.more():
            return None
        char = self.text[self.index]
        if char in "*+?":
            self.index += 1
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[char]
        if char != "{":
            return None
        end = self.text.find("}", self.index)
        low, comma, high = self.text[self.index + 1 : max(end, self.index + 1)].partition(",")
        if end < 0 or not _digits(low) or (high and not _digits(high)):
            return None  # a brace that opens no repetition is a brace
        least = int(low)
        most = None if comma and not high else int(high or low)
        if max(least, most or 0) > REPEAT_MAX or (most is not None and most < least):
            raise self.wrong("the count of a repetition")
        self.index = end + 1
        return least, most

    def item(self) -> Node | None:
        char = self.take()
        if char == "(":
            return self.group()
        if char == "[":
            return self.set()
        if char == ".":
            return Chars(((0, TOP),)) if "s" in self.flags else Chars(inverted(((10, 10),)))
        if char == "^":
            return Edge("line_begin" if "m" in self.flags else "text_begin")
        if char == "$":
            return Edge("line_end" if "m" in self.flags else "text_end")
        if char in "*+?":
            raise self.wrong(f"{char} repeats nothing")
        if char == "\\":
            return self.escape()
        return self.one(ord(char))

    def one(self, code: int) -> Chars:
        return self.of(((code, code),))

    def of(self, ranges: tuple[CharRange, ...]) -> Chars:
        return Chars(folded(ranges) if "i" in self.flags else ranges)

    def group(self) -> Node | None:
        if not self.looking_at("?"):
            return self.capture(None)
        self.index += 1
        for opening in ("P<", "<"):
            if self.looking_at(opening) and not (opening == "<" and self.text[self.index + 1 : self.index + 2] in "=!"):
                end = self.text.find(">", self.index)
                name = self.text[self.index + len(opening) : end]
                if end < 0 or not name.isidentifier() or not name.isascii() or name in self.names:
                    raise self.wrong("the name of a group")
                self.index = end + 1
                return self.capture(name)
        return self.flagged()

    def flagged(self) -> Node | None:
        flags, on = set(self.flags), True
        while True:
            char = self.take()
            if char == "-":
                on = False
            elif char in "imsU":
                (flags.add if on else flags.discard)(char)
            elif char == ")":
                self.flags = frozenset(flags)
                return None
            elif char == ":":
                before, self.flags = self.flags, frozenset(flags)
                found = self.closed()
                self.flags = before
                return found
            else:
                raise self.wrong("looking ahead or behind, or an unknown flag")

    def capture(self, name: str | None) -> Group:
        self.groups += 1
        index = self.groups
        self.names.append(name)
        return Group(self.closed(), index, name)

    def closed(self) -> Node:
        found = self.alternatives()
        if not self.looking_at(")"):
            raise self.wrong("a parenthesis is not closed")
        self.index += 1
        return found

    def quoted(self) -> list[Node]:
        """The characters from \\Q to \\E, each for itself: a repetition after them takes the last alone."""
        end = self.text.find("\\E", self.index)
        end = len(self.text) if end < 0 else end
        inside = self.text[self.index + 2 : end]
        self.index = min(end + 2, len(self.text))
        return [self.one(ord(char)) for char in inside]

    def escape(self) -> Node:
        char = self.take()
        if char in "Az":
            return Edge("text_begin" if char == "A" else "text_end")
        if char in "bB":
            return Edge("b" if char == "b" else "B")
        ranges = self.escaped_class(char)
        return self.of(ranges) if ranges is not None else self.one(self.escaped_char(char))

    def escaped_class(self, char: str) -> tuple[CharRange, ...] | None:
        if char.lower() in PERL:
            ranges = PERL[char.lower()]
            return inverted(ranges) if char.isupper() else ranges
        if char not in "pP":
            return None
        name = self.take()
        if name == "{":
            end = self.text.find("}", self.index)
            name, self.index = self.text[self.index : end], end + 1
            if end < 0:
                raise self.wrong("a class of characters is not closed")
        negated = (char == "P") != name.startswith("^")
        name = name.lstrip("^")
        if len(name) > 2:
            raise UnsupportedQuery(f"the script \\p{{{name}}} in a regular expression", position=self.offset)
        ranges = category(name)
        if not ranges:
            raise self.wrong(f"there is no class \\p{{{name}}}")
        return inverted(ranges) if negated else ranges

    def escaped_char(self, char: str) -> int:
        if char in CONTROL:
            return CONTROL[char]
        if char == "x":
            if self.looking_at("{"):
                end = self.text.find("}", self.index)
                digits, self.index = self.text[self.index + 1 : max(end, 0)], end + 1
            else:
                digits, self.index = self.text[self.index : self.index + 2], self.index + 2
                digits = digits if len(digits) == 2 else ""
            if digits and all(c in "0123456789abcdefABCDEF" for c in digits) and int(digits, 16) <= TOP:
                return int(digits, 16)
        elif char == "0" or (char in "1234567" and self.text[self.index : self.index + 1] in tuple("01234567")):
            digits = char
            while len(digits) < 3 and self.text[self.index : self.index + 1] in tuple("01234567"):
                digits += self.take()
            return int(digits, 8)
        elif char.isascii() and not char.isalnum():
            return ord(char)
        raise self.wrong(f"the escape \\{char}")

    def set(self) -> Chars:
        """A class in brackets, its opening one already taken."""
        negated = self.looking_at("^")
        self.index += negated
        found: list[CharRange] = []
        first = True
        while first or not self.looking_at("]"):
            first = False
            found += self.set_item()
        self.index += 1
        ranges = merged(found)
        if "i" in self.flags:
            ranges = folded(ranges)
        return Chars(inverted(ranges) if negated else ranges)

    def set_item(self) -> list[CharRange]:
        if self.looking_at("[:"):
            end = self.text.find(":]", self.index)
            name = self.text[self.index + 2 : end] if end > 0 else ""
            if end > 0 and name.lstrip("^") in POSIX:
                self.index = end + 2
                ranges = POSIX[name.lstrip("^")]
                return list(inverted(ranges) if name.startswith("^") else ranges)
            if end > 0:
                raise self.wrong(f"there is no class [:{name}:]")
        char = self.take()
        if char == "\\":
            char = self.take()
            ranges_ = self.escaped_class(char)
            if ranges_ is not None:
                return list(ranges_)
            low = self.escaped_char(char)
        else:
            low = ord(char)
        if not self.looking_at("-") or self.text[self.index + 1 : self.index + 2] in ("]", ""):
            return [(low, low)]
        self.index += 1
        char = self.take()
        high = self.escaped_char(self.take()) if char == "\\" else ord(char)
        if high < low:
            raise self.wrong("a range of characters runs backwards")
        return [(low, high)]


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit() and (text == "0" or not text.startswith("0"))


def parse_regex(text: str, position: int | None = None) -> tuple[Node, tuple[str | None, ...]]:
    """The tree of the pattern `text`, and the names of its groups in order (None: without a name).

    `position` is where the pattern stands in the query, for errors. Raises QueryError for what Go refuses too,
    UnsupportedQuery for scripts of Unicode.
    """
    syntax = _Syntax(text, position)
    tree = syntax.alternatives()
    if syntax.more():
        raise syntax.wrong("a parenthesis is closed that was not opened")
    return tree, tuple(syntax.names)
