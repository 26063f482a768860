"""PostgreSQL as postgres_exporter tells of it. `pg_up` is the database; `up` would be the exporter."""

from __future__ import annotations

from decimal import Decimal

from sereno.compiler.grafana_sheet import BAD_IF_ANY, GOOD_IF_UP, UP_DOWN, Sheet, full, present
from sereno.spec.dashboard_model import PanelRow, Step

PROBE = "pg_up"
TITLE = ("PostgreSQL", "PostgreSQL")
ABOUT = (
    "Conexiones, transacciones, esperas, réplicas y disco de PostgreSQL, según postgres_exporter.",
    "Connections, transactions, waits, replicas and disk of PostgreSQL, as postgres_exporter tells.",
)
_DATABASES = '{@,datname!~"template.*|"}'


def rows(sheet: Sheet) -> tuple[PanelRow, ...]:
    """The rows of the dashboard."""
    return present(_now(sheet), _connections(sheet), _work(sheet), _replication(sheet), _disk(sheet))


def _now(sheet: Sheet) -> PanelRow | None:
    return sheet.row(
        ("Ahora", "Now"),
        sheet.panel(
            ("Responde", "Answers"),
            ("Si la base contesta a su exportador, la peor de las elegidas. ✗: nadie puede leer ni escribir.",
             "Whether the database answers its exporter, the worst of those chosen. ✗: nobody can read or write."),
            "min(pg_up{@})", kind="stat", unit="none", steps=GOOD_IF_UP, mappings=UP_DOWN,
        ),
        sheet.panel(
            ("Conexiones usadas", "Connections used"),
            ("Conexiones sobre `max_connections`, en la instancia más llena. Cerca de 1 se rechazan conexiones nuevas:"
             " busque fugas o ponga un pool.",
             "Connections over `max_connections`, in the fullest instance. Near 1 new ones are refused: look for leaks"
             " or put a pool before it."),
            f"max(sum by (instance) (pg_stat_database_numbackends{_DATABASES})"
            " / max by (instance) (pg_settings_max_connections{@}))",
            kind="gauge", unit="percentunit", least=Decimal(0), most=Decimal(1), steps=full("0.8", "0.9"), height=4,
        ),
        sheet.panel(
            ("Retraso de réplica", "Replication lag"),
            ("Segundos que la réplica más atrasada va detrás. Las lecturas en ella son así de viejas.",
             "Seconds that the furthest replica is behind. What is read there is as old as that."),
            "max(pg_replication_lag_seconds{@})", kind="stat", unit="s", steps=full("10", "60"),
        ),
        sheet.panel(
            ("Interbloqueos", "Deadlocks"),
            ("Interbloqueos en la última hora. Cada uno canceló una transacción: revise el orden de los bloqueos.",
             "Deadlocks of the last hour. Each cancelled a transaction: look at the order in which locks are taken."),
            f"sum(increase(pg_stat_database_deadlocks{_DATABASES}[1h]))", kind="stat", unit="none", steps=BAD_IF_ANY,
            decimals=0,
        ),
        sheet.panel(
            ("Aciertos de caché", "Cache hits"),
            ("Qué parte de los bloques se leyó de la memoria. Por debajo del 99 % con carga habitual falta memoria o"
             " sobra un recorrido de tabla.",
             "How many of the blocks were read from memory. Below 99% under the usual load memory is short, or a table"
             " is scanned."),
            f"sum(rate(pg_stat_database_blks_hit{_DATABASES}[@]))"
            f" / (sum(rate(pg_stat_database_blks_hit{_DATABASES}[@]))"
            f" + sum(rate(pg_stat_database_blks_read{_DATABASES}[@])) > 0)",
            kind="stat", unit="percentunit", decimals=2,
            steps=(Step(None, "red"), Step(Decimal("0.95"), "orange"), Step(Decimal("0.99"), "green")),
        ),
    )  # fmt: skip


def _connections(sheet: Sheet) -> PanelRow | None:
    return sheet.row(
        ("Conexiones", "Connections"),
        sheet.panel(
            ("Conexiones por estado", "Connections by state"),
            ("`idle in transaction` que crece retiene bloqueos y frena el vacuum: corrija el código que no cierra.",
             "`idle in transaction` that grows holds locks and keeps vacuum away: mend the code that does not end it."),
            (f"sum by (state) (pg_stat_activity_count{_DATABASES})", "{{state}}"), unit="none", stacked=True,
        ),
        sheet.panel(
            ("Conexiones usadas por instancia", "Connections used by instance"),
            ("Conexiones sobre el máximo de cada instancia; las líneas avisan a 80 % y 90 %.",
             "Connections over each instance's maximum; the lines warn at 80% and 90%."),
            (f"sum by (instance) (pg_stat_database_numbackends{_DATABASES})"
             " / max by (instance) (pg_settings_max_connections{@})", "{{instance}}"),
            unit="percentunit", least=Decimal(0), most=Decimal(1), steps=full("0.8", "0.9"),
        ),
        sheet.panel(
            ("Transacción más larga", "Longest transaction"),
            ("Edad de la transacción más larga de cada base. Minutos en una base transaccional suelen ser un olvido.",
             "Age of the longest transaction of each database. Minutes, where requests are served, are mostly a slip."),
            (f"max by (datname) (pg_stat_activity_max_tx_duration{_DATABASES})", "{{datname}}"), unit="s",
        ),
        sheet.panel(
            ("Bloqueos por modo", "Locks by mode"),
            ("Bloqueos tomados. `accessexclusivelock` sostenido detiene a los demás: mire qué migración corre.",
             "Locks held. An `accessexclusivelock` that stays stops everyone else: see which migration runs."),
            (f"sum by (mode) (pg_locks_count{_DATABASES})", "{{mode}}"), unit="none", stacked=True,
        ),
    )  # fmt: skip


def _work(sheet: Sheet) -> PanelRow | None:
    return sheet.row(
        ("Trabajo", "Work"),
        sheet.panel(
            ("Transacciones por segundo", "Transactions a second"),
            ("Confirmadas y deshechas. Una caída de las primeras con conexiones altas es una espera.",
             "Committed and rolled back. A fall of the former with many connections is a wait."),
            (f"sum(rate(pg_stat_database_xact_commit{_DATABASES}[@]))", ("confirmadas", "committed")),
            (f"sum(rate(pg_stat_database_xact_rollback{_DATABASES}[@]))", ("deshechas", "rolled back")), unit="ops",
        ),
        sheet.panel(
            ("Filas por segundo", "Rows a second"),
            ("Filas devueltas, leídas y escritas. Devueltas muy por encima de leídas: faltan índices.",
             "Rows returned, fetched and written. Returned far above fetched: indexes are missing."),
            (f"sum(rate(pg_stat_database_tup_returned{_DATABASES}[@]))", ("devueltas", "returned")),
            (f"sum(rate(pg_stat_database_tup_fetched{_DATABASES}[@]))", ("leídas", "fetched")),
            (f"sum(rate(pg_stat_database_tup_inserted{_DATABASES}[@]))"
             f" + sum(rate(pg_stat_database_tup_updated{_DATABASES}[@]))"
             f" + sum(rate(pg_stat_database_tup_deleted{_DATABASES}[@]))", ("escritas", "written")), unit="ops",
        ),
    )  # fmt: skip


def _replication(sheet: Sheet) -> PanelRow | None:
    return sheet.row(
        ("Réplicas", "Replicas"),
        sheet.panel(
            ("Retraso por instancia", "Lag by instance"),
            ("Segundos que cada réplica va detrás; en la principal es 0. Si crece sin fin, la réplica se detuvo.",
             "Seconds that each replica is behind; 0 in the primary. If it grows without end the replica has stopped."),
            ("max by (instance) (pg_replication_lag_seconds{@})", "{{instance}}"), unit="s", steps=full("10", "60"),
        ),
        sheet.panel(
            ("Quién es réplica", "Who is a replica"),
            ("✓ es réplica, ✗ es principal. Un cambio es una conmutación; dos principales son una emergencia.",
             "✓ is a replica, ✗ a primary. A change is a failover; two primaries are an emergency."),
            ("max by (instance) (pg_replication_is_replica{@})", "{{instance}}"), kind="state_timeline", unit="none",
            width=12, height=8, mappings=tuple(each for each in UP_DOWN),
        ),
    )  # fmt: skip


def _disk(sheet: Sheet) -> PanelRow | None:
    return sheet.row(
        ("Disco", "Disk"),
        sheet.panel(
            ("Tamaño por base", "Size by database"),
            ("Bytes de cada base. Un salto es una carga o una tabla que no se vacía.",
             "Bytes of each database. A jump is a load, or a table that is not vacuumed."),
            (f"max by (datname) (pg_database_size_bytes{_DATABASES})", "{{datname}}"), unit="bytes",
        ),
        sheet.panel(
            ("Tiempo de lectura y escritura de bloques", "Time of reading and writing blocks"),
            ("Segundos por segundo que se espera al disco (necesita `track_io_timing`). Cerca de 1 por conexión activa,"
             " el disco es el cuello.",
             "Seconds a second spent waiting for the disk (needs `track_io_timing`). Near 1 for each active connection"
             " the disk is the bottleneck."),
            (f"sum(rate(pg_stat_database_blk_read_time{_DATABASES}[@])) / 1000", ("lectura", "read")),
            (f"sum(rate(pg_stat_database_blk_write_time{_DATABASES}[@])) / 1000", ("escritura", "write")), unit="s",
        ),
        sheet.panel(
            ("Archivos temporales", "Temporary files"),
            ("Bytes por segundo que no cupieron en `work_mem`. Si sube, afine la consulta o la memoria.",
             "Bytes a second that did not fit into `work_mem`. If it rises, mend the query or the memory."),
            (f"sum by (datname) (rate(pg_stat_database_temp_bytes{_DATABASES}[@]))", "{{datname}}"), unit="Bps",
        ),
    )  # fmt: skip
