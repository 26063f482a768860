"""The files of a spec: which there are, what is in them, and what cannot be read."""

from __future__ import annotations

import hashlib
from itertools import islice
from pathlib import Path

from sereno.spec.reading import Reading
from sereno.spec.source import File

FILE_BYTES_MAX = 5_000_000
_GARBLED_MAX = 200
_LOOKS_MAX = 20_000
_WORD_MAX = 40
FILES_MAX = 2_000


def page(folder: Path, path: Path) -> File | None:
    """A Markdown file, or None if it cannot be a runbook: it is too large, or cannot be read."""
    content = read(path)
    if isinstance(content, OSError) or len(content) > FILE_BYTES_MAX:
        return None
    return File.of(path.relative_to(folder).as_posix(), content.decode("utf-8-sig", "replace"), str(path))


def files_in(folder: Path, *suffixes: str) -> list[Path]:
    """The files below `folder` with one of the suffixes in a fixed order, hidden ones left out."""
    found = [path for path in folder.rglob("*") if path.suffix.lower() in suffixes]
    visible = [p for p in found if not any(part.startswith(".") for part in p.relative_to(folder).parts)]
    return sorted(path for path in visible if is_file(path))


def is_file(path: Path) -> bool:
    """Whether there is a file; a name that cannot be one is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def read(path: Path) -> bytes | OSError:
    """What is in the file, one byte beyond what it may hold, or why it cannot be read."""
    try:
        with path.open("rb") as opened:
            return opened.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        return error


def decoded(reading: Reading, name: str, shown: str, content: bytes | OSError) -> File:
    """The file, or an empty one after a report."""
    if isinstance(content, OSError):
        return refuse(reading, File.of(name, "", shown), "SER001", content.strerror or "it cannot be read")
    if len(content) > FILE_BYTES_MAX:
        most = FILE_BYTES_MAX // 1_000_000
        return refuse(reading, File.of(name, "", shown), "SER002", f"the file is larger than {most} MB")
    try:
        file = File.of(name, content.decode("utf-8-sig"), shown)
        _warn_of_garbled(reading, file)
        return file
    except UnicodeDecodeError as error:
        file = File.of(name, content.decode("utf-8-sig", "replace"), shown)
        before = len(content[: error.start].decode("utf-8-sig", "replace"))
        message = f"byte 0x{content[error.start]:02X} is not UTF-8"
        reading.complain_at(
            "SER001", file, before, 1, message, hint="save the file as UTF-8; perhaps it is Windows-1252"
        )
        reading.partial = True
        return File.of(name, "", shown)


def _warn_of_garbled(reading: Reading, file: File) -> None:
    """Warn of text that was UTF-8 and was read as something else, once for each word."""
    if file.text.isascii():
        return
    from sereno.spec.mojibake import garbled, repaired

    end = 0
    for found in islice(garbled(file.text, _LOOKS_MAX), _GARBLED_MAX):
        if found.start < end:
            continue
        start, end = _word_around(file.text, found.start, found.end)
        word = file.text[start:end]
        reading.complain_at(
            "SER136", file, start, len(word), f"`{word}` was perhaps `{repaired(word)}`",
            hint="`sereno fmt --repair` puts it right",
        )  # fmt: skip


def _word_around(text: str, start: int, end: int) -> tuple[int, int]:
    """Where the word around some of its characters begins and ends, as far as it can be shown."""
    before, after = text[max(0, start - _WORD_MAX) : start], text[end : end + _WORD_MAX]
    start -= len(before) - max((before.rfind(blank) + 1 for blank in " \t\r\n"), default=0)
    return start, end + min((i for blank in " \t\r\n" if (i := after.find(blank)) >= 0), default=len(after))


def refuse(reading: Reading, file: File, code: str, message: str) -> File:
    """`file`, after a report that it is not read."""
    reading.partial = True
    reading.complain_at(code, file, 0, 1, message)
    return file


def digest_of(files: list[File]) -> str:
    """SHA-256 over names and contents, in the order of names."""
    total = hashlib.sha256()
    for file in sorted(files, key=lambda f: f.name):
        for part in (file.name, file.text):
            content = part.encode()
            total.update(len(content).to_bytes(8, "big") + content)
    return total.hexdigest()
