"""Running a control plane: its loops and its HTTP server, begun and ended together."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Coroutine
from random import SystemRandom

import structlog
import uvicorn

from sereno.adapters.sql.unit import Unit
from sereno.app import retention, wiring
from sereno.app.commands import reload_spec
from sereno.app.control import Control, fingerprint
from sereno.app.evaluate import DUTY, BudgetRound, RuleRound
from sereno.app.heartbeat import last_look, unwatched_after
from sereno.app.http import create_app
from sereno.app.http.wire import Wire
from sereno.app.notifiers import notifiers_of
from sereno.app.outlive import outlive
from sereno.app.retention import Retention
from sereno.app.workers import AuditorLoop, DeliveryLoop, DispatchLoop, IncidentLoop, StepLoop
from sereno.kernel.errors import Conflict, SerenoError
from sereno.spec.model import Spec
from sereno.status import service as status

log = structlog.get_logger()
WATCH_SECONDS = 2.0
FOLLOW_SECONDS = 60.0
UPKEEP_SECONDS = 300.0


async def begin(control: Control) -> None:
    """Take up what an earlier run left: record the time nobody watched as unknown, and see to it that work is due.

    A replica that starts while another one watches changes nothing of what is known.
    """
    now, spec, interval = control.clock.now(), control.spec.current, control.settings.evaluation_interval

    def write(unit: Unit) -> None:
        unit.duties.ensure(retention.DUTY, now)
        unit.duties.ensure(DUTY, now)
        # Replicas begin one after another, and not while one of them records what it saw or tells the public.
        unit.ledger.lead(wait=True)
        unit.duties.hold(DUTY)
        unit.ledger.add(status.begin(unit.intervals, spec, now, last_look(unit), gap_max=unwatched_after(interval)))
        unseen = status.unknown_services(unit.intervals, spec)
        known = {name: known for name, known in (unit.facts.get("known") or {}).items() if name not in unseen}
        unit.facts.set("known", known, now)

    await control.database.write(write)


def loops(control: Control) -> list[Coroutine[None, None, None]]:
    """Everything that runs beside the HTTP server."""
    database, clock, ids, metrics = control.database, control.clock, control.ids, control.metrics

    def spec() -> Spec:
        return control.spec.current

    running = [
        DispatchLoop(database, clock, ids, spec, wiring.hearers(control), metrics).run(),
        StepLoop(database, clock, ids, spec, wiring.advance_page(control), metrics).run(),
        IncidentLoop(database, clock, ids, spec, wiring.advance_incident, metrics).run(),
        DeliveryLoop(database, clock, notifiers_of(control.settings, clock), SystemRandom().random, metrics).run(),
        AuditorLoop(database, clock, spec, metrics).run(),
        RuleRound(control).run(),
        BudgetRound(control).run(),
        Retention(control).run(),
        watch_spec(control),
        follow_changes(control),
        control.flags.run(),
    ]
    if control.settings.rule_files:
        running.append(control.rule_groups.run())
    if control.store or control.recorded:
        running.append(keep_samples(control))
    return running


async def follow_changes(control: Control) -> None:
    """Have the public page built anew once something that it shows was committed."""
    signal_of_change = control.database.wake.listen("events", "incidents")
    while True:
        if await signal_of_change.wait(FOLLOW_SECONDS):
            control.status_version += 1


async def watch_spec(control: Control) -> None:
    """Read the spec again when its files change; a broken one leaves the last good one in force."""
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        with outlive("spec", control.metrics), contextlib.suppress(OSError):  # a file that went while we looked
            if await asyncio.to_thread(fingerprint, control.spec.folder) != control.spec.seen:
                await _reload(control, actor="file change")


async def _reload(control: Control, actor: str) -> None:
    """Read the spec again. A store that cannot note it (a full disk) costs the note, not the reading."""
    with outlive("spec", control.metrics):
        good = await reload_spec(control, actor=actor)
        log.info("spec_reloaded" if good else "spec_refused", mistakes=len(control.spec.diagnostics))


async def keep_samples(control: Control) -> None:
    """Compact and forget samples from time to time."""
    store = control.store or control.recorded
    assert store is not None
    while True:
        with outlive("samples", control.metrics):
            control.damaged_samples = await store.reading(lambda s: s.damaged())
            control.metrics.samples_damaged.set(control.damaged_samples)
        await asyncio.sleep(UPKEEP_SECONDS)
        with outlive("samples", control.metrics):
            await store.maintain(control.clock.now())


class Server(uvicorn.Server):
    """uvicorn's server; the control plane handles signals itself."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        """Leave signals alone."""
        yield


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises Conflict if somebody else listens there."""
    try:
        return socket.create_server((host, port), backlog=2048)
    except OSError as error:
        raise Conflict(
            f"cannot listen on {host}:{port}: {error.strerror}", hint="set SERENO_PORT to another"
        ) from error


async def run(control: Control, listener: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT, or until a loop ends in an error that it cannot outlive."""
    await begin(control)
    await control.watch_targets()
    config = uvicorn.Config(
        create_app(control), log_config=None, access_log=False, timeout_graceful_shutdown=5, server_header=False,
        proxy_headers=False, timeout_keep_alive=15, http=Wire, ws="none",
    )  # fmt: skip
    server = Server(config)
    tasks = [asyncio.create_task(loop) for loop in loops(control)]
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.should_exit = True
        control.flags.close()  # the server waits for what is under way, and streams are

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop)
    reloads: set[asyncio.Task[None]] = set()

    def reload() -> None:
        reloads.add(task := asyncio.create_task(_reload(control, "SIGHUP")))
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, reload)
    try:
        done, _ = await asyncio.wait([serving, *tasks], return_when=asyncio.FIRST_COMPLETED)
        stop()
        await serving
        for task in done:
            task.result()
    finally:
        for task in (*tasks, *reloads):
            task.cancel()
        await asyncio.gather(*tasks, *reloads, return_exceptions=True)
        with contextlib.suppress(SerenoError):  # what we had in hand is free for another replica at once
            await control.database.write(lambda unit: unit.duties.release(control.owner))
