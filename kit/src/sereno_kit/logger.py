"""The logger that programs use, without what it is made of: structlog is imported when the first one is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sereno_kit.logs import BoundLogger


def get_logger(name: str = "", **fields: Any) -> BoundLogger:
    """A structured logger: `log.info("order created", order_id=7)`.

    It may be made at any time, before `instrument` too: until then its lines pass `logging` as they are.

    Args:
        name: of the logger, as in `logging`: the module's `__name__`.
        fields: on all its lines.
    """
    from sereno_kit import logs

    return logs.get_logger(name, **fields)
