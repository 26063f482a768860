"""Two languages, equals: every catalogue in the house, compared; and no phrase that nobody says."""

from __future__ import annotations

import ast
import importlib
import re
from functools import cache
from pathlib import Path
from string import Formatter

import pytest

from sereno.kernel.language import LANGUAGES, Phrases

SOURCE = Path(__file__).resolve().parents[2] / "src"


def is_catalogue(node: ast.AST) -> bool:
    """Whether phrases are written out there; catalogues made of others are not looked at twice."""
    return (
        isinstance(node, ast.AnnAssign)
        and ast.unparse(node.annotation) == "Phrases"
        and isinstance(node.value, ast.Dict)
        and None not in node.value.keys
    )


def catalogues() -> dict[str, tuple[Path, Phrases]]:
    """Everything in the house that is declared as `Phrases`, by module and name."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        if "Phrases" not in path.read_text(encoding="utf-8"):
            continue
        module = ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if is_catalogue(node):
                name = ast.unparse(node.target)
                found[f"{module}.{name}"] = path, getattr(importlib.import_module(module), name)
    return found


CATALOGUES = catalogues()
PHRASES = [
    pytest.param(phrase, id=f"{name}[{key}]")
    for name, (_, phrases) in CATALOGUES.items()
    for key, phrase in phrases.items()
]


def test_the_catalogues_were_found() -> None:
    names = {name.rpartition(".")[0] for name in CATALOGUES}
    assert {"sereno.app.words", "sereno.incidents.words", "sereno.oncall.words", "sereno.slo.words"} <= names
    assert {"sereno.status.words", "sereno.app.cli.init_words"} <= names
    for path in (*SOURCE.rglob("words*.py"), *SOURCE.rglob("*_words.py")):
        assert any(path == where for where, _ in CATALOGUES.values()), f"{path} declares no catalogue as Phrases"


@pytest.mark.parametrize("phrase", PHRASES)
def test_a_phrase_exists_in_both_languages_with_the_same_places(phrase: dict[str, str]) -> None:
    assert set(phrase) == set(LANGUAGES)
    assert all(text.strip() == text or "\n" in text for text in phrase.values())
    assert bool(phrase["es"]) == bool(phrase["en"])
    assert places(phrase["es"]) == places(phrase["en"])


def places(text: str) -> set[str]:
    """The names between braces."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


# The words of the house: what English calls so, Spanish calls thus.
TERMS = (
    (r"\bincidents?\b", r"incidente"),
    (r"\berror budgets?\b", r"presupuestos? de error"),
    (r"\bbudgets?\b", r"presupuesto"),
    (r"\bon call\b", r"guardia"),
    (r"\backnowledg", r"recono[cz]"),
    (r"\backnowledged the page|paged?\b for|\bpage (opened|closed)", r"\bavis"),
    (r"(?<!\S)alerts?\b(?!:)", r"\balerta|ninguna|activas|avisa"),
    (r"\bseverity\b", r"severidad"),
    (r"\bescalation\b", r"escalamiento"),
    (r"\btimeline\b", r"cronología"),
    (r"\bburn rate\b", r"tasa de consumo"),
)
NEVER = re.compile(r"\b(alarmas?|incidencias?|paginad[oa]s?|buscapersonas|on[- ]?call|acusar recibo)\b", re.IGNORECASE)


@pytest.mark.parametrize("phrase", [p for p in PHRASES if ".FILES[" not in str(p.id)])  # those are YAML
def test_spanish_uses_the_words_of_the_house(phrase: dict[str, str]) -> None:
    spanish, english = (re.sub(r"{[^{}]*}", "…", phrase[language]) for language in ("es", "en"))
    assert not NEVER.search(spanish), spanish
    for said, wanted in TERMS:
        if re.search(said, english, re.IGNORECASE):
            assert re.search(wanted, spanish, re.IGNORECASE), f"{english!r} is told as {spanish!r}"


@cache
def said() -> tuple[frozenset[str], tuple[re.Pattern[str], ...]]:
    """Every text in the code and the templates that may be a key, and the patterns of those that are put together."""
    constants: set[str] = set()
    patterns: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        own = {id(part) for node in ast.walk(tree) if is_catalogue(node) for part in ast.walk(node)}
        constants |= {
            n.value
            for n in ast.walk(tree)
            if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in own
        }
        patterns |= {made for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) and (made := pattern(node))}
    for path in SOURCE.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        constants |= set(re.findall(r"""(?<=["'])[\w.]+(?=["'])""", text))
        constants |= set(re.findall(r"\bw(?:ords)?\.(\w+)", text))
        patterns |= {re.escape(start) + ".+" for start in re.findall(r"""["']([\w.]+\.)["'] [~+]""", text)}
        patterns |= {re.escape(kind) + r"\..+" for kind in re.findall(r"""\bword\(["'](\w+)["']""", text)}
    return frozenset(constants), tuple(re.compile(one) for one in patterns)


def pattern(node: ast.JoinedStr) -> str | None:
    """What the f-string can become, if it has anything of its own."""
    parts = [re.escape(p.value) if isinstance(p, ast.Constant) else ".+" for p in node.values]
    own = "".join(str(p.value) for p in node.values if isinstance(p, ast.Constant))
    return "".join(parts) if re.fullmatch(r"[\w.]{2,}", own) and re.search(r"[a-z]{2}", own) else None


@pytest.mark.parametrize("name", sorted(name for name in CATALOGUES if not name.endswith(".GLOSSARY")))  # told whole
def test_no_phrase_is_left_unsaid(name: str) -> None:
    constants, patterns = said()
    _, phrases = CATALOGUES[name]
    unused = [key for key in phrases if key not in constants and not any(p.fullmatch(key) for p in patterns)]
    assert unused == []
