"""Texts made to escape: whatever a title, a label or a matcher says, it stays a text in everything that is built."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from tests.compiler.rich import RICH
from tests.oracles import alertmanager, prometheus

from sereno.app.building import compile_spec
from sereno.app.promql_checker import Checker
from sereno.compiler.targets import TARGETS
from sereno.kernel.errors import SerenoError
from sereno.spec.loader import load_text
from sereno.spec.model import Spec

HOSTILE = [
    '{{ "pwned" | toUpper }}{{ end }}',
    "$${HOME} %{ENV} $(id) `id` %q $$ #{x}",
    "a' \" ]]==] ]=] -- } => ' | > & * ! % @ : # ,",
    "</script><script>alert(1)</script><img src=x onerror=alert(2)> [x](javascript:alert(3)) ![y](x)",
    "line one\nroute: {receiver: evil}\n---\nline {{ two",
    "\u202eevil \u2028 \u0085 \u200f",
    "x" * 3000,
]


def quoted(text: str) -> str:
    """`text` as YAML's double quotes hold it."""
    return json.dumps(text)


def hostile(text: str) -> Spec:
    """The rich workspace with `text` wherever anything may be said."""
    said = quoted(text)
    rich = re.sub(r"title: (?:'(?:[^']|'')*'|[^,}\n]+)", lambda _: f"title: {said}", RICH)
    # These are templates of Prometheus on purpose.
    plain = quoted(text.replace("{{", "{").replace("}}", "}"))
    rich = re.sub(r"(summary|description): '(?:[^']|'')*'", lambda found: f"{found[1]}: {plain}", rich)
    short = quoted(text[:120].replace("\n", " "))
    rich = rich.replace("labels: {region: south}", f"labels: {{region: {short}}}")
    matcher = json.dumps(text[:120].replace("\n", " ")).replace("'", "''")
    rich = rich.replace('strict_total{job="api"}', f"strict_total{{job={matcher}}}")
    loaded = load_text({"a.yaml": rich}, promql=Checker())
    assert loaded.spec is not None, [one.render() for one in loaded.diagnostics if one.level == "error"]
    return loaded.spec


def built(spec: Spec, targets: tuple[str, ...]) -> dict[str, str]:
    return compile_spec(spec, every=timedelta(seconds=15), language="es", targets=targets).files


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_every_target_keeps_every_text_in_its_place(text: str) -> None:
    spec, plain = hostile(text), hostile("harmless")
    expected = built(plain, tuple(TARGETS))
    files = built(spec, tuple(TARGETS))
    # A title of several lines makes texts for which no unit test can be written, and the build says so.
    assert {name for name in files.keys() ^ expected.keys() if ".alert." not in name} == set()
    for name, content in files.items():
        if name.endswith((".yml", ".yaml")):
            documents, before = list(yaml.safe_load_all(content)), list(yaml.safe_load_all(expected[name]))
            assert len(documents) == len(before), name
        elif name.endswith(".json"):
            json.loads(content)
        elif name.endswith((".html", ".md")):
            assert name.endswith(".md") or not re.search(r"<script>alert|<img src=x|href=.javascript:", content), name
            assert not re.search("[\u202e\u200f]", content), name


@pytest.mark.prometheus
@pytest.mark.parametrize("text", HOSTILE[:6], ids=range(6))
def test_what_is_hostile_passes_the_tools_that_read_it(text: str, tmp_path: Path) -> None:
    files = built(hostile(text), ("prometheus", "alertmanager"))
    rules = {name: content for name, content in files.items() if "/tests/" not in name}
    assert prometheus.check(rules, tmp_path / "p") == []
    assert alertmanager.check(files, tmp_path / "a") == []


def test_names_that_make_one_file_of_two_are_told() -> None:
    """`api.raw` wrote over the raw rules of `api`; `a.b`'s objective `c` over `b.c` of `a`."""
    one = "team: t\nslos: [{{name: {}, objective: 99%, window: 30d, sli: {{events: {{total: t_total, bad: b_total}}}}}}]\n"
    team = "team: t\nescalation: e\n---\nescalation: e\nsteps: [{page: ana}]\n---\n{person: ana, contacts: [{email: a@x.example}]}\n---\n"
    text = f"{team}service: a\n{one.format('b.c')}---\nservice: a.b\n{one.format('c')}"
    spec = load_text({"a.yaml": text}, promql=Checker()).spec
    assert spec is not None
    names = [name for name in built(spec, ("prometheus",)) if "/tests/" in name]
    assert len(names) == 2
    text = f"{team}service: api\n{one.format('x')}---\nservice: API\n{one.format('x')}"
    spec = load_text({"a.yaml": text}, promql=Checker()).spec
    assert spec is not None
    with pytest.raises(SerenoError) as caught:
        built(spec, ("prometheus",))
    assert "upper and lower case" in str(caught.value.hint)
