"""A chosen variant put into the text that somebody wrote: exact characters are replaced, all else stays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sereno.insight.model import Variant
from sereno.kernel.duration import format_duration
from sereno.kernel.errors import NotFound, UsageError
from sereno.slo import SloPlan, Tier
from sereno.spec.source import File, Mapping, Node, Scalar, Sequence
from sereno.spec.tree import documents

_QUOTES = {"single": "'", "double": '"'}


@dataclass(frozen=True, slots=True)
class Edit:
    """What stands at [start, end) of a text becomes `text`."""

    start: int
    end: int
    text: str


def edited(name: str, text: str, plan: SloPlan, variant: Variant) -> str:
    """`text` (the file `name`) with `variant` in the objective of `plan`: its target, and its tiers where they are not
    those that follow from the window anyway. Comments, order and quotes stay as they are.

    Tickets keep their own tiers. Raises NotFound if the objective is not in the text, UsageError where its text is
    shared through an alias and cannot be changed for it alone.
    """
    file = File.of(name, text)
    slo = _find(file, plan.service, plan.slo.name)
    edits = []
    target = slo.get("objective")
    if isinstance(target, Scalar) and variant.objective.text != target.value.strip():
        quote = _QUOTES.get(target.style, "")
        edits.append(Edit(target.start, target.end, f"{quote}{variant.objective.text}{quote}"))
    tiers = (*variant.tiers, *(tier for tier in plan.tiers if tier.kind == "ticket"))
    # Tiers that nobody wrote follow from the window; they need to be written only once they differ.
    if [_shape(t) for t in tiers] != [_shape(t) for t in plan.tiers]:
        edits.append(_tiers_edit(file, slo, tiers))
    if any(edit.start < slo.start or edit.end > slo.end for edit in edits):
        raise UsageError(
            f"{plan.service}/{plan.slo.name} takes part of its text from elsewhere by an alias (*…)",
            hint="write it out there, then try again",
        )
    for edit in sorted(edits, key=lambda e: -e.start):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def holds(name: str, text: str, plan: SloPlan) -> bool:
    """Whether the objective of `plan` stands in `text`."""
    try:
        _find(File.of(name, text), plan.service, plan.slo.name)
    except NotFound:
        return False
    return True


def _find(file: File, service: str, slo: str) -> Mapping:
    for document in documents(file, lambda *_: None):
        if isinstance(document, Mapping) and _value(document, "service") == service:
            listed = document.get("slos")
            for item in listed.items if isinstance(listed, Sequence) else ():
                if isinstance(item, Mapping) and _value(item, "name") == slo:
                    return item
    raise NotFound(f"{file.name} does not declare the objective {service}/{slo}")


def _value(node: Mapping, key: str) -> str | None:
    found = node.get(key)
    return found.value.strip() if isinstance(found, Scalar) else None


def _shape(tier: Tier) -> tuple[object, ...]:
    return tier.kind, tier.long, tier.short, tier.factor, tier.for_


def _tiers_edit(file: File, slo: Mapping, tiers: tuple[Tier, ...]) -> Edit:
    flow = file.text[slo.start] == "{"
    key = slo.entries[0][0]
    _, column = file.place(key.start)
    items = [_item(tier) for tier in tiers]
    indent = " " * (column - 1)
    block = "tiers:" + "".join(f"\n{indent}  - {item}" for item in items)
    inline = f"tiers: [{', '.join(items)}]"
    there = next(((name, node) for name, node in slo.entries if name.value == "tiers"), None)
    if there is not None:
        return Edit(there[0].start, _end(file, there[1]), inline if flow else block)
    last = slo.entries[-1][1]
    if flow:
        return Edit(_end(file, last), _end(file, last), f", {inline}")
    # A comment behind the last value stays with it.
    stop = file.text.find("\n", _end(file, last))
    stop = len(file.text) if stop < 0 else stop
    return Edit(stop, stop, f"\n{indent}{block}")


def _item(tier: Tier) -> str:
    parts = [f"long: {format_duration(tier.long)}", f"short: {format_duration(tier.short)}", f"burn: {tier.factor:f}"]
    if tier.for_ > timedelta(0):
        parts.append(f"for: {format_duration(tier.for_)}")
    if tier.kind == "ticket":
        parts.append("kind: ticket")
    return "{" + ", ".join(parts) + "}"


def _end(file: File, node: Node) -> int:
    """Where the text of `node` ends: that of a block is told by the last thing in it."""
    if isinstance(node, Scalar):
        block = node.style in ("literal", "folded")
        return node.start + len(file.text[node.start : node.end].rstrip()) if block else node.end
    if file.text[node.start] in "[{":
        return node.end
    inner = node.items if isinstance(node, Sequence) else tuple(value for _, value in node.entries)
    return _end(file, inner[-1]) if inner else node.end
