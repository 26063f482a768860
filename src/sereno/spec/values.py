"""Readers of single values. Each returns None when the value is wrong, and has then reported it."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from sereno.kernel.duration import format_duration, parse_duration
from sereno.kernel.labels import Labels
from sereno.kernel.message import Language
from sereno.spec.fields import Reader, T, expect, takes
from sereno.spec.model import Objective
from sereno.spec.reading import Reading
from sereno.spec.source import Mapping, Node, Scalar, Sequence

RESERVED_LABELS = frozenset({"alertname", "service", "severity", "team"})
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_LABEL = re.compile(r"(?!__)[A-Za-z_][A-Za-z0-9_]*")
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,12})?)\s*%")
_BARE_PERCENT = re.compile(r"[0-9]{1,3}([.,][0-9]{1,12})?\s*%?")
_SHARE = re.compile(r"([0-9]{1,4}(?:\.[0-9]{1,12})?)\s*%")
_NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,12})?")
_LOCAL_TIME = re.compile(r"(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2}))?", re.ASCII)
_TELEPHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_DEVICE = re.compile(r"\S{1,200}")
_EMAIL = re.compile(r"[A-Za-z0-9.!#$&'*+/=?^_`{|}~%-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
                    r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+")  # fmt: skip
_ENVIRONMENT = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*")
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_LOOSE_DURATION = re.compile(r"(\d{1,6})(?:\.(\d{1,3}))?\s*([a-zA-Zí]*)")
_LOOSE_UNITS = {
    "": 1000, "ms": 1, "s": 1000, "sec": 1000, "secs": 1000, "second": 1000, "seconds": 1000, "segundos": 1000,
    "m": 60_000, "min": 60_000, "mins": 60_000, "minute": 60_000, "minutes": 60_000, "minutos": 60_000,
    "h": 3_600_000, "hr": 3_600_000, "hour": 3_600_000, "hours": 3_600_000, "horas": 3_600_000,
    "d": 86_400_000, "day": 86_400_000, "days": 86_400_000, "dias": 86_400_000, "días": 86_400_000,
    "w": 604_800_000, "week": 604_800_000, "weeks": 604_800_000, "semanas": 604_800_000,
}  # fmt: skip
_YAML11_WORDS = frozenset(("yes", "no", "on", "off"))
_BARE_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_CLOCK = re.compile(r"([0-9]{1,3}):([0-5]?[0-9])")
_DURATION_EXPECTED = "a duration such as 500ms, 30s, 5m, 1h30m or 30d"
_WEEKDAYS = {
    name: number
    for number, names in enumerate(
        (("monday", "mon", "lunes"), ("tuesday", "tue", "martes"), ("wednesday", "wed", "miércoles", "miercoles"),
         ("thursday", "thu", "jueves"), ("friday", "fri", "viernes"), ("saturday", "sat", "sábado", "sabado"),
         ("sunday", "sun", "domingo"))
    )
    for name in names
}  # fmt: skip
WEEKDAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def text(reading: Reading, node: Node) -> str | None:
    """Any text, trimmed; numbers are taken as they are written."""
    if not isinstance(node, Scalar) or node.kind in ("null", "boolean"):
        boolean = isinstance(node, Scalar) and node.kind == "boolean"
        expect(reading, node, "text", "quote it if the word itself is meant" if boolean else None)
        return None
    if not node.value.strip():
        reading.complain("SER023", node, "the text is empty", expected="some text")
        return None
    if node.style == "plain" and not node.forced_text and node.written is None:
        warn_of_yaml11(reading, node)
    return node.value.strip()


def warn_of_yaml11(reading: Reading, node: Scalar) -> None:
    """Warn of a word that tools of YAML 1.1 take for something else than text."""
    if len(node.value) > 40 or (node.value[:1].isalpha() and node.value.lower() not in _YAML11_WORDS):
        return
    from sereno.spec.yaml11 import otherwise

    meant = otherwise(node.value)
    if meant is not None:
        reading.complain(
            "SER135",
            node,
            f"tools of YAML 1.1 take `{node.value}` for {meant}",
            expected=f"quotes where the text is meant: '{node.value}'",
        )


def name(reading: Reading, node: Node) -> str | None:
    """A name that can stand in labels and addresses."""
    found = text(reading, node)
    if found is None or _NAME.fullmatch(found):
        return found
    plain = unicodedata.normalize("NFKD", found).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9._-]+", "-", plain).strip("-._")[:63]
    reading.complain(
        "SER032",
        node,
        f"`{found[:80]}` cannot be a name",
        expected="letters a-z, digits, - _ or ., at most 63, beginning with a letter or digit",
        hint=f"write `{slug}`; a `title` may be anything" if slug else None,
    )
    return None


def flag(reading: Reading, node: Node) -> bool | None:
    """true or false."""
    if isinstance(node, Scalar) and node.kind == "boolean":
        return node.value.lower() == "true"
    word = node.value.lower() if isinstance(node, Scalar) else ""
    meant = {"yes": "true", "on": "true", "sí": "true", "si": "true", "no": "false", "off": "false"}.get(word)
    expect(reading, node, "true or false", f"write `{meant}`: YAML 1.2 has only true and false" if meant else None)
    return None


def duration(reading: Reading, node: Node) -> timedelta | None:
    """A duration, zero included."""
    if not isinstance(node, Scalar):
        expect(reading, node, _DURATION_EXPECTED)
        return None
    try:
        return parse_duration(node.value.strip())
    except (ValueError, OverflowError):
        reading.complain(
            "SER030",
            node,
            f"`{node.value.strip()[:40]}` is not a duration",
            expected=_DURATION_EXPECTED,
            hint=_duration_hint(node.value.strip().lower()),
        )
        return None


def is_duration(written: str) -> bool:
    """Whether `written` is a duration."""
    try:
        parse_duration(written)
    except (ValueError, OverflowError):
        return False
    return True


def _duration_hint(written: str) -> str | None:
    clock = _CLOCK.fullmatch(written)
    if clock:
        first, second = int(clock[1]), int(clock[2])
        return f"write `{first}h{second}m` or `{first}m{second}s`; tools of YAML 1.1 take it for {first * 60 + second}"
    if _BARE_NUMBER.fullmatch(written):
        return f"write `{written}ms` for milliseconds, `{written}s` for seconds"
    found = _LOOSE_DURATION.fullmatch(written)
    unit = _LOOSE_UNITS.get(found.group(3)) if found else None
    if found is None or unit is None:
        return None
    exact = Decimal(f"{found.group(1)}.{found.group(2) or 0}") * unit
    meant = format_duration(timedelta(milliseconds=int(exact)))
    return f"write `{meant}`" + (" if seconds are meant" if not found.group(3) else "") if exact > 0 else None


def duration_within(least: str, most: str) -> Reader[timedelta]:
    """A reader of durations from `least` to `most`."""
    low, high = parse_duration(least), parse_duration(most)

    def read(reading: Reading, node: Node) -> timedelta | None:
        found = duration(reading, node)
        if found is None or low <= found <= high:
            return found
        assert isinstance(node, Scalar)
        what = "too short" if found < low else "too long"
        reading.complain("SER030", node, f"`{node.value.strip()}` is {what}", expected=f"from {least} to {most}")
        return None

    return takes(read, "duration", least, most)


def objective(reading: Reading, node: Node) -> Objective | None:
    """A percentage above 0 and below 100; the decimals are those of the text."""
    expected = "a percentage above 0% and below 100%, such as 99.9%"
    if not isinstance(node, Scalar):
        expect(reading, node, expected)
        return None
    written = node.value.strip()
    found = _PERCENT.fullmatch(written)
    if found is None:
        bare = _BARE_PERCENT.fullmatch(written)
        hint = f"write `{_percent(written)}`" if bare else None
        reading.complain(
            "SER031", node, f"`{written[:40]}` is not a percentage with a % sign", expected=expected, hint=hint
        )
        return None
    percentage = Decimal(found.group(1))
    if not 0 < percentage < 100:
        hint = "100% leaves no budget: choose what users would really miss" if percentage == 100 else None
        reading.complain("SER031", node, f"`{written}` is out of range", expected=expected, hint=hint)
        return None
    return Objective(written, percentage.scaleb(-2))


def share_within(above: str, most: str) -> Reader[Decimal]:
    """A reader of percentages above `above` and up to `most`, as shares (1 is 100 %)."""
    low, high = Decimal(above.rstrip("%")), Decimal(most.rstrip("%"))
    expected = f"a percentage above {above} and up to {most}, such as 80%"

    def read(reading: Reading, node: Node) -> Decimal | None:
        if not isinstance(node, Scalar):
            expect(reading, node, expected)
            return None
        written = node.value.strip()
        found = _SHARE.fullmatch(written)
        if found is not None and low < Decimal(found[1]) <= high:
            return Decimal(found[1]).scaleb(-2)
        hint = None
        if found is None and _BARE_PERCENT.fullmatch(written):
            hint = f"write `{_percent(written)}`"
        reading.complain("SER120", node, f"`{written[:40]}` is not possible here", expected=expected, hint=hint)
        return None

    return takes(read, "share", above, most)


def _percent(written: str) -> str:
    """The percentage that was most likely meant: 0.8 without a sign is 80 %, as 80 is."""
    number = Decimal(written.rstrip("% ").replace(",", "."))
    if "%" in written:
        return f"{number:f}%"
    return f"{number * 100:f}".rstrip("0").rstrip(".") + "%" if 0 < number < 1 else f"{number:f}%"


def number_within(least: str, most: str) -> Reader[Decimal]:
    """A reader of numbers from `least` to `most`, exactly as written."""
    low, high = Decimal(least), Decimal(most)

    def read(reading: Reading, node: Node) -> Decimal | None:
        if not isinstance(node, Scalar):
            expect(reading, node, "a number")
            return None
        written = node.value.strip()
        found = Decimal(written) if _NUMBER.fullmatch(written) else None
        if found is not None and low <= found <= high:
            return found
        expected = f"a number from {low:f} to {high:f}"
        reading.complain("SER126", node, f"`{written[:40]}` is not possible here", expected=expected)
        return None

    return takes(read, "number", least, most)


def url(reading: Reading, node: Node) -> str | None:
    """An absolute http or https address."""
    return _url(reading, node, secret=False)


def _url(reading: Reading, node: Node, *, secret: bool) -> str | None:
    found = text(reading, node)
    if found is None:
        return None
    if is_url(found):
        if not secret and "@" in found.split("/")[2]:
            reading.complain(
                "SER080", node, "this address holds a password", hint="keep it out of the file", secret=True
            )
        return found
    shown = "this" if secret else f"`{found[:80]}`"
    hint = "put https:// before it" if "://" not in found and "." in found else None
    reading.complain(
        "SER033", node, f"{shown} is not a web address", expected="https://… or http://…", hint=hint, secret=secret
    )
    return None


def is_url(found: str) -> bool:
    """Whether `found` is an absolute http or https address with a host and, if any, a possible port."""
    if re.search(r"[\s\x00-\x1f\x7f]", found):
        return False
    try:
        parts = urlsplit(found)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def email(reading: Reading, node: Node) -> str | None:
    """An e-mail address, or `env:NAME`."""
    found = text(reading, node)
    if found is None or _is_environment(reading, node, found):
        return found
    if _EMAIL.fullmatch(found) and ".." not in found and len(found) <= 254:
        return found
    reading.complain(
        "SER034", node, f"`{found[:80]}` is not an e-mail address", expected="such as ana@shop.example, or env:NAME"
    )
    return None


def secret_url(reading: Reading, node: Node) -> str | None:
    """A web address, or `env:NAME`; never quoted in a report."""
    found = text(reading, node)
    if found is None or _is_environment(reading, node, found):
        return found
    return _url(reading, node, secret=True)


def terminal(reading: Reading, node: Node) -> str | None:
    """`true` (standard error), an absolute path, or `env:NAME`."""
    if isinstance(node, Scalar) and node.kind == "boolean" and node.value.lower() == "true":
        return "/dev/stderr"
    found = text(reading, node)
    if found is None or found.startswith("/") or _is_environment(reading, node, found):
        return found
    reading.complain(
        "SER040", node, f"`{found[:80]}` is not a terminal", expected="true, or a path such as /dev/stderr"
    )
    return None


def telephone(reading: Reading, node: Node) -> str | None:
    """A telephone number with its country (E.164, spaces and dashes left out), or `env:NAME`."""
    found = text(reading, node)
    if found is None or _is_environment(reading, node, found):
        return found
    number = re.sub(r"[\s().-]", "", found)
    if _TELEPHONE.fullmatch(number):
        return number
    reading.complain(
        "SER081", node, f"`{found[:40]}` is not a telephone number", expected="such as +51 999 000 111, or env:NAME"
    )
    return None


def device(reading: Reading, node: Node) -> str | None:
    """What a push gateway knows a device by, or `env:NAME`."""
    found = text(reading, node)
    if found is None or _is_environment(reading, node, found) or _DEVICE.fullmatch(found):
        return found
    reading.complain("SER081", node, "this is no name of a device", expected="up to 200 characters without blanks")
    return None


def _is_environment(reading: Reading, node: Node, found: str) -> bool:
    if not found.startswith("env:"):
        return False
    if not _ENVIRONMENT.fullmatch(found):
        reading.complain("SER040", node, "the name of the environment variable is wrong", expected="env:NAME")
    return True


def zone(reading: Reading, node: Node) -> str | None:
    """An IANA time zone."""
    found = text(reading, node)
    if found is None:
        return None
    try:
        ZoneInfo(found)
    except (ValueError, OSError, KeyError):
        hint = _city(found) or reading.closest(found, _zones())
        reading.complain(
            "SER035",
            node,
            f"`{found[:80]}` is not a time zone",
            expected="an IANA name such as America/Lima",
            hint=hint,
        )
        return None
    return found


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _city(found: str) -> str | None:
    """The zone of a city, or of a name that is right but for spaces and case."""
    word = found.strip().replace(" ", "_").lower()
    near = sorted(known for known in _zones() if word in (known.lower(), known.lower().rsplit("/", 1)[-1]))
    return f"did you mean `{near[0]}`?" if near else None


def language(reading: Reading, node: Node) -> Language | None:
    """es or en."""
    return one_of("es", "en")(reading, node)  # type: ignore[return-value]


def one_of(*choices: str) -> Reader[str]:
    """A reader of one of `choices`."""

    def read(reading: Reading, node: Node) -> str | None:
        found = text(reading, node)
        if found is None or found in choices:
            return found
        reading.complain(
            "SER038",
            node,
            f"`{found[:80]}` is not possible here",
            expected=f"one of {', '.join(choices)}",
            hint=reading.closest(found, choices),
        )
        return None

    return takes(read, "one_of", *choices)


def day(reading: Reading, node: Node) -> date | None:
    """A date."""
    written = node.value.strip() if isinstance(node, Scalar) else ""
    found = _DATE.fullmatch(written)
    try:
        if found:
            return date(*(int(part) for part in found.groups()))
    except ValueError:
        pass
    if isinstance(node, Scalar):
        reading.complain("SER036", node, f"`{written[:40]}` is not a date", expected="year-month-day: 2026-01-05")
    else:
        expect(reading, node, "a date: 2026-01-05")
    return None


def local_time(reading: Reading, node: Node) -> datetime | None:
    """A date and a time of day on the clock of some zone that is named elsewhere."""
    expected = "a date and a local time: 2026-01-04T02:00"
    if not isinstance(node, Scalar):
        expect(reading, node, expected)
        return None
    written = node.value.strip()
    found = _LOCAL_TIME.fullmatch(written)
    try:
        if found and "1970" <= written[:4] < "3000":  # so that zones and lengths of time have room on either side
            return datetime(*(int(part or 0) for part in found.groups()))  # type: ignore[arg-type]  # noqa: DTZ001
    except ValueError:
        pass
    zoned = _LOCAL_TIME.match(written) is not None and re.search(r"(?:[zZ]|[-+]\d\d:?\d\d)$", written)
    hint = "write the time on the clock of `zone`, without an offset" if zoned else None
    reading.complain("SER122", node, f"`{written[:40]}` is not a local time", expected=expected, hint=hint)
    return None


def handover(reading: Reading, node: Node) -> tuple[int, time] | None:
    """A weekday (0 is Monday) and a local time."""
    written = node.value.strip() if isinstance(node, Scalar) else ""
    words = written.lower().split()
    clock = _TIME.fullmatch(words[1]) if len(words) == 2 else None
    if clock and words[0] in _WEEKDAYS:
        return _WEEKDAYS[words[0]], time(int(clock.group(1)), int(clock.group(2)))
    if isinstance(node, Scalar):
        hint = reading.closest(words[0], _WEEKDAYS) if words and words[0] not in _WEEKDAYS else None
        reading.complain(
            "SER037",
            node,
            f"`{written[:40]}` is not a hand-over",
            expected="a weekday and a time: monday 09:00",
            hint=hint,
        )
    else:
        expect(reading, node, "a weekday and a time: monday 09:00")
    return None


def severity(reading: Reading, node: Node) -> str | None:
    """The canonical name of a severity of the scale."""
    found = text(reading, node)
    if found is None:
        return None
    known = reading.severities.find(found)
    if known is None:
        assert isinstance(node, Scalar)
        aliases = [alias for severity in reading.severities for alias in severity.aliases]
        reading.unknown("SER056", node, "severity", [s.name for s in reading.severities], also=aliases)
        return None
    return known.name


def label_name(reading: Reading, node: Node) -> str | None:
    """The name of a label."""
    found = text(reading, node)
    if found is None or _LABEL.fullmatch(found):
        return found
    reading.complain(
        "SER039",
        node,
        "this cannot be a label's name",
        expected="letters, digits and _, not beginning with a digit or __",
    )
    return None


def labels(*reserved: str) -> Reader[Labels]:
    """A reader of labels whose names may not be among `reserved`."""

    def read(reading: Reading, node: Node) -> Labels | None:
        if not isinstance(node, Mapping):
            expect(reading, node, "a mapping of labels, such as {region: south}")
            return None
        pairs = []
        for key, value in node.entries:
            if not _LABEL.fullmatch(key.value) or key.value in reserved:
                reading.complain(
                    "SER039",
                    key,
                    f"`{key.value[:80]}` cannot be set" if key.value in reserved else "this cannot be a label's name",
                    expected="letters, digits and _, not beginning with a digit or __",
                    hint="Sereno sets this label itself" if key.value in reserved else None,
                )
            found = text(reading, value)
            pairs.append((key.value, found or ""))
        return Labels(pairs)

    return takes(read, "labels")


def items(reader: Reader[T], *, what: str, empty: bool = False) -> Reader[tuple[T, ...]]:
    """A reader of a list; those of its values that are wrong are reported and left out."""

    def read(reading: Reading, node: Node) -> tuple[T, ...] | None:
        if not isinstance(node, Sequence):
            expect(reading, node, f"a list of {what}", "put a dash before it, or square brackets around it")
            return None
        if not node.items and not empty:
            reading.complain("SER023", node, "the list is empty", expected=f"at least one of {what}")
        return tuple(found for item in node.items if (found := reader(reading, item)) is not None)

    return takes(read, "items", reader)


def one_or_more(reader: Reader[T], *, what: str) -> Reader[tuple[T, ...]]:
    """A reader of one value, or a list of them."""
    many = items(reader, what=what)

    def read(reading: Reading, node: Node) -> tuple[T, ...] | None:
        if isinstance(node, Sequence):
            return many(reading, node)
        found = reader(reading, node)
        return None if found is None else (found,)

    return takes(read, "one_or_more", reader)


def scalars(node: Node | None) -> list[Scalar]:
    """The plain values in a list, or the value itself."""
    if isinstance(node, Sequence):
        return [item for item in node.items if isinstance(item, Scalar)]
    return [node] if isinstance(node, Scalar) else []
