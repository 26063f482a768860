"""Objectives written in another dialect and read back: what that dialect can say comes back as it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sereno.app.promql_checker import Checker
from sereno.compiler.text import json_text, yaml
from sereno.kernel.labels import Labels
from sereno.spec.dialects.exporting import Exported
from sereno.spec.dialects.exporting_openslo import openslo
from sereno.spec.dialects.exporting_pyrra import pyrra
from sereno.spec.dialects.exporting_sloth import sloth
from sereno.spec.loader import load_text
from sereno.spec.model import (
    Calendar,
    CompositeSli,
    DeclaredTier,
    EventsSli,
    GaugeSli,
    LatencySli,
    LowTraffic,
    NativeLatencySli,
    Objective,
    QuerySli,
    Service,
    Slo,
    Spec,
    Team,
)

EVENTS = EventsSli('pay_total{job="p"}', 'pay_total{job="p",ok!="1"}', None)
GOOD = EventsSli('pay_total{job="p"}', None, 'pay_total{job="p",ok="1"}')
FAST = LatencySli('s{job="p"}', 's_bucket{job="p",le="0.25"}', 's_count{job="p"}', Decimal("0.25"))
SECOND = LatencySli("s", 's_bucket{le=~"1(\\\\.0)?"}', "s_count", Decimal(1))
NATIVE = NativeLatencySli('n{job="p"}', Decimal("0.3"))
ASKED = QuerySli(total="sum(rate(a[$window])) * 2", bad="sum(rate(b[$window])) * 2")
FINE = QuerySli(total="sum(rate(a[$window])) * 2", good="sum(rate(b[$window])) * 2")
RATIO = QuerySli(ratio="avg_over_time(bad:ratio[$window])")
PROBE = GaugeSli('probe_success{job="p"}', "==", Decimal(1))
QUEUE = GaugeSli('max(queue{job="p"})', "<=", Decimal("12.5"))


def spec_of(*slos: Slo) -> Spec:
    return Spec(
        services={"payments": Service("payments", "shop", title="payments", slos=slos)},
        teams={"shop": Team("shop", "shop")},
    )


def read(found: Exported) -> list[Slo]:
    text = "---\n".join(yaml(document) for document in found.documents)
    team = "team: shop\nescalation: shop\n---\nescalation: shop\nsteps: [{page: [ana]}]\n---\nperson: ana\ncontacts: [{email: a@b.example}]\n"
    loaded = load_text({"a.yaml": text, "team.yaml": team}, promql=Checker())
    assert loaded.spec is not None, text + "\n".join(d.render() for d in loaded.diagnostics if d.level == "error")
    assert not [d for d in loaded.diagnostics if d.code == "SER160"]
    as_json = load_text({"a.yaml": json_text(found.documents), "team.yaml": team}, promql=Checker())
    assert as_json.spec is not None
    return [replace(slo, source=None) for service in loaded.spec.services.values() for slo in service.slos]


def promise(sli: object, **more: object) -> Slo:
    return Slo(
        "availability", Objective("99.9%", Decimal("0.999")), timedelta(days=30), sli,  # type: ignore[arg-type]
        page_severity="SEV2", ticket_severity="SEV3", **more,  # type: ignore[arg-type]
    )  # fmt: skip


targets = st.integers(1, 99_999_999).map(
    lambda n: (Decimal(n) / 1_000_000).normalize()
).map(lambda p: Objective(f"{p:f}%", p.scaleb(-2)))  # fmt: skip
labels = st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True).filter(
    lambda key: key not in ("slo", "service", "team", "severity", "alertname", "owner")),
    st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=1, max_size=12).map(str.strip).filter(bool), max_size=3
).map(lambda found: Labels(sorted(found.items())))  # fmt: skip
tiers = st.sampled_from([(), (DeclaredTier("page", timedelta(hours=1), timedelta(minutes=5), Decimal("13.44"), timedelta(minutes=2)),
                              DeclaredTier("ticket", timedelta(days=2), timedelta(hours=4), Decimal("1.5")))])  # fmt: skip
kept = {
    "title": st.sampled_from(["", "People can pay", "Se puede pagar: «sí»"]),
    "description": st.sampled_from(["", "One line", "Two\nlines: with a colon"]),
    "runbook": st.sampled_from([None, "https://books.example/pay"]),
    "unknown": st.sampled_from(["ignore", "bad", "good"]),
    "maintenance": st.sampled_from(["exclude", "good", "count"]),
    "low_traffic": st.sampled_from([None, LowTraffic(Decimal(100), Decimal("2.5")), LowTraffic(budget_fraction=True)]),
    "keep_firing_for": st.sampled_from([timedelta(0), timedelta(minutes=10)]),
    "alerting": st.booleans(),
    "labels": labels,
    "tiers": tiers,
    "objective": targets,
    "page_severity": st.sampled_from(["SEV1", "SEV2"]),
    "name": st.sampled_from(["availability", "Availability", "a.b_c"]),
}


def _drawn(draw: st.DrawFn) -> dict[str, Any]:
    return {key: draw(values) for key, values in kept.items()}


@st.composite
def openslos(draw: st.DrawFn) -> Slo:
    slo = promise(draw(st.sampled_from([EVENTS, GOOD, FAST, SECOND, ASKED, FINE, RATIO, QUEUE])))
    slo = replace(slo, **_drawn(draw))
    calendar = draw(st.sampled_from([None, Calendar("month", "America/Lima"), Calendar("week"), Calendar("quarter")]))
    days = {"month": 30, "week": 7, "quarter": 90}[calendar.unit] if calendar else draw(st.sampled_from([1, 7, 28, 30]))
    gauge = isinstance(slo.sli, GaugeSli)
    method: Any = draw(st.sampled_from(["timeslices", "ratio_timeslices"] + ([] if gauge else ["occurrences"])))
    target = Decimal("0.95") if method == "timeslices" and not gauge else None
    length = timedelta(minutes=draw(st.sampled_from([1, 5]))) if method != "occurrences" else timedelta(minutes=1)
    return replace(
        slo, calendar=calendar, window=timedelta(days=days), method=method, slice_target=target, slice_length=length
    )


@given(openslos())
def test_openslo_says_everything_but_composites_and_policies(slo: Slo) -> None:
    found = openslo(spec_of(slo))

    assert read(found) == [slo]


@given(
    st.sampled_from([EVENTS, GOOD, FAST, SECOND, ASKED, RATIO]), targets,
    st.sampled_from(["", "People can pay"]), st.sampled_from(["", "One line"]),
    st.sampled_from([None, "https://books.example/pay"]), labels, st.sampled_from(["SEV1", "SEV2"]),
)  # fmt: skip
def test_sloth_says_events_over_thirty_days(
    sli: object, objective: Objective, title: str, description: str, runbook: str | None, own: Labels, page: str
) -> None:
    slo = replace(
        promise(sli), objective=objective, title=title, description=description, runbook=runbook, page_severity=page
    )
    slo = replace(slo, labels=Labels(sorted({**own, "owner": "shop"}.items())))

    found = sloth(spec_of(slo))

    assert read(found) == [slo]
    assert found.notes == []


@given(
    st.sampled_from([EVENTS, FAST, SECOND, NATIVE, PROBE]), st.fixed_dictionaries(kept),
    st.sampled_from([1, 7, 28, 30]),
)  # fmt: skip
def test_pyrra_says_rolling_windows_of_counters_and_gauges(sli: object, more: dict[str, object], days: int) -> None:
    slo = replace(promise(sli), **more, window=timedelta(days=days))  # type: ignore[arg-type]
    if isinstance(sli, GaugeSli):
        slo = replace(slo, method="ratio_timeslices")
    found = pyrra(spec_of(slo))

    service = Labels(sorted({**dict(slo.labels)}.items()))
    assert [replace(one, labels=service if not slo.labels else one.labels) for one in read(found)] == [slo]


COMPOSITE = promise(CompositeSli("all", ()))


@pytest.mark.parametrize(
    ("write", "slo"),
    [(openslo, COMPOSITE), (sloth, COMPOSITE), (pyrra, COMPOSITE), (sloth, promise(QUEUE)), (sloth, promise(NATIVE)),
     (sloth, promise(EVENTS, method="timeslices", slice_target=Decimal("0.9"))), (pyrra, promise(GOOD)),
     (pyrra, promise(QUEUE)), (pyrra, promise(EVENTS, calendar=Calendar("month"))),
     (openslo, promise(EVENTS, method="timeslices", slice_target=Decimal("0.9"), slice_length=timedelta(seconds=30)))],
)  # fmt: skip
def test_what_cannot_be_said_is_left_out_and_said(write: object, slo: Slo) -> None:
    found = write(spec_of(slo))  # type: ignore[operator]

    assert [note for note in found.notes if note.startswith("payments/availability: left out: ")]
    assert not [d for d in found.documents if d.get("kind") in ("SLO", "ServiceLevelObjective") or "slos" in d]


def test_two_services_may_call_their_objectives_alike() -> None:
    one, other = (Service(name, "shop", title=name, slos=(promise(EVENTS),)) for name in ("pay", "search"))
    spec = Spec(services={"pay": one, "search": other}, teams={"shop": Team("shop", "shop")})

    for write in (openslo, pyrra):
        found = write(spec)
        names = [document["metadata"]["name"] for document in found.documents if document["kind"] != "Service"]  # type: ignore[index,call-overload]
        assert names == ["pay-availability", "search-availability"]
        assert [slo.name for slo in read(found)] == ["availability", "availability"]


def test_an_annotation_that_cannot_be_read_is_said_and_not_used() -> None:
    found = openslo(spec_of(promise(EVENTS)))
    document = dict(found.documents[1])
    document["metadata"] = {**document["metadata"], "annotations": {"sereno.dev/tiers": "page 5m/1h 3"}}  # type: ignore[dict-item]

    loaded = load_text({"a.yaml": yaml(document)}, promql=Checker())

    assert loaded.spec is not None
    assert [d.code for d in loaded.diagnostics] == ["SER160", "SER162"]
    assert loaded.spec.services["payments"].slos[0].tiers == ()
