"""The label `endpoint` where nobody gave a template: paths with their changing parts left out, and never too many."""

from __future__ import annotations

from sereno_kit import forks

OTHER = "__other__"
_PARTS_MAX = 8
_PART_MAX = 40
_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.")


def shape(path: str) -> str:
    """`path` with the parts that look like values as `{id}`.

    A part is kept if it is letters, `-`, `_` and `.`, at most 40 of them, or a version such as `v2`. From the ninth
    part on there is one `…`.

    >>> shape("/v1/customers/cus_82f3/invoices/2024-01")
    '/v1/customers/{id}/invoices/{id}'
    """
    parts = path.split("/", _PARTS_MAX + 1)
    kept = [part if not part or _is_word(part) else "{id}" for part in parts[: _PARTS_MAX + 1]]
    return "/".join(kept) + ("/…" if len(parts) > _PARTS_MAX + 1 else "") or "/"


def _is_word(part: str) -> bool:
    if part[0] in "vV" and part[1:].isdecimal() and part.isascii() and len(part) <= 4:
        return True
    return len(part) <= _PART_MAX and _WORD.issuperset(part)


class Shapes:
    """The shapes of one integration's paths: the first `most` are kept, what comes after is `__other__`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()
        self._lock = forks.lock()

    def of(self, path: str) -> str:
        """The shape of `path`, if there is room for it."""
        return self.admit(shape(path))

    def admit(self, endpoint: str) -> str:
        """`endpoint` itself, if it is known or there is room for it."""
        if endpoint in self._known:
            return endpoint
        with self._lock:
            if len(self._known) >= self._most:
                return endpoint if endpoint in self._known else OTHER
            self._known.add(endpoint)
            return endpoint
