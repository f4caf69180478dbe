"""Connections that send too slowly are closed, so that a few thousand of them can't take every place there is.

The limits are those of Apache's mod_reqtimeout: a head in some seconds, a body at some hundred bytes a second. A proxy
in front keeps slow visitors away from the chat altogether (``deploy/nginx.conf``); this is for a server without one.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

SPELL = 10.0  # seconds for a request's head, and between two looks at its body
LEAST = 5_000  # bytes of a body that a spell brings at least


class Patience(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """Uvicorn's protocol, which waits for ever for the rest of a request, with an end to it."""

    spell, least = SPELL, LEAST

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._timer: asyncio.TimerHandle | None = None
        self._came = 0  # bytes in this spell

    def connection_made(self, transport: asyncio.Transport) -> None:
        """The first request is waited for from now on."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Part of a request: a whole one is waited for no longer, of a new one the time begins."""
        super().data_received(data)
        self._came += len(data)
        if self._whole():
            self._stop()
        elif self._timer is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is waited for."""
        self._stop()
        super().connection_lost(exc)

    def _whole(self) -> bool:
        """Whether a request is being answered, all of which has come."""
        return self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        self._came = 0
        self._timer = self.loop.call_later(self.spell, self._look)

    def _look(self) -> None:
        """A spell is over: go on waiting for a body that comes well enough."""
        self._timer = None
        answering = self.cycle is not None and not self.cycle.response_complete
        if self._whole():
            return
        if answering and self._came >= self.least:
            self._wait()
        else:
            self.transport.abort()
