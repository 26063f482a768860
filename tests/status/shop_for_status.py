"""A shop with twenty components and ninety days behind it: what the page's tests look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TypeVar

from sereno.adapters.memory.incidents import MemoryIncidents, MemoryIntervals
from sereno.incidents import service as incidents
from sereno.kernel.errors import Unavailable
from sereno.kernel.events import PageAcknowledged, PageClosed, PageOpened
from sereno.kernel.language import LANGUAGES
from sereno.spec.model import Component, Service, Spec, StatusPage
from sereno.status.model import Interval
from sereno.status.service import refresh

T = TypeVar("T")
NOW = datetime(2025, 11, 25, 19, 35, 12, tzinfo=UTC)
NAMES = (
    ("Pagos", "Tarjetas, Yape y transferencias"), ("Carrito", ""), ("Catálogo", "Productos, precios y fotos"),
    ("Búsqueda", ""), ("Cuenta y acceso", ""), ("Envíos", "Cotización y seguimiento"), ("Notificaciones", ""),
    ("Panel de vendedores", ""),
)  # fmt: skip


def spec_of(count: int = 8, language: str = "es") -> Spec:
    """A spec with one page `public` of `count` components, a service each."""
    assert language in LANGUAGES
    names = [NAMES[i] if i < len(NAMES) else (f"Servicio número {i + 1}", "") for i in range(count)]
    components = tuple(Component(name, (f"s{i}",), text) for i, (name, text) in enumerate(names))
    page = StatusPage("public", "Tienda Andina", components, "", language, "America/Lima")
    return Spec(services={f"s{i}": Service(f"s{i}", "t") for i in range(count)}, status_pages={"public": page})


class Ids:
    """Identities in order."""

    made = 0

    def new(self, kind: str) -> str:
        """The next."""
        self.made += 1
        return f"{kind}_{self.made:04}"


class Shop:
    """The control plane as the status page sees it, over stores in memory."""

    def __init__(self, count: int = 8, language: str = "es") -> None:
        self.spec = SimpleNamespace(current=spec_of(count, language))
        self.settings = SimpleNamespace(address="https://status.tienda.example")
        self.incidents, self.intervals, self.ids = MemoryIncidents(), MemoryIntervals(), Ids()
        self.status_version, self.reads, self.broken = 0, 0, False
        self.at = NOW
        self.clock, self.database = self, self

    def now(self) -> datetime:
        """The shop's clock."""
        return self.at

    def monotonic(self) -> float:
        """Not used here."""
        return 0.0

    async def read(self, work: Callable[[object], T]) -> T:
        """One reading of the stores."""
        self.reads += 1
        if self.broken:
            raise Unavailable("the disk is full")
        return work(self)

    def open(self, service: str, severity: str, minutes_ago: float, name: str = "pg_1") -> None:
        """A page opens an incident."""
        at = NOW - timedelta(minutes=minutes_ago)
        event = PageOpened(at=at, page=name, service=service, severity=severity, summary="db-7.internal <b>down</b>",
                           alerts=(), incident_wanted=True)  # fmt: skip
        incidents.page_opened(self.incidents, self.spec.current, event, at, self.ids)
        refresh(self.intervals, [(service, severity)], (), self.spec.current, at, "in_0001")
        self.status_version += 1

    def with_history(self, *, generated: bool = False) -> Shop:
        """Ninety days: mostly calm, a few bad hours, a week before anything was watched for one component."""
        start = NOW - timedelta(days=92)
        cause = "generated" if generated else "in_0"
        for i, component in enumerate(self.spec.current.status_pages["public"].components):
            at = start + timedelta(days=40 if i == 5 else 0)
            bad = [(12 + 3 * i % 50, "major_outage", 42), (61, "partial_outage", 95 + i), (70 + i % 9, "degraded", 180)]
            bad += [(80, "unknown", 1500)] if i % 4 == 1 else []
            for days, state, minutes in bad if i % 3 == 0 else bad[-1:]:
                begin = max(start + timedelta(days=days), at)
                self.intervals.record(Interval("public", component.name, "operational", at, begin, cause))
                at = begin + timedelta(minutes=minutes)
                self.intervals.record(Interval("public", component.name, state, begin, at, cause))
            self.intervals.change(Interval("public", component.name, "operational", at, None, cause))
        return self

    def with_past_incident(self) -> Shop:
        """An incident of last week, answered and resolved."""
        at = NOW - timedelta(days=6)
        event = PageOpened(at=at, page="pg_0", service="s3", severity="SEV2", summary="x", alerts=(),
                           incident_wanted=True)  # fmt: skip
        incidents.page_opened(self.incidents, self.spec.current, event, at, self.ids)
        ack = PageAcknowledged(at=at + timedelta(minutes=3), page="pg_0", service="s3", by="ana", via="link")
        incidents.page_acknowledged(self.incidents, ack, ack.at)
        closed = PageClosed(at=at + timedelta(minutes=41), page="pg_0", service="s3", reason="cleared")
        incidents.page_closed(self.incidents, closed, closed.at)
        incidents.resolve(self.incidents, "1", at + timedelta(minutes=50), "ana",
                          text="Un índice de búsqueda quedó a medias; lo reconstruimos.")  # fmt: skip
        return self

    def with_outage(self) -> Shop:
        """Payments are down right now, search is slow, and nobody can tell how sellers' panel is."""
        self.open("s0", "SEV1", 23)
        incidents.page_acknowledged(
            self.incidents,
            PageAcknowledged(at=NOW - timedelta(minutes=21), page="pg_1", service="s0", by="ana", via="link"),
            NOW,
        )
        identity = self.incidents.open_for("s0").id
        incidents.update(self.incidents, identity,
                         "El proveedor de tarjetas rechaza los cobros. Yape y las transferencias funcionan.\n"
                         "Los carritos no se pierden.", NOW - timedelta(minutes=9), "ana",
                         next_in=timedelta(minutes=15))  # fmt: skip
        refresh(self.intervals, [("s0", "SEV1"), ("s3", "SEV3")], {"s7"}, self.spec.current,
                NOW - timedelta(minutes=8), "in_2")  # fmt: skip
        return self

    def renamed(self, **changes: object) -> None:
        """The page is declared anew."""
        page = self.spec.current.status_pages["public"]
        self.spec.current = replace(self.spec.current, status_pages={"public": replace(page, **changes)})
