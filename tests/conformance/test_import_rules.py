"""Rules that people publish, imported and built again: the same rules come out."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.oracles import imported_rules, sloth

DATA = Path(__file__).parents[3] / "shared" / "data"
FOLDERS = {"kube-prometheus": 220, "awesome": 900}


def _groups(folder: Path):  # type: ignore[no-untyped-def]
    files = {path.relative_to(folder).as_posix(): path.read_text() for path in sorted(folder.rglob("*.y*ml"))}
    return imported_rules.groups_of(files)


@pytest.mark.parametrize(("folder", "least"), FOLDERS.items())
def test_published_rules_come_out_as_they_went_in(folder: str, least: int) -> None:
    if not DATA.exists():
        pytest.skip(f"{DATA} is missing")
    groups = _groups(DATA / "rules" / folder)
    assert sum(len(group.rules) for group in groups) >= least

    built = imported_rules.built_rules(imported_rules.spec_of(groups))

    assert imported_rules.lost(groups, built) == []


@pytest.mark.parametrize("name", [path.name for path, _ in sloth.pairs(DATA / "sloth")] if DATA.exists() else [])
def test_sloths_rules_become_the_objectives_they_were_generated_from(name: str) -> None:
    out = DATA / "sloth" / "out" / name
    groups = imported_rules.groups_of({name: out.read_text()})
    alerts = [rule for group in groups for rule in group.rules if rule.kind == "alert"]

    spec = imported_rules.spec_of(groups)

    found = {f"{s.name}-{slo.name}": slo for s in spec.services.values() for slo in s.slos}
    written = {one.name.split(": ")[1] for one in sloth.compare(DATA / "sloth" / "in" / name, out)}
    if name in ("contrib-denominator-corrected.yaml",) or "wifi" in name:
        assert not found  # their ratios are not plain counters: the alerts stay alerts
        assert sum(len(s.alerts) for s in spec.services.values()) + sum(
            rule.kind == "alert" for s in spec.services.values() for group in s.raw.prometheus for rule in group.rules
        ) == len(alerts)
    elif alerts:
        assert set(found) == written
        assert all(slo.tiers == () for slo in found.values()), "their tiers are the usual ones"
