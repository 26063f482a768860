"""prometheus/compliance's PromQL queries: the same answers as the packaged Prometheus."""

from __future__ import annotations

import pytest

from bench.compliance import measure, queries


def test_there_are_539_cases_of_which_five_must_fail():
    found = list(queries())
    assert len(found) == 539
    assert sum(query.fails for query in found) == 5


@pytest.mark.prometheus
def test_all_cases_agree(capsys):
    (figure,) = measure()
    assert figure.passed, capsys.readouterr().err
