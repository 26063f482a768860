"""Compiles the evaluator's kernels into a wheel where that is possible; without a compiler the wheel is pure.

`python hatch_build.py` compiles them in place, for a checkout (`scripts/kernels`).
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent
SOURCE = ROOT / "src" / "sereno" / "promql" / "_kernels.c"
TARGET = SOURCE.with_name("_kernels.abi3.so")
# The same bits as NumPy gives: no fused multiply-add, no liberties with floating point.
FLAGS = [
    "-O3",
    "-std=c11",
    "-fPIC",
    "-shared",
    "-ffp-contract=off",
    "-fno-fast-math",
    "-fvisibility=hidden",
    "-Wall",
    "-Wextra",
    "-Wno-unused-parameter",
    "-Wno-missing-field-initializers",
]


def compiler() -> list[str] | None:
    """The C compiler's command, if there is one ($CC goes first)."""
    named = os.environ.get("CC")
    if named:
        return shlex.split(named)
    found = next((found for name in ("gcc", "clang", "cc") if (found := shutil.which(name))), None)
    return [found] if found else None


def build(target: Path = TARGET, *, quiet: bool = False) -> str | None:
    """Compile into `target`. Returns None, or why there is none."""
    if sys.platform == "win32" or sys.implementation.name != "cpython":
        return "only for CPython on POSIX systems"
    include = sysconfig.get_paths()["include"]
    if not (Path(include) / "Python.h").exists():
        return f"Python.h is missing from {include} (Debian: apt-get install python3-dev)"
    command = compiler()
    if command is None:
        return "there is no C compiler (Debian: apt-get install gcc)"
    flags = [*FLAGS, "-undefined", "dynamic_lookup"] if sys.platform == "darwin" else FLAGS
    partial = target.with_name(f"{target.name}.{os.getpid()}")
    run = subprocess.run(  # noqa: S603
        [*command, *flags, f"-I{include}", str(SOURCE), "-o", str(partial), "-lm"], capture_output=True, text=True
    )
    if run.returncode:
        partial.unlink(missing_ok=True)
        return f"the compiler failed: {(run.stderr or run.stdout).strip()}"
    partial.replace(target)
    if not quiet and run.stderr:
        print(run.stderr, file=sys.stderr)
    return None


def _up_to_date() -> bool:
    return TARGET.exists() and TARGET.stat().st_mtime >= max(SOURCE.stat().st_mtime, Path(__file__).stat().st_mtime)


def main() -> int:
    """Compile in place unless it is done already; exit 0 either way, unless `--must`."""
    why = None if _up_to_date() else build()
    if why is None:
        return 0
    print(f"sereno: the kernels stay those of NumPy: {why}", file=sys.stderr)
    return 1 if "--must" in sys.argv[1:] else 0


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run as a script, where there is no hatchling
    pass
else:

    class KernelsHook(BuildHookInterface[Any]):
        """Adds the compiled kernels to the wheel, and marks it as one for this platform; or leaves it pure."""

        PLUGIN_NAME = "custom"

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:
            """Called by hatch before it builds."""
            if self.target_name != "wheel" or os.environ.get("SERENO_KERNELS") == "python":
                return
            why = build()
            if why is not None:
                if os.environ.get("SERENO_KERNELS") == "native":
                    raise RuntimeError(f"the kernels cannot be compiled: {why}")
                self.app.display_warning(f"the kernels stay those of NumPy: {why}")
                return
            if version == "editable":
                return
            platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
            build_data["pure_python"] = False
            build_data["tag"] = f"cp311-abi3-{platform}"
            build_data["force_include"][str(TARGET)] = f"sereno/promql/{TARGET.name}"


if __name__ == "__main__":
    raise SystemExit(main())
