"""The store of what visitors tell the staff: one SQLite file, brought up to date by numbered migrations.

It holds no word of a conversation. Feedback says which index replied, how, from which articles, and whether
that helped.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from bot.errors import StateError, StateNewer
from bot.schema import Status

Reason = Literal["other_question", "unclear", "missing", "wrong", "none"]
REASONS: tuple[Reason, ...] = get_args(Reason)
KEPT = 100_000  # newest rows; a clinic's decade, and some 15 MB if somebody floods it
_WAIT = 5.0  # seconds for another process's write to end

# Number n brings a database of version n - 1 to n. What has been released is never edited, only added to.
MIGRATIONS = (
    """
    CREATE TABLE feedback (
        id INTEGER PRIMARY KEY,
        at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
        index_version TEXT NOT NULL,
        status TEXT NOT NULL,
        helpful INTEGER NOT NULL CHECK (helpful IN (0, 1)),
        reason TEXT,
        sources TEXT NOT NULL -- a JSON list of source_ids
    );
    """,
)


@dataclass(frozen=True, slots=True)
class Feedback:
    """Whether a reply helped; ``reason`` only where it did not."""

    index_version: str
    status: Status
    helpful: bool
    reason: Reason | None = None
    sources: tuple[str, ...] = ()


class Store:
    """The database. Thread-safe; a path of None keeps everything in memory, until the end of the process."""

    def __init__(self, path: Path | None = None) -> None:
        """Open or make the file.

        Raises:
            StateNewer: a newer version of this program wrote the file.
            StateError: the file can't be used.
        """
        self._lock = threading.Lock()
        self._where = str(path or ":memory:")
        try:
            if path:
                path.parent.mkdir(parents=True, exist_ok=True)
            # A connection may cross threads because the lock lets one in at a time.
            self._db = sqlite3.connect(self._where, timeout=_WAIT, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")  # reading doesn't wait for writing
            self._migrate()
        except (OSError, sqlite3.Error) as error:
            raise StateError(f"{self._where} can't be used: {error}. Set FAQ_STATE to another file.") from error

    def _migrate(self) -> None:
        with closing(self._db.cursor()) as cursor:
            cursor.execute("BEGIN IMMEDIATE")  # two processes that start together do it one after the other
            (version,) = cursor.execute("PRAGMA user_version").fetchone()
            if version > len(MIGRATIONS):
                raise StateNewer(
                    f"{self._where} was written by a newer version of this program (format {version}, this one knows "
                    f"{len(MIGRATIONS)}). Run that version, or set FAQ_STATE to another file."
                )
            for number, script in enumerate(MIGRATIONS[version:], version + 1):
                for statement in filter(str.strip, script.split(";\n")):
                    cursor.execute(statement)
                cursor.execute(f"PRAGMA user_version = {number}")
            self._db.commit()

    def add(self, feedback: Feedback) -> None:
        """Keep a visitor's feedback; the oldest rows make room.

        Raises:
            StateError: it could not be written, for example because the disk is full.
        """
        row = (
            feedback.index_version, feedback.status, feedback.helpful, feedback.reason, json.dumps(feedback.sources)
        )  # fmt: skip
        insert = "INSERT INTO feedback (index_version, status, helpful, reason, sources) VALUES (?, ?, ?, ?, ?)"
        try:
            with self._lock, self._db:
                added = self._db.execute(insert, row).lastrowid or 0
                self._db.execute("DELETE FROM feedback WHERE id <= ?", (added - KEPT,))
        except sqlite3.Error as error:
            raise StateError(f"{self._where} can't be written: {error}. Make room, or set FAQ_STATE.") from error

    def feedback(self) -> Sequence[Feedback]:
        """All that was told, oldest first."""
        columns = "SELECT index_version, status, helpful, reason, sources FROM feedback ORDER BY id"
        with self._lock:
            rows = self._db.execute(columns).fetchall()
        return [Feedback(v, status, bool(h), why, tuple(json.loads(s))) for v, status, h, why, s in rows]

    def close(self) -> None:
        """Close the file; what WAL keeps beside it is merged in."""
        with self._lock:
            self._db.close()
