"""Switches decided: what definitions say, what overrides change, and that explanations agree with both."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.delivery.flags import EXPRESS, LIMIT, NOW, PLAIN, SETS, THEME, only_flags

from sereno.adapters.memory.delivery import MemoryOverrides
from sereno.delivery import service
from sereno.delivery.model import Override, Switch
from sereno.delivery.rules import body_of, document, explain, of_service, remarks, switches, the_switch
from sereno.kernel.errors import NotFound, UsageError
from sereno.spec.model_readiness import Flag, Flags
from sereno_kit.flags import Flags as KitFlags


def standing(flag: str, state: str, share: str | None = None, **more: Any) -> Override:
    return Override(flag, state, None if share is None else Decimal(share), "why", "ana", NOW, **more)  # type: ignore[arg-type]


def kit(*overrides: Override, service: str = "", now: datetime = NOW) -> KitFlags:
    """What a service sees."""
    return KitFlags.of(document(of_service(switches(only_flags(), overrides, now), service)))


def test_a_service_sees_its_own_switches_and_those_of_all() -> None:
    assert set(kit(service="pagos").set.flags) == {"express", "banner", "theme", "limit"}
    assert set(kit(service="carrito").set.flags) == {"theme", "limit"}


def test_users_come_before_rules_and_rules_before_the_share() -> None:
    flags = kit()
    assert flags.enabled("express", user="ana")
    assert flags.enabled("express", user="zoe", email="zoe@shop.example", plan="pro")
    assert not flags.enabled("express", user="u3", email="zoe@shop.example", plan="free")
    inside = sum(flags.enabled("express", user=f"u{n}", country="PE", app="2.10.0") for n in range(4000))
    assert 1840 < inside < 2160  # half, within five deviations
    everybody = sum(flags.enabled("express", user=f"u{n}", country="PE", app="2.0.9") for n in range(4000))
    assert 300 < everybody < 500  # a tenth: the rule did not fit
    assert not flags.enabled("express")


def test_values_have_their_types() -> None:
    flags = kit()
    assert (flags.number("limit", user="ana"), flags.number("limit", user="bo")) == (20, 10)
    assert flags.string("theme") == "light"
    assert {flags.string("theme", user=f"u{n}") for n in range(100)} == {"light", "dark"}


@pytest.mark.parametrize(
    ("flag", "state", "value"),
    [
        ("checkout/express", "on", True), ("checkout/express", "off", False),
        ("checkout/banner", "off", False),  # a kill switch, though its default is true
        ("checkout/banner", "on", True), ("looks/theme", "on", "dark"), ("looks/theme", "off", "light"),
        ("looks/limit", "on", 20), ("looks/limit", "off", 10),
    ],
)  # fmt: skip
@pytest.mark.parametrize("user", [None, "ana", "u1"])
def test_an_override_is_for_everybody(flag: str, state: str, value: Any, user: str | None) -> None:
    found = kit(standing(flag, state)).evaluate(
        flag.partition("/")[2], {bool: "boolean", str: "string", int: "number"}[type(value)], None,
        {"targetingKey": user} if user else {},
    )  # fmt: skip
    assert (found.value, found.reason, found.metadata["override"]) == (value, "STATIC", state)


def test_a_share_at_run_time_keeps_users_and_rules_and_only_grows() -> None:
    users = [f"u{n}" for n in range(2000)]
    chosen = [
        {user for user in users if kit(standing("checkout/express", "share", share)).enabled("express", user=user)}
        for share in ("0", "0.1", "0.2", "1")
    ]
    assert chosen[0] == set()
    assert chosen[0] < chosen[1] < chosen[2] < chosen[3] == set(users)
    assert kit(standing("checkout/express", "share", "0")).enabled("express", user="ana")


def test_an_override_ends_at_its_instant() -> None:
    until = standing("checkout/banner", "off", expires_at=NOW + timedelta(minutes=5))
    assert not kit(until, now=NOW + timedelta(minutes=5, microseconds=-1)).enabled("banner", True)
    assert kit(until, now=NOW + timedelta(minutes=5)).enabled("banner", False)


def test_definitions_are_the_same_bytes_for_the_same_switches() -> None:
    first = body_of(document(switches(only_flags(), (), NOW)))
    assert first == body_of(document(switches(only_flags(dict(reversed(SETS.items()))), (), NOW)))
    assert first[1] != body_of(document(switches(only_flags(), (standing("looks/theme", "on"),), NOW)))[1]
    assert b"\n" not in first[0]


CONTEXTS = st.fixed_dictionaries(
    {},
    optional={
        "country": st.sampled_from(["PE", "CL", "MX"]), "app": st.sampled_from(["2.1", "2.0.9", "3", "x"]),
        "email": st.sampled_from(["a@shop.example", "a@else.example"]), "plan": st.sampled_from(["free", "pro"]),
    },
)  # fmt: skip
OVERRIDES = st.sampled_from([None, *[standing("checkout/express", s, p) for s, p in
                                     (("on", None), ("off", None), ("share", "0"), ("share", "0.5"), ("share", "1"))]])  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["", "ana", *[f"u{n}" for n in range(20)]]), CONTEXTS, OVERRIDES)
def test_an_explanation_is_true(user: str, attributes: dict[str, str], override: Override | None) -> None:
    """What it says decides is what decides: the value follows from it."""
    overrides = () if override is None else (override,)
    one = the_switch(switches(only_flags(), overrides, NOW), "express")
    told = explain(one, user, attributes, NOW)
    assert told.value is kit(*overrides).enabled("express", user=user or None, **attributes)
    expected = {
        "override": override is not None and override.state == "on", "user": True, "default": False,
        "unknown_user": False,
    }  # fmt: skip
    if told.because in expected:
        assert told.value is expected[told.because]
    elif told.place is not None and told.share is not None:
        assert told.value is (told.place < told.share)
    else:
        assert told.value is (told.share in (None, 1))


def test_an_explanation_names_the_rule_and_the_place() -> None:
    one = the_switch(switches(only_flags(), (), NOW), "checkout/express")
    assert (explain(one, "ana", {}, NOW).because, explain(one, "", {}, NOW).because) == ("user", "unknown_user")
    told = explain(one, "u1", {"country": "PE", "app": "2.1"}, NOW)
    assert (told.because, told.rule, told.share) == ("rule", 1, Decimal("0.5"))
    assert told.place is not None
    assert 0 <= told.place < 1
    all_of_them = the_switch(switches(only_flags(), (standing("checkout/express", "share", "1"),), NOW), "express")
    assert explain(all_of_them, "u1", {}, NOW).place is None  # nobody is divided
    told = explain(one, "u1", {"email": "x@shop.example", "plan": "pro"}, NOW)
    assert (told.because, told.rule, told.place, told.value) == ("rule", 2, None, True)


def test_a_name_is_enough_where_it_is_no_other_s() -> None:
    sets = {**SETS, "other": Flags("other", "other", (replace(PLAIN, default="false"),), ("carrito",))}
    found = switches(only_flags(sets), (), NOW)
    assert the_switch(found, "theme").id == "looks/theme"
    assert the_switch(found, "other/banner").id == "other/banner"
    with pytest.raises(UsageError, match="several"):
        the_switch(found, "banner")
    with pytest.raises(NotFound):
        the_switch(found, "nothing")


def test_what_is_past_its_date_or_declared_twice_is_said() -> None:
    said = [(code, one.id) for code, _, one in remarks(only_flags(), NOW)]
    assert said == [("SER139", "checkout/express")]
    assert remarks(only_flags(), datetime(2026, 3, 1, 23, tzinfo=UTC)) == ()
    twice = {**SETS, "more": Flags("more", "more", (replace(EXPRESS, expires=date(2027, 1, 1)),), ("carrito",))}
    assert [code for code, _, _ in remarks(only_flags(twice), NOW)] == ["SER139"]  # for another service
    for_all = {**SETS, "more": Flags("more", "more", (THEME,))}
    assert [(code, one.id) for code, _, one in remarks(only_flags(for_all), NOW)][-1] == ("SER142", "more/theme")


def do(store: MemoryOverrides, key: str, state: str, **more: Any) -> Override:
    told = {"share": None, "reason": "it hurts", "expires_at": None, **more}
    return service.override(store, only_flags(), key, state=state, now=NOW, actor="rita", **told)  # type: ignore[arg-type]


def test_overriding_is_kept_under_the_whole_name_and_can_be_taken_back() -> None:
    store = MemoryOverrides()
    made = do(store, "express", "off")
    assert store.all() == (made,)
    assert (made.flag, made.author, made.reason) == ("checkout/express", "rita", "it hurts")
    assert do(store, "checkout/express", "share", share=Decimal("0.125")) == store.find("checkout/express")
    assert service.reset(store, "express", only_flags(), NOW) == "checkout/express"
    assert store.all() == ()
    with pytest.raises(NotFound):
        service.reset(store, "express", only_flags(), NOW)


def test_what_cannot_be_is_refused() -> None:
    store = MemoryOverrides()
    wrong: list[tuple[str, str, dict[str, Any]]] = [
        ("express", "share", {}), ("express", "on", {"share": Decimal("0.1")}),
        ("express", "share", {"share": Decimal("1.1")}), ("express", "share", {"share": Decimal("-0.1")}),
        ("express", "share", {"share": Decimal("0.0000001")}), ("express", "share", {"share": Decimal("NaN")}),
        ("express", "off", {"reason": " \u202e "}), ("express", "off", {"reason": "x" * 2001}),
        ("express", "off", {"expires_at": NOW}), ("express", "off", {"expires_at": datetime(2027, 1, 1)}),
    ]  # fmt: skip
    for key, state, more in wrong:
        with pytest.raises(UsageError):
            do(store, key, state, **more)
    assert store.all() == ()


def test_a_switch_without_another_value_can_only_be_its_default() -> None:
    fixed = only_flags({"f": Flags("f", "f", (Flag("colour", "colour", "string", "red"),))})
    with pytest.raises(UsageError, match="`to`"):
        service.override(
            MemoryOverrides(), fixed, "colour", state="on", share=None, reason="why", expires_at=None, now=NOW, actor="a"
        )  # fmt: skip


def test_a_removed_flag_s_override_can_still_be_taken_back() -> None:
    store = MemoryOverrides()
    store.put(standing("gone/away", "off"))
    assert service.reset(store, "gone/away", only_flags(), NOW) == "gone/away"


def test_numbers_and_switches_are_what_they_seem() -> None:
    assert LIMIT.to == "20"
    assert isinstance(the_switch(switches(only_flags(), (), NOW), "limit"), Switch)
