"""Rules of recurrence (RFC 5545) in words."""

from __future__ import annotations

from sereno.kernel.language import Phrases, say
from sereno.kernel.message import Language

_DAYS: dict[Language, dict[str, str]] = {
    "es": dict(zip(("MO", "TU", "WE", "TH", "FR", "SA", "SU"),
                   ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"), strict=True)),
    "en": dict(zip(("MO", "TU", "WE", "TH", "FR", "SA", "SU"),
                   ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"), strict=True)),
}  # fmt: skip
_MONTHS: dict[Language, tuple[str, ...]] = {
    "es": ("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre",
           "noviembre", "diciembre"),
    "en": ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December"),
}  # fmt: skip
_PHRASES: Phrases = {
    "once": {"es": "una sola vez", "en": "once"},
    "HOURLY": {"es": "cada hora", "en": "every hour"},
    "DAILY": {"es": "cada día", "en": "every day"},
    "WEEKLY": {"es": "cada semana", "en": "every week"},
    "MONTHLY": {"es": "cada mes", "en": "every month"},
    "YEARLY": {"es": "cada año", "en": "every year"},
    "HOURLY_apart": {"es": "cada {n} horas", "en": "every {n} hours"},
    "DAILY_apart": {"es": "cada {n} días", "en": "every {n} days"},
    "WEEKLY_apart": {"es": "cada {n} semanas", "en": "every {n} weeks"},
    "MONTHLY_apart": {"es": "cada {n} meses", "en": "every {n} months"},
    "YEARLY_apart": {"es": "cada {n} años", "en": "every {n} years"},
    "on": {"es": "el {days}", "en": "on {days}"},
    "on_the": {"es": "el {days}", "en": "on the {days}"},
    "last_day": {"es": "último día", "en": "last day"},
    "nth_last_day": {"es": "{nth} día contado desde el último", "en": "{nth} day counted from the last"},
    "day": {"es": "día {n}", "en": "{n} day"},
    "nth": {"es": "{nth} {day}", "en": "{nth} {day}"},
    "last": {"es": "último {day}", "en": "last {day}"},
    "nth_last": {"es": "{nth} {day} contado desde el último", "en": "{nth} {day} counted from the last"},
    "in": {"es": "en {months}", "en": "in {months}"},
    "times": {"es": "{n} veces en total", "en": "{n} times in all"},
    "time": {"es": "1 vez en total", "en": "1 time in all"},
    "until": {"es": "hasta el {date}", "en": "until {date}"},
    "and": {"es": "{first} y {last}", "en": "{first} and {last}"},
}
_SAID = frozenset(("FREQ", "INTERVAL", "BYDAY", "BYMONTHDAY", "BYMONTH", "COUNT", "UNTIL", "WKST"))


def in_words(rrule: str, language: Language) -> str | None:
    """What `rrule` means, "once" for none; None for a rule that only the rule itself tells exactly."""
    if not rrule:
        return say(_PHRASES, "once", language)
    parts = dict(part.partition("=")[::2] for part in rrule.split(";"))
    # Days and days of the month narrow each other, and weeks apart depend on which day begins them.
    if not set(parts) <= _SAID or ("BYDAY" in parts and "BYMONTHDAY" in parts) or parts.get("WKST", "MO") != "MO":
        return None
    if parts["FREQ"] == "YEARLY" and "BYDAY" in parts and "BYMONTH" not in parts:
        return None
    count = parts.get("INTERVAL", "1")
    said = [say(_PHRASES, parts["FREQ"] if count == "1" else f"{parts['FREQ']}_apart", language, n=count)]
    if "BYDAY" in parts:
        days = parts["BYDAY"].split(",")
        numbered = any(len(day) > 2 for day in days)
        named = [_weekday(day, language) for day in days]
        said.append(say(_PHRASES, "on_the" if numbered else "on", language, days=_listed(named, language)))
    if "BYMONTHDAY" in parts:
        named = [_day(int(day), language) for day in parts["BYMONTHDAY"].split(",")]
        said.append(say(_PHRASES, "on_the", language, days=_listed(named, language)))
    if "BYMONTH" in parts:
        months = [_MONTHS[language][int(month) - 1] for month in parts["BYMONTH"].split(",")]
        said.append(say(_PHRASES, "in", language, months=_listed(months, language)))
    return ", ".join([" ".join(said), *_end(parts, language)])


def _end(parts: dict[str, str], language: Language) -> list[str]:
    if "COUNT" in parts:
        return [say(_PHRASES, "time" if parts["COUNT"] == "1" else "times", language, n=parts["COUNT"])]
    if "UNTIL" not in parts:
        return []
    text = parts["UNTIL"]
    year, month, day = text[:4], text[4:6], text[6:8]
    date = f"{day}/{month}/{year}" if language == "es" else f"{year}-{month}-{day}"
    clock = f" {text[9:11]}:{text[11:13]}" if len(text) > 8 else ""
    clock += " UTC" if text.endswith("Z") else ""
    return [say(_PHRASES, "until", language, date=date + clock)]


def _weekday(text: str, language: Language) -> str:
    day, place = _DAYS[language][text[-2:]], int(text[:-2] or 0)
    if not place:
        return day
    if place == -1:
        return say(_PHRASES, "last", language, day=day)
    return say(_PHRASES, "nth" if place > 0 else "nth_last", language, nth=_nth(abs(place), language), day=day)


def _day(place: int, language: Language) -> str:
    if place == -1:
        return say(_PHRASES, "last_day", language)
    if place > 0:
        return say(_PHRASES, "day", language, n=str(place) if language == "es" else _nth(place, language))
    return say(_PHRASES, "nth_last_day", language, nth=_nth(-place, language))


def _nth(place: int, language: Language) -> str:
    if language == "es":
        return f"{place}.º"
    ending = "th" if place % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{ending}"


def _listed(texts: list[str], language: Language) -> str:
    if len(texts) < 2:
        return "".join(texts)
    return say(_PHRASES, "and", language, first=", ".join(texts[:-1]), last=texts[-1])


def weekday(number: int, language: Language) -> str:
    """The name of a day of the week; 0 is Monday."""
    return tuple(_DAYS[language].values())[number]
