"""The terminal: a page as a block that stands out between the lines of a log."""

from __future__ import annotations

from typing import TextIO

from sereno.kernel.errors import DeliveryError
from sereno.kernel.inert import inert, inert_line
from sereno.kernel.language import Phrases, say
from sereno.kernel.message import Message

WIDTH = 72
PHRASES: Phrases = {
    "page": {"es": "AVISO PARA {person}", "en": "PAGE FOR {person}"},
    "closed": {"es": "AVISO CERRADO · {person}", "en": "PAGE CLOSED · {person}"},
    "notice": {"es": "NOTICIA PARA {person}", "en": "NOTICE FOR {person}"},
}


class TerminalNotifier:
    """Writes messages to a stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    async def send(self, message: Message) -> str:
        """Write the block at once and whole. Raises DeliveryError if the stream is gone."""
        try:
            self._stream.write(block(message))
            self._stream.flush()
        except ValueError as error:  # a closed file
            raise DeliveryError("the terminal is closed", permanent=True) from error
        except OSError as error:
            raise DeliveryError(f"the terminal cannot be written: {error.strerror}") from error
        return "terminal"


def block(message: Message) -> str:
    """The message between two rules, with nothing in it that a terminal would obey."""
    title = say(PHRASES, message.purpose, message.language, person=message.person or message.address)
    top = f"━━ {inert_line(title)} ".ljust(WIDTH, "━")
    body = "\n".join(f"  {line}".rstrip() for line in inert(message.text).strip().splitlines())
    return f"\n{top}\n  {inert_line(message.subject)}\n\n{body}\n{'━' * WIDTH}\n"
