"""Writes the reference of diagnostics: `python -m sereno.spec.reference > docs/reference/diagnostics.md`."""

from __future__ import annotations

import sys

from sereno.spec.codes import reference

if __name__ == "__main__":
    sys.stdout.write(reference())
