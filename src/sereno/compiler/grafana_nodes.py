"""Machines as node_exporter tells of them; only real file systems and network cards."""

from __future__ import annotations

from decimal import Decimal

from sereno.compiler.grafana_sheet import Options, Sheet, full, present
from sereno.spec.dashboard_model import PanelRow, Step

PROBE = "node_uname_info"
TITLE = ("Nodos", "Nodes")
ABOUT = (
    "CPU, memoria, disco y red de las máquinas, según node_exporter.",
    "CPU, memory, disk and network of the machines, as node_exporter tells.",
)
REAL = 'fstype!~"tmpfs|ramfs|overlay|squashfs|iso9660|nsfs|fuse.lxcfs"'
_CARDS = 'device!~"lo|veth.*|docker.*|br-.*|cni.*|cali.*|flannel.*"'
_DISKS = 'device!~"loop.*|ram.*|sr.*|zram.*"'
_CPU = '1 - avg by (instance) (rate(node_cpu_seconds_total{@,mode="idle"}[@]))'
_MEMORY = (
    "1 - max by (instance) (node_memory_MemAvailable_bytes{@}) / max by (instance) (node_memory_MemTotal_bytes{@})"
)
FILES = (
    f"1 - max by (instance, mountpoint) (node_filesystem_avail_bytes{{@,{REAL}}})"
    f" / (max by (instance, mountpoint) (node_filesystem_size_bytes{{@,{REAL}}}) > 0)"
)


def rows(sheet: Sheet) -> tuple[PanelRow, ...]:
    """The rows of the dashboard."""
    return present(_now(sheet), _load(sheet), disks(sheet), _network(sheet))


def _now(sheet: Sheet) -> PanelRow | None:
    gauge: Options = {"kind": "gauge", "unit": "percentunit", "least": Decimal(0), "most": Decimal(1), "width": 6}
    return sheet.row(
        ("Ahora, lo más lleno", "Now, the fullest"),
        sheet.panel(
            ("CPU", "CPU"),
            ("CPU ocupada en la máquina más cargada. Es una causa, no un síntoma: mire antes los objetivos.",
             "Busy CPU of the busiest machine. It is a cause, not a symptom: look at the objectives first."),
            f"max({_CPU})", steps=full("0.8", "0.95"), **gauge,
        ),
        sheet.panel(
            ("Memoria", "Memory"),
            ("Memoria no disponible en la máquina más llena. Cerca de 1 el núcleo mata procesos.",
             "Memory that is not available in the fullest machine. Near 1 the kernel kills processes."),
            f"max({_MEMORY})", steps=full("0.85", "0.95"), **gauge,
        ),
        sheet.panel(
            ("Disco", "Disk"),
            ("El sistema de archivos más lleno, sin los que viven en memoria. Lleno, nada puede escribir.",
             "The fullest file system, without those that live in memory. Full, nothing can write."),
            f"max({FILES})", steps=full("0.8", "0.9"), **gauge,
        ),
        sheet.panel(
            ("Máquinas", "Machines"),
            ("Máquinas que se ven ahora. Compárelo con las que debe haber.",
             "Machines that are seen now. Compare with how many there should be."),
            "count(max by (instance) (node_uname_info{@}))", kind="stat", unit="none", width=6, height=6,
        ),
    )  # fmt: skip


def _load(sheet: Sheet) -> PanelRow | None:
    return sheet.row(
        ("CPU y memoria", "CPU and memory"),
        sheet.panel(
            ("CPU ocupada", "Busy CPU"),
            ("Qué parte del tiempo trabajan los núcleos de cada máquina.",
             "How much of the time each machine's cores work."),
            (_CPU, "{{instance}}"), unit="percentunit", least=Decimal(0), most=Decimal(1),
        ),
        sheet.panel(
            ("Carga por núcleo", "Load by core"),
            ("Procesos que quieren correr, por núcleo. Por encima de 1 esperan.",
             "Processes that want to run, for each core. Above 1 they wait."),
            ('max by (instance) (node_load5{@}) / count by (instance) (rate(node_cpu_seconds_total{@,mode="idle"}[@]))',
             "{{instance}}"), unit="none", steps=full("1", "2"),
        ),
        sheet.panel(
            ("Memoria usada", "Memory used"),
            ("Memoria que no está disponible (la caché cuenta como disponible).",
             "Memory that is not available (caches count as available)."),
            (_MEMORY, "{{instance}}"), unit="percentunit", least=Decimal(0), most=Decimal(1),
            steps=full("0.85", "0.95"),
        ),
        sheet.panel(
            ("Procesos muertos por falta de memoria", "Processes killed for want of memory"),
            ("Cuántos mató el núcleo en cada intervalo. Ninguno es normal.",
             "How many the kernel killed in each interval. None is normal."),
            ("sum by (instance) (increase(node_vmstat_oom_kill{@}[@]))", "{{instance}}"), unit="none",
        ),
    )  # fmt: skip


def disks(sheet: Sheet) -> PanelRow | None:
    """Space and work of the machines' disks."""
    return sheet.row(
        ("Discos", "Disks"),
        sheet.panel(
            ("Espacio usado", "Space used"),
            ("Por sistema de archivos; las líneas avisan a 80 % y 90 %.",
             "By file system; the lines warn at 80% and 90%."),
            (FILES, "{{instance}} {{mountpoint}}"), unit="percentunit", least=Decimal(0), most=Decimal(1),
            steps=full("0.8", "0.9"),
        ),
        sheet.panel(
            ("Espacio libre en 4 días, si sigue así", "Free space in 4 days, if it goes on"),
            ("Bytes libres que quedarían según la tendencia de las últimas 6 horas. Por debajo de 0 se llena antes.",
             "Bytes that would be free by the trend of the last 6 hours. Below 0 it is full before then."),
            (f"min by (instance, mountpoint) (predict_linear(node_filesystem_avail_bytes{{@,{REAL}}}[6h], 4 * 86400))",
             "{{instance}} {{mountpoint}}"), unit="bytes", steps=(Step(None, "red"), Step(Decimal(0), "green")),
        ),
        sheet.panel(
            ("Bytes leídos y escritos", "Bytes read and written"),
            ("Por máquina.", "By machine."),
            (f"sum by (instance) (rate(node_disk_read_bytes_total{{@,{_DISKS}}}[@]))",
             ("{{instance}} leídos", "{{instance}} read")),
            (f"sum by (instance) (rate(node_disk_written_bytes_total{{@,{_DISKS}}}[@]))",
             ("{{instance}} escritos", "{{instance}} written")), unit="Bps",
        ),
        sheet.panel(
            ("Tiempo ocupado", "Time busy"),
            ("Qué parte del tiempo trabaja cada disco. Cerca de 1 los procesos lo esperan.",
             "How much of the time each disk works. Near 1 processes wait for it."),
            (f"max by (instance, device) (rate(node_disk_io_time_seconds_total{{@,{_DISKS}}}[@]))",
             "{{instance}} {{device}}"), unit="percentunit", least=Decimal(0), most=Decimal(1),
        ),
    )  # fmt: skip


def _network(sheet: Sheet) -> PanelRow | None:
    return sheet.row(
        ("Red", "Network"),
        sheet.panel(
            ("Recibido y enviado", "Received and sent"),
            ("Bytes por segundo de las tarjetas reales.", "Bytes a second of real network cards."),
            (f"sum by (instance) (rate(node_network_receive_bytes_total{{@,{_CARDS}}}[@]))",
             ("{{instance}} recibido", "{{instance}} received")),
            (f"sum by (instance) (rate(node_network_transmit_bytes_total{{@,{_CARDS}}}[@]))",
             ("{{instance}} enviado", "{{instance}} sent")), unit="Bps",
        ),
        sheet.panel(
            ("Errores de red", "Network errors"),
            ("Paquetes con error por segundo. Más de cero sostenido es un cable, una tarjeta o un MTU.",
             "Packets with errors a second. More than zero for long is a cable, a card or an MTU."),
            (f"sum by (instance) (rate(node_network_receive_errs_total{{@,{_CARDS}}}[@]))"
             f" + sum by (instance) (rate(node_network_transmit_errs_total{{@,{_CARDS}}}[@]))", "{{instance}}"),
            unit="pps",
        ),
    )  # fmt: skip
