"""Alertmanager's and blackbox exporter's own judgement of what is built for them, and who hears of each alert."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml


def run(*arguments: str | Path) -> tuple[bool, str]:
    """amtool's verdict, and what it said. Raises LookupError where there is no amtool."""
    program = shutil.which("amtool")
    if program is None:
        raise LookupError("amtool is missing: install Debian's package `prometheus-alertmanager`")
    done = subprocess.run(
        [program, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120
    )
    return done.returncode == 0, done.stdout


def check(files: Mapping[str, str], folder: Path) -> list[str]:
    """What is wrong with the files of targets alertmanager and blackbox; `folder` is empty and may be written to."""
    complaints: list[str] = []
    text = files.get("alertmanager/alertmanager.yml")
    if text is not None:
        path = _written(folder / "alertmanager.yml", text)
        good, said = run("check-config", path)
        complaints += [] if good else [said]
        complaints += _tree(yaml.safe_load(text))
        if good:
            complaints += routing(files, path)
    modules = files.get("blackbox/blackbox.yml")
    if modules is not None:
        complaints += blackbox(_written(folder / "blackbox.yml", modules))
        asked = set(re.findall(r"module:\n +- \"?([^\"\n]+)", files.get("prometheus/prometheus.yml", "")))
        complaints += [f"no module {name}" for name in sorted(asked - set(yaml.safe_load(modules)["modules"]))]
    return complaints


def _written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def blackbox(path: Path) -> list[str]:
    """What blackbox exporter says of its configuration. Raises LookupError where there is none."""
    program = shutil.which("prometheus-blackbox-exporter") or shutil.which("blackbox_exporter")
    if program is None:
        raise LookupError("blackbox exporter is missing: install Debian's package `prometheus-blackbox-exporter`")
    done = subprocess.run(
        [program, f"--config.file={path}", "--config.check"], capture_output=True, text=True, timeout=60
    )
    return [] if done.returncode == 0 else [done.stderr]


def alerts(files: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Every alert of the rule files, with its labels."""
    for name, text in files.items():
        if name.startswith("prometheus/rules/"):
            for group in yaml.safe_load(text)["groups"]:
                yield from (rule for rule in group["rules"] if "alert" in rule)


def heard_by(path: Path, labels: Mapping[str, str]) -> str:
    """The receiver that amtool names for an alert."""
    pairs = [f"{key}={value}" for key, value in labels.items() if "{{" not in value]
    good, said = run("config", "routes", "test", f"--config.file={path}", *pairs)
    assert good, said
    return said.strip().splitlines()[-1]


def routing(files: Mapping[str, str], path: Path) -> list[str]:
    """Alerts that fall to the first route for want of a better one: each severity that the workspace uses has its own."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    names = {receiver["name"] for receiver in document["receivers"]}
    complaints = []
    seen: dict[tuple[str, ...], str] = {}
    for rule in alerts(files):
        labels = {"alertname": rule["alert"], **rule.get("labels", {})}
        key = tuple(str(labels.get(name, "")) for name in ("severity", "team", "service"))
        if key in seen and rule["alert"] != "Watchdog":
            continue
        seen[key] = heard_by(path, {name: str(value) for name, value in labels.items()})
        if seen[key] not in names:
            complaints.append(f"{rule['alert']} is heard by {seen[key]!r}, which is no receiver")
        if rule["alert"] == "Watchdog" and not seen[key].startswith("dead man's switch"):
            complaints.append(f"the watchdog is heard by {seen[key]}")
    return complaints


def _tree(document: dict[str, Any]) -> list[str]:
    """The traps that amtool lets pass: routes that nothing reaches, old matchers, secrets, storms."""
    complaints = []
    seen: list[tuple[str, ...]] = []
    for route in document["route"].get("routes", []):
        matchers = tuple(sorted(route.get("matchers", ())))
        if any(set(before) <= set(matchers) for before in seen):
            complaints.append(f"nothing reaches the route {matchers}")
        seen.append(matchers)
    text = yaml.safe_dump(document)
    for word in ("match:", "match_re:", "service_key", "routing_key:", "api_key:", "smtp_auth_password:", "api_url:"):
        if re.search(rf"(^|\s){re.escape(word)}", text):
            complaints.append(f"{word} is written")
    if not any("Watchdog" in str(route.get("matchers")) for route in document["route"].get("routes", [])):
        complaints.append("the watchdog has no route")
    return complaints
