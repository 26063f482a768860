"""Documentation that cannot lie: generated pages are fresh, what is named exists, links lead somewhere, specs are good."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from bench.__main__ import NAMES as FIGURES
from sereno.app import reference
from sereno.app.cli import COMMANDS, build_app
from sereno.app.cli.check import as_text
from sereno.app.http import every_route, path_of
from sereno.app.metrics import Metrics
from sereno.app.promql_checker import Checker
from sereno.app.settings import Settings
from sereno.spec.loader import KINDS, load, load_text

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
NOT_OURS = {".venv", ".bootstrap", "node_modules", ".git", ".pytest_cache", ".mypy_cache", ".ruff_cache", "build"}
PAGES = reference.pages()
KIT = "\n".join(file.read_text(encoding="utf-8") for file in sorted((ROOT / "kit" / "src").rglob("*.py")))
"""What the kit says of itself: its metrics and its environment variables are in it by name."""
OF_COMMANDS = {"SERENO_URL", "SERENO_TOKEN", "SERENO_TEST_WORKERS", "SERENO_KERNELS"}
"""Environment variables that are no settings: of commands that speak to a control plane, and of scripts/test."""


def markdown() -> list[Path]:
    """Every Markdown file of the house."""
    return sorted(p for p in ROOT.rglob("*.md") if not NOT_OURS & set(p.relative_to(ROOT).parts))


def prose() -> list[Path]:
    """Those that people write for people."""
    return [
        p for p in markdown() if p.parent == ROOT or (ROOT / "docs") in p.parents or (ROOT / "examples") in p.parents
    ]


def fences(path: Path, language: str) -> Iterator[tuple[int, str]]:
    """The line and the text of every block of `language`."""
    text = path.read_text(encoding="utf-8")
    for found in re.finditer(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        yield text.count("\n", 0, found.start()) + 1, found[1]


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# Generated pages


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_generated_page_is_what_the_code_says_now(name: str) -> None:
    assert (DOCS / "reference" / name).read_text(encoding="utf-8") == PAGES[name], "stale: run scripts/reference"


@pytest.mark.parametrize("path", [p for p in markdown() if "<!-- generated: " in p.read_text()], ids=named)
def test_a_generated_part_of_a_page_is_what_the_code_says_now(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert reference.BLOCK.search(text), "a generated block has no end"
    assert reference.fill(text) == text, "stale: run scripts/reference"


def test_every_command_is_documented() -> None:
    page = PAGES["cli.md"]
    app = build_app()
    for name in COMMANDS:
        assert f"\n## sereno {name}\n" in page
        command = app[name]
        for inner in command:
            if not inner.startswith("-"):
                assert f"\n### sereno {name} {inner}\n" in page


def test_every_setting_is_documented() -> None:
    for name in Settings.model_fields:
        assert f"| `{name}` | `SERENO_{name.upper()}` |" in PAGES["settings.md"]


def test_every_metric_is_documented_as_it_is_scraped() -> None:
    held = Metrics()
    for metric in vars(held).values():
        if isinstance(metric, MetricWrapperBase) and metric._labelnames:
            metric.labels(*("x" for _ in metric._labelnames))
    scraped = {s.name for family in held.registry.collect() for s in family.samples if not s.name.endswith("_created")}
    stems = {re.sub(r"_(bucket|sum|count)$", "", name) for name in scraped}
    assert stems == set(re.findall(r"^\| `(\w+)`", PAGES["metrics.md"], re.MULTILINE))


def test_every_route_is_documented() -> None:
    async def paths() -> set[str]:
        with tempfile.TemporaryDirectory() as folder:
            app, close = await reference._app(Path(folder))
            try:
                return {path_of(route) for route in every_route(app.routes)}
            finally:
                await close()

    missing = {path for path in asyncio.run(paths()) if path != "/static" and f"`{path}`" not in PAGES["http-api.md"]}
    assert not missing


def test_every_figure_of_the_bench_is_explained() -> None:
    page = (DOCS / "reference" / "figures.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE)) == set(FIGURES)


@pytest.mark.parametrize("folder", ["guides", "concepts", "reference", "decisions"])
def test_every_page_of_the_documentation_is_reached_by_a_link(folder: str) -> None:
    every = "\n".join(p.read_text(encoding="utf-8") for p in markdown())
    lost = [p.name for p in (DOCS / folder).rglob("*.md") if not re.search(rf"\]\([^)]*{re.escape(p.name)}[#)]", every)]
    assert [name for name in lost if name != "README.md"] == []


# What prose says


@pytest.mark.parametrize("path", markdown(), ids=named)
def test_relative_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)|src(?:set)?=\"([^\"]+)\"", text):
        place, _, anchor = (target[0] or target[1]).partition("#")
        if re.match(r"[a-z]+:", place):
            continue
        there = (path.parent / place).resolve() if place else path
        assert there.exists(), f"{named(path)} leads to {place}, which is not there"
        if anchor and there.suffix == ".md":
            assert anchor in anchors(there), f"{named(path)} leads to {place}#{anchor}, which is no heading"


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


SPECS = [
    pytest.param(text, id=f"{named(path)}:{line}")
    for path in prose()
    for line, text in fences(path, "yaml")
    if re.search(rf"^(\{{)?({'|'.join(KINDS)}|slos):", text, re.MULTILINE)
]
REFERENCES = {f"SER05{n}" for n in range(8)} | {"SER114", "SER115", "SER116", "SER125", "SER132"}
"""A block in a page may name what stands elsewhere; everything else about it must be right."""


@pytest.mark.parametrize("text", SPECS)
def test_specs_in_the_documentation_are_good(text: str) -> None:
    if text.startswith("slos:"):
        text = f"service: example\nteam: example\n{text}"
    text = text.replace(": […]", ": []")
    loaded = load_text({"example.yaml": text}, promql=Checker())
    # SER076 (warning): the scale of severities of an example is not always in the same block.
    wrong = [d for d in loaded.diagnostics if d.level == "error" and d.code not in REFERENCES]
    assert not wrong, "\n\n".join(d.render() for d in wrong)


def test_the_tour_shows_what_check_really_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    good = next(text for _, text in fences(ROOT / "README.md", "yaml") if "service: payments" in text)
    shown = next(text for _, text in fences(ROOT / "README.md", "console") if text.startswith("$ sereno check"))
    folder = tmp_path / "reliability"
    (folder / "runbooks").mkdir(parents=True)
    (folder / "runbooks" / "payments-down.md").write_text("# Payments are down\n")
    (folder / "payments.yaml").write_text(good.replace("99.95%", "99,95%") + PEOPLE)
    monkeypatch.chdir(tmp_path)
    said = as_text(load(Path("reliability"), promql=Checker()))
    assert shown.removeprefix("$ sereno check\n").strip() in said, f"sereno check says:\n{said}\n\nin {len(readme)}"


PEOPLE = """\
---
{team: payments, escalation: payments}
---
{person: ana, contacts: [{terminal: true}]}
---
{escalation: payments, steps: [{page: ana}]}
---
{status_page: public, components: [Payments]}
"""


@pytest.mark.parametrize("path", prose(), ids=named)
def test_commands_settings_metrics_and_addresses_that_are_named_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"`[^`\n]+`|^```(?:console|sh)\n.*?^```", text, re.DOTALL | re.MULTILINE))
    commands = set(re.findall(r"(?:^|[`$/ ])sereno ([a-z]+)", re.sub(r"#.*", "", code), re.MULTILINE))
    assert commands <= set(COMMANDS) | {"user", "sereno"}, commands - set(COMMANDS)
    settings = {f"SERENO_{name.upper()}" for name in Settings.model_fields} | OF_COMMANDS
    settings |= set(re.findall(r"\bSERENO_KIT_[A-Z_]+\b", KIT))
    assert set(re.findall(r"SERENO_[A-Z_]*[A-Z]", text)) <= settings
    metrics = set(re.findall(r"^\| `(\w+)`", PAGES["metrics.md"], re.MULTILINE))
    families = {"sereno_data", "sereno_kit", "sereno_state"}
    kit = set(re.findall(r"\bsereno_[a-z_]+\b", KIT))
    assert set(re.findall(r"`(sereno_[a-z_]+)[`{]", text)) <= metrics | families | kit
    for place in re.findall(r"`(?:GET |POST )?(/(?:api/v1|status|health|metrics)[^`\s]*)`", text):
        assert known_address(place), f"{named(path)} names {place}"


def known_address(place: str) -> bool:
    """Whether some route answers at `place`, or it is the beginning of several."""
    page = PAGES["http-api.md"]
    place = place.partition("?")[0].rstrip("/").removesuffix("/*")
    for route in re.findall(r"`(/[^`]*)`", page):
        pattern = re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(route))
        if route.startswith(place) or re.fullmatch(pattern, place):
            return True
    return False


@pytest.mark.parametrize("path", prose(), ids=named)
def test_tests_that_are_named_exist(path: Path) -> None:
    for place, _, name in re.findall(r"`(tests/[\w/]+\.py)(::(\w+))?`", path.read_text(encoding="utf-8")):
        assert (ROOT / place).is_file(), f"{named(path)} names {place}"
        assert not name or f"def {name}(" in (ROOT / place).read_text(encoding="utf-8"), f"{place} has no {name}"


@pytest.mark.parametrize("path", sorted((ROOT / "deploy").iterdir()), ids=named)
def test_what_is_deployed_sets_only_settings_that_exist(path: Path) -> None:
    known = {f"SERENO_{name.upper()}" for name in Settings.model_fields} | OF_COMMANDS | {"SERENO_SPEC_DIR"}
    assert set(re.findall(r"SERENO_[A-Z_]*[A-Z]", path.read_text(encoding="utf-8"))) <= known


def test_the_unit_and_the_image_start_the_command_that_exists() -> None:
    unit = (ROOT / "deploy" / "sereno.service").read_text(encoding="utf-8")
    image = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    assert "ExecStart=/opt/sereno/bin/sereno up\n" in unit
    assert 'ENTRYPOINT ["sereno"]\nCMD ["up"]' in image
    assert "up" in COMMANDS


def test_the_compose_file_mounts_what_the_image_reads() -> None:
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))["services"]
    image = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    inside = {volume.rsplit(":", 2)[1 if volume.endswith(":ro") else -1] for volume in services["sereno"]["volumes"]}
    assert inside == {"/spec", "/var/lib/sereno"}
    assert "SERENO_SPEC=/spec SERENO_DATA_DIR=/var/lib/sereno" in image
    assert services["sereno"]["ports"] == ["127.0.0.1:8420:8420"], "never open to the network by default"


@pytest.mark.parametrize("path", sorted((DOCS / "guides").rglob("*.md")), ids=named)
def test_a_guide_can_be_read_at_five_o_clock(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 120
    assert max(len(line) for line in text.splitlines() if not line.startswith(("|", "left out"))) <= 130
