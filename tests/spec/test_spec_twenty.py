"""One spec with twenty mistakes of different kinds: each is reported, at its own line and column."""

from __future__ import annotations

import re

import pytest

from sereno.app.promql_checker import Checker
from sereno.kernel.errors import QueryError
from sereno.spec.loader import load_text

# «CODE» stands just before the character at which that mistake must be reported.
MARKED = """\
workspace: shop
variables: {slow: {type: duration, default: «SER128»500}, region: south}
defaults: {slos: {window: 30d}}
---
template: fast
slo: {objective: 95%, sli: {http: {within: «SER030»300}}}
---
{team: shop, escalation: «SER052»shpo}
---
person: ana
zone: «SER035»Lima/Peru
contacts: [{email: «SER034»ana(at)shop.example}]
---
{escalation: shop, steps: [{page: ana}, {page: ana, after: «SER030»5min}]}
---
maintenance: weekly
start: «SER122»2026-01-04
duration: 2h
rrule: «SER123»every sunday
---
policy: standard
steps: [{at: «SER120»0.8, do: Only what is safe}, {at: 100%, do: Nothing, freeze: «SER020»yes}]
---
service: api
team: shop
«SER021»tittle: The API
description: in ${«SER127»regoin}
slos:
  - name: availability
    objective: «SER031»100%
    policy: «SER115»standrad
    sli:
      events:
        total: http_requests_total{job="api"}
        bad: status=~«SER061»5..
  - {name: latency, extends: fast}
  - {name: «SER012»latency, extends: fast}
  - name: jobs
    objective: 99%
    sli: {query: {ratio: «SER113»'sum(rate(failed_total[5m]))'}}
  - {name: both, objective: 9%, sli: {composite: {mode: all, of: [jobs, «SER116»availabilty]}}}
alerts:
  - alert: Down
    severity: «SER056»P9
    expr: |
      sum by (job) (
        «SER060»rat(http_requests_total[5m])
      ) == 0
"""


def test_all_mistakes_of_one_spec_are_reported_each_at_its_place() -> None:
    text, wanted = "", []
    for piece in re.split("(«[A-Z0-9]+»)", MARKED.replace("${«SER127»", "«SER127»${")):
        if piece.startswith("«"):
            line, column = text.count("\n") + 1, len(text) - (text.rfind("\n") + 1) + 1
            wanted.append((line, column, piece.strip("«»")))
        else:
            text += piece
    loaded = load_text({"all.yaml": text}, promql=Checker())
    found = [(d.line, d.column, d.code) for d in loaded.diagnostics]
    assert len(wanted) >= 20
    assert found == sorted(wanted), "\n\n".join(d.render() for d in loaded.diagnostics)


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("sum(rat(x[5m]))", "did you mean `rate`?"),
        ("summ(x)", "did you mean `sum`?"),
        ("histogram_quantil(0.9, x)", "did you mean `histogram_quantile`?"),
        ("sum(x) bi (job)", "did you mean `by`?"),
        ("x ofset 5m", "did you mean `offset`?"),
        ("sum without (a) (x) grop_left y", "did you mean `group_left`?"),
        ("zzzz(x)", None),
    ],
)
def test_promql_with_typing_mistakes_says_what_was_meant(written: str, hint: str | None) -> None:
    with pytest.raises(QueryError) as error:
        Checker().check(written)
    assert error.value.hint == hint
