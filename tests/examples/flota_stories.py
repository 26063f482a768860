"""What flota's alerts on its business must say and must not, told in Mexico City's time, as unit tests of rules.

The unit tests begin with 1970: Thursday the 1st is a holiday, Friday the 2nd is worked, then comes a weekend.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

MEXICO = timezone(timedelta(hours=-6))
"""Mexico City's clocks have not changed since 2022; in 1970 they did not either."""


def at(day: int, clock: str) -> str:
    """The moment on that day of January 1970 in Mexico City, as a unit test writes it: time since it began."""
    hour, minute = map(int, clock.split(":"))
    return since_1970(datetime(1970, 1, day, hour, minute, tzinfo=MEXICO))


def since_1970(moment: datetime) -> str:
    return f"{int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) // 60}m"


@dataclass(frozen=True)
class Story:
    """Series that come every `every`, and when the alert fires and when it does not."""

    alert: str
    name: str
    series: Mapping[str, str]
    fires: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    every: str = "5m"

    def as_test(self) -> dict[str, object]:
        """As promtool reads it."""
        expr = f'count(ALERTS{{alertname="{self.alert}",alertstate="firing"}}) or vector(0)'
        return {
            "name": f"{self.alert}: {self.name}",
            "interval": self.every,
            "input_series": [{"series": name, "values": values} for name, values in self.series.items()],
            "promql_expr_test": [
                {"expr": expr, "eval_time": moment, "exp_samples": [{"labels": "{}", "value": value}]}
                for moments, value in ((self.fires, 1), (self.silent, 0))
                for moment in moments
            ],
        }


def counted(by: int, *, metric: str, **labels: str) -> dict[str, str]:
    """A counter of a job that grows by so much at each sample, for some days."""
    return {selector(metric, **labels): f"0+{by}x5000"}


def selector(metric: str, **labels: str) -> str:
    inside = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return f"{metric}{{{inside}}}"


def decided(approved: int, rejected: int) -> dict[str, str]:
    yes = counted(approved, metric="applications_approved_total", job="flota-creditos", sinosure_tier="AAA")
    no = counted(rejected, metric="applications_rejected_total", job="flota-creditos", reason="puntaje")
    return {**(yes if approved else {}), **no}


def calls(provider: str, failed: int, good: int) -> dict[str, str]:
    name, labels = "integration_api_calls_total", {"job": "flota-api", "integration": provider, "endpoint": "/v1"}
    bad = counted(failed, metric=name, **labels, status="error") if failed else {}
    return {**bad, **(counted(good, metric=name, **labels, status="success") if good else {})}


def late(*replicas: int, level: str = "late_16_30_days") -> dict[str, str]:
    return {
        selector("payments_late_count", job="flota-pagos", instance=f"pagos-{i}", level=level): f"{count}+0x200"
        for i, count in enumerate(replicas)
    }


def pool(*used: int) -> dict[str, str]:
    found = {}
    for i, count in enumerate(used):
        labels = {"job": "flota-api", "instance": f"api-{i}"}
        found[selector("db_connections_active", **labels)] = f"{count}+0x100"
        found[selector("db_connections_max", **labels)] = "100+0x100"
    return found


def disbursed(day: int, clock: str) -> dict[str, str]:
    """A counter, read every five minutes, that grows by one at that moment only."""
    steps = int(at(day, clock).rstrip("m")) // 5
    return {selector("credits_disbursed_total", job="flota-creditos"): f"0+0x{steps} 1+0x{4000 - steps}"}


APPROVAL = (
    Story("AprobacionBaja", "29 % in the middle of a Friday", decided(29, 71), fires=(at(2, "12:00"),)),
    Story("AprobacionBaja", "31 % is enough", decided(31, 69), silent=(at(2, "12:00"), at(2, "17:50"))),
    Story(
        "AprobacionBaja", "none is approved, and there is no counter of approvals",
        decided(0, 5), fires=(at(2, "12:00"), at(2, "17:55")),
    ),
    Story(
        "AprobacionBaja", "half an hour of office hours first, and none of them at night",
        decided(0, 5), fires=(at(2, "09:30"),), silent=(at(2, "08:55"), at(2, "09:25"), at(2, "18:00"), at(2, "23:00")),
    ),
    Story(
        "AprobacionBaja", "neither on a holiday nor at the weekend",
        decided(0, 5), silent=(at(1, "12:00"), at(3, "12:00"), at(4, "12:00")), fires=(at(5, "12:00"),),
    ),
    Story("AprobacionBaja", "15 decisions an hour are too few", decided(0, 1), every="4m", silent=(at(2, "12:00"),)),
    Story("AprobacionBaja", "30 are enough", decided(0, 1), every="2m", fires=(at(2, "12:00"),)),
    Story("AprobacionBaja", "nothing is known", {}, silent=(at(2, "12:00"),)),
)  # fmt: skip

DISBURSEMENTS = (
    Story(
        "SinDesembolsos", "the process is gone: said from 17:10 on until midnight of a day that is worked",
        {}, fires=(at(2, "17:10"), at(2, "23:55"), at(5, "17:10")),
        silent=(at(2, "12:00"), at(2, "16:55"), at(2, "17:05"), at(3, "00:00")),
    ),
    Story(
        "SinDesembolsos", "holidays and weekends have none", {}, silent=(at(1, "17:30"), at(3, "17:30"), at(4, "17:30")),
    ),
    Story("SinDesembolsos", "the counter stands still", disbursed(1, "10:00"), fires=(at(2, "17:30"),)),
    Story("SinDesembolsos", "one this morning will do", disbursed(2, "10:00"), silent=(at(2, "17:30"),)),
    Story("SinDesembolsos", "Friday's does not count on Monday", disbursed(2, "10:00"), fires=(at(5, "17:30"),)),
)  # fmt: skip

PAYMENTS = (
    Story("PagosAtrasados", "51, after an hour", late(51, 51, 51), fires=("61m",), silent=("59m",)),
    Story("PagosAtrasados", "50 in each of three replicas are 50", late(50, 50, 50), silent=("2h", "10h")),
    Story("PagosAtrasados", "another level", late(500, level="late_8_15_days"), silent=("2h",)),
    Story("PagosAtrasados", "the count is gone: that is another alert", {}, silent=("2h",)),
    Story("PagosAtrasadosSinCuenta", "the count is gone", {}, fires=("61m",), silent=("59m",)),
    Story("PagosAtrasadosSinCuenta", "none is late", late(0), silent=("2h",)),
)

PROVIDERS = (
    Story(
        "TelemetriaCaida", "three of five fail", calls("telemetria", 3, 2), every="30s", fires=("15m",), silent=("4m",)
    ),
    Story("TelemetriaCaida", "half is not over half", calls("telemetria", 2, 2), every="30s", silent=("15m", "1h")),
    Story("TelemetriaCaida", "all fail, without one success", calls("telemetria", 2, 0), every="30s", fires=("15m",)),
    Story("TelemetriaCaida", "5 calls in 5 minutes are too few", calls("telemetria", 1, 0), every="1m", silent=("1h",)),
    Story("TelemetriaCaida", "another provider fails", calls("identidad", 3, 0), every="30s", silent=("15m",)),
    Story("TelemetriaCaida", "nobody calls", {}, silent=("1h",)),
    Story("IdentidadCaida", "most fail", calls("identidad", 3, 2), every="30s", fires=("15m",)),
    Story("CobrosCaidos", "most fail", calls("cobros", 3, 2), every="30s", fires=("15m",)),
    Story(
        "DispersionCaida",
        "six calls an hour are enough to judge",
        calls("dispersion", 1, 0),
        every="10m",
        fires=("3h",),
    ),
    Story("DispersionCaida", "four are not", calls("dispersion", 1, 0), every="15m", silent=("3h",)),
)

POOL = (
    Story("ApiConexionesSaturation90", "one of two processes, after two minutes", pool(91, 10), every="1m",
          fires=("5m",), silent=("1m",)),
    Story("ApiConexionesSaturation90", "below", pool(89, 89), every="1m", silent=("5m", "30m")),
    Story("ApiConexionesSaturation90", "nothing is known", {}, silent=("30m",)),
)  # fmt: skip

SLOW = frozenset(("AprobacionBaja", "SinDesembolsos"))
"""Alerts whose stories take days: their rules are evaluated every five minutes, the others' every minute."""

STORIES = (*APPROVAL, *DISBURSEMENTS, *PAYMENTS, *PROVIDERS, *POOL)

BUGS = (
    ("AprobacionBaja", "increase(applications_approved_total{job=\"flota-creditos\"}[1h])) or vector(0)",
     "increase(applications_approved_total{job=\"flota-creditos\"}[1h]))"),
    ("AprobacionBaja", "< 0.30", "< 0.32"),
    ("AprobacionBaja", "< 0.30", "< 0.28"),
    ("AprobacionBaja", ">= 20", ">= 10"),
    ("AprobacionBaja", ">= 20", ">= 40"),
    ("AprobacionBaja", "time() - 6 * 3600", "time()"),
    ("AprobacionBaja", ">= 1 <= 5", ">= 0 <= 6"),
    ("AprobacionBaja", "== 101", "== 102"),
    ("AprobacionBaja", "< 18", "< 24"),
    ("SinDesembolsos", " or vector(0)", ""),
    ("SinDesembolsos", "[24h]", "[72h]"),
    ("SinDesembolsos", ">= 17", ">= 0"),
    ("SinDesembolsos", "== 101", "== 102"),
    ("SinDesembolsos", "time() - 6 * 3600", "time()"),
    ("PagosAtrasados", "max by", "sum by"),
    ("PagosAtrasados", "> 50", ">= 50"),
    ("PagosAtrasados", 'level="late_16_30_days"', 'level!=""'),
    ("TelemetriaCaida", "> 0.5", ">= 0.5"),
    ("TelemetriaCaida", ">= 10", ">= 5"),
    ("TelemetriaCaida", 'integration="telemetria"', 'integration=~".+"'),
    ("DispersionCaida", "[1h]", "[5m]"),
    ("DispersionCaida", ">= 5", ">= 3"),
    ("ApiConexionesSaturation90", "max(", "avg("),
)  # fmt: skip
"""Mistakes of an alert's expression, each of which some story tells apart from what is right."""
