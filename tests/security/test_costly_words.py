"""Texts made to keep a machine busy: everything that reads them takes time in proportion to their length."""

from __future__ import annotations

from collections.abc import Callable
from time import process_time

import pytest

from sereno.alerts.texts import REGEXES
from sereno.app.http.markdown import to_html
from sereno.kernel.inert import inert
from sereno.kernel.template import TemplateContext, expand

SIZE = 20_000
PIECES = [
    "{{", "}}", "{{ ", "{{- ", " ", "\n", " {{", "{{ $labels.a ", '{{ "', "\\", "{{ a", "{", "|", "{{|", '{{ printf "%',
    "*a ", "_a ", "**a ", "<!--", "-->", "`", "| ", "| - ", "-", ":-", "1. [ ] ", "[", "](", "#", "> ", "\\*", "&amp", "a",
]  # fmt: skip
READERS: dict[str, Callable[[str], object]] = {
    "templates of alerts": lambda text: expand(text, {"a": "b"}, 1.0),
    "drafts": to_html,
    "inert": inert,
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("piece", PIECES)
def test_no_text_takes_long(name: str, piece: str) -> None:
    """A tenth of a megabyte of any of them within two seconds of CPU; the first version took minutes."""
    read = READERS[name]
    for text in (piece * (100_000 // len(piece)), "{{" + piece * SIZE, piece * SIZE + "}}", "x " + piece * SIZE + " x"):
        began = process_time()
        read(text)
        assert process_time() - began < 2, (name, piece, len(text))


DOUBLING = '{{ $x := "aaaaaaaa" }}{{ range 40 }}{{ $x = MORE }}{{ end }}{{ $x }}'
BOMBS = {
    "print": DOUBLING.replace("MORE", "print $x $x"),
    "printf": DOUBLING.replace("MORE", 'printf "%s%s" $x $x'),
    "args": DOUBLING.replace("MORE", "args $x $x"),
    "replace": DOUBLING.replace("MORE", 'reReplaceAll "(.*)" "$1$1" $x'),
    "machine": '{{ reReplaceAll "(a|aa)+b|x*" "y" "' + "a" * 9000 + '" }}',
    "sought": '{{ $x := "' + "a" * 5000 + '" }}{{ range 1000 }}{{ match "(a|aa)+b" $x }}{{ end }}',
    "ranges": "{{ range 50000 }}{{ range 50000 }}{{ break }}{{ end }}{{ end }}",
    "sorted": '{{ $q := query "up" }}{{ range 9000 }}{{ $y := sortByLabel "n" $q }}{{ end }}',
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_template_that_doubles_itself_ends_soon(name: str) -> None:
    """Each took minutes, or all the memory, and with it every other rule; now it is an error in the alert's text."""
    many = [({"n": str(number)}, 1.0) for number in range(50_000)]
    context = TemplateContext(regexes=REGEXES, query=lambda text, at: many)
    began = process_time()
    text = expand(BOMBS[name], {}, 1.0, context)
    assert process_time() - began < 5
    assert text.startswith("<error expanding template: ")
    assert len(text) < 3000


@pytest.mark.parametrize("text", ['{{ "\\ud800" }}', '{{ printf "%c" 55296 }}', '{{ printf "%q" 57343 }}'])
def test_a_template_gives_no_half_characters(text: str) -> None:
    """What cannot be written as UTF-8 could be neither kept nor sent: the page would have been lost."""
    assert expand(text, {}, 1.0).encode()
