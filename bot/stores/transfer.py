"""A clinic's whole state from one database into another: a file into a tenant, and a tenant into a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot import keeping
from bot.errors import StateError
from bot.staff import Store

if TYPE_CHECKING:
    from pathlib import Path

    from bot.state import Cursor, StateDatabase

# In an order in which each row finds what it refers to. Sessions stay behind: who was signed in signs in again.
TABLES = ("feedback", "entry", "asked", "wording", "cited", "lesson", "taught", "audit", "account", "browser")
NUMBERED = ("feedback", "entry", "lesson", "audit")  # tables that give their rows numbers


def to_file(state: StateDatabase, path: Path) -> None:
    """Write a tenant's state into a new file, as one that serves a clinic alone.

    Raises:
        StateError: it can't be read or written.
    """
    file = Store(path)
    try:
        with state.read() as source, file.write() as target:
            _copy(source, target)
            target.execute("DELETE FROM sqlite_sequence")
            given = source.execute("SELECT name, last FROM counter").fetchall()
            target.executemany("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", given)
            (version,) = source.execute("SELECT version FROM teaching").fetchone()
            target.execute("UPDATE teaching SET version = ?", (version,))
    finally:
        file.close()


def from_file(state: StateDatabase, path: Path) -> int:
    """Put what is in a file, which is left as it is, into a tenant that has nothing yet; returns how many rows.

    All of it, or nothing. Numbers stay, so that the audit log tells of the same records.

    Raises:
        StateNewer: a newer version of this program wrote the file.
        StateError: the file is damaged or no state, there is something already, or it could not be written.
    """
    keeping.check(path)
    copy = Store()  # an older file is brought up to date there
    try:
        keeping.file_of(copy).replace_by(path)
        with copy.read() as source, state.write() as target:
            held = next((t for t in TABLES if target.execute(f"SELECT 1 FROM {t} LIMIT 1").fetchone()), None)
            if held:
                raise StateError(
                    f"There is something in its table '{held}' already, so nothing was imported. Export the tenant, "
                    "delete it and create it anew first."
                )
            rows = _copy(source, target)
            target.execute("DELETE FROM counter")
            for table in NUMBERED:
                told = "SELECT coalesce(max(id), 0) FROM " + table
                last = max(source.execute(told).fetchone()[0], _given(source, table))
                target.execute("INSERT INTO counter (name, last) VALUES (?, ?)", (table, last))
            (version,) = source.execute("SELECT version FROM teaching").fetchone()
            target.execute("UPDATE teaching SET version = version + ? + 1", (version,))
            return rows
    finally:
        copy.close()


def _copy(source: Cursor, target: Cursor) -> int:
    copied = 0
    for table in TABLES:
        found = source.execute(f"SELECT * FROM {table}")
        places = [place for place, column in enumerate(found.description) if column[0] != "tenant"]
        names = [found.description[place][0] for place in places]
        marks = ", ".join("?" * len(names))
        rows = [tuple(row[place] for place in places) for row in found.fetchall()]
        target.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", rows)
        copied += len(rows)
    return copied


def _given(source: Cursor, table: str) -> int:
    """The last number that a file's table has given, though its row may be gone."""
    found = source.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
    return int(found[0]) if found else 0
