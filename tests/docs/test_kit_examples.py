"""The examples on the kit's pages are complete: each is type-checked strictly and runs by itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*(ROOT / "docs" / "kit").glob("*.md"), ROOT / "kit" / "README.md"])
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WRONG = "# wrong:"


def blocks_of(page: Path) -> list[str]:
    """The Python blocks of a page, those of the wrong form included."""
    return _BLOCK.findall(page.read_text(encoding="utf-8"))


def examples() -> dict[str, str]:
    """Every right example by a name that can be a module's."""
    return {
        f"{page.stem if page.stem != 'README' else 'readme'}_{number}".replace("-", "_"): block
        for page in PAGES
        for number, block in enumerate(blocks_of(page), 1)
        if not block.startswith(WRONG)
    }


EXAMPLES = examples()


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "README.md"], ids=lambda page: page.stem)
def test_a_page_shows_the_wrong_form_beside_the_right_one(page: Path):
    blocks = blocks_of(page)
    wrong = [block for block in blocks if block.startswith(WRONG)]
    assert wrong, "a page shows what not to do"
    assert len(blocks) > len(wrong), "and what to do instead"
    assert all(len(block.splitlines()[0]) > len(WRONG) + 8 for block in wrong), "the first line says why it is wrong"
    assert len(page.read_text(encoding="utf-8").splitlines()) <= 120


@pytest.mark.slow(minutes=1)
def test_the_examples_keep_the_types(tmp_path: Path):
    for name, text in EXAMPLES.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    files = sorted(str(file) for file in tmp_path.glob("*.py"))
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", str(tmp_path / "cache"), *files],
        cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs(name: str, tmp_path: Path):
    file = tmp_path / f"{name}.py"
    file.write_text(EXAMPLES[name], encoding="utf-8")
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("SERENO_", "OTEL_", "PROMETHEUS_"))}
    done = subprocess.run(
        [sys.executable, "-W", "error::SyntaxWarning", str(file)],
        cwd=tmp_path, env=plain, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{EXAMPLES[name]}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
