"""Which outcomes a policy looks at: errors by class, category or predicate; results by the status they carry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sereno_kit.errors import (
    Category,
    ClientError,
    DependencyError,
    InternalError,
    Rejected,
    Transient,
    by_status,
    classify,
)

Errors = type[BaseException] | Category | Callable[[BaseException], bool]
"""An exception's class, a category of faults, or a question asked of the error."""

_CATEGORIES: dict[type, frozenset[Category]] = {
    Transient: frozenset({Category.TRANSIENT}),
    DependencyError: frozenset({Category.DEPENDENCY, Category.TRANSIENT}),
    ClientError: frozenset({Category.CLIENT}),
    InternalError: frozenset({Category.INTERNAL}),
    Rejected: frozenset({Category.REJECTED}),
}


def matcher(on: Errors | tuple[Errors, ...]) -> Callable[[BaseException], bool]:
    """Answers whether an error is one of `on`.

    A class that stands for a category (`Transient`, `DependencyError`, `ClientError`, `InternalError`, `Rejected`)
    also means the errors of others that `classify` puts there: `on=Transient` is true of httpx's `ConnectError`.

    Raises:
        TypeError: for what is neither a class of exceptions, a category, nor callable.
    """
    each = on if isinstance(on, tuple) else (on,)
    categories = frozenset(c for one in each for c in _categories_of(one))
    kinds = tuple(one for one in each if isinstance(one, type))
    questions = tuple(one for one in each if not isinstance(one, (type, Category)))
    for one in each:
        if (isinstance(one, type) and not issubclass(one, BaseException)) or not (callable(one) or one in categories):
            raise TypeError(f"on= takes classes of exceptions, categories or functions of an error, not {one!r}")

    def matches(error: BaseException) -> bool:
        return (
            isinstance(error, kinds)
            or (bool(categories) and classify(error) in categories)
            or any(ask(error) for ask in questions)
        )

    return safely(matches)


def _categories_of(one: Errors) -> frozenset[Category]:
    return frozenset({one}) if isinstance(one, Category) else _CATEGORIES.get(one, frozenset())  # type: ignore[arg-type]


_STATUS_NAMES: dict[type, str | None] = {}
_TYPES_MAX = 1_024
known = _STATUS_NAMES.get
"""`known(type(result), result) is None` says of most results that they are no responses: a happy call's cheap question.

What has not been seen yet answers `result` itself, so that it is looked at properly; and None is no response.
"""


def status_of(result: object) -> int | None:
    """The HTTP status of a response (httpx, requests, aiohttp, urllib3, the standard library's), or None."""
    kind = type(result)
    name = _STATUS_NAMES[kind] if kind in _STATUS_NAMES else _learn(kind, result)
    status = getattr(result, name, None) if name is not None else None
    return status if isinstance(status, int) else None


def _learn(kind: type, result: object) -> str | None:
    """Judged by the class's name, once for each class, so that what is not a response costs one look-up."""
    if len(_STATUS_NAMES) >= _TYPES_MAX:
        _STATUS_NAMES.clear()
    response = any("Response" in one.__name__ for one in kind.__mro__)
    name = ("status_code" if hasattr(result, "status_code") else "status") if response else None
    _STATUS_NAMES[kind] = name
    return name


def plain(result: object) -> bool:
    """Whether `result` is known not to be a response."""
    return known(type(result), result) is None


def fault_of(result: object) -> Category | None:
    """Whose fault a response is that came without an exception, as `httpx.get` returns a 503; None where nobody's."""
    status = status_of(result)
    return by_status(status) if status is not None and 400 <= status <= 599 else None


def safely(question: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """`question`, a user's, which answers no where it raises: the kit does not break its host."""

    def ask(subject: Any) -> bool:
        try:
            return bool(question(subject))
        except Exception as error:
            from sereno_kit.metrics.faults import failed

            failed("pipeline", error, what=f"a policy's question raised {type(error).__qualname__}")
            return False

    return ask


def header_of(outcome: object, name: str) -> str | None:
    """A header of a response, or of the response that an exception carries."""
    try:
        holder: Any = getattr(outcome, "response", None) if isinstance(outcome, BaseException) else outcome
        headers = getattr(holder, "headers", None)
        if headers is None:
            headers = getattr(outcome, "headers", None)
        value = headers.get(name) if headers is not None else None
    except Exception:  # whatever a stranger's `headers` is, it only means that nothing is known
        return None
    return value if isinstance(value, str) else None
