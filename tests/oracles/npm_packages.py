"""Packages of the npm registry that judge what is generated, installed once for each set into the user's cache."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path


class Unreachable(Exception):
    """The registry, or npm itself, cannot be had; tests that need it are skipped with this reason."""


@cache
def installed(*packages: str) -> Path:
    """A folder with `node_modules` that holds `packages` (each `name@version`). Raises Unreachable."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise Unreachable("npm is missing: install Debian's packages `nodejs` and `npm`")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sereno-oracles"
    folder = base / hashlib.sha256("\n".join(packages).encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            (folder / "package.json").write_text('{"private": true, "type": "module"}\n')
            command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", *packages]
            try:
                done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
            except subprocess.TimeoutExpired:
                raise Unreachable("npm's registry does not answer") from None
            if done.returncode:
                raise Unreachable(f"npm could not install {' '.join(packages)}: {done.stderr.strip()[-300:]}")
            (folder / "complete").write_text("\n".join(packages))
    return folder


def node(
    folder: Path, script: str, *arguments: str, given: str = "", timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run `script` (an ES module) where the packages of `folder` can be imported; `given` is its standard input."""
    command = [shutil.which("node") or "node", "--input-type=module", "--eval", script, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=timeout, input=given)
