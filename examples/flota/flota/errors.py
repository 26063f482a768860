"""What goes wrong with a request, and what its sender reads of it, in Spanish."""

from __future__ import annotations

from sereno_kit import ClientError


class Unknown(ClientError):
    """There is no such thing, or it is somebody else's."""

    status = 404
    title = "No existe"


class NotAllowed(ClientError):
    """Who asks has not said who they are."""

    status = 401
    title = "Hace falta entrar"


class Locked(ClientError):
    """Too many wrong passwords in a row."""

    status = 429
    title = "Cuenta bloqueada por un rato"


class Conflict(ClientError):
    """It cannot be done as things stand."""

    status = 409
    title = "Así no se puede"


class Declined(ClientError):
    """The driver's bank said no."""

    status = 402
    title = "El banco no aceptó el pago"
