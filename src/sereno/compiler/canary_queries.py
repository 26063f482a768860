"""How a new version alone is judged: a service's indicators over the samples of its own pods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import TypeVar

from sereno.compiler.text import Value
from sereno.kernel.duration import format_duration, to_ms
from sereno.kernel.errors import UsageError
from sereno.promql import Expr, Matcher, parse
from sereno.promql.ast import Selector
from sereno.promql.printer import text_of
from sereno.slo.exact import written
from sereno.slo.expressions import bad_ratio, total_rate
from sereno.spec.model import CompositeSli, GaugeSli, QuerySli, Service, Slo
from sereno.spec.model_delivery import Canary

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Judge:
    """One objective that judges: a query whose value, where there is one, must not be above `limit`."""

    name: str
    query: str
    limit: Decimal


def judges_of(service: Service, canary: Canary, own: Mapping[str, str], *, patterns: tuple[str, ...] = ()) -> tuple[
    Judge, ...
]:  # fmt: skip
    """The judges of a new version of `service`.

    Args:
        service: whose objectives they are.
        canary: how it goes out.
        own: the labels, with their values (placeholders of the engine may be in them), of the new version's samples.
        patterns: the labels among `own` whose values are regular expressions.

    A query gives the share of bad events, or nothing when there were fewer than `events_min` of them: no traffic is
    no verdict. Raises UsageError where an objective cannot judge one version apart from another.
    """
    matchers = tuple(Matcher(name, "=~" if name in patterns else "=", value) for name, value in own.items())
    by_name = {slo.name: slo for slo in service.slos}
    found = [_judge(service, by_name[name], canary, matchers) for name in canary.slos if name in by_name]
    if not found:
        raise UsageError(f"{service.name}: nothing judges a new version: the service has no objective")
    return tuple(found)


def _judge(service: Service, slo: Slo, canary: Canary, matchers: tuple[Matcher, ...]) -> Judge:
    place = f"{service.name}/{slo.name}"
    sli = slo.sli
    if isinstance(sli, CompositeSli | GaugeSli) or (isinstance(sli, QuerySli) and sli.ratio is not None):
        raise UsageError(
            f"{place} cannot judge a new version: it does not count the events of single pods",
            hint="name in `canary.slos` only objectives of events or latency",
        )
    limit = slo.objective.budget * canary.burn
    if limit >= 1:
        raise UsageError(
            f"{place} could never refuse a new version: {canary.burn:f} times its budget is {limit:%} of all events",
            hint="lower `canary.burn`",
        )
    seconds = written(Fraction(to_ms(canary.over), 1000))
    ratio = bad_ratio(sli, canary.over)
    enough = f"{total_rate(sli, format_duration(canary.over))} * {seconds:f} >= {canary.events_min}"
    query = f"({ratio}) and ({enough})" if canary.events_min else ratio
    if "{{" in query:
        raise UsageError(f"{place} cannot judge a new version: `{{{{` in its indicator would be read as a placeholder")
    return Judge(slo.name, text_of(narrowed(parse(query), matchers)), limit.normalize())


def narrowed(expr: Expr, matchers: tuple[Matcher, ...]) -> Expr:
    """`expr` over only those samples that `matchers` select: they are added to each of its selectors."""
    return _walk(expr, matchers)


def _walk(node: T, matchers: tuple[Matcher, ...]) -> T:
    if isinstance(node, Selector):
        return replace(node, matchers=(*node.matchers, *matchers))
    if isinstance(node, tuple):
        return tuple(_walk(each, matchers) for each in node)  # type: ignore[return-value]
    if not is_dataclass(node) or isinstance(node, Matcher | type):
        return node
    changed = {each.name: _walk(getattr(node, each.name), matchers) for each in fields(node)}
    return replace(node, **changed)


def number(value: Decimal) -> str:
    """`value` written out, without an exponent."""
    return f"{value:f}"


def as_value(value: Decimal) -> Value:
    """`value` for a field that wants a number: the shortest one that is read back as the same."""
    return int(value) if value == value.to_integral_value() else float(value)
