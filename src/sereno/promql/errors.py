"""Where a mistake stands, shown to the person who made it."""

from __future__ import annotations

from sereno.kernel.errors import QueryError

_SHOWN_MAX = 120
_AROUND = 50


def point_at(text: str, error: QueryError) -> str:
    """The message of `error`, and the line of `text` that is at fault with a caret under the characters meant.

    Long lines are cut around the place, tabs become spaces; control characters are shown as dots. Without a
    position the message stands alone.
    """
    if error.position is None:
        return error.message
    start = min(max(0, error.position), len(text))
    stop = min(max(start + 1, error.end or 0), len(text) + 1)
    begin = text.rfind("\n", 0, start) + 1
    line_end = text.find("\n", start)
    line = text[begin : line_end if line_end >= 0 else len(text)]
    column, width = start - begin, max(1, min(stop - begin, len(line)) - (start - begin))
    cut, first = _cut(line, column)
    row = text.count("\n", 0, start) + 1
    place = f"{row}:{column + 1}"
    shown = "".join(c if c.isprintable() else " " if c == "\t" else "." for c in cut)
    width = max(1, min(width, len(cut) - (column - first)))
    return f"{place}: {error.message}\n  {shown}\n  {' ' * (column - first)}{'^' * width}"


def _cut(line: str, column: int) -> tuple[str, int]:
    """At most `_SHOWN_MAX` characters of `line` around `column`, and where they begin, an ellipsis at each cut."""
    if len(line) <= _SHOWN_MAX:
        return line, 0
    first = max(0, column - _AROUND)
    part = line[first : first + _SHOWN_MAX]
    if first > 0:
        part, first = "…" + part, first - 1
    return (part + "…" if first + len(part) < len(line) else part), first
