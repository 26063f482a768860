"""One reading of a whole workspace: what has been found wrong so far, and which names exist."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from difflib import get_close_matches

from sereno.kernel.diagnostics import Diagnostic
from sereno.kernel.severity import DEFAULT_SEVERITIES, Severities
from sereno.spec.codes import CODES
from sereno.spec.model import Slo, Source
from sereno.spec.ports import FileExists, PromqlChecker
from sereno.spec.source import File, Node, Scalar

DIAGNOSTICS_MAX = 1000
HINTED_MAX = 100
GUESSES_MAX = 100_000
"""How many names one reading compares with words that may mean them: each takes some ten microseconds."""
_REFERENCES = {
    "team": "SER050",
    "person": "SER051",
    "escalation": "SER052",
    "schedule": "SER053",
    "status_page": "SER054",
    "service": "SER114",
    "policy": "SER115",
}
_NAMED = ("maintenance", "experiment", "readiness", "flags", "dashboard", "template")
_TITLES = {"status_page": "status page"}


class Reading:
    """Collects every mistake of one reading, and answers what is declared.

    `environment` is the chosen one, `environments` those declared, `service` the one being read. `roles` are those of
    each schedule, `components` those of each status page, `fed` the services behind each component, `scraped` the
    targets of each job, `objectives` all that were read so far, and `composites` those made of others: service, name,
    and the nodes that name the parts with their weights. `partial` is set when some text could not be read: then a name
    that seems missing may only be unread, and nothing is said about unknown or unused names. `mistakes` counts the
    errors so far. With `overlooks` keys that mean nothing are no mistakes.
    """

    def __init__(
        self,
        promql: PromqlChecker,
        exists: FileExists | None = None,
        *,
        overlooks: bool = False,
        environment: str = "",
    ) -> None:
        self.promql = promql
        self.exists = exists
        self.partial = False
        self.mistakes = 0
        self.overlooks = overlooks
        self.severities: Severities = DEFAULT_SEVERITIES
        self.names: dict[str, dict[str, Scalar]] = {kind: {} for kind in (*_REFERENCES, *_NAMED)}
        self.roles: dict[str, tuple[str, ...]] = {}
        self.components: dict[str, tuple[str, ...]] = {}
        self.fed: dict[tuple[str, str], list[str]] = {}
        self.service = ""
        self.environment = environment
        self.environments: tuple[str, ...] = ()
        self.objectives: dict[tuple[str, str], Slo] = {}
        self.composites: list[tuple[str, str, tuple[tuple[Node, Decimal], ...]]] = []
        self.scraped: dict[tuple[str, str], Node] = {}
        self.used: dict[str, set[str]] = {kind: set() for kind in (*_REFERENCES, *_NAMED)}
        self._found: dict[tuple[str, int, str, str], Diagnostic] = {}
        self._guesses = GUESSES_MAX

    def complain(
        self,
        code: str,
        node: Node,
        message: str,
        *,
        expected: str | None = None,
        hint: str | None = None,
        secret: bool = False,
    ) -> None:
        """Report a mistake at `node`. `secret` keeps the line itself out of the report."""
        self.complain_at(
            code, node.file, node.start, node_length(node), message, expected=expected, hint=hint, secret=secret
        )

    def complain_at(
        self,
        code: str,
        file: File,
        index: int,
        length: int,
        message: str,
        *,
        expected: str | None = None,
        hint: str | None = None,
        secret: bool = False,
    ) -> None:
        """Report a mistake at character `index` of `file`; the same one twice is reported once."""
        message = "".join(c if c.isprintable() else " " for c in message)
        if (file.shown, index, code, message) in self._found:
            return
        line, column = file.place(index)
        excerpt = "" if secret else file.excerpt(line, column)
        length = max(1, min(length, len(excerpt) - column + 1))
        found = Diagnostic(
            code, message, file.shown, line, column, length, excerpt, expected, hint, CODES[code].level
        )  # fmt: skip
        self._found[file.shown, index, code, message] = found
        self.mistakes += found.level == "error"

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Everything found, in the order of files and places; at most a thousand, errors first to stay."""
        found = list(self._found.values())
        if len(found) > DIAGNOSTICS_MAX:
            rest = len(found) - DIAGNOSTICS_MAX
            found = sorted(found, key=lambda d: d.level != "error")[:DIAGNOSTICS_MAX]
            last = found[-1]
            found.append(
                Diagnostic("SER099", f"{rest} more mistakes are not listed", last.file, last.line, last.column)
            )
        return tuple(sorted(found, key=lambda d: (d.file, d.line, d.column, d.code)))

    @property
    def _may_guess(self) -> bool:
        """Guessing what was meant takes time; where everything is wrong it helps nobody."""
        return len(self._found) < HINTED_MAX and self._guesses > 0

    def source(self, node: Node) -> Source:
        """Where `node` was written."""
        line, column = node.file.place(node.start)
        return Source(node.file.name, line, column)

    def declare(self, kind: str, name: Scalar) -> bool:
        """Take note that `name` exists; False, with a report, if it already did."""
        if name.value in self.names[kind]:
            self.complain_twice(name, self.names[kind][name.value], f"{_TITLES.get(kind, kind)} `{name.value}`")
            return False
        self.names[kind][name.value] = name
        return True

    def complain_twice(self, second: Node, first: Node, what: str) -> None:
        """Report that `second` repeats `first`."""
        line, _ = first.file.place(first.start)
        where = f"line {line}" if first.file is second.file else f"{first.file.shown}:{line}"
        self.complain("SER012", second, f"the {what} is already declared ({where})", expected="a name of its own")

    def reference(self, kind: str) -> Callable[[Reading, Node], str | None]:
        """A reader of a reference to something of `kind`."""

        def read(reading: Reading, node: Node) -> str | None:
            return reading.refer(kind, node)

        return read

    def refer(self, kind: str, node: Node) -> str | None:
        """The name in `node`, if something of that kind has it; reported otherwise."""
        if not isinstance(node, Scalar) or node.kind in ("null", "boolean"):
            empty = isinstance(node, Scalar) and node.kind == "null"
            if not (empty and getattr(node, "broken", False)):
                what = "there is no value here" if empty else "this is not a name"
                expected = f"the name of a {_TITLES.get(kind, kind)}"
                self.complain("SER023" if empty else "SER020", node, what, expected=expected)
            return None
        if node.value in self.names[kind]:
            self.used[kind].add(node.value)
            return node.value
        known = sorted(self.names[kind]) if self._may_guess else ()
        self.unknown(_REFERENCES[kind], node, _TITLES.get(kind, kind), known)
        meant = self.nearest(node.value, known)
        if meant:
            self.used[kind].add(meant)  # one typing mistake is one message
        return None

    def unknown(self, code: str, node: Scalar, what: str, known: Iterable[str], also: Iterable[str] = ()) -> None:
        """Report that `node` names nothing in `known` (nor in `also`), unless something could not be read."""
        if self.partial:
            return
        names = list(known) if self._may_guess else []
        declared = f"one of {', '.join(names)}" if names else f"a document that declares the {what} first"
        self.complain(
            code,
            node,
            f"there is no {what} `{node.value}`",
            expected=_shorten(declared),
            hint=self.closest(node.value, (*names, *also)),
        )

    def closest(self, word: str, known: Iterable[str]) -> str | None:
        """`did you mean …?`, if one of `known` is near; None once guessing has taken long enough."""
        return closest(word, self._guessed(known))

    def nearest(self, word: str, known: Iterable[str], *, key: bool = False) -> str | None:
        """The one of `known` that `word` most likely meant; None once guessing has taken long enough.

        With `key` it is guessed also where much is wrong, since a key is then read as meant.
        """
        return nearest(word, self._guessed(known, key=key))

    def _guessed(self, known: Iterable[str], *, key: bool = False) -> tuple[str, ...]:
        """The names of `known` that may still be compared."""
        if self._guesses <= 0 or not (key or self._may_guess):
            return ()
        names = tuple(known)
        self._guesses -= len(names)
        return names


def closest(word: str, known: Iterable[str]) -> str | None:
    """`did you mean …?`, if one of `known` is near."""
    near = nearest(word, known)
    if near is None or (near != word and near.rstrip("0123456789") == word.rstrip("0123456789")):
        return None  # SEV5 may be any of SEV1 … SEV4
    return f"did you mean `{near}`?"


def nearest(word: str, known: Iterable[str], *, likeness: float = 0.65) -> str | None:
    """The one of `known` that `word` most likely meant (1 is the same word), or None."""
    by_lower = {name.lower(): name for name in known}
    if len(word) > 64:
        return None
    found = get_close_matches(word.lower(), by_lower, n=1, cutoff=likeness)
    return by_lower[found[0]] if found else None


def node_length(node: Node) -> int:
    """How many characters the caret underlines: a value, or the first key of a mapping."""
    if isinstance(node, Scalar):
        return max(1, node.end - node.start)
    first = getattr(node, "entries", ())
    return max(1, first[0][0].end - first[0][0].start) if first and first[0][0].start == node.start else 1


def _shorten(text: str, length: int = 200) -> str:
    return text if len(text) <= length else text[:length] + "…"
