"""Exceptions as data: type, message, frames, causes. Bounded, and through the redactor."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sereno_kit.redact import Redactor

FRAMES_MAX, CAUSES_MAX, GROUP_MAX, NOTES_MAX, MESSAGE_MAX = 20, 5, 8, 8, 2_048


def type_name(error: BaseException) -> str:
    """The type of an error as OpenTelemetry's `error.type` wants it: with its module, but for Python's own."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def described(error: BaseException, redactor: Redactor) -> dict[str, Any]:
    """An error, and the errors that it came from, as plain containers. Never raises."""
    try:
        return _described(error, redactor, CAUSES_MAX, set())
    except Exception:
        return {"type": type(error).__name__, "message": "[unredactable]"}


def _described(error: BaseException, redactor: Redactor, causes: int, seen: set[int]) -> dict[str, Any]:
    seen.add(id(error))
    told: dict[str, Any] = {"type": type_name(error), "message": message_of(error, redactor)}
    if error.__traceback__ is not None:
        told["frames"], left_out = frames_of(error.__traceback__)
        if left_out:
            told["frames_left_out"] = left_out
    notes = getattr(error, "__notes__", None)
    if isinstance(notes, list):
        told["notes"] = [redactor.text(str(note))[:MESSAGE_MAX] for note in notes[:NOTES_MAX]]
    if isinstance(error, BaseExceptionGroup) and causes > 0:
        told["errors"] = [_described(one, redactor, causes - 1, seen) for one in error.exceptions[:GROUP_MAX]]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and causes > 0 and id(cause) not in seen:
        name = "cause" if error.__cause__ is not None else "while_handling"
        told[name] = _described(cause, redactor, causes - 1, seen)
    return told


def message_of(error: BaseException, redactor: Redactor) -> str:
    """What an error says, without secrets."""
    try:
        said = str(error)
    except Exception:
        return "[error without text]"
    return redactor.text(said[: 4 * MESSAGE_MAX])[:MESSAGE_MAX]


def frames_of(traceback: TracebackType | None) -> tuple[list[dict[str, Any]], int]:
    """The places where it happened, the innermost last, and how many outer ones were left out."""
    places: list[dict[str, Any]] = []
    count = 0
    while traceback is not None:
        code = traceback.tb_frame.f_code
        places.append({"file": code.co_filename, "line": traceback.tb_lineno, "function": code.co_qualname})
        count += 1
        if count > 4 * FRAMES_MAX:
            del places[: 2 * FRAMES_MAX]
            count -= 2 * FRAMES_MAX
        traceback = traceback.tb_next
    total = len(places)
    return places[-FRAMES_MAX:], max(0, total - FRAMES_MAX)


def as_text(told: dict[str, Any], lead: str = "") -> str:
    """A described error as people read it, for consoles and for Elastic's `error.stack_trace`."""
    lines = [f"{lead}{told.get('type')}: {told.get('message')}"]
    lines += [f'  File "{f["file"]}", line {f["line"]}, in {f["function"]}' for f in told.get("frames", ())]
    lines += [f"  {note}" for note in told.get("notes", ())]
    for one in told.get("errors", ()):
        lines.append(as_text(one, "  with "))
    for name in ("cause", "while_handling"):
        if name in told:
            lines.append(as_text(told[name], "caused by " if name == "cause" else "while handling "))
    return "\n".join(lines)
