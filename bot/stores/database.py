"""Connections to PostgreSQL: the tables by numbered migrations, and each tenant's transactions under row security."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from typing import Any

import psycopg
from psycopg import sql
from psycopg_pool import ConnectionPool, PoolTimeout

from bot.errors import ConfigError, StoreError, StoreLost
from bot.stores import missing, named

_WAIT = 5.0  # seconds for a connection; whoever waits longer serves what is loaded
_CONNECTIONS = 4  # of one process; its visitors' questions need none
_LOCK = 7110312  # of all who bring the tables up to date
_ROLE = "faq_tenant"
Connection = psycopg.Connection[tuple[Any, ...]]


def migrations() -> list[bytes]:
    """The steps that lead to the tables, in order. A released one is never edited, only followed by another."""
    folder = resources.files("bot") / "stores" / "migrations"
    found = sorted((f for f in folder.iterdir() if re.match(r"\d{4}_\w+\.sql\Z", f.name)), key=lambda f: f.name)
    return [f.read_bytes() for f in found]


class Database:
    """One PostgreSQL database. Thread-safe; ``close`` it at the end."""

    def __init__(self, url: str, setting: str = "FAQ_DATABASE_URL") -> None:
        """Nothing is asked of the database yet. ``setting`` is what a wrong address is told to be.

        Raises:
            ConfigError: not an address.
        """
        self.url = url
        try:
            psycopg.conninfo.conninfo_to_dict(url)
        except psycopg.Error:
            raise ConfigError(f"{setting}: write postgresql://USER:PASSWORD@HOST/DATABASE") from None
        waits = {"connect_timeout": int(_WAIT), "tcp_user_timeout": int(1000 * _WAIT)}
        self._pool = ConnectionPool(
            url, min_size=0, max_size=_CONNECTIONS, open=False, timeout=_WAIT, kwargs=waits,
            check=ConnectionPool.check_connection,
        )  # fmt: skip

    def close(self) -> None:
        """End all connections."""
        self._pool.close()

    @contextmanager
    def administer(self) -> Iterator[Connection]:
        """One transaction as the owner of the tables, who sees all tenants; what it does is whole or not at all.

        Raises:
            StoreLost: the database can't be reached, or was lost on the way; nothing was changed.
            StoreError: it refuses.
        """
        try:
            self._pool.open()
            with self._pool.connection() as connection:
                yield connection
        except (PoolTimeout, psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise StoreLost(
                f"the database can't be reached: {_line(error)}: see that it runs, then try again"
            ) from error
        except psycopg.errors.InsufficientPrivilege as error:
            raise StoreError(f"the database refuses: {_line(error)}: connect as the owner of its tables") from error
        except psycopg.Error as error:
            raise StoreError(
                f"the database refuses: {_line(error)}: 'python -m bot tenant migrate' may help"
            ) from error

    @contextmanager
    def tenant(self, name: str, write: bool = False) -> Iterator[tuple[Connection, int]]:
        """One transaction that sees one tenant's rows only, whatever it asks for, and the tenant's number.

        Reading is of one moment: what is published meanwhile is not seen.

        Raises:
            TenantMissing: there is none of that name.
            StoreLost, StoreError: as ``administer``.
        """
        named(name)
        with self.administer() as connection:
            if not write:
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            enter(connection)
            (number,) = connection.execute("SELECT faq_named(%s)", [name]).fetchone() or (None,)
            if number is None:
                raise missing(name)
            connection.execute("SELECT set_config('faq.tenant', %s, true)", [str(number)])
            yield connection, number

    def hosted(self, host: str) -> str | None:
        """The name of the tenant that a host name belongs to.

        Raises:
            StoreLost, StoreError: as ``administer``.
        """
        with self.administer() as connection:
            enter(connection)
            row = connection.execute("SELECT faq_hosted(%s)", [host]).fetchone()
        return row[0] if row else None

    def migrate(self) -> None:
        """Bring the tables up to date, one process after the other.

        Raises:
            StoreError: a newer version of this program made them, or this user may not.
        """
        with self.administer() as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            done = self._done(connection)
            steps = migrations()
            if done > len(steps):
                raise StoreError(
                    f"the database was made by a newer version of this program (format {done}, this one knows "
                    f"{len(steps)}): run that version"
                )
            for number, step in enumerate(steps[done:], done + 1):
                connection.execute(step)
                connection.execute("INSERT INTO faq_migration (number) VALUES (%s)", [number])

    def _done(self, connection: Connection) -> int:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS faq_migration (number integer PRIMARY KEY, at timestamptz DEFAULT now())"
        )
        row = connection.execute("SELECT coalesce(max(number), 0) FROM faq_migration").fetchone()
        return int(row[0]) if row else 0


def enter(connection: Connection) -> None:
    """Take the role that row security holds for, until the transaction ends.

    Raises:
        StoreError: the role was given the right to pass by row security.
    """
    connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(_ROLE)))
    row = connection.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user").fetchone()
    if row is None or row[0]:
        raise StoreError(f"role {_ROLE} passes by row security: ALTER ROLE {_ROLE} NOSUPERUSER NOBYPASSRLS")


def in_bulk(connection: Connection) -> None:
    """Have no row looked up by itself until the transaction ends; for statements that join a version's rows.

    Until a tenant's first version has been analysed the planner takes it for a row or two, and compares each of tens
    of thousands of embeddings with each row searched: 25 seconds to fetch what a join fetches in one.
    """
    connection.execute("SET LOCAL enable_nestloop = off")


def _line(error: Exception) -> str:
    """What went wrong, in one line; drivers add where in the statement."""
    return (str(error).splitlines() or [type(error).__name__])[0].strip().removesuffix(".")
