"""`Flags`: the switches of a program, wherever their definitions come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sereno_kit.clock import SYSTEM, Clock
from sereno_kit.flags import evaluation
from sereno_kit.flags.definitions import BadDefinitions, build
from sereno_kit.flags.evaluation import Details, FlagSet, typed
from sereno_kit.flags.telling import Telling, failed

if TYPE_CHECKING:
    from sereno_kit.flags.sources import Source

Change = Callable[[frozenset[str]], None]
"""What is called with the keys that came, went or changed; or with none when only the source's state changed."""
_NOTHING = FlagSet({})


class Flags:
    """Switches, evaluated in this process: never a question to anybody, never an exception, microseconds.

    Made with `Flags.file`, `Flags.sereno` or `Flags.of`; `Flags()` has none, so that every caller gets his default.
    """

    def __init__(self, *, clock: Clock = SYSTEM) -> None:
        self.clock = clock
        self.set = _NOTHING
        self.ready = False
        self.stale = False
        self.error = ""
        self.name = "none"
        self._source: Source | None = None
        self._asleep = False
        self._told = Telling()
        self._listeners: tuple[Change, ...] = ()

    @classmethod
    def of(cls, *documents: Mapping[str, Any], clock: Clock = SYSTEM) -> Flags:
        """Flags that do not change, from `documents` (flagd's form or the house's). Raises ValueError."""
        made = cls(clock=clock)
        made.name = "memory"
        try:
            made.adopt(build(documents, now=clock.now))
        except BadDefinitions as error:
            raise ValueError(f"the flags are wrong: {error}") from None
        return made

    @classmethod
    def file(cls, path: str | Path, *, every_seconds: float = 1.0, clock: Clock = SYSTEM) -> Flags:
        """Flags of a JSON file (YAML with the extra `yaml`), read again when it changes.

        A file that is broken leaves the last good one in force; that is logged, `stale` says so, and so does the
        metric `flags_stale`. A file that was never good leaves every caller with his default.

        Args:
            path: the file.
            every_seconds: how often it is looked at; at least 0.05.
            clock: for `$flagd.timestamp`.

        Raises:
            ImportError: it is YAML, and the extra is missing.
        """
        from sereno_kit.flags.sources import FileSource

        return cls(clock=clock)._from(FileSource(Path(path), max(0.05, every_seconds)))

    @classmethod
    def sereno(
        cls, url: str, *, token: str = "", service: str = "", cache: str | Path | None = None,
        timeout_seconds: float = 30.0, clock: Clock = SYSTEM,
    ) -> Flags:  # fmt: skip
        """Flags of a Sereno, fetched and then streamed; what was good last is kept on disk and used while it is away.

        Nothing waits for the network: until the first answer, or the file `cache`, callers get their defaults.

        Args:
            url: where Sereno is, such as `https://sereno.example`.
            token: of a program that may read (`sereno token create`, role viewer).
            service: only the flags of this service, and those of all; every flag, if not given.
            cache: the file for the last good definitions; none, if not given.
            timeout_seconds: of silence after which the connection counts as lost.
            clock: for waiting and `$flagd.timestamp`.

        Raises:
            ValueError: `url` is no http:// or https:// address.
        """
        from sereno_kit.flags.remote import SerenoSource

        source = SerenoSource(url, token, service, None if cache is None else Path(cache), timeout_seconds, clock)
        return cls(clock=clock)._from(source)

    def _from(self, source: Source) -> Flags:
        self.name, self._source, self._asleep = source.name, source, True
        source.begin(self)
        return self

    # What callers ask.

    def enabled(self, key: str, default: bool = False, *, user: Any = None, **attributes: Any) -> bool:
        """Whether the switch `key` is on for `user`; the same as `boolean`."""
        return self.details(key, default, "boolean", user=user, **attributes).value is True

    def boolean(self, key: str, default: bool = False, *, user: Any = None, **attributes: Any) -> bool:
        """The boolean `key` for `user` with `attributes`; `default` if it is off, unknown or of another type."""
        return self.details(key, default, "boolean", user=user, **attributes).value is True

    def string(self, key: str, default: str = "", *, user: Any = None, **attributes: Any) -> str:
        """The text `key`, likewise."""
        return str(self.details(key, default, "string", user=user, **attributes).value)

    def number(self, key: str, default: float = 0, *, user: Any = None, **attributes: Any) -> int | float:
        """The number `key`, likewise."""
        value: int | float = self.details(key, default, "number", user=user, **attributes).value
        return value

    def object(self, key: str, default: Any = None, *, user: Any = None, **attributes: Any) -> Any:
        """The object or list `key`, likewise; a copy, so that nobody changes another's."""
        return self.details(key, default, "object", user=user, **attributes).value

    def details(
        self, key: str, default: Any = None, kind: evaluation.Kind = "boolean", *, user: Any = None,
        context: Mapping[str, Any] | None = None, **attributes: Any,
    ) -> Details:  # fmt: skip
        """The value of `key`, its variant, and why.

        Args:
            key: the flag.
            default: what a caller gets who gets nothing else.
            kind: the type that is expected.
            user: whom it is for; without one, shares give the default, never a throw of the dice.
            context: attributes whose names are no Python names.
            attributes: what rules may ask of.
        """
        if context:
            attributes = {**context, **attributes}
        if user is not None:
            attributes["targetingKey"] = user if type(user) is str else str(user)
        return self.evaluate(key, kind, default, attributes)

    def evaluate(self, key: str, kind: str, default: Any, context: Mapping[str, Any]) -> Details:
        """As `details`, with the user as `targetingKey` within `context`. Never raises."""
        if self._asleep:
            self.start()
        try:
            found = self.set.evaluate(key, context)
            if found.error_code == evaluation.NOT_FOUND and not self.ready:
                found = found._replace(error_code=evaluation.NOT_READY, error_message=self.error or "not read yet")
            found = typed(found, kind, default)
        except Exception as error:
            failed(error)
            found = Details(default, None, evaluation.ERROR, evaluation.GENERAL, type(error).__name__)
        try:
            self._told.evaluated(key, found)
        except Exception as error:
            failed(error)
        return found

    def all(self, *, user: Any = None, **attributes: Any) -> dict[str, Details]:
        """Every flag for one user, uncounted: for views and tests."""
        context = attributes if user is None else {**attributes, "targetingKey": str(user)}
        return {key: self.set.evaluate(key, context) for key in self.set.flags}

    def view(self) -> Mapping[str, Any]:
        """How they stand, for people: plain values for JSON."""
        if self._asleep:
            self.start()
        found = self.set
        return {
            "source": self.name, "ready": self.ready, "stale": self.stale, "error": self.error,
            "digest": found.digest, "faults": dict(found.faults),
            "flags": {key: _shown(flag) for key, flag in found.flags.items()},
        }  # fmt: skip

    # Of the source.

    def start(self) -> None:
        """Begin to follow the source; otherwise the first evaluation does, also anew after a fork."""
        self._asleep = False
        if self._source is not None:
            try:
                self._source.start(self)
            except Exception as error:
                failed(error)

    def close(self) -> None:
        """Stop following. What is known stays."""
        self._asleep = False
        if self._source is not None:
            self._source.close()

    def on_change(self, listener: Change) -> Callable[[], None]:
        """Call `listener` after each change, from whichever thread found it. Returns what ends that."""
        self._listeners = (*self._listeners, listener)
        if self._asleep:
            self.start()

        def end() -> None:
            self._listeners = tuple(one for one in self._listeners if one is not listener)

        return end

    def adopt(self, fresh: FlagSet, *, stale: bool = False) -> None:
        """Take `fresh`: whoever evaluates meanwhile sees the old or the new, whole."""
        before, known, stood = self.set, self.ready, self.stale
        self.set, self.ready, self.error = fresh, True, ""
        self._stand(stale)
        for key, fault in fresh.faults.items():
            self._told.log("warning", "flag_rule_unreadable", flag=key, reason=fault)
        if fresh.digest != before.digest or not fresh.digest or not known:
            self._tell(frozenset(before.flags.keys() | fresh.flags.keys()))
        elif stood != stale:
            self._tell(frozenset())

    def fail(self, error: str) -> None:
        """Say that there is nothing newer because of `error`; the last good definitions stay."""
        again, self.error = error == self.error, error
        self._stand(True)
        if not again:
            self._told.log("error", "flags_not_read", source=self.name, reason=error, kept=self.ready)
            self._tell(frozenset())

    def current(self) -> None:
        """Say that what is known is the newest."""
        changed, self.error = self.stale, ""
        self._stand(False)
        if changed:
            self._tell(frozenset())

    def _stand(self, stale: bool) -> None:
        self.stale = stale
        if self._source is not None:
            self._told.stale(self.name, stale)

    def _tell(self, keys: frozenset[str]) -> None:
        for listener in self._listeners:
            try:
                listener(keys)
            except Exception as error:
                failed(error)

    def wake(self) -> None:
        """After a fork there is no thread: the next evaluation starts another."""
        self._asleep = self._source is not None


def _shown(flag: evaluation.Flag) -> Mapping[str, Any]:
    static = flag.static
    state = "targeting" if static is None else static.reason.lower()
    return {"state": state, "variants": sorted(flag.variants), "metadata": dict(flag.metadata)}
