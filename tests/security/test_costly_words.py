"""Texts made to keep a machine busy: everything that reads them takes time in proportion to their length."""

from __future__ import annotations

from collections.abc import Callable
from time import process_time

import pytest

from sereno.app.http.markdown import to_html
from sereno.kernel.inert import inert
from sereno.kernel.template import expand

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
