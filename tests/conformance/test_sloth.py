"""Sloth's examples: what Sereno makes of them is what Sloth generates, but for what this page lists."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.oracles import sloth

DATA = Path(__file__).parents[3] / "shared" / "data" / "sloth"
PAIRS = [path.name for path, _ in sloth.pairs(DATA)] if DATA.exists() else []
EVERYWHERE = {sloth.NO_FACTOR_ONE, sloth.NEVER_SEEN, sloth.IDLE}

# How each objective differs from what Sloth makes of it, with the reason in words; nothing else may.
DEVIATIONS = {
    "contrib-denominator-corrected.yaml: svc01-slo1": EVERYWHERE,
    "contrib-slo-plugins.yml: myservice-requests-availability-contrib-plugin-info-labels-v1": EVERYWHERE,
    "contrib-slo-plugins.yml: myservice-requests-availability-contrib-plugin-rule-intervals-v1": EVERYWHERE,
    "getting-started.yml: myservice-requests-availability": EVERYWHERE,
    "home-wifi.yml: home-wifi-good-wifi-client-satisfaction": {sloth.NO_FACTOR_ONE},
    "home-wifi.yml: home-wifi-risk-wifi-client-satisfaction": {sloth.NO_FACTOR_ONE},
    "k8s-getting-started.yml: myservice-requests-availability": EVERYWHERE,
    "k8s-home-wifi.yml: home-wifi-good-wifi-client-satisfaction": {sloth.NO_FACTOR_ONE},
    "k8s-home-wifi.yml: home-wifi-risk-wifi-client-satisfaction": {sloth.NO_FACTOR_ONE},
    "kubernetes-apiserver.yml: k8s-apiserver-requests-availability": EVERYWHERE,
    "kubernetes-apiserver.yml: k8s-apiserver-requests-latency": {sloth.NO_FACTOR_ONE, sloth.IDLE},
    "multifile.yml: myservice-requests-availability": EVERYWHERE,
    "multifile.yml: myservice2-requests-availability": EVERYWHERE,
    "no-alerts.yml: myapp-http-availability": {sloth.NEVER_SEEN, sloth.IDLE},
    "openslo-getting-started.yml: my-service-sloth-slo-my-service": {sloth.MORE_ALERTS, sloth.IDLE},
    "plugin-getting-started.yml: myservice-requests-availability": EVERYWHERE,
    "slo-plugin-getting-started.yml: myservice-requests-availability": EVERYWHERE,
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_pair_of_sloths_is_reproduced(name: str) -> None:
    found = sloth.compare(DATA / "in" / name, DATA / "out" / name)

    assert [wrong for one in found for wrong in one.wrong] == []
    assert {one.name: one.deviations for one in found} == {
        key: value for key, value in DEVIATIONS.items() if key.startswith(f"{name}: ")
    }
    assert all(one.ratios >= 5 for one in found), "no ratio was compared"


def test_every_pair_was_looked_at() -> None:
    if not DATA.exists():
        pytest.skip(f"{DATA} is missing")
    assert len(PAIRS) == 12
