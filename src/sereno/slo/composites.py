"""What a composite of mode `all` makes of its parts: slices of one length, each judged for itself."""

from __future__ import annotations

from dataclasses import replace

from sereno.slo.methods import method_of
from sereno.spec.model import CompositeSli, GaugeSli, Part, Slo


def part_in_slices(part: Part, composite: Slo) -> Slo:
    """A part of a composite of mode `all`, cut into the composite's slices: each is judged by the part's own slice
    target, else the composite's, else the part's objective."""
    own = part.slo.slice_target if method_of(part.slo) == "timeslices" else None
    target = own if own is not None else composite.slice_target
    if target is None and not isinstance(part.slo.sli, GaugeSli):
        target = part.slo.objective.ratio
    return replace(part.slo, method="timeslices", slice_length=composite.slice_length, slice_target=target)


def in_slices(slo: Slo) -> bool:
    """Whether time is counted, slice by slice, and not events."""
    return method_of(slo) != "occurrences" or (isinstance(slo.sli, CompositeSli) and slo.sli.mode == "all")


def all_slices(slo: Slo) -> Slo:
    """A composite of mode `all` as what it is: counted in slices."""
    return replace(slo, method="timeslices")


def parts_of(slo: Slo) -> tuple[Slo, ...]:
    """The parts of a composite as they are counted for it; nothing for any other objective."""
    if not isinstance(slo.sli, CompositeSli):
        return ()
    if slo.sli.mode == "all":
        return tuple(part_in_slices(part, slo) for part in slo.sli.parts)
    return tuple(part.slo for part in slo.sli.parts)
