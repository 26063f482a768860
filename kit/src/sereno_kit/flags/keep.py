"""The last definitions that were good, on disk: what a service starts with when Sereno is away."""

from __future__ import annotations

import contextlib
import os
import tempfile
from hashlib import sha256
from pathlib import Path

from sereno_kit.flags.definitions import BYTES_MOST

_MARK = b"sereno-flags-1 "


def save(path: Path, etag: str, content: bytes) -> None:
    """Write all of it or nothing: a file that only its owner may read. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    body = etag.encode("ascii", "replace").replace(b"\n", b"?") + b"\n" + content
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(handle, "wb") as file:
            file.write(_MARK + sha256(body).hexdigest().encode() + b"\n" + body)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def load(path: Path) -> tuple[str, bytes] | None:
    """The ETag and the definitions that were saved; None if there are none.

    Raises:
        ValueError: it is not what was saved.
        OSError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            whole = file.read(BYTES_MOST + 1024)
    except FileNotFoundError:
        return None
    head, _, body = whole.partition(b"\n")
    if head != _MARK + sha256(body).hexdigest().encode():
        raise ValueError("it is damaged: its digest is another")
    etag, _, content = body.partition(b"\n")
    return etag.decode("ascii", "replace"), content
