"""Redis as redis_exporter tells of it. `redis_up` is Redis; `up` would be the exporter."""

from __future__ import annotations

from decimal import Decimal

from sereno.compiler.grafana_sheet import BAD_IF_ANY, GOOD_IF_UP, UP_DOWN, Sheet, full, present
from sereno.spec.dashboard_model import PanelRow, Step

PROBE = "redis_up"
TITLE = ("Redis", "Redis")
ABOUT = (
    "Aciertos, memoria, clientes y comandos de Redis, según redis_exporter.",
    "Hits, memory, clients and commands of Redis, as redis_exporter tells.",
)
_HITS = "sum(rate(redis_keyspace_hits_total{@}[@]))"
_MISSES = "sum(rate(redis_keyspace_misses_total{@}[@]))"
_FULL = "max by (instance) (redis_memory_used_bytes{@}) / (max by (instance) (redis_memory_max_bytes{@}) > 0)"


def rows(sheet: Sheet) -> tuple[PanelRow, ...]:
    """The rows of the dashboard."""
    return present(_now(sheet), _memory(sheet), _work(sheet))


def _now(sheet: Sheet) -> PanelRow | None:
    return sheet.row(
        ("Ahora", "Now"),
        sheet.panel(
            ("Responde", "Answers"),
            ("Si Redis contesta a su exportador, el peor de los elegidos.",
             "Whether Redis answers its exporter, the worst of those chosen."),
            "min(redis_up{@})", kind="stat", unit="none", steps=GOOD_IF_UP, mappings=UP_DOWN,
        ),
        sheet.panel(
            ("Aciertos", "Hits"),
            ("Lecturas que encontraron su clave. Si cae tras un despliegue, cambiaron las claves o su caducidad.",
             "Reads that found their key. If it falls after a release, keys or their expiry have changed."),
            f"{_HITS} / ({_HITS} + {_MISSES} > 0)", kind="stat", unit="percentunit", decimals=1,
            steps=(Step(None, "red"), Step(Decimal("0.5"), "orange"), Step(Decimal("0.8"), "green")),
        ),
        sheet.panel(
            ("Memoria usada", "Memory used"),
            ("Memoria sobre `maxmemory`, en la instancia más llena; sin datos si no hay límite. Llena, expulsa claves o"
             " rechaza escrituras.",
             "Memory over `maxmemory`, in the fullest instance; no data without a limit. Full, it evicts keys or"
             " refuses writes."),
            f"max({_FULL})", kind="gauge", unit="percentunit", least=Decimal(0), most=Decimal(1), height=4,
            steps=full("0.8", "0.9"),
        ),
        sheet.panel(
            ("Clientes", "Clients"),
            ("Clientes conectados, en total.", "Clients connected, all in all."),
            "sum(redis_connected_clients{@})", kind="stat", unit="none",
        ),
        sheet.panel(
            ("Conexiones rechazadas", "Connections refused"),
            ("Rechazadas en la última hora por llegar a `maxclients`. Cada una es un error en un servicio.",
             "Refused during the last hour, `maxclients` being reached. Each is an error in a service."),
            "sum(increase(redis_rejected_connections_total{@}[1h]))", kind="stat", unit="none", decimals=0,
            steps=BAD_IF_ANY,
        ),
    )  # fmt: skip


def _memory(sheet: Sheet) -> PanelRow | None:
    return sheet.row(
        ("Memoria", "Memory"),
        sheet.panel(
            ("Memoria por instancia", "Memory by instance"),
            ("Bytes usados por los datos.", "Bytes used for data."),
            ("max by (instance) (redis_memory_used_bytes{@})", "{{instance}}"), unit="bytes",
        ),
        sheet.panel(
            ("Claves expulsadas y caducadas", "Keys evicted and expired"),
            ("Expulsadas por falta de memoria, y caducadas como se pidió. Las primeras son datos que alguien quería.",
             "Evicted for want of memory, and expired as was asked. The former were data that somebody wanted."),
            ("sum(rate(redis_evicted_keys_total{@}[@]))", ("expulsadas", "evicted")),
            ("sum(rate(redis_expired_keys_total{@}[@]))", ("caducadas", "expired")), unit="ops",
        ),
        sheet.panel(
            ("Claves por base", "Keys by database"),
            ("Cuántas claves hay. Si solo crece, faltan caducidades.",
             "How many keys there are. If they only grow, expiries are missing."),
            ("sum by (db) (redis_db_keys{@})", "{{db}}"), unit="none",
        ),
        sheet.panel(
            ("Último respaldo correcto", "Last good snapshot"),
            ("Hace cuánto se guardó la última copia en disco.", "How long ago the last snapshot was written."),
            ("time() - max by (instance) (redis_rdb_last_save_timestamp_seconds{@})", "{{instance}}"), unit="s",
        ),
    )  # fmt: skip


def _work(sheet: Sheet) -> PanelRow | None:
    return sheet.row(
        ("Trabajo", "Work"),
        sheet.panel(
            ("Comandos por segundo", "Commands a second"),
            ("Todos los comandos, por instancia.", "All commands, by instance."),
            ("sum by (instance) (rate(redis_commands_processed_total{@}[@]))", "{{instance}}"), unit="ops",
        ),
        sheet.panel(
            ("Duración media por comando", "Mean duration by command"),
            ("Tiempo de servidor por comando. `keys`, `smembers` y guiones largos detienen a todos los demás.",
             "Server time by command. `keys`, `smembers` and long scripts stop everyone else."),
            ("sum by (cmd) (rate(redis_commands_duration_seconds_total{@}[@]))"
             " / (sum by (cmd) (rate(redis_commands_total{@}[@])) > 0)", "{{cmd}}"), unit="s",
        ),
        sheet.panel(
            ("Lecturas que aciertan y fallan", "Reads that hit and miss"),
            ("Lecturas por segundo que encontraron su clave y que no.",
             "Reads a second that found their key, and that did not."),
            (_HITS, ("aciertos", "hits")), (_MISSES, ("fallos", "misses")), unit="ops",
        ),
        sheet.panel(
            ("Clientes bloqueados", "Blocked clients"),
            ("Clientes que esperan en una lista o cola.", "Clients that wait on a list or queue."),
            ("sum by (instance) (redis_blocked_clients{@})", "{{instance}}"), unit="none",
        ),
    )  # fmt: skip
