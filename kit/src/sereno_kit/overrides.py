"""What operators may tell a running program: of pipelines, features, the log level. All is logged with who said it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from threading import Timer
from typing import TYPE_CHECKING, Any

from sereno_kit.endpoints import Refused
from sereno_kit.features import STATES
from sereno_kit.relay import Relay

if TYPE_CHECKING:
    from sereno_kit.kit import Kit
    from sereno_kit.resilience.pipeline import Pipeline
    from sereno_kit.resilience.policy import Policy

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
SECONDS_MAX = 7 * 86_400
REASON_LENGTH_MAX = 200
_log = logging.getLogger("sereno_kit.admin")


@dataclass(frozen=True, slots=True)
class Command:
    """One word of an operator, as it goes to the other processes too."""

    kind: str
    target: str
    part: str
    verb: str
    by: str
    seconds: float | None = None
    reason: str = ""


class Overrides:
    """Obeys commands here, and passes them on to the other worker processes of this server."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._timers: dict[str, Timer] = {}
        self._relay = Relay(lambda told: self._obey(Command(**told)), clock=kit.clock)
        self._level_before: str | None = None
        kit.at_start.append(self._relay.start)
        kit.at_close.append(self.close)

    @property
    def scope(self) -> str:
        """Whom commands reach, in words."""
        return self._relay.scope

    def close(self) -> None:
        """Forget what was to end later, and listen to other processes no more."""
        self._relay.close()
        for timer in self._timers.values():
            timer.cancel()

    def view(self) -> dict[str, Any]:
        """How everything stands that can be commanded."""
        return {
            "pipelines": [pipeline.view() for pipeline in _pipelines().values()],
            "features": self._kit.features.view(),
            "log_level": self._level(),
        }

    def command(self, below: str, body: Mapping[str, Any], operator: str) -> dict[str, Any]:
        """Obey what the path `below` the endpoint's and the body say.

        Returns:
            How that stands afterwards which was commanded.

        Raises:
            Refused: with the reason and an HTTP status.
        """
        command = _read(below, body, operator)
        told = self._obey(command)
        self._relay.tell(asdict(command))
        return told

    def _obey(self, command: Command) -> dict[str, Any]:
        obey = {"pipelines": self._pipeline, "features": self._feature, "log-level": self._log_level}
        told = obey[command.kind](command)
        fields = {key: value for key, value in asdict(command).items() if value not in (None, "")}
        _log.warning("admin command", extra={f"admin.{key}": value for key, value in fields.items()})
        return told

    def _pipeline(self, command: Command) -> dict[str, Any]:
        pipeline = _pipelines().get(command.target)
        if pipeline is None:
            raise Refused(f"there is no pipeline {command.target!r}", 404)
        policy = _policy(pipeline, command.part)
        if command.verb not in policy.commands:
            known = ", ".join(policy.commands) or "none"
            raise Refused(f"{policy.kind} knows no command {command.verb!r}; it knows {known}", 404)
        if command.seconds is not None and "reset" not in policy.commands:
            raise Refused(f"{policy.kind} cannot be reset, so its commands cannot end by themselves")
        policy.command(command.verb)
        again = None if command.seconds is None else lambda: policy.command("reset")
        self._later(f"pipeline {pipeline.name} {policy.kind}", command, again)
        return {"pipeline": pipeline.view()}

    def _feature(self, command: Command) -> dict[str, Any]:
        features, name = self._kit.features, command.target
        if name not in features:
            raise Refused(f"there is no feature {name!r}", 404)
        if command.verb == "clear":
            features.clear(name, by=command.by)
        elif command.verb in STATES:
            features.set(name, command.verb, by=command.by, seconds=command.seconds, reason=command.reason)
        else:
            raise Refused(f"a feature is {', '.join(STATES)}, or clear; not {command.verb!r}", 404)
        return {"feature": next(one for one in features.view() if one["name"] == name)}

    def _log_level(self, command: Command) -> dict[str, Any]:
        before = self._level_before or self._level()
        self._level_before = before if command.seconds is not None else None
        self._set_level(command.verb)
        self._later("log level", command, None if command.seconds is None else lambda: self._restore(before))
        return {"log_level": self._level()}

    def _restore(self, level: str) -> None:
        self._level_before = None
        self._set_level(level)

    def _level(self) -> str:
        own = getattr(self._kit.logging, "level", None)
        return own if isinstance(own, str) else logging.getLevelName(logging.getLogger().level)

    def _set_level(self, level: str) -> None:
        own = getattr(self._kit.logging, "set_level", None)
        (own or logging.getLogger().setLevel)(level)

    def _later(self, what: str, command: Command, action: Callable[[], object] | None) -> None:
        """Do `action` when the command's time is over; a newer command of the same thing takes its place."""
        earlier = self._timers.pop(what, None)
        if earlier is not None:
            earlier.cancel()
        if action is None or command.seconds is None:
            return

        def end() -> None:
            action()
            _log.warning("admin command over", extra={"admin.what": what, "admin.by": command.by})

        timer = self._timers[what] = Timer(command.seconds, end)
        timer.daemon = True
        timer.start()


def _read(below: str, body: Mapping[str, Any], operator: str) -> Command:
    """The command of `pipelines/NAME/POLICY/COMMAND`, `features/NAME/STATE` or `log-level`; names may have slashes."""
    parts = below.split("/")
    seconds, reason = _seconds(body), _reason(body)
    if parts[0] == "pipelines" and len(parts) >= 4:
        return Command("pipelines", "/".join(parts[1:-2]), parts[-2], parts[-1], operator, seconds, reason)
    if parts[0] == "features" and len(parts) >= 3:
        return Command("features", "/".join(parts[1:-1]), "", parts[-1], operator, seconds, reason)
    if parts == ["log-level"]:
        level = str(body.get("level", "")).upper()
        if level not in LEVELS:
            raise Refused(f"level is one of {', '.join(LEVELS)}")
        return Command("log-level", "", "", level, operator, seconds, reason)
    raise Refused("commands are pipelines/NAME/POLICY/COMMAND, features/NAME/STATE and log-level", 404)


def _seconds(body: Mapping[str, Any]) -> float | None:
    seconds = body.get("seconds")
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds <= SECONDS_MAX:
        raise Refused(f"seconds is a number above 0, at most {SECONDS_MAX}")
    return float(seconds)


def _reason(body: Mapping[str, Any]) -> str:
    reason = body.get("reason", "")
    if not isinstance(reason, str) or len(reason) > REASON_LENGTH_MAX or not reason.isprintable():
        raise Refused(f"reason is one line of at most {REASON_LENGTH_MAX} characters")
    return reason


def _policy(pipeline: Pipeline, part: str) -> Policy:
    """The policy that `part`, an index or a kind, means."""
    policies = pipeline.policies
    if part.isascii() and part.isdigit():
        if int(part) < len(policies):
            return policies[int(part)]
        raise Refused(f"{pipeline.name} has {len(policies)} policies, counted from 0", 404)
    found = [policy for policy in policies if policy.kind == part]
    if not found:
        raise Refused(f"{pipeline.name} has no policy of the kind {part!r}", 404)
    if len(found) > 1:
        raise Refused(f"{pipeline.name} has {len(found)} of the kind {part!r}: say which by its index", 409)
    return found[0]


def _pipelines() -> Mapping[str, Pipeline]:
    from sereno_kit.resilience import registry

    return registry.all()
