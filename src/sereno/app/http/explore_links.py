"""Ways to Explore from other pages."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

from sereno.slo.expressions import bad_ratio
from sereno.spec.model import Slo

SHARE_OVER = timedelta(minutes=5)


def explore_url(expr: str, **more: str) -> str:
    """The address at which `expr` is explored; `more` are other fields of the form (`since="1d"`)."""
    return "/explore?" + urlencode({"expr": expr, **more})


def slo_expression(slo: Slo) -> str:
    """The share of failures of an objective over five minutes, as PromQL."""
    return bad_ratio(slo.sli, SHARE_OVER)
