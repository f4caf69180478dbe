"""One tenant's state in PostgreSQL, under row security like its articles."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import psycopg

from bot.errors import StateError, StoreError, StoreLost

if TYPE_CHECKING:
    from bot.stores.database import Database
    from bot.stores.listener import Listener

# Writers of a tenant are alone, as in a file: they take turns at a lock that readers need not. Who waits too long is
# told so, and a server that hangs in the midst of a transaction loses it.
_ALONE = """
    SELECT set_config('lock_timeout', '10s', true), set_config('idle_in_transaction_session_timeout', '10s', true),
        set_config('synchronous_commit', 'on', true)
"""
_LOCK = "SELECT pg_advisory_xact_lock(7110313, (%s %% 2147483647)::integer)"
_REMEDY = "See that the database runs, then try again."
_VALUE = re.compile(r"\?|:(\w+)")


@lru_cache(maxsize=256)
def translated(sql: str) -> bytes:
    """A statement of ``state``'s SQL as psycopg reads it."""
    return _VALUE.sub(lambda found: f"%({found[1]})s" if found[1] else "%s", sql.replace("%", "%%")).encode()


def _storable(values: Any) -> Any:
    """The values of a statement without the one character that PostgreSQL's texts can't hold."""
    if isinstance(values, dict):
        return dict(zip(values, _storable(values.values()), strict=True))
    return [value.replace("\0", "") if isinstance(value, str) else value for value in values]


class TenantCursor:
    """See ``state.Cursor``."""

    def __init__(self, cursor: psycopg.Cursor[tuple[Any, ...]]) -> None:
        self._cursor = cursor

    @property
    def rowcount(self) -> int:
        return self._cursor.rowcount

    @property
    def description(self) -> Any:
        return self._cursor.description

    def execute(self, sql: str, values: Any = (), /) -> TenantCursor:
        self._cursor.execute(translated(sql), _storable(values))
        return self

    def executemany(self, sql: str, rows: Iterable[Any], /) -> None:
        self._cursor.executemany(translated(sql), [_storable(row) for row in rows])

    def fetchone(self) -> Any:
        return self._cursor.fetchone()

    def fetchall(self) -> list[Any]:
        return self._cursor.fetchall()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._cursor)


class TenantState:
    """See ``state.StateDatabase``. With a ``listener`` nobody waits for a database that is lost, and what is taught is
    read again only when something was heard of a change.
    """

    def __init__(self, database: Database, tenant: str, listener: Listener | None = None) -> None:
        """Nothing is asked of the database yet."""
        self._database = database
        self._tenant = tenant
        self._listener = listener
        self._heard = -1  # what the listener had heard when the version was read
        self._version: int | None = None

    @contextmanager
    def write(self) -> Iterator[TenantCursor]:
        """See ``StateDatabase.write``."""
        with self._transaction("written", write=True) as (connection, own):
            connection.execute(_ALONE)
            connection.execute(_LOCK, [own])
            with connection.cursor() as cursor:
                yield TenantCursor(cursor)

    @contextmanager
    def read(self) -> Iterator[TenantCursor]:
        """See ``StateDatabase.read``."""
        with self._transaction("read", write=False) as (connection, _), connection.cursor() as cursor:
            yield TenantCursor(cursor)

    def teaching_version(self, now: bool) -> int:
        """See ``StateDatabase.teaching_version``."""
        listener = self._listener
        if listener and self._version is not None and not now and (listener.lost or listener.heard == self._heard):
            return self._version
        heard = listener.heard if listener else -1  # before it is read: what is heard meanwhile counts
        with self.read() as cursor:
            self._version = int(cursor.execute("SELECT version FROM teaching").fetchone()[0])
        self._heard = heard
        return self._version

    def tidy(self) -> None:
        """Nothing: autovacuum does it."""

    def close(self) -> None:
        """Nothing: the connections are all tenants'."""

    @contextmanager
    def _transaction(self, done: str, write: bool) -> Iterator[tuple[psycopg.Connection[tuple[Any, ...]], int]]:
        try:
            if self._listener and self._listener.lost:
                raise StoreLost("the database can't be reached")
            with self._database.tenant(self._tenant, write) as found:
                yield found
        except StoreError as error:
            told = str(error).removesuffix(".")
            raise StateError(f"What tenant {self._tenant!r} keeps can't be {done}: {told}. {_REMEDY}") from error
