"""Parse and evaluate PromQL over columns of samples, whole ranges at once, with no network and no disk.

    result = evaluate("sum(rate(http_requests_total[5m]))", Grid.at(now_ms), store.select)

As Prometheus 2.42 computes; what is not supported raises UnsupportedQuery.
"""

from sereno.promql.ast import Expr
from sereno.promql.columns import STALE, Columns, Grid, Matcher, Result, Select, Selection
from sereno.promql.evaluate import evaluate, selections
from sereno.promql.limits import Limits
from sereno.promql.matching import matches, selector_text
from sereno.promql.native import Buckets, Histogram
from sereno.promql.parser import parse
from sereno.promql.plan import Settings
from sereno.promql.selectors import conditions_of, matchers_of
from sereno.promql.signatures import kind_of
from sereno.promql.together import evaluate_all

__all__ = [
    "STALE",
    "Buckets",
    "Columns",
    "Expr",
    "Grid",
    "Histogram",
    "Limits",
    "Matcher",
    "Result",
    "Select",
    "Selection",
    "Settings",
    "conditions_of",
    "evaluate",
    "evaluate_all",
    "kind_of",
    "matchers_of",
    "matches",
    "parse",
    "selections",
    "selector_text",
]
