"""What is taken out of log lines and attributes: one list of regular expressions that every engine reads alike.

The expressions stay within what RE2 (OpenTelemetry Collector), Rust's regex (Vector) and Oniguruma (Logstash) share:
no look-around, no back-references, ASCII classes only. They work on whole lines, before anything is parsed, so that
nesting does not matter. What may be a secret is taken out: too much rather than too little.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sereno.spec.model_delivery import Redaction

GONE = "[redacted]"
LONG_KEY = 5


@dataclass(frozen=True, slots=True)
class Rule:
    """What matches `pattern` becomes `before`, the groups that are kept, `mark` and `after`."""

    name: str
    pattern: str
    mark: str = GONE
    keeps: bool = False
    quoted: bool = False

    def replacement(self, group: str) -> str:
        """The replacement, where `group` is how the engine writes the first group."""
        quote = '"' if self.quoted else ""
        return f"{group if self.keeps else ''}{quote}{self.mark}{quote}"


# Separators: one space or hyphen between digits.
_CARD = r"\b[3-6](?:[ -]?[0-9]){12,18}\b"
_EMAIL = r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"
# A run of digits in a token may have become [card] before.
_TOKENS = (
    r"(?i)\b(?:bearer|basic|digest|negotiate)[ \t]+[A-Za-z0-9._~+/=\[\]-]{6,}",
    r"\beyJ[A-Za-z0-9_\[\]-]+\.[A-Za-z0-9_\[\]-]+(?:\.[A-Za-z0-9_\[\]-]*)*",
    r"\b(?:AKIA|ASIA)[0-9A-Z]{12,}\b",
    r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|sk_live_|rk_live_|sk-|AIza)[A-Za-z0-9_\[\]-]{10,}",
)
_URL_PASSWORD = r"(://[^/ \t:@\x22]*:)[^/ \t@\x22]+@"  # noqa: S105 (an expression, no password)
_NATIONAL = (
    r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b",  # United States
    r"\b[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}\b",  # Brazil
    r"\b[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}-[0-9Kk]\b",  # Chile
    r"\b(?:10|15|16|17|20)[0-9]{9}\b",  # Peru, tax
    r"\b[A-Z]{4}[0-9]{6}[HMX][A-Z]{5}[0-9A-Z][0-9]\b",  # Mexico
    r"(?i)\b(?:dni|nif|nie|cuit|cuil|rut|ruc|cpf|curp|ssn)[^0-9A-Za-z]{1,5}[0-9A-Z][0-9A-Z.-]{5,17}",
)


def rules_of(redaction: Redaction) -> tuple[Rule, ...]:
    """The rules in the order in which they are applied: keys first, before what stands before a value is taken for
    something else (`basic password=…` is no credential of the kind `basic`)."""
    found = list(_of_keys(redaction.keys))
    for kind in redaction.kinds:
        found += _of_kind(kind)
    return tuple(found)


def _of_kind(kind: str) -> Iterator[Rule]:
    if kind == "card":
        yield Rule("card", _CARD, "[card]")
    elif kind == "email":
        yield Rule("email", _EMAIL, "[email]")
    elif kind == "token":
        for number, pattern in enumerate(_TOKENS, 1):
            yield Rule(f"token-{number}", pattern, "[token]")
    elif kind == "url_password":
        yield Rule("url-password", _URL_PASSWORD, f"{GONE}@", keeps=True)
    elif kind == "national_id":
        for number, pattern in enumerate(_NATIONAL, 1):
            yield Rule(f"national-id-{number}", pattern, "[id]")


def keys_pattern(keys: tuple[str, ...]) -> str:
    """Any of `keys`, the longest first; `-`, `_` and `.` stand for one another."""
    ordered = sorted(set(keys), key=lambda key: (-len(key), key))
    return "(?:" + "|".join("[-_.]?".join(map(re.escape, re.split("[-_.]", key))) for key in ordered) + ")"


def name_pattern(keys: tuple[str, ...]) -> str:
    """The end of a name that is one of `keys`: short ones after a separator alone (`card-pin`, not `shipping`).

    It begins where the key does, not where the name does: looking for a beginning takes squared time in engines that
    go back, and a line may be hostile.
    """
    long = tuple(key for key in keys if len(key) >= LONG_KEY)
    short = tuple(key for key in keys if len(key) < LONG_KEY)
    choices = []
    if long:
        choices.append(keys_pattern(long))
    if short:
        choices.append(rf"(?:\b|[-_.]){keys_pattern(short)}")
    return f"(?:{'|'.join(choices)})"


def _of_keys(keys: tuple[str, ...]) -> Iterator[Rule]:
    if not keys:
        return
    name, colon = name_pattern(keys), r"[ \t]*:[ \t]*"
    text = r"\x22(?:[^\x22\\]|\\.)*\x22"
    mapping = r"\{(?:[^{}]|\{[^{}]*\})*\}"
    sequence = r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]"
    # JSON within a string of JSON, before JSON itself: its quotes have backslashes.
    quote = r"\\+\x22"
    yield Rule(
        "key-escaped",
        rf"(?i)({name}{quote}{colon})(?:{quote}[^\x22]*\x22|{mapping}|{sequence}|[^ \t,}}\]\x22\\]+)",
        keeps=True,
    )
    yield Rule(
        "key-json",
        rf"(?i)({name}\x22{colon})(?:{text}|{mapping}|{sequence}|[^ \t,}}\]\x22]+)",
        keeps=True,
        quoted=True,
    )
    yield Rule(
        "key-text",
        rf"(?i)({name}[ \t]*[=:][ \t]*)(?:(?:bearer|basic|digest)[ \t]+)?"
        r"(?:\x22[^\x22]*\x22|\x27[^\x27]*\x27|[^ \t,;&\x22\x27]+)",
        keeps=True,
    )
