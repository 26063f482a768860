"""Other dialects: OpenSLO accepted and refused, Sloth reproduced, round trips, rules brought and built again."""

from __future__ import annotations

import random
import sys
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from bench.figure import Figure

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
sys.path.insert(0, str(ROOT))
_TRIPS = 200


def measure() -> list[Figure]:
    """Every count beside what it must be; what failed is said on stderr."""
    if not DATA.exists():
        raise SystemExit(f"bench: {DATA} is missing")
    return [*_openslo(), *_sloth(), *_round_trips(), *_rules()]


def _openslo() -> list[Figure]:
    from tests.oracles import openslo
    from tests.spec import openslo_cases

    from sereno.app.promql_checker import Checker
    from sereno.spec.dialects.diagnosing import diagnose

    folder = DATA / "openslo"
    good, bad, refused, accepted = 0, 0, 0, 0
    for name, right in openslo.files(folder):
        wrong = openslo.mistakes(folder, name)
        good, bad = good + right, bad + (not right)
        accepted += right and not wrong
        refused += not right and bool(wrong) and all(one.line and one.column for one in wrong)
        if right == bool(wrong):
            print(f"{name}: {[one.render() for one in wrong] or 'accepted'}", file=sys.stderr)
    cases = list(openslo_cases.cases())
    kept = sum(any(d.level == "error" for d in diagnose(case.name, case.text, Checker())) for case in cases)
    return [
        Figure("OpenSLO files accepted", accepted, "files", least=good, beside=f"{good} are right"),
        Figure("OpenSLO files refused with a place", refused, "files", least=bad, beside=f"{bad} are wrong"),
        Figure("wrong OpenSLO documents refused", kept, "cases", least=len(cases)),
    ]


def _sloth() -> list[Figure]:
    from tests.oracles import sloth

    pairs = sloth.pairs(DATA / "sloth")
    found = [one for pair in pairs for one in sloth.compare(*pair)]
    for one in found:
        for wrong in one.wrong:
            print(f"{one.name}: {wrong}", file=sys.stderr)
    deviations = Counter(deviation for one in found for deviation in one.deviations)
    said = "; ".join(f"{count} × {what}" for what, count in sorted(deviations.items()))
    return [
        Figure("Sloth's objectives reproduced", sum(not one.wrong for one in found), "slos", least=len(found),
               beside=f"{len(pairs)} pairs, {sum(one.equal_tiers for one in found)} tiers to 1e-12"),
        Figure("kinds of deviations from Sloth", len(deviations), "kinds", most=4, beside=said),
    ]  # fmt: skip


def _round_trips() -> list[Figure]:
    from sereno.app.promql_checker import Checker
    from sereno.compiler.text import yaml
    from sereno.spec.dialects.exporting_openslo import openslo
    from sereno.spec.dialects.exporting_pyrra import pyrra
    from sereno.spec.dialects.exporting_sloth import sloth
    from sereno.spec.loader import load_text
    from sereno.spec.model import EventsSli, LatencySli, Objective, Service, Slo, Spec, Team

    chance = random.Random(20260101)
    slis: list[EventsSli | LatencySli] = [
        EventsSli('a_total{job="x"}', 'a_total{job="x",code=~"5.."}', None),
        LatencySli('s{job="x"}', 's_bucket{job="x",le="0.25"}', 's_count{job="x"}', Decimal("0.25")),
    ]
    same = 0
    for number in range(_TRIPS):
        percent = Decimal(chance.randrange(1, 10**8)) / 10**6
        slo = Slo(f"slo-{number}", Objective(f"{percent.normalize():f}%", percent.normalize().scaleb(-2)),
                  timedelta(days=30), chance.choice(slis), page_severity="SEV2", ticket_severity="SEV3")  # fmt: skip
        spec = Spec(services={"x": Service("x", "t", title="x", slos=(slo,))}, teams={"t": Team("t", "t")})
        for write in (openslo, sloth, pyrra):
            text = "---\n".join(yaml(document) for document in write(spec).documents)
            found = load_text({"a.yaml": text}, promql=Checker()).spec
            back = found.services["x"].slos[0] if found else None
            same += back is not None and replace(back, source=None, labels=slo.labels) == slo
    return [Figure("objectives equal after a round trip", same, "trips", least=3 * _TRIPS)]


def _rules() -> list[Figure]:
    from tests.oracles import imported_rules

    figures = []
    for folder in ("kube-prometheus", "awesome"):
        root = DATA / "rules" / folder
        files = {path.relative_to(root).as_posix(): path.read_text() for path in sorted(root.rglob("*.y*ml"))}
        groups = imported_rules.groups_of(files)
        count = sum(len(group.rules) for group in groups)
        lost = imported_rules.lost(groups, imported_rules.built_rules(imported_rules.spec_of(groups)))
        for one in lost:
            print(one, file=sys.stderr)
        figures.append(Figure(f"{folder}: rules the same when built", count - len(lost), "rules", least=count))
    return figures
