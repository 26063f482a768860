"""The report in a browser: accessible, by day and by night, on a phone and on paper, and it asks nobody for anything."""

from __future__ import annotations

import importlib.util
from datetime import timedelta
from pathlib import Path

import pytest
from tests.e2e.axe import TAGS, axe_source, violations
from tests.insight.worlds import MONDAY, SHOP, World, during, spec_of

from sereno.insight.backtest import judge, report
from sereno.insight.cases import cases_of
from sereno.insight.compare import compared, failures
from sereno.insight.html import page
from sereno.insight.model import Knobs, Question
from sereno.kernel.moment import to_ms

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]  # fmt: skip
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """One report in both languages, with everything a report can hold."""
    world = World(
        MONDAY - 2 * DAY, MONDAY + 9 * DAY,
        during((MONDAY + 3 * HOUR, timedelta(minutes=25), 0.6), (MONDAY + 80 * HOUR, 3 * HOUR, 0.02), otherwise=0.0002),
        gaps=[(MONDAY + 5 * DAY, MONDAY + 5.5 * DAY)],
    )  # fmt: skip
    demanding = SHOP.replace("slos:", "title: '<script>alert(1)</script>'\nbacktest: {max_pages_per_week: 1}\nslos:")
    spec = spec_of(demanding)
    question = Question(
        spec, to_ms(MONDAY), to_ms(MONDAY + 9 * DAY), timedelta(minutes=5), answer_after=None, knobs=Knobs(),
        zone="America/Lima",
    )  # fmt: skip
    found = report([judge(cases_of(spec, interval=question.interval)[0], question, world.select)], question)
    old = SHOP.replace("    sli:", "    tiers: [{long: 1h, short: 5m, burn: 40}]\n    sli:")
    before = report([judge(cases_of(spec_of(old), interval=question.interval)[0], question, world.select)], question)
    wrong = failures(found, spec, before)
    assert wrong
    return {
        language: page(found, wrong, compared(before, found, "main"), language, warnings=["<b>bold</b> & more"])  # type: ignore[arg-type]
        for language in ("es", "en")
    }


def test_the_report_needs_nothing_but_itself(pages):
    for language, text in pages.items():
        assert f'<html lang="{language}">' in text
        assert "default-src 'none'" in text
        assert "<script" not in text
        assert "http://" not in text
        assert "https://" not in text
        assert "&lt;b&gt;bold&lt;/b&gt; &amp; more" in text
    assert pages["es"] != pages["en"]


@pytest.mark.chromium
@pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium")
@pytest.mark.skipif(importlib.util.find_spec("playwright") is None, reason="needs playwright")
def test_the_report_is_accessible_and_fits_every_screen(pages, tmp_path):
    from playwright.sync_api import sync_playwright

    try:
        axe = axe_source()
    except RuntimeError as missing:
        pytest.skip(str(missing))
    found: list[str] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        for language, text in pages.items():
            file = tmp_path / f"{language}.html"
            file.write_text(text)
            for scheme, width in (("light", 1200), ("dark", 1200), ("light", 360)):
                tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
                asked: list[str] = []
                tab.on("request", lambda request, asked=asked: asked.append(request.url))
                tab.goto(file.as_uri())
                tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
                tab.evaluate(axe)
                seen = tab.evaluate(f"axe.run(document, {{runOnly: {TAGS!r}}})")
                found += [f"{language} {scheme} {width}: {line}" for line in violations(seen)]
                assert tab.evaluate("document.documentElement.scrollWidth") <= width
                assert asked == [file.as_uri()]
                tab.close()
        browser.close()
    assert not found, "\n".join(found)
