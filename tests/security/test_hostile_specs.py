"""Specs made to do harm: whatever they ask for, reading them ends soon, and in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import process_time

import pytest

from sereno.app.promql_checker import Checker
from sereno.kernel.errors import UsageError
from sereno.slo.maintenance import check_rule, occurrences
from sereno.spec.loader import load_text
from sereno.spec.model import Maintenance


def read(text: str, environment: str = "", seconds: float = 20) -> set[str]:
    """The codes of what is wrong with `text`, found within so many seconds of work."""
    began = process_time()
    loaded = load_text({"a.yaml": text}, promql=Checker(), environment=environment)
    assert process_time() - began < seconds
    return {one.code for one in loaded.diagnostics}


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound is met soon, so that these tests are fast."""
    monkeypatch.setattr("sereno.spec.expanding._NODES_MAX", 50_000)
    monkeypatch.setattr("sereno.spec.expanding._EXTENDED_MAX", 2_000)


def keys(number: int) -> str:
    return "".join(f"  k{n}: 1\n" for n in range(number))


@pytest.mark.usefixtures("little")
def test_a_wide_template_that_thousands_extend() -> None:
    text = f"template: t\nslo:\n{keys(4000)}---\nservice: api\nslos:\n" + "  - {extends: t}\n" * 15_000
    assert "SER137" in read(text)


@pytest.mark.usefixtures("little")
def test_wide_defaults_of_thousands() -> None:
    text = f"workspace: w\ndefaults:\n slos:\n{keys(4000)}---\nservice: api\nslos:\n" + "  - {name: a}\n" * 15_000
    assert "SER137" in read(text)


@pytest.mark.usefixtures("little")
def test_a_tree_of_templates() -> None:
    """Ten that extend ten each, eighteen deep, each with a value of its own: nothing that was made once serves twice."""
    ten = ", ".join("{template: tNEXT, with: {a: c}}" for _ in range(10))
    middle = "".join(
        f"template: t{n}\nvariables: {{a: b}}\nextends: [{ten.replace('NEXT', str(n + 1))}]\nslo: {{title: '${{a}}'}}\n---\n"
        for n in range(18)
    )
    leaf = f"template: t18\nvariables: {{a: b}}\nslo:\n{keys(1000)}---\n"
    assert "SER137" in read(middle + leaf + "service: api\nslos: [{extends: t0}]\n")


def test_thousands_of_names_that_nobody_declared() -> None:
    """Each was held against thousands of names, to say what it may have meant."""
    variables = "".join(f"  variable_{n}: a\n" for n in range(10_000))
    links = "".join(f"  l{n}: https://${{variabel_{n}x}}\n" for n in range(1000))
    assert "SER127" in read(f"workspace: w\nvariables:\n{variables}---\nservice: api\nlinks:\n{links}")
    templates = "".join(f"template: template{n}\nslo: {{title: a}}\n---\n" for n in range(2000))
    objectives = "".join(f"  - {{extends: tempalte{n}x}}\n" for n in range(2000))
    assert "SER132" in read(f"{templates}service: api\nslos:\n{objectives}")
    overrides = "".join(f"  - {{service: servcie{n}, title: x}}\n" for n in range(3000))
    services = "".join(f"---\nservice: service{n}\n" for n in range(2000))
    assert "SER134" in read(f"workspace: w\nenvironments:\n s:\n  override:\n{overrides}{services}", "s")
    owned = "".join(f"---\nservice: s{n}\nteam: taem{n}x\n" for n in range(2000))
    assert "SER099" in read("".join(f"---\nteam: team{n}\n" for n in range(2000)) + owned)


def test_a_thousand_near_misses_of_zones() -> None:
    works = "".join(
        f"---\nmaintenance: m{n}\nstart: 2026-01-05T00:00\nduration: 1h\nzone: Amercia/Lma{n}\n" for n in range(900)
    )
    assert "SER035" in read(works)


def test_what_is_filled_twice_ten_thousand_times() -> None:
    twice = "${x}${a}" * 10_000
    template = f"template: t\nvariables: {{x: yy}}\nservice: {{description: '{twice}'}}\n"
    read(f"workspace: w\nvariables: {{a: b}}\n---\n{template}---\nservice: api\nextends: t\n", seconds=8)


def test_a_file_that_is_one_long_line_of_mistakes() -> None:
    """To name the column of each, the line was copied."""
    text = "{service: api, links: {" + ", ".join(f"k{n}: x" for n in range(30_000)) + "}}\n"
    assert "SER099" in read(text)


def test_a_million_letters_that_may_be_garbled() -> None:
    read("service: api\ntitle: '" + "Ã" * 1_000_000 + "'\n", seconds=8)
    read("service: api\ntitle: '" + "Ã\xad\xa0" * 500_000 + "'\n", seconds=8)


# Planned work ------------------------------------------------------------------------------------------------


def planned(rule: str, start: datetime = datetime(2026, 1, 5)) -> Maintenance:
    return Maintenance("m", "m", (), start=start, duration=timedelta(hours=1), zone="UTC", rrule=rule)


@pytest.mark.parametrize(
    "rule",
    ["FREQ=HOURLY;BYSETPOS=2", "FREQ=DAILY;BYSETPOS=-2", "FREQ=HOURLY;BYMONTHDAY=30;BYMONTH=2,1;BYSETPOS=3",
     "FREQ=DAILY;BYHOUR=1,1,1;BYSETPOS=2", "FREQ=SECONDLY", "FREQ=MINUTELY", "FREQ=DAILY;COUNT=1000000000"],
)  # fmt: skip
def test_rules_that_would_be_followed_until_the_end_of_time(rule: str) -> None:
    began = process_time()
    assert check_rule(planned(rule)) is not None
    with pytest.raises(UsageError):
        occurrences(planned(rule), datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))
    assert process_time() - began < 1


def test_positions_that_there_are_stay() -> None:
    june = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
    assert len(occurrences(planned("FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=-1"), *june)) == 1
    assert len(occurrences(planned("FREQ=DAILY;BYHOUR=1,2;BYSETPOS=2"), *june)) == 30
    assert len(occurrences(planned("FREQ=HOURLY;BYMINUTE=0,30;BYSETPOS=2,9"), *june)) == 721


@pytest.mark.parametrize("start", ["0001-01-01T00:00", "9999-12-31T23:59", "1969-12-31T23:59"])
def test_work_at_the_ends_of_time_is_none(start: str) -> None:
    """Its beginning in UTC lay before the first year."""
    text = f"maintenance: m\nstart: {start}\nduration: 1h\nzone: Asia/Tokyo\n"
    assert "SER122" in read(text)
