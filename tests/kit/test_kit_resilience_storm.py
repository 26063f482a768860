"""Three layers that all retry do not bury the dependency beneath them."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from tests.kit.guarded import metrics

from bench import retry_storm
from sereno_kit.testing.clock import FakeClock

pytestmark = pytest.mark.usefixtures("metrics", "quiet")
__all__ = ["metrics"]


@pytest.fixture
def quiet() -> Iterator[None]:
    logger = logging.getLogger("sereno_kit.pipeline")
    before, logger.disabled = logger.disabled, True
    yield
    logger.disabled = before


def test_a_naive_loop_multiplies() -> None:
    assert retry_storm.load(retry_storm.naive, FakeClock(), 10) == 64


@pytest.mark.parametrize("processes", [False, True])
def test_ours_does_not(processes: bool) -> None:
    clock = FakeClock()
    assert 1.0 < retry_storm.load(retry_storm.kit(clock, processes=processes), clock, 2_000) <= 1.5
