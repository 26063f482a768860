"""A thousand objectives built as a whole process, and the first `sereno check` of one service."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.figure import Figure

ROOT = Path(__file__).parents[1]
SERVICES, OBJECTIVES = 100, 10
_HEAD = """\
workspace: shop
addresses: {grafana: https://grafana.shop.example, runbooks: https://git.shop.example/runbooks}
---
{team: shop, escalation: shop}
---
{person: ana, contacts: [{email: ana@shop.example}]}
---
{escalation: shop, steps: [{page: ana}]}
"""


def workspace(folder: Path, services: int = SERVICES, objectives: int = OBJECTIVES) -> None:
    """Write a spec of that many services with that many objectives each below `folder`: every second one of latency."""
    folder.mkdir(parents=True)
    (folder / "shop.yaml").write_text(_HEAD, encoding="utf-8")
    for number in range(services):
        name = f"service-{number:03d}"
        lines = [f"service: {name}", "team: shop", f"title: Service {number}", "scrape:",
                 f'  - {{job: {name}, targets: ["http://{name}.shop.example:9100/metrics"]}}', "slos:"]  # fmt: skip
        for index in range(objectives):
            lines += [
                f"  - name: objective-{index}",
                f"    objective: {99 + index / 100:.2f}%",
                "    window: 30d",
                "    sli:",
            ]
            lines += (
                [f'      latency: {{histogram: \'http_request_duration_seconds{{job="{name}",route="/{index}"}}\', '
                 "within: 300ms}"]
                if index % 2
                else [f'      events: {{total: \'http_requests_total{{job="{name}",route="/{index}"}}\', '
                      "bad: 'status=~\"5..|429\"', except: 'endpoint=~\"/health.*\"'}"]
            )  # fmt: skip
        lines += ["alerts:", f"  - alert: Down{number}", f"    expr: 'max(up{{job=\"{name}\"}}) == 0'", "    for: 1m",
                  "    severity: SEV1", "    summary: It is down"]  # fmt: skip
        (folder / f"{name}.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def cpu_seconds(*command: str, folder: Path) -> tuple[float, int]:
    """CPU seconds of a whole process, and its exit code."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sereno(), *command], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, done.returncode


def sereno() -> str:
    """The command as it is installed beside this Python."""
    return shutil.which("sereno", path=str(Path(sys.executable).parent)) or "sereno"


def measure() -> list[Figure]:
    """CPU of building 1,000 objectives for Prometheus and Alertmanager; of a cold check; and the exits."""
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(ROOT / "src")], check=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        workspace(folder / "reliability")
        targets = ("--target", "prometheus", "--target", "alertmanager")
        built, code = cpu_seconds("build", *targets, folder=folder)
        count = len(list((folder / "build/prometheus/tests").glob("*.objective-*.yml"))) if code == 0 else 0
        again, _ = cpu_seconds("build", *targets, folder=folder)
        loaded, _ = cpu_seconds("check", folder=folder)
        one = folder / "one"
        workspace(one / "reliability", 1, 3)
        checks = sorted(cpu_seconds("check", folder=one)[0] for _ in range(5))
        beside = f"of which loading: {loaded:.2f} s; building anew over the same: {again:.2f} s"
        return [
            Figure("1,000 objectives built, CPU", built, "s", most=5, beside=beside),
            Figure("objectives with unit tests", count, "", least=SERVICES * OBJECTIVES),
            Figure("cold sereno check of one service, CPU", checks[2], "s", most=0.4),
            Figure("wrong exits where nothing was built", float(_wrong_exits(folder)), "", most=0),
        ]


def _wrong_exits(folder: Path) -> int:
    """How many of the ways to build nothing exit 0."""
    head = "---\n{team: a, escalation: a}\n---\n{person: b, contacts: [{email: b@x.example}]}\n---\n"
    head += "{escalation: a, steps: [{page: b}]}\n"
    specs = {
        "empty": "", "no service": head, "nothing to watch": "{service: s, team: a}\n" + head,
        "mistakes": "{service: s, team: a, slos: 3}\n" + head,
        "foreign": "{apiVersion: v1, kind: ConfigMap}\n", "no spec": "just words\n",
    }  # fmt: skip
    wrong = 0
    for index, (_, text) in enumerate(specs.items()):
        place = folder / f"nothing{index}"
        (place / "reliability").mkdir(parents=True)
        (place / "reliability/a.yaml").write_text(text, encoding="utf-8")
        wrong += cpu_seconds("build", folder=place)[1] == 0
    (folder / "file").write_text("", encoding="utf-8")
    good = folder / "one"
    wrong += cpu_seconds("build", "reliability", str(folder / "file"), folder=good)[1] == 0  # no folder
    wrong += cpu_seconds("build", "nowhere", folder=good)[1] == 0
    wrong += cpu_seconds("build", "--target", "nothing", folder=good)[1] == 0
    wrong += cpu_seconds("build", "--target", "blackbox", folder=good)[1] == 0  # no probe is declared
    return wrong + (os.path.exists(folder / "file/build.json"))
