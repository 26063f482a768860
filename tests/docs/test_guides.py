"""What the guides show of a session is what a session shows."""

from __future__ import annotations

import re
import xml.etree.ElementTree as Xml
from datetime import timedelta
from pathlib import Path

import pytest

from sereno.app.cli.check import as_text
from sereno.app.cli.init import QUESTIONS, Answers, files_of
from sereno.app.cli.init_words import WORDS
from sereno.app.promql_checker import Checker
from sereno.compiler import prometheus
from sereno.kernel.language import say
from sereno.kernel.message import Language
from sereno.slo import plans_of
from sereno.spec.loader import load_text

DOCS = Path(__file__).resolve().parents[2] / "docs"
GUIDES: dict[Language, Path] = {
    "en": DOCS / "guides" / "getting-started.md",
    "es": DOCS / "guides" / "es" / "primeros-pasos.md",
}


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_questions_of_init_are_shown_as_they_are_asked(language: Language) -> None:
    guide = GUIDES[language].read_text(encoding="utf-8")
    assert say(WORDS, "welcome", language) in guide
    for question in QUESTIONS:
        assert f"\n{say(WORDS, question, language)} [" in guide
    assert say(WORDS, "written", language, path="reliability") in guide


def first_spec(language: Language = "en") -> dict[str, str]:
    return files_of(Answers("web", "http://127.0.0.1:8080/metrics", "owners", "ana", "", "99.9%", language))


def test_check_says_of_the_first_spec_what_the_guide_shows() -> None:
    files = {name: text for name, text in first_spec().items() if name.endswith(".yaml")}
    said = as_text(load_text(files, promql=Checker()))
    assert f"$ sereno check\n{said}\n```" in GUIDES["en"].read_text(encoding="utf-8")


def test_the_guide_names_the_tier_that_build_leaves_out() -> None:
    files = {name: text for name, text in first_spec().items() if name.endswith(".yaml")}
    spec = load_text(files, promql=Checker()).spec
    assert spec is not None
    (plan,) = plans_of(spec, evaluation_interval=timedelta(seconds=15))
    guide = (DOCS / "guides" / "prometheus.md").read_text(encoding="utf-8")
    for lost in plan.dropped:
        assert f"left out of web/availability: {lost.explanation}" in guide
    assert prometheus.tests_file(plan, rules="../rules/web.yml")


def test_the_picture_stands_alone_and_can_be_read_aloud() -> None:
    picture = (DOCS / "loop.svg").read_text(encoding="utf-8")
    root = Xml.fromstring(picture)
    name = "{http://www.w3.org/2000/svg}"
    assert (root.findtext(f"{name}title") or "").strip()
    assert (root.findtext(f"{name}desc") or "").strip()
    assert root.get("role") == "img"
    assert not re.search(r"<script|<image|href=|url\((?!#)|@import", picture)
    assert "prefers-color-scheme: dark" in picture
