"""What callers read when something went wrong: problem details (RFC 9457), in their language, without our internals."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson

from sereno_kit.errors import Category, KitError, classify, given_up

if TYPE_CHECKING:
    from sereno_kit.options import Problems
    from sereno_kit.redact import Redactor

Headers = list[tuple[str, str]]
Response = tuple[int, Headers, bytes]
JSON = "application/problem+json"
LANGUAGES = ("en", "es")

_TITLES: Mapping[int, tuple[str, str]] = {
    400: ("Bad request", "La solicitud no es correcta"),
    401: ("Not authenticated", "Falta identificarse"),
    403: ("Not allowed", "No está permitido"),
    404: ("Not found", "No se encontró"),
    405: ("Method not allowed", "El método no está permitido"),
    406: ("Not acceptable", "No hay una forma aceptable de responder"),
    408: ("The request took too long", "La solicitud tardó demasiado"),
    409: ("Conflict", "Hay un conflicto"),
    410: ("Gone", "Ya no existe"),
    412: ("A precondition failed", "No se cumple una condición previa"),
    413: ("The request is too large", "La solicitud es demasiado grande"),
    415: ("Unsupported media type", "El tipo de contenido no se admite"),
    422: ("The request is not valid", "La solicitud no es válida"),
    423: ("Locked", "Está bloqueado"),
    429: ("Too many requests", "Demasiadas solicitudes"),
    500: ("Internal error", "Error interno"),
    501: ("Not implemented", "No está implementado"),
    502: ("A service this one depends on failed", "Falló un servicio del que este depende"),
    503: ("Temporarily unavailable", "No disponible por el momento"),
    504: ("Took too long", "Tardó demasiado"),
}
_OTHERS = {4: 400, 5: 500}
_TEXTS = {
    "en": ("Request", "Try again in {seconds} s."),
    "es": ("Solicitud", "Inténtelo de nuevo en {seconds} s."),
}
_TEXT_CHARACTERS_MAX = 2_000
_HEADER_CHARACTERS_MAX = 500
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_TIMED_OUT = re.compile(r"time_?d?_?out", re.IGNORECASE)
_BY_CATEGORY = {Category.TRANSIENT: 503, Category.DEPENDENCY: 502}
_PHRASES = {title: status for status, (title, _) in _TITLES.items()}


def problem(
    error: BaseException,
    request_id: str = "",
    language: str = "en",
    *,
    redactor: Redactor | None = None,
    types: str = "",
    html: bool = False,
) -> Response:
    """The answer to a request that ended in `error`.

    Nothing of the error's message, arguments or place is in it: only what `KitError.detail` says that the caller may
    read, after the redactor.

    Args:
        error: ours says its status; of others only whether they are ours, a dependency's or of passing nature is told.
        request_id: what the caller may quote to us.
        language: `en` or `es`; see `preferred_language`.
        redactor: for the detail; the default one, if not given.
        types: what the type's URI begins with, such as `https://api.example/problems/`; `about:blank` without it.
        html: a small page instead, for people in browsers.

    Returns:
        The status, the headers and the body.
    """
    status = status_of(error)
    detail = _clean(getattr(error, "detail", "") if isinstance(error, KitError) else "", redactor)
    retry_after = error.retry_after if isinstance(error, KitError) else None
    kind = _slug(type(error)) if isinstance(error, KitError) else _CODES.get(status, "internal-error")
    return rendered(
        status,
        _title(error, status, language),
        kind,
        detail=detail,
        retry_after=retry_after,
        request_id=request_id,
        language=language,
        types=types,
        html=html,
        final=given_up(error),
    )


class Answers:
    """The problems of one service, in the form and the language that each caller asks for.

    Args:
        options: what types begin with.
        redactor: what details pass.
    """

    def __init__(self, options: Problems, redactor: Redactor | None = None) -> None:
        self.options = options
        self._redactor = redactor

    def of(self, error: BaseException, request_id: str, headers: Iterable[tuple[bytes, bytes]]) -> Response:
        """The answer to `error` for a caller who sent `headers`, names in lower case as ASGI has them."""
        html, language = negotiated(headers)
        return problem(error, request_id, language, redactor=self._redactor, types=self.options.types, html=html)

    def framework(
        self,
        status: int,
        detail: object,
        errors: Sequence[Mapping[str, str]],
        request_id: str,
        headers: Iterable[tuple[bytes, bytes]],
    ) -> Response:
        """The answer to an error that the framework itself has raised.

        Args:
            status: the framework's.
            detail: what it says to the caller, if that is text and more than the status's name.
            errors: what is wrong with which part of the request.
            request_id: what the caller may quote to us.
            headers: what he sent.
        """
        html, language = negotiated(headers)
        title = title_of(status, language)
        phrase = _clean(detail, self._redactor)
        return rendered(
            status,
            title,
            _FRAMEWORK.get(status, "http-error"),
            detail="" if phrase == _phrase(status) else phrase,
            request_id=request_id,
            language=language,
            types=self.options.types,
            html=html,
            more={"errors": errors} if errors else None,
        )


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def negotiated(headers: Iterable[tuple[bytes, bytes]]) -> tuple[bool, str]:
    """Whether the caller would rather have HTML, and in which language."""
    html, language = False, "en"
    for name, value in headers:
        if name == b"accept":
            html = prefers_html(value.decode("latin-1"))
        elif name == b"accept-language":
            language = preferred_language(value.decode("latin-1"))
    return html, language


def rendered(
    status: int,
    title: str,
    kind: str,
    *,
    detail: str = "",
    retry_after: float | None = None,
    request_id: str = "",
    language: str = "en",
    types: str = "",
    html: bool = False,
    final: bool = False,
    more: Mapping[str, Any] | None = None,
) -> Response:
    """A problem of which everything is known; for those that are not exceptions.

    `final` says that this program has tried again itself, so that layers of callers do not multiply.
    """
    seconds = retry_seconds(retry_after)
    headers: Headers = [
        ("content-type", "text/html; charset=utf-8" if html else JSON),
        ("content-language", language),
        ("cache-control", "no-store"),
        ("vary", "Accept, Accept-Language"),
    ]
    if seconds is not None:
        headers.append(("retry-after", str(seconds)))
    if final:
        headers.append(("x-no-retry", "1"))
    if html:
        body = _page(status, title, detail, seconds, request_id, language)
    else:
        said: dict[str, Any] = {"type": types + kind if types else "about:blank", "title": title, "status": status}
        if detail:
            said["detail"] = detail
        if request_id:
            if _UUID.fullmatch(request_id):
                said["instance"] = f"urn:uuid:{request_id}"
            said["request_id"] = request_id
        said["code"] = kind.replace("-", "_")
        if seconds is not None:
            said["retry_after"] = seconds
        body = orjson.dumps({**said, **(more or {})}, default=str)
    headers.append(("content-length", str(len(body))))
    return status, headers, body


def status_of(error: BaseException) -> int:
    """The status that tells our caller what `error` means to it.

    What a dependency says about our own request (its 400, its 404) is a fault of ours and not of our caller's: 500.
    """
    if isinstance(error, KitError):
        return error.status if 400 <= error.status <= 599 else 500
    found = _BY_CATEGORY.get(classify(error), 500)
    late = isinstance(error, TimeoutError) or _TIMED_OUT.search(type(error).__name__) is not None
    return 504 if found == 503 and late else found


def title_of(status: int, language: str = "en") -> str:
    """What the status is called in `language`."""
    pair = _TITLES.get(status) or _TITLES[_OTHERS.get(status // 100, 500)]
    return pair[language == "es"]


def retry_seconds(retry_after: float | None) -> int | None:
    """Whole seconds for Retry-After: rounded up, for whoever comes too early is refused again."""
    if retry_after is None or not math.isfinite(retry_after):
        return None
    return max(1, math.ceil(retry_after))


def preferred_language(accept_language: str) -> str:
    """`es` or `en`, by the header Accept-Language (RFC 9110, section 12.5.4); `en` where it names neither."""
    best, best_quality = "en", 0.0
    for item in accept_language[:_HEADER_CHARACTERS_MAX].split(","):
        tag, _, parameters = item.partition(";")
        name = tag.strip().lower().partition("-")[0]
        name = "en" if name == "*" else name
        quality = _quality(parameters)
        if name in LANGUAGES and quality > best_quality:
            best, best_quality = name, quality
    return best


def prefers_html(accept: str) -> bool:
    """Whether Accept names HTML, and ranks it above JSON: a browser's does, a program's does not."""
    html = json = 0.0
    for item in accept[:_HEADER_CHARACTERS_MAX].split(","):
        media, _, parameters = item.partition(";")
        name = media.strip().lower()
        if name in ("text/html", "application/xhtml+xml"):
            html = max(html, _quality(parameters))
        elif name in ("application/json", JSON, "application/*"):
            json = max(json, _quality(parameters))
    return html > json


def _quality(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "q":
            try:
                quality = float(value)
            except ValueError:
                return 0.0
            return quality if 0.0 <= quality <= 1.0 else 0.0
    return 1.0


def _title(error: BaseException, status: int, language: str) -> str:
    """The class's own title; those that are known here in the caller's language."""
    if not isinstance(error, KitError):
        return title_of(status, language)
    title = error.title
    if title in _PHRASES:
        return title_of(_PHRASES[title] if status == type(error).status else status, language)
    return title


def _slug(kind: type[BaseException]) -> str:
    return _CAMEL.sub("-", kind.__name__).lower().replace("_", "-")


_FRAMEWORK = {
    401: "not-authenticated",
    403: "not-allowed",
    404: "not-found",
    405: "method-not-allowed",
    413: "too-large",
    422: "not-valid",
    429: "rate-limited",
}
_CODES = {500: "internal-error", 502: "dependency-error", 503: "transient", 504: "deadline-exceeded"}


def _clean(detail: object, redactor: Redactor | None) -> str:
    """The detail as far as it may be read; nothing of what the redactor cannot judge."""
    if not isinstance(detail, str) or not detail:
        return ""
    try:
        if redactor is None:
            from sereno_kit import redact

            redactor = redact.DEFAULT
        text = redactor.text(detail[:_TEXT_CHARACTERS_MAX])
        return text.encode("utf-8", "replace").decode()
    except Exception:
        return ""


def _page(status: int, title: str, detail: str, seconds: int | None, request_id: str, language: str) -> bytes:
    request, again = _TEXTS[language if language in _TEXTS else "en"]
    lines = [f"<p>{escape(detail)}</p>"] if detail else []
    if seconds is not None:
        lines.append(f"<p>{again.format(seconds=seconds)}</p>")
    if request_id:
        lines.append(f"<p><small>{request} <code>{escape(request_id)}</code></small></p>")
    return (
        f'<!doctype html><html lang="{escape(language)}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{status} {escape(title)}</title><h1>{escape(title)}</h1>{''.join(lines)}</html>\n"
    ).encode()
