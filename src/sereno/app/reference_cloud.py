"""What the keys of objectives in somebody else's monitoring mean; see reference_spec.py."""

from __future__ import annotations

from collections.abc import Mapping

MODULES = ("cloud",)
TITLES = {"cloud": "Objectives in CloudWatch"}
HEADINGS = {"an objective in CloudWatch": "service · slos[] · cloudwatch"}
MEANINGS: Mapping[str, Mapping[str, str]] = {
    "an objective in CloudWatch": {
        "namespace": "the metrics' namespace",
        "total": "the metric whose sum is all events",
        "bad": "the metric whose sum is the bad ones; or",
        "good": "the metric whose sum is the good ones. Exactly one",
        "dimensions": "of both metrics; none by default",
    },
}
