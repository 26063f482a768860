"""The kits of services that run: how each replica stands, and what operators command of them."""

from __future__ import annotations

import asyncio
import os
import re
import unicodedata
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import structlog

from sereno.adapters.kit_admin import Look, Order, Told
from sereno.adapters.kit_view import (
    BREAKER,
    BREAKER_COMMANDS,
    FEATURE_STATES,
    FeatureView,
    PipelineView,
    PolicyView,
    Trouble,
    feature_view,
    pipeline_view,
)
from sereno.app.words_kits import TROUBLES
from sereno.kernel.errors import NotFound, SerenoError, UsageError
from sereno.kernel.language import say
from sereno.kernel.message import Language
from sereno.spec.model import KitAdmin, Service

if TYPE_CHECKING:
    from sereno.app.control import Control

LOOK_SECONDS_MAX = 7.0
COMMAND_SECONDS_MAX = 12.0
"""For all replicas together; of those that did not answer by then nothing is known."""
MINUTES_MAX = 7 * 1440
REASON_LENGTH_MAX = 200
Kind = Literal["pipeline", "feature"]
FEATURE_VERBS = (*FEATURE_STATES, "clear")
VERBS: dict[Kind, tuple[str, ...]] = {"pipeline": BREAKER_COMMANDS, "feature": FEATURE_VERBS}
LASTING = frozenset({"force_open", "isolate", "force_closed", *FEATURE_STATES})
"""What may end by itself after a time."""
_AFTER: dict[str, tuple[str, ...]] = {
    "force_open": ("forced_open",), "isolate": ("forced_open",), "force_closed": ("forced_closed",),
    "reset": ("closed", "half_open", "open"), "clear": FEATURE_STATES,
}  # fmt: skip
"""In which states that may be which was commanded; a feature's states are their own names."""
_PART = re.compile(r"[A-Za-z0-9_]{1,64}", re.ASCII)
_log = structlog.get_logger("sereno.kits")
One = TypeVar("One", PipelineView, FeatureView)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kits:
    """The replicas of one service, as each was found."""

    service: Service
    looks: tuple[Look, ...]

    @property
    def answering(self) -> int:
        """How many replicas said how they stand."""
        return sum(look.view is not None for look in self.looks)

    @property
    def pipelines(self) -> tuple[str, ...]:
        """The pipelines that any replica has, by name."""
        return _names(one.name for look in self.looks if look.view for one in look.view.pipelines)

    @property
    def features(self) -> tuple[str, ...]:
        """The features that any replica has, by name."""
        return _names(one.name for look in self.looks if look.view for one in look.view.features)

    @property
    def scopes(self) -> tuple[str, ...]:
        """Whom commands reach at a replica, in its own words."""
        return _names(look.view.scope for look in self.looks if look.view and look.view.scope)

    def pipeline(self, name: str) -> tuple[tuple[Look, PipelineView | None], ...]:
        """That pipeline at each replica; None where it is not, or nothing is known."""
        return tuple((look, _find(look.view.pipelines if look.view else (), name)) for look in self.looks)

    def feature(self, name: str) -> tuple[tuple[Look, FeatureView | None], ...]:
        """That feature at each replica; None where it is not, or nothing is known."""
        return tuple((look, _find(look.view.features if look.view else (), name)) for look in self.looks)

    def breakers(self, name: str) -> tuple[PolicyView, ...]:
        """The breakers of that pipeline, as the first replica that has it tells of them."""
        return next((one.breakers for _, one in self.pipeline(name) if one is not None), ())


@dataclass(frozen=True, slots=True)
class Command:
    """What somebody wants of a service's kits. `part` is the policy of a pipeline: a kind, or an index from 0.

    Without `replicas`, which are addresses, all of them are told.
    """

    service: str
    kind: Kind
    target: str
    verb: str
    reason: str
    part: str = BREAKER
    minutes: int | None = None
    replicas: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a command, replica by replica."""

    command: Command
    told: tuple[Told, ...]

    @property
    def obeyed(self) -> int:
        """How many replicas obeyed."""
        return sum(one.outcome == "obeyed" for one in self.told)

    def standing(self, one: Told) -> str | None:
        """The state that a replica said it is in since; None if it did not."""
        return standing(self.command, one)


def standing(wanted: Command, one: Told) -> str | None:
    """The state in which a replica said that thing is which was commanded; None if it did not say."""
    answer = one.answer or {}
    if wanted.kind == "feature":
        feature = feature_view(answer.get("feature"))
        return feature.state if feature and feature.name == wanted.target else None
    pipeline = pipeline_view(answer.get("pipeline"))
    policies = pipeline.policies if pipeline and pipeline.name == wanted.target else ()
    found = (one for index, one in enumerate(policies) if wanted.part in (one.part, one.kind, str(index)))
    return next((policy.state for policy in found), None)


def believed(wanted: Command, one: Told) -> Told:
    """`one`, unless it says that it obeyed and does not stand as it should: then nobody knows."""
    if one.outcome != "obeyed":
        return one
    state = standing(wanted, one)
    if state is None:
        return replace(one, outcome="unknown", trouble=Trouble("stateless"))
    if state not in _AFTER.get(wanted.verb, (wanted.verb,)):
        return replace(one, outcome="unknown", trouble=Trouble("contrary", state))
    return one


async def look(control: Control, service: str | None = None) -> tuple[Kits, ...]:
    """How the kits of every service stand that declares where they are, or those of one. Raises NotFound."""
    services = [declared(control, service)] if service is not None else with_kits(control)
    asked = [(one, address) for one in services if one.kit for address in one.kit.addresses]
    looks = await _together(
        [(address, _look(control, one.kit, address)) for one, address in asked if one.kit],
        LOOK_SECONDS_MAX, lambda address: Look(address, trouble=Trouble("slow")),
    )  # fmt: skip
    found = {(one.name, address): seen for (one, address), seen in zip(asked, looks, strict=True)}
    return tuple(Kits(one, tuple(found[one.name, to] for to in one.kit.addresses)) for one in services if one.kit)


def with_kits(control: Control) -> list[Service]:
    """The services that declare where their kits are, by title."""
    found = (one for one in control.spec.current.services.values() if one.kit is not None)
    return sorted(found, key=lambda one: one.title or one.name)


def declared(control: Control, service: str) -> Service:
    """That service. Raises NotFound for one that is not declared, or says nothing of kits."""
    found = control.spec.current.services.get(service)
    if found is None:
        raise NotFound(f"there is no service {service}")
    if found.kit is None:
        raise NotFound(f"{service} does not say where its kits are", hint="give it the key `kit` in the spec")
    return found


async def command(control: Control, wanted: Command, *, actor: str) -> Report:
    """Tell the replicas, all at once, and say what each did.

    It is in the audit log before anything is sent, and again with what became of it.

    Raises:
        NotFound: the service or a replica is not declared.
        UsageError: the command makes no sense.
    """
    kit = declared(control, wanted.service).kit
    assert kit is not None
    strange = [address for address in wanted.replicas if address not in kit.addresses]
    if strange:
        raise NotFound(f"{wanted.service} has no replica at {strange[0][:200]}")
    _check(wanted)
    addresses = tuple(dict.fromkeys(wanted.replicas)) or kit.addresses
    thing = f"{wanted.service}/{wanted.kind}/{wanted.target}"
    await _note(control, actor, "kit.command", thing, _details(wanted, addresses))
    token = token_of(kit)
    order = _order(wanted, operator(actor))
    told = await _together(
        [(address, _command(control, address, token, order, kit)) for address in addresses],
        COMMAND_SECONDS_MAX, lambda address: Told(address, "unknown", Trouble("slow")),
    )  # fmt: skip
    told = tuple(believed(wanted, one) for one in told)
    report = Report(wanted, told)
    outcomes = {one.address: f"{one.outcome}: {tell(one.trouble)}" if one.trouble else one.outcome for one in told}
    try:
        await _note(control, actor, "kit.outcome", thing, {"command": wanted.verb, **outcomes})
    except SerenoError as error:  # who asked must hear what happened all the same
        _log.error("the outcome of a command is not in the audit log", error=str(error), thing=thing, **outcomes)
    return report


def tell(trouble: Trouble | None, language: Language = "en") -> str:
    """Why, in words; nothing for None."""
    return "" if trouble is None else say(TROUBLES, trouble.code, language, value=trouble.value)


def token_of(kit: KitAdmin) -> str | None:
    """The token that the environment has for these replicas, if it has one."""
    return os.environ.get(kit.token, "").strip() or None


def operator(actor: str) -> str:
    """`actor` as kits take names: up to 64 letters, digits, spaces and . _ @ + -."""
    plain = unicodedata.normalize("NFKD", actor).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._@+ -]", "-", plain).strip("._@+ -")[:64].rstrip() or "sereno"


def reason_of(written: str) -> str:
    """A reason as kits take it: one line. Raises UsageError."""
    found = " ".join("".join(c if c.isprintable() else " " for c in written).split())
    if not found:
        raise UsageError("a reason is needed", hint="say why in a few words: the next person on call will ask")
    if len(found) > REASON_LENGTH_MAX:
        raise UsageError(f"a reason has at most {REASON_LENGTH_MAX} characters")
    return found


async def _together(
    asked: Sequence[tuple[str, Coroutine[Any, Any, T]]], seconds: float, late: Callable[[str], T]
) -> tuple[T, ...]:
    """What each address answered, all asked at once; `late` for those that did not within `seconds`."""
    tasks = [asyncio.ensure_future(one) for _, one in asked]
    try:
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        return tuple(
            task.result() if task.done() else late(address) for (address, _), task in zip(asked, tasks, strict=True)
        )
    finally:
        for task in tasks:
            task.cancel()


async def _look(control: Control, kit: KitAdmin, address: str) -> Look:
    token = token_of(kit)
    return await control.kits.look(address, token) if token else Look(address, trouble=_no_token(kit))


async def _command(control: Control, address: str, token: str | None, order: Order, kit: KitAdmin) -> Told:
    if token is None:
        return Told(address, "unreached", _no_token(kit))
    return await control.kits.command(address, token, order)


def _no_token(kit: KitAdmin) -> Trouble:
    return Trouble("no_token", kit.token)


def _check(wanted: Command) -> None:
    reason_of(wanted.reason)
    if wanted.verb not in VERBS[wanted.kind]:
        raise UsageError(f"{wanted.verb[:40]!r} is no command", hint=f"one of {', '.join(VERBS[wanted.kind])}")
    words = wanted.target.split("/")
    if not wanted.target.isprintable() or any(word in ("", ".", "..") for word in words):
        raise UsageError(f"{wanted.target[:80]!r} is no name")
    if not _PART.fullmatch(wanted.part):
        raise UsageError(f"{wanted.part[:40]!r} is no policy", hint="a kind such as circuit_breaker, or an index")
    if wanted.minutes is not None:
        if wanted.verb not in LASTING:
            raise UsageError(f"{wanted.verb} is done once; it has no end")
        if not 1 <= wanted.minutes <= MINUTES_MAX:
            raise UsageError(f"minutes are from 1 to {MINUTES_MAX}, a week")


def _order(wanted: Command, by: str) -> Order:
    path = ("pipelines", wanted.target, wanted.part) if wanted.kind == "pipeline" else ("features", wanted.target)
    seconds = None if wanted.minutes is None else wanted.minutes * 60.0
    return Order((*path, wanted.verb), by, reason_of(wanted.reason), seconds)


def _details(wanted: Command, addresses: Sequence[str]) -> dict[str, object]:
    told: dict[str, object] = {
        "command": wanted.verb, "reason": reason_of(wanted.reason), "replicas": list(addresses),
    }  # fmt: skip
    if wanted.kind == "pipeline":
        told["policy"] = wanted.part
    if wanted.minutes is not None:
        told["minutes"] = wanted.minutes
    return told


async def _note(control: Control, actor: str, action: str, thing: str, details: dict[str, object]) -> None:
    now = control.clock.now()
    await control.database.write(lambda unit: unit.audit.write(now, actor, action, thing, details))


def _names(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found))


def _find(found: Sequence[One], name: str) -> One | None:
    return next((one for one in found if one.name == name), None)
