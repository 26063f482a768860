"""The page that Prometheus reads: in the form it asks for, made once for all who ask at the same time."""

from __future__ import annotations

import asyncio
import gzip
import hmac
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future
from threading import Thread
from typing import TYPE_CHECKING, Any, Literal

from sereno_kit import forks
from sereno_kit.endpoints import Answer, Ask, Endpoint
from sereno_kit.metrics import multiprocess, protobuf
from sereno_kit.metrics.faults import failed

if TYPE_CHECKING:
    from prometheus_client import Metric

    from sereno_kit.metrics.registry import Registry

Form = Literal["text", "openmetrics", "protobuf"]
CONTENT_TYPES: dict[Form, str] = {
    "text": "text/plain; version=0.0.4; charset=utf-8",
    "openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
    "protobuf": protobuf.CONTENT_TYPE,
}
_FRESH_SECONDS = 0.25
_FRESH_SECONDS_MAX = 5.0
_SHARE_OF_TIME = 10
_GZIP_FROM_BYTES = 1_000
_ACCEPT_MAX = 2_000


def form_of(accept: str) -> Form:
    """The form that `accept`, the header of that name, likes best; plain text for whoever says nothing of use."""
    best: Form = "text"
    best_weight = 0.0
    for part in accept[:_ACCEPT_MAX].split(","):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        given = dict(parameter.split("=", 1) for parameter in parameters if "=" in parameter)
        form = _form(kind, given)
        weight = _weight(given.get("q", "1"))
        if form is not None and weight > best_weight:
            best, best_weight = form, weight
    return best


def _form(kind: str, given: dict[str, str]) -> Form | None:
    if kind == "application/vnd.google.protobuf":
        wanted = given.get("proto") == "io.prometheus.client.metricfamily" and given.get("encoding") == "delimited"
        return "protobuf" if wanted else None
    if kind == "application/openmetrics-text":
        return "openmetrics" if given.get("version", "1.0.0") in ("1.0.0", "0.0.1") else None
    return "text" if kind in ("text/plain", "text/*", "*/*") else None


def _weight(q: str) -> float:
    try:
        return float(q)
    except ValueError:
        return 0.0


def takes_gzip(accept_encoding: str) -> bool:
    """Whether `accept_encoding`, the header of that name, allows gzip."""
    for part in accept_encoding[:_ACCEPT_MAX].split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if name in ("gzip", "*"):
            return all(not parameter.startswith("q=") or _weight(parameter[2:]) > 0 for parameter in parameters)
    return False


# -- the page -------------------------------------------------------------------------------------------


def families(registry: Registry) -> Iterable[Metric]:
    """All families of `registry`, those of all processes added up. A collector that fails is left out and counted.

    `_created` samples are left out: they double the series and nothing reads them.
    """
    for collector in _collectors(registry):
        try:
            collected = list(collector.collect())
        except Exception as error:
            failed("metrics", error, what=f"{type(collector).__name__} could not be collected")
            continue
        for family in collected:
            family.samples = [s for s in family.samples if s.name != f"{family.name}_created"]
            yield family


def _collectors(registry: Registry) -> list[Any]:
    if registry.multiprocess:
        if registry.writer is not None:
            registry.writer.write()
        multiprocess.sweep()
        return [_Files()]
    # One by one, so that one that fails does not take the page with it.
    collectors = list(getattr(registry.prometheus, "_collector_to_names", ())) or [registry.prometheus]
    return [*collectors, _Target(registry.prometheus)]


class _Files:
    """What all processes wrote. A file that cannot be read, such as one that is just being made, is left out."""

    def collect(self) -> Iterable[Metric]:
        from prometheus_client.multiprocess import MultiProcessCollector

        files = multiprocess.files()
        merge: Callable[[list[str]], Iterable[Metric]] = MultiProcessCollector.merge
        try:
            return merge(files)
        except Exception as error:
            failed("metrics", error, what="a file of another process could not be read")
            return merge([file for file in files if _readable(file, merge)])


def _readable(file: str, merge: Callable[[list[str]], Iterable[Metric]]) -> bool:
    try:
        merge([file])
    except Exception:
        return False
    return True


class _Target:
    """`target_info`, which a registry tells without a collector."""

    def __init__(self, prometheus: Any) -> None:
        self._prometheus = prometheus

    def collect(self) -> Iterable[Metric]:
        info = self._prometheus.get_target_info()
        if not info:
            return []
        from prometheus_client.core import InfoMetricFamily

        return [InfoMetricFamily("target", "Target metadata", value=info)]


class _One:
    """A family as the client's writers take it."""

    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterable[Metric]:
        return [self._family]


def render(registry: Registry, form: Form) -> bytes:
    """The page in `form`. A family that cannot be written is left out and counted."""
    write = _writer(registry, form)
    page = bytearray()
    for family in families(registry):
        try:
            page += write(family)
        except Exception as error:
            failed("metrics", error, what=f"{family.name} could not be written")
    if form == "openmetrics":
        page += b"# EOF\n"
    return bytes(page)


def _writer(registry: Registry, form: Form) -> Callable[[Metric], bytes]:
    if form == "protobuf":
        natives = registry.natives()
        return lambda family: protobuf.encode(family, natives)
    if form == "openmetrics":
        from prometheus_client.openmetrics.exposition import generate_latest as write_openmetrics

        return lambda family: write_openmetrics(_One(family)).removesuffix(b"# EOF\n")  # type: ignore[no-untyped-call]
    from prometheus_client import generate_latest

    return lambda family: generate_latest(_One(family))


class Pages:
    """Pages of one registry. However many ask at once, one is made.

    It is good for a quarter of a second, or for ten times as long as it took to make: whoever asks and asks cannot keep
    the program busy.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._lock = forks.lock()
        self._made: dict[tuple[Form, bool], tuple[float, bytes]] = {}
        self._making: dict[tuple[Form, bool], Future[bytes]] = {}

    def fresh(self, form: Form, zipped: bool) -> bytes | None:
        """The page, if one was made just now."""
        made = self._made.get((form, zipped))
        return None if made is None or self._registry.clock.monotonic() > made[0] else made[1]

    def make(self, form: Form, zipped: bool) -> tuple[Future[bytes], bool]:
        """The page in the making, and whether whoever asks is the one who makes it, by `work`."""
        with self._lock:
            future = self._making.get((form, zipped))
            if future is not None:
                return future, False
            future = self._making[form, zipped] = Future()
            return future, True

    def work(self, future: Future[bytes], form: Form, zipped: bool) -> None:
        """Make the page for all who wait for `future`."""
        try:
            page = self._page(form, zipped)
        except BaseException as error:
            self._done(form, zipped)
            future.set_exception(error)
        else:
            self._done(form, zipped)
            future.set_result(page)

    def _page(self, form: Form, zipped: bool) -> bytes:
        began = self._registry.clock.monotonic()
        page = self.fresh(form, False) or render(self._registry, form)
        pages = {False: page}
        if zipped and len(page) >= _GZIP_FROM_BYTES:
            pages[True] = gzip.compress(page, compresslevel=4)
        now = self._registry.clock.monotonic()
        until = now + min(max(_FRESH_SECONDS, (now - began) * _SHARE_OF_TIME), _FRESH_SECONDS_MAX)
        for kind, content in pages.items():
            if self.fresh(form, kind) is None:
                self._made[form, kind] = (until, content)
        return pages.get(zipped, page)

    def _done(self, form: Form, zipped: bool) -> None:
        with self._lock:
            self._making.pop((form, zipped), None)


def endpoint(registry: Registry, *, token: str | None = None) -> Endpoint:
    """The answers of `/metrics`.

    Under a running event loop the page is made by a thread, so that a large registry does not hold up requests.

    Args:
        registry: what is shown.
        token: what callers must send as a bearer; `Metrics.token`, if not given, and without one anybody may read.
    """
    pages = Pages(registry)

    def answer(ask: Ask) -> Answer | Awaitable[Answer]:
        refused = _refuse(ask, token or registry.options.token)
        if refused is not None:
            return refused
        form, zipped = form_of(ask.headers.get("accept", "")), takes_gzip(ask.headers.get("accept-encoding", ""))
        page = pages.fresh(form, zipped)
        if page is not None:
            return _answer(ask, form, page)
        future, mine = pages.make(form, zipped)
        if not _in_event_loop():
            if mine:
                pages.work(future, form, zipped)
            return _answer(ask, form, future.result())
        if mine:
            # Not the loop's own threads: those may all wait for a dependency when one looks at metrics most.
            Thread(target=pages.work, args=(future, form, zipped), name="sereno-kit-scrape", daemon=True).start()
        return _awaited(ask, form, future)

    return answer


async def _awaited(ask: Ask, form: Form, future: Future[bytes]) -> Answer:
    # Shielded: one caller who goes away does not cancel it for the others.
    return _answer(ask, form, await asyncio.shield(asyncio.wrap_future(future)))


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _refuse(ask: Ask, token: str | None) -> Answer | None:
    if ask.method not in ("GET", "HEAD"):
        return Answer(405, b"GET it\n", "text/plain", {"Allow": "GET, HEAD"})
    if token is not None:
        given = ask.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode("utf-8", "replace"), f"Bearer {token}".encode()):
            return Answer(401, b"", "text/plain", {"WWW-Authenticate": "Bearer"})
    return None


def _answer(ask: Ask, form: Form, page: bytes) -> Answer:
    headers = {"Vary": "Accept, Accept-Encoding", "Cache-Control": "no-store"}
    if page[:2] == b"\x1f\x8b":
        headers["Content-Encoding"] = "gzip"
    return Answer(200, b"" if ask.method == "HEAD" else page, CONTENT_TYPES[form], headers)
