"""A small workspace with every kind of objective, in Spanish, with all the quotes and accents it can carry."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from sereno.kernel.labels import Labels
from sereno.kernel.rule import Rule
from sereno.spec.model import EventsSli, LatencySli, Objective, ScrapeJob, Service, Slo, Spec

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


def objective(name: str, text: str, window: timedelta, sli: EventsSli | LatencySli, **more: str) -> Slo:
    """One objective, its target from the text."""
    return Slo(name, Objective(text, Decimal(text.rstrip("%")) / 100), window, sli, **more)  # type: ignore[arg-type]


SLOS = (
    objective(
        "disponibilidad", "99.95%", 30 * DAY,
        EventsSli('r{job="pagos"}', 'r{job="pagos",status=~"5..|429"}', None),
        runbook="runbooks/pagos.md", page_severity="P1", ticket_severity="P3",
    ),
    objective(
        "latencia", "95%", 7 * DAY,
        LatencySli('h{job="pagos"}', r'h_bucket{job="pagos",le=~"1(\\.0)?"}', 'h_count{job="pagos"}', Decimal("1")),
    ),
    objective(
        "buenas", "99%", 90 * DAY,
        EventsSli('r{endpoint!~"/health.*"}', None, 'r{endpoint!~"/health.*",status!~"5..|429"}'),
    ),
    objective("otra métrica", "90%", DAY, EventsSli('tot{job="pagos"}', 'errs{job="pagos"}', None)),
    objective("buenas aparte", "94%", 30 * DAY, EventsSli('tot{job="pagos"}', None, 'oks{job="pagos"}')),
)  # fmt: skip

DOWN = Rule(
    "PagosCaídos",
    'absent(up{job="pagos"})\nor max(up{job="pagos"}) == 0',
    "pagos",
    "P1",
    for_=timedelta(minutes=1),
    keep_firing_for=timedelta(minutes=5),
    labels=Labels(service="pagos", team="dinero"),
    annotations=Labels(summary='«Nadie» puede pagar: {{ $value }} — "sí"', description="línea 1\nlínea 2: # no"),
)

SPEC = Spec(
    services={
        "pagos": Service(
            "pagos", "dinero", title="Pagos «en línea»", slos=SLOS, alerts=(DOWN,),
            scrape=(
                ScrapeJob("pagos",
                          ("http://127.0.0.1:9103/metrics", "https://x.example/m?a=b"), 5 * SECOND, 10 * SECOND),
                ScrapeJob("nodo", ("http://[::1]:9100",), 15 * SECOND, 10 * SECOND, Labels(zona="lima")),
            ),
        ),
        "api": Service(
            "api", "web", slos=(SLOS[0],),
            scrape=(ScrapeJob("nodo", ("http://ana:secreto@10.0.0.1/metrics",), 15 * SECOND, 10 * SECOND),),
        ),
        "callado": Service("callado", "web"),
    }
)  # fmt: skip
