"""Charts and drafts: what is drawn is what is known, and nothing drawn or written becomes markup of its own."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from html.parser import HTMLParser
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st
from tests.http.shop import NOW

from sereno.app.http.charts import Legend, Series, burn_svg, meter, sparkline
from sereno.app.http.markdown import to_html

LEGEND = Legend("c-x", "Título <b>", "De & a", "en riesgo", "agotado", "sin datos")
values = st.one_of(st.none(), st.floats(-1000, 1.0))


def series(*remaining: float | None) -> Series:
    return Series(tuple(NOW + timedelta(hours=n) for n in range(len(remaining))), remaining)


def drawn(one: Series) -> ElementTree.Element:
    return ElementTree.fromstring(burn_svg(one, LEGEND, "America/Lima", "es"))


def test_gaps_are_hatched_and_never_bridged() -> None:
    root = drawn(series(1.0, 0.9, None, None, 0.5, 0.4))
    line = next(path for path in root.iter("path") if path.get("class") == "line")
    assert line.get("d", "").count("M") == 2
    gap = next(rect for rect in root.iter("rect") if rect.get("class") == "gap")
    assert (gap.get("x"), gap.get("width")) == ("20.00%", "60.00%")


def test_a_window_that_nobody_watched_has_no_line_and_no_last_value() -> None:
    root = drawn(series(None, None, None))
    assert next(p for p in root.iter("path") if p.get("class") == "line").get("d") == ""
    assert not list(root.iter("circle"))
    assert "100.00%" in next(r for r in root.iter("rect") if r.get("class") == "gap").get("width", "")
    assert sparkline(series(None, None)) == ""


def test_overspending_is_drawn_below_zero() -> None:
    root = drawn(series(1.0, 0.2, -0.58))
    words = [text.text for text in root.iter("text")]
    assert "−58,0 %" in words
    assert "0 % · agotado" in words
    assert next(root.iter("circle")).get("class") == "last last-over"


def test_too_little_to_draw() -> None:
    assert burn_svg(series(1.0), LEGEND, "UTC", "en") == ""
    assert burn_svg(series(), LEGEND, "UTC", "en") == ""


@given(st.lists(values, min_size=2, max_size=40))
def test_every_chart_is_whole_xml_with_finite_numbers_inside_the_frame(remaining: list[float | None]) -> None:
    root = drawn(series(*remaining))
    for path in root.iter("path"):
        numbers = [float(n) for n in re.findall(r"-?\d+\.\d+", path.get("d", ""))]
        assert all(-0.1 <= n <= 1000.1 for n in numbers)
    assert "nan" not in ElementTree.tostring(root, encoding="unicode").lower()


def test_meters_are_full_when_overspent_and_hold_nothing_when_unknown() -> None:
    assert 'width="100.00%"' in meter(Decimal("-0.4"), "exhausted")
    assert 'width="12.50%"' in meter(Decimal("0.125"), "at_risk")
    assert "meter-part" not in meter(None, "unknown")


class Tags(HTMLParser):
    """Collects every tag and attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.seen |= {f"{tag}[{name}]" for name, _ in attrs}


OURS = {
    "h2", "h3", "h4", "h5", "h6", "p", "ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td", "strong", "em",
    "code", "blockquote", "hr", "table[role]", "table[class]", "thead[role]", "tbody[role]", "tr[role]", "th[role]",
    "th[scope]", "td[role]", "td[data-label]",
}  # fmt: skip
risky = st.text(st.sampled_from("<>&\"'`*_|\\#-[] \n\ue03c\ue03e\ue022abc1.=/;x"), max_size=80)


@given(risky, risky)
def test_no_draft_can_write_markup_of_its_own(one: str, other: str) -> None:
    for text in (
        one,
        f"# {one}",
        f"| {one} | {other} |\n| --- | --- |\n| {other} | {one} |",
        f"- [ ] {one}\n- {other}",
    ):
        found = Tags()
        found.feed(to_html(text))
        assert found.seen <= OURS


def test_drafts_are_read_as_meant() -> None:
    text = "# Title\n\n**Bold** and _soft_ and `code` \\*not\\* a\\|b &lt;x&gt;\n\n- one\n- [x] done\n\n| A | B |\n|---|--:|\n| 1\\|2 | **3** |\n\n---\n"
    html = to_html(text)
    assert "<h2>Title</h2>" in html
    assert "<strong>Bold</strong> and <em>soft</em> and <code>code</code> *not* a|b &lt;x&gt;" in html
    assert "<ul><li>one</li><li>☑ done</li></ul>" in html
    assert '<td role="cell" data-label="A">1|2</td><td role="cell" data-label="B"><strong>3</strong></td>' in html
    assert "<hr>" in html
    assert to_html("\ue03cscript\ue03e &#xE03C;b&#xE03E;") == "<p>script b</p>"
