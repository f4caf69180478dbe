"""Learning of new versions: PostgreSQL tells (LISTEN/NOTIFY); while it can't be reached it is asked again and again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import psycopg
from psycopg import sql

from bot.stores.tenants import CHANNEL

log = logging.getLogger(__name__)
_BEAT = 1.0  # seconds between looks whether the database is there
_PATIENCE = 5  # seconds for a connection


class Listener:
    """Calls ``told`` in a thread of its own: with a tenant's name, or with None when anything may have changed."""

    def __init__(self, url: str, told: Callable[[str | None], object]) -> None:
        self.connected = False
        self.lost = False  # once it could not be reached, until it can
        self.heard = 0  # counts what was told, whatever it was
        self._url = url
        self._told = told
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """End within a beat."""
        self._stopped.set()
        self._thread.join(_PATIENCE + _BEAT)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._listen()
            except psycopg.Error as error:
                if not self.lost:
                    log.error("the database is lost, what is loaded is still served: %s", type(error).__name__)
                self.lost = True
            self.connected = False
            self._stopped.wait(_BEAT)

    def _listen(self) -> None:
        with psycopg.connect(
            self._url, autocommit=True, connect_timeout=_PATIENCE, tcp_user_timeout=1000 * _PATIENCE
        ) as connection:
            connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
            self.connected, self.lost = True, False
            self._hear(None)  # what was published before is not told
            while not self._stopped.is_set():
                for notice in connection.notifies(timeout=_BEAT):
                    self._hear(notice.payload)
                connection.execute("SELECT 1")

    def _hear(self, tenant: str | None) -> None:
        self.heard += 1
        self._told(tenant)
