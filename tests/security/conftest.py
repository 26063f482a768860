"""The houses of the HTTP tests, let to burglars."""

from __future__ import annotations

import pytest
from tests.http.conftest import house, house_of

__all__ = ["house", "house_of"]


@pytest.fixture(autouse=True)
def streams_that_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for everything would listen to the switches for a quarter of an hour."""
    from sereno.app import flag_board

    monkeypatch.setattr(flag_board, "STREAM_SECONDS_MAX", 0.0)
