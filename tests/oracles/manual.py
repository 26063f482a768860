"""What every written page must be: one well-formed HTML file that needs nothing else, and Markdown whose links lead on.

The rules: elements are closed in the order they were opened (only void elements are not), ids are unique, headings begin
with the only h1 and never skip a level, every column head says its scope, the language is said, no script, no style or
event attribute, no resource from elsewhere, and every link within the output leads to a file and an id that are there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from posixpath import dirname, join, normpath
from urllib.parse import unquote

_VOID = frozenset(("meta", "hr", "br", "img", "link", "input"))
_ALLOWED = frozenset(
    [
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "header",
        "nav",
        "main",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "p",
        "a",
        "strong",
        "em",
        "code",
        "pre",
        "ul",
        "ol",
        "li",
        "dl",
        "dt",
        "dd",
        "div",
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "blockquote",
        "hr",
    ]
)
_IN_P = frozenset(["a", "strong", "em", "code"])
_PARENTS = {
    "li": ("ul", "ol"), "dt": ("dl",), "dd": ("dl",), "tr": ("thead", "tbody"), "th": ("tr",), "td": ("tr",),
    "thead": ("table",), "tbody": ("table",), "caption": ("table",),
}  # fmt: skip


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.levels: list[int] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if len(given) != len(attrs):
            self.wrong.append(f"<{tag}> says something twice")
        if tag not in _ALLOWED:
            self.wrong.append(f"<{tag}> has no place here")
        if tag in _PARENTS and (not self.open or self.open[-1] not in _PARENTS[tag]):
            self.wrong.append(f"<{tag}> in {self.open[-1:]}")
        if "p" in self.open and tag not in _IN_P:
            self.wrong.append(f"<{tag}> within a paragraph")
        if tag == "a" and "a" in self.open:
            self.wrong.append("a link within a link")
        if tag == "th" and given.get("scope") not in ("col", "row"):
            self.wrong.append("a table's head without scope")
        if tag == "html" and given.get("lang") not in ("es", "en"):
            self.wrong.append("no language is said")
        self.wrong += [f"{name} on <{tag}>" for name in given if name.startswith("on") or name in ("src", "style")]
        self.ids += [given["id"] or ""] if "id" in given else []
        self.links += [given["href"] or ""] if "href" in given else []
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> closes what is not open")

    def handle_data(self, data: str) -> None:
        if "style" in self.open and re.search(r"url\(|@import|<", data):
            self.wrong.append("the style asks for something from elsewhere")


def page_of(text: str) -> tuple[list[str], list[str], list[str]]:
    """The ids of a page, its links, and what is wrong with it."""
    page = _Page()
    page.feed(text)
    page.close()
    wrong = page.wrong + [f"<{tag}> is never closed" for tag in page.open]
    if not text.startswith("<!doctype html>\n"):
        wrong.append("no doctype")
    wrong += [f"the id {name!r} twice" for name in sorted({x for x in page.ids if page.ids.count(x) > 1})]
    if page.levels[:1] != [1] or page.levels.count(1) != 1:
        wrong.append(f"headings begin {page.levels[:3]}")
    wrong += [
        f"a heading of level {b} below {a}" for a, b in zip(page.levels, page.levels[1:], strict=False) if b > a + 1
    ]
    return page.ids, page.links, wrong


def markdown_anchors(text: str) -> list[str]:
    """What a code host calls the headings of a Markdown text."""
    names: list[str] = []
    for title in re.findall(r"(?m)^#{1,6} (.*)$", re.sub(r"(?ms)^( *)(`{3,}).*?^ *\2$", "", text)):
        shown = re.sub(
            r"\\(.)", r"\1", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title.replace("`", "").replace("**", ""))
        )
        name = re.sub(r"[^\w\- ]", "", shown.lower().strip()).replace(" ", "-")
        count = sum(1 for each in names if re.fullmatch(re.escape(name) + r"(-\d+)?", each)) if name in names else 0
        names.append(f"{name}-{count}" if count else name)
    return names


def check(files: Mapping[str, str], folder: Path) -> list[str]:
    """Complaints about the pages among `files`; nothing is written to `folder`."""
    pages = {name: text for name, text in files.items() if name.startswith(("manual/", "runbooks/"))}
    html = {name: page_of(text) for name, text in pages.items() if name.endswith(".html")}
    ids = {name: set(found[0]) for name, found in html.items()}
    ids |= {name: set(markdown_anchors(text)) for name, text in pages.items() if name.endswith(".md")}
    said = [f"{name}: {line}" for name, found in html.items() for line in found[2]]
    for name, found in html.items():
        said += [f"{name}: {line}" for line in _lost(name, found[1], ids)]
    for name, text in pages.items():
        if name.endswith(".md"):
            said += [f"{name}: {line}" for line in _lost(name, list(_links(text)), ids)]
            said += [f"{name}: no line feed at its end"] if not text.endswith("\n") or text.endswith("\n\n") else []
    return said


def _links(text: str) -> Iterator[str]:
    without = re.sub(r"(?ms)^( *)(`{3,}).*?^ *\2$", "", text)
    without = re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "", without)
    yield from re.findall(r"(?<!\\)\]\(<?([^)>]*)>?\)", without)


def _lost(name: str, links: list[str], ids: Mapping[str, set[str]]) -> Iterator[str]:
    for link in links:
        if re.match(r"(?:https?://|mailto:)\S", link):
            continue
        path, _, fragment = link.partition("#")
        target = normpath(join(dirname(name), unquote(path))) if path else name
        if target not in ids or (fragment and unquote(fragment) not in ids[target]):
            yield f"the link {link!r} leads nowhere"
