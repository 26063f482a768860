"""axe-core for the tests: fetched once with npm, pinned, kept in the git-ignored `.cache/`."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

AXE_VERSION = "4.14.1"
CACHE = Path(__file__).resolve().parents[2] / ".cache"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def axe_source() -> str:
    """The text of axe.min.js. Raises RuntimeError saying what is missing on this machine."""
    kept = CACHE / f"axe-core-{AXE_VERSION}.min.js"
    if not kept.exists():
        _fetch(kept)
    return kept.read_text()


def _fetch(kept: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError("the accessibility tests need axe-core, fetched by npm: install the Debian package `npm`")
    CACHE.mkdir(exist_ok=True)
    packed = subprocess.run(
        [npm, "pack", f"axe-core@{AXE_VERSION}", "--silent", "--pack-destination", str(CACHE)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    archive = CACHE / f"axe-core-{AXE_VERSION}.tgz"
    if packed.returncode != 0 or not archive.exists():
        raise RuntimeError(f"npm could not fetch axe-core {AXE_VERSION}: {packed.stderr.strip()[-300:]}")
    with tarfile.open(archive) as bundle:
        member = bundle.extractfile("package/axe.min.js")
        assert member is not None
        part = kept.with_suffix(".part")
        part.write_bytes(member.read())
    part.replace(kept)
    archive.unlink()


def violations(found: dict[str, Any]) -> list[str]:
    """What axe found, a line a rule with the places."""
    return [
        f"{rule['id']} ({rule['impact']}): {rule['help']} at "
        + " | ".join(f"{' '.join(map(str, node['target']))}: {node['html'][:120]}" for node in rule["nodes"][:4])
        for rule in found["violations"]
    ]
