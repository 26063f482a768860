"""The houses of the HTTP tests, let to burglars."""

from __future__ import annotations

from tests.http.conftest import house, house_of

__all__ = ["house", "house_of"]
