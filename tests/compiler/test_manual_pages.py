"""The manual and the runbooks' pages as their readers get them: whole, safe, and with numbers that are right."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from tests.compiler.rich import RICH
from tests.oracles.manual import check, page_of

from sereno.compiler.manual import manual
from sereno.compiler.manual_blocks import Code, Document, Table, anchored, ordered, plain
from sereno.compiler.manual_html import to_html
from sereno.compiler.manual_markdown import to_markdown
from sereno.compiler.manual_reading import read_markdown
from sereno.compiler.manual_recurrence import in_words
from sereno.compiler.runbook_pages import runbook_pages
from sereno.compiler.targets import Output, Request
from sereno.compiler.terraform_pagerduty import terraform_pagerduty
from sereno.kernel.language import LANGUAGES
from sereno.kernel.message import Language
from sereno.oncall.schedule import on_call
from sereno.slo import plans_of
from sereno.spec.model import Spec

ROOT = Path(__file__).parents[2]

HOSTILE = """\
---
title: Nobody can <b>pay</b>
owner: web
---
# Nobody can <b>pay</b>

#### Deep first

<script>alert(1)</script> [x](javascript:alert(1)) [y](data:text/html,x) ![pic](https://evil.example/p.png "t")
[other](down.md#what) [lost](../secret.md) [in `code`](https://ok.example/a_(b)) <img src=x onerror=alert(1)>

## Steps

1. First, with code:

   ```promql
   up{job="<api>"} == 0
   ```
2. [x] done
   - nested | bar
   - more

| a | b |
| - | - |
| `x|y` | 2 | 3 |
| only \\| one |

> careful
> **very**
"""


def request(files: dict[str, str] | None = None, language: Language = "en") -> Request:
    from sereno.app.spec_folder import read_texts

    loaded = read_texts({"shop.yaml": RICH, **(files or {})})
    assert loaded.spec is not None, loaded.diagnostics[0].render()
    every = timedelta(seconds=15)
    return Request(loaded.spec, plans_of(loaded.spec, evaluation_interval=every, language=language), every, language)


def with_runbooks(language: Language = "en") -> Request:
    rich = RICH.replace("runbook: https://git.shop.example/api.md", "runbook: runbooks/pay.md")
    rich = rich.replace("runbook: https://git.shop.example/down.md", "runbook: runbooks/down.md")
    assert rich.count("runbooks/pay.md") == 1
    files = {
        "shop.yaml": rich, "runbooks/pay.md": HOSTILE, "runbooks/down.md": "# Down\n\n## What\n\nLook.\n",
        "runbooks/Index.md": "---\ntitle: Nobody comes here\n---\n",
    }  # fmt: skip
    return request(files, language)


def both(made: Request) -> dict[str, str]:
    outputs: tuple[Output, ...] = (manual(made), runbook_pages(made))
    return {name: text for output in outputs for name, text in output.files.items()}


@pytest.mark.parametrize("language", ["es", "en"])
def test_every_page_is_whole_and_every_link_leads_on(language: Language, tmp_path: Path) -> None:
    files = both(with_runbooks(language))
    assert {"manual/manual.html", "manual/manual.md", "runbooks/pay.html", "runbooks/index.md"} <= set(files)
    assert check(files, tmp_path) == []


def test_the_oracle_sees_what_is_wrong(tmp_path: Path) -> None:
    page = both(with_runbooks())["runbooks/down.html"]
    for old, new in (
        ("</main>", ""), ("<h2 ", "<h4 "), ('href="index.html"', 'href="gone.html"'), ("<p>", "<p onclick='x'>"),
        ("<p>", '<p><img src="https://evil.example/x.png">'), ('lang="en"', ""), ("<body>", '<body><script></script>'),
        ("<style>", "<style>@import 'x';"), ('id="what"', 'id="alerts"'),
    ):  # fmt: skip
        assert old in page
        planted = {"runbooks/down.html": page.replace(old, new, 1), "runbooks/index.html": page}
        assert check(planted, tmp_path) != check({**planted, "runbooks/down.html": page}, tmp_path), new


def test_nothing_of_a_runbook_becomes_markup() -> None:
    files = both(with_runbooks())
    page = files["runbooks/pay.html"]
    assert "<script" not in page
    assert "<img" not in page
    assert "javascript:" not in re.sub(r"<code>.*?</code>", "", page)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert '<a href="https://evil.example/p.png">pic</a>' in page
    assert '<a href="down.html">other</a>' in page
    assert '<a href="https://ok.example/a_(b)">in <code>code</code></a>' in page
    assert "lost (<code>../secret.md</code>)" in page
    assert "<code>up{job=&quot;&lt;api&gt;&quot;} == 0</code></pre>" in page
    assert "<li>☑ done<ul><li>nested | bar</li><li>more</li></ul></li>" in page
    assert page.count("<h1>") == 1
    # `x|y`: a bar within code ends the cell, as on code hosts; what is too many is dropped, what is missing is empty.
    assert "<td>y`</td>" in page
    assert '<th scope="row">only | one</th><td></td>' in page
    assert "\n\\<script>alert(1)\\</script>" in files["runbooks/pay.md"]


def test_a_page_names_the_alerts_that_lead_to_it_and_the_list_those_that_lead_nowhere() -> None:
    made = with_runbooks()
    files = both(made)
    assert "ApiAvailabilityBurn1h" in files["runbooks/pay.html"]
    assert "ApiDown" in files["runbooks/down.html"]
    assert "ApiAvailabilityBurn1h" not in files["runbooks/down.html"]
    assert "max(up{job=&quot;api&quot;}) == 0" in files["runbooks/down.html"]
    without = files["runbooks/index.md"].partition("## Alerts without a runbook")[2]
    assert "PoolFull" in without
    assert "ApiDown" not in without
    assert "Watchdog" not in without
    assert "No alert leads to this runbook." in files["runbooks/index-2.md"]
    assert any("alerts have no runbook" in note for note in runbook_pages(made).notes)


def seconds_said(text: str) -> Decimal:
    units = {"h": 3600, "min": 60, "s": 1}
    found = re.findall(r"([\d.,]+) (h|min|s)\b", text)
    return sum((Decimal(count.replace(",", "")) * units[unit] for count, unit in found), Decimal(0))


def rows_below(text: str, caption: str) -> list[list[str]]:
    lines = text.partition(f"\n{caption}:\n")[2].lstrip("\n").split("\n\n")[0].split("\n")
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_budgets_are_those_that_one_reckons_by_hand() -> None:
    text = manual(request()).files["manual/manual.md"]
    [availability, good, apart] = rows_below(text, "What The «API» promises")
    assert availability[3] == "43 min 12 s"
    assert availability[4] == "1,000 of every 1,000,000"
    assert good[3] == "20 min 9.6 s"
    assert good[4] == "500 of every 1,000,000"
    assert apart[3] == "1 h 40 min 48 s"
    lima, quarter, santiago = rows_below(text, "What calendars promises")
    assert lima[3] == "40 min 19.2 s (28 d) to 44 min 38.4 s (31 d)"
    assert lima[2] == "month, America/Lima"
    assert quarter[3] == "2 h 9 min 36 s (90 d) to 2 h 12 min 28.8 s (92 d)"
    assert santiago[3] == "10 min 4.8 s"
    up, slices, shares = rows_below(text, "What sliced promises")
    assert up[4] == "43.2 slices of 1 min"
    assert slices[4] == "201.6 slices of 1 min"
    assert shares[4] == "40.32 slices of 5 min"


def test_every_number_of_every_tier_follows_from_the_spec() -> None:
    made = request()
    text = manual(made).files["manual/manual.md"]
    seen = 0
    for plan in made.plans:
        if not plan.tiers:
            continue
        rows = rows_below(text, f"When {plan.slo.title or plan.slo.name} alerts")
        service = text.index(f"\n### {made.spec.services[plan.service].title or plan.service}\n")
        rows = rows_below(text[service:], f"When {plan.slo.title or plan.slo.name} alerts")
        assert len(rows) == len(plan.tiers)
        period, budget = Fraction(plan.slo.window.total_seconds()), 1 - Fraction(plan.slo.objective.ratio)
        for row, tier in zip(rows, plan.tiers, strict=True):
            share = Fraction(Decimal(row[4].rstrip("%"))) / 100
            long = Fraction(tier.long.total_seconds())
            factor = Fraction(Decimal(row[2].removeprefix("above ").rstrip("×")))
            assert factor == share * period / long
            assert Fraction(Decimal(row[3].removeprefix("above ").rstrip("%"))) / 100 == factor * budget
            assert Fraction(seconds_said(row[5])) == share * period * budget
            assert Fraction(seconds_said(row[6])) == long / share
            seen += 1
    assert seen > 40


def test_people_read_when_maintenance_comes_again() -> None:
    for rule, es, en in (
        ("", "una sola vez", "once"),
        ("FREQ=WEEKLY;BYDAY=SU", "cada semana el domingo", "every week on Sunday"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH", "cada 2 semanas el lunes y jueves", "every 2 weeks on Monday and Thursday"),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "cada mes el último día", "every month on the last day"),
        ("FREQ=MONTHLY;BYDAY=2TU", "cada mes el 2.º martes", "every month on the 2nd Tuesday"),
        ("FREQ=MONTHLY;BYDAY=-1FR", "cada mes el último viernes", "every month on the last Friday"),
        ("FREQ=DAILY;COUNT=11", "cada día, 11 veces en total", "every day, 11 times in all"),
        ("FREQ=YEARLY;BYMONTH=2,8;BYMONTHDAY=21;UNTIL=20281231T235959", "cada año el día 21 en febrero y agosto,"
         " hasta el 31/12/2028 23:59", "every year on the 21st day in February and August, until 2028-12-31 23:59"),
    ):  # fmt: skip
        assert (in_words(rule, "es"), in_words(rule, "en")) == (es, en)
    for only_the_rule in (
        "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=1",
        "FREQ=DAILY;BYHOUR=3",
    ):
        assert in_words(only_the_rule, "en") is None


def test_words_survive_markdown_whatever_is_in_them() -> None:
    text = "a_b *c* `d` [e](f) <g> h|i \\j &amp; # k\n- l 1. m **n**"
    document = Document("t", "en", read_markdown(to_markdown(Document("t", "en", ())) + "\n", lambda _: None))
    assert document.blocks
    from sereno.compiler.manual_blocks import Paragraph

    written = to_markdown(Document("t", "en", (Paragraph((text.replace("\n", " "),)),)))
    [_, read] = read_markdown(written, lambda _: None)
    assert isinstance(read, Paragraph)
    assert plain(read.words) == text.replace("\n", " ")
    code = to_markdown(Document("t", "en", (Paragraph((Code("a`b``c"), " and ", Code("`"))),)))
    [_, again] = read_markdown(code, lambda _: None)
    assert isinstance(again, Paragraph)
    assert again.words == (Code("a`b``c"), " and ", Code("`"))


def test_a_hostile_text_is_read_in_no_time() -> None:
    for text in ("[" * 20_000, "**a " * 10_000, "`" * 20_000, "- " * 5_000, "> " * 5_000, "<!--" * 20_000, "![](" * 10_000,
                 "a_" * 20_000, "\n".join("  " * n + "- x" for n in range(500)), "|\n|-|\n" * 5_000):  # fmt: skip
        blocks = anchored(ordered(read_markdown(text, lambda _: None), 1))
        assert page_of(to_html(Document("t", "en", blocks)))[2] == []


def test_an_empty_workspace_gets_no_manual_and_is_told() -> None:
    nothing = Request(Spec(), ())
    assert not manual(nothing).files
    assert manual(nothing).notes
    assert not runbook_pages(nothing).files
    assert runbook_pages(nothing).notes


def digest_of_everything() -> str:
    """What the three targets for people and their pagers write, as one number."""
    total = hashlib.sha256()
    for language in LANGUAGES:
        made = with_runbooks(language)
        for output in (manual(made), runbook_pages(made), terraform_pagerduty(made)):
            assert output.files
            for path, text in output.files.items():
                total.update(f"{path}\0{text}\0".encode())
    return total.hexdigest()


def test_the_bytes_of_pages_do_not_depend_on_the_hash_seed() -> None:
    code = "from tests.compiler.test_manual_pages import digest_of_everything as d; print(d())"
    found = set()
    for seed in ("0", "1", "4242"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-1500:]
        found.add(done.stdout.strip())
    assert len(found) == 1


def test_nobodys_number_or_address_is_in_the_manual() -> None:
    for text in manual(request()).files.values():
        assert "ana@shop.example" not in text
        assert "alertmanager/secrets" not in text


def test_titles_that_look_like_markup_stay_titles(tmp_path: Path) -> None:
    rich = RICH.replace("title: The «API»", "title: '<i>A|P*I*</i> `x` [l](javascript:x)'").replace(
        "title: Weekly work", "title: '# | <b>'"
    )
    files = both(request({"shop.yaml": rich}))
    assert check(files, tmp_path) == []
    assert "<i>" not in files["manual/manual.html"]
    assert "&lt;i&gt;A|P*I*&lt;/i&gt; `x` [l](javascript:x)" in files["manual/manual.html"]


ROTA = """
{service: api, team: web, alerts: [{alert: Down, expr: up == 0, severity: SEV1, summary: Down}]}
---
{team: web, escalation: shop}
---
{person: ana, title: Ana, contacts: [{email: ana@shop.example}]}
---
{person: bo, title: Bo, contacts: [{phone: "+51 999 000 111"}, {email: bo@shop.example}]}
---
{person: cy, title: Cy, contacts: [{email: cy@shop.example}]}
---
{schedule: shop, zone: America/Lima, handover: monday 09:00, start: 2026-01-05, people: [ana, bo, cy],
 roles: [primary, secondary]}
---
escalation: shop
schedule: shop
steps: [{page: primary}, {page: [secondary, cy], after: 15m, via: [phone, sms]}]
repeat_every: 20m
"""


def test_the_rotation_is_the_one_that_sereno_walks() -> None:
    made = request({"shop.yaml": ROTA})
    text = manual(made).files["manual/manual.md"]
    assert (
        "Shifts change every Monday at 09:00 (America/Lima); the first week of the table began on 2026-01-05, and"
        in text
    )
    table = [
        line.strip("| ").split(" | ") for line in text.partition("| Week | primary | secondary |\n")[2].split("\n")[1:4]
    ]
    schedule = made.spec.schedules["shop"]
    for week, (number, *holders) in enumerate(table):
        held = on_call(schedule, datetime(2026, 1, 5, 15, tzinfo=UTC) + timedelta(weeks=week))
        assert number == str(week + 1)
        assert holders == [made.spec.people[held[role]].title for role in schedule.roles]
    assert "| at once | primary | their contacts, one after the other |" in text
    assert "| 15 min | secondary; Cy | phone, sms, at once |" in text
    assert "everything begins again 20 min later" in text
    assert "| Bo | UTC | en | phone, email |" in text


def test_a_bar_in_a_cell_stays_in_its_cell() -> None:
    table = Table("", ("a", "b"), (((Code("x|y"),), ("1|2", Code("z"))),))
    [_, read] = read_markdown(to_markdown(Document("t", "en", (table,))), lambda _: None)
    assert read == table
