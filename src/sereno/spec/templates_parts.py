"""What the templates of indicators share."""

from __future__ import annotations

from sereno.kernel.errors import QueryError
from sereno.spec import values
from sereno.spec.fields import Fields
from sereno.spec.queries import Matchers, selector, selector_text
from sereno.spec.reading import Reading
from sereno.spec.source import Node


def refuse(reading: Reading, fields: Fields, keys: tuple[str, ...], belongs: str) -> None:
    """Report those of `keys` that are there although they belong to something else."""
    for key in keys:
        place = fields.key(key)
        if place is not None:
            reading.complain(
                "SER140",
                place,
                f"`{key}` means nothing here: it belongs to {belongs}",
                expected="no such key; one objective is about one thing",
            )


def selected(reading: Reading, fields: Fields) -> Matchers:
    """The matchers of the key `select`; by default the job of the service's name."""
    if fields.has("select"):
        return fields.read("select", bare) or ()
    return (("job", "=", reading.service),) if reading.service else ()


def chosen(reading: Reading, fields: Fields) -> Matchers:
    """The matchers of the key `select`, if it is there."""
    return fields.read("select", bare) or ()


def bare(reading: Reading, node: Node) -> Matchers | None:
    """A list of matchers without a metric's name."""
    return selector(reading, node, bare=True)


def statuses(reading: Reading, node: Node) -> str | None:
    """A regular expression over statuses, as PromQL takes it."""
    found = values.text(reading, node)
    if found is None:
        return None
    try:
        reading.promql.selector(selector_text((("__name__", "=", "x"), ("status", "=~", found))))
    except QueryError as error:
        reading.complain("SER061", node, error.message, expected="a regular expression of statuses, such as 5..|429")
        return None
    return found
