"""The `sereno` command."""

import os
import sys


def main() -> None:
    """Run one command; the process exits with its code: 0 ok, 1 problems found, 2 wrong use."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from sereno import __version__

        sys.stdout.write(f"sereno {__version__}\n")
        return
    # There is no linear algebra here: the threads that NumPy would start for it only make every start slower.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from sereno.app.cli import run

    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read it has read enough: `sereno diff | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    raise SystemExit(code)


if __name__ == "__main__":
    main()
