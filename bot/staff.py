"""The store of what visitors and staff tell: one SQLite file, brought up to date by numbered migrations.

It says who changed what and when (``audit``), never who a visitor is. What a visitor typed is in it only where the
clinic chose so (``Config.keep``).
"""

from __future__ import annotations

import datetime
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from bot.errors import StateError, StateNewer
from bot.migrations import MIGRATIONS
from bot.schema import Status

Reason = Literal["other_question", "unclear", "missing", "wrong", "none"]
REASONS: tuple[Reason, ...] = get_args(Reason)
KEPT = 100_000  # newest rows; a clinic's decade, and some 15 MB if somebody floods it
_GLANCE = 1.0  # seconds that reading waits: only while a backup is put in place it has to
_WAIT = 10.0  # seconds for other processes' writes to end; twenty that write at once need less than one


@dataclass(frozen=True, slots=True)
class Feedback:
    """Whether a reply helped; ``reason`` only where it did not."""

    index_version: str
    status: Status
    helpful: bool
    reason: Reason | None = None
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Deed:
    """One line of the audit log: ``at`` in UTC, ``what`` names a record ("entry 3"), never a visitor's words."""

    at: str
    who: str
    did: str
    what: str


def utc_now() -> datetime.datetime:
    """The time, in UTC."""
    return datetime.datetime.now(datetime.UTC)


class Store:
    """The database. Thread-safe; a path of None keeps everything in memory, until the end of the process."""

    def __init__(self, path: Path | None = None, clock: Callable[[], datetime.datetime] = utc_now) -> None:
        """Open or make the file.

        Raises:
            StateNewer: a newer version of this program wrote the file.
            StateError: the file can't be used.
        """
        self.path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._glance = threading.Lock() if path else self._lock
        self._where = str(path or ":memory:")
        try:
            if path:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._db = self._connected()
            self._db.execute("PRAGMA journal_mode = WAL")  # reading doesn't wait for writing
            self._db.execute("PRAGMA foreign_keys = ON")
            self._db.execute("PRAGMA secure_delete = ON")  # what is forgotten is overwritten
            self._migrate()
            # Who reads waits for no writer, this process' own included: a visitor's reply depends on it.
            self._reader = self._connected(_GLANCE) if path else self._db
        except (OSError, sqlite3.Error) as error:
            raise StateError(f"{self._where} can't be used: {error}. Set FAQ_STATE to another file.") from error

    def _connected(self, wait: float = _WAIT) -> sqlite3.Connection:
        # A connection may cross threads because a lock lets one in at a time. Transactions are begun by hand.
        made = sqlite3.connect(self._where, timeout=wait, check_same_thread=False, isolation_level=None)
        made.create_function("half", 1, lambda periods: 0.5**periods, deterministic=True)
        return made

    def _migrate(self) -> None:
        with closing(self._db.cursor()) as cursor:
            cursor.execute("BEGIN IMMEDIATE")  # two processes that start together do it one after the other
            (version,) = cursor.execute("PRAGMA user_version").fetchone()
            if version > len(MIGRATIONS):
                self._db.rollback()
                raise StateNewer(
                    f"{self._where} was written by a newer version of this program (format {version}, this one knows "
                    f"{len(MIGRATIONS)}). Run that version, or set FAQ_STATE to another file."
                )
            for number, script in enumerate(MIGRATIONS[version:], version + 1):
                for statement in filter(str.strip, script.split(";\n")):
                    cursor.execute(statement)
                cursor.execute(f"PRAGMA user_version = {number}")
            self._db.commit()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Cursor]:
        """One transaction, whole or not at all; when the block is left it is on the disk.

        Raises:
            StateError: it could not be written, for example because the disk is full.
        """
        try:
            with self._lock, closing(self._db.cursor()) as cursor:
                cursor.execute("BEGIN IMMEDIATE")
                try:
                    yield cursor
                    self._db.commit()
                finally:
                    if self._db.in_transaction:
                        self._db.rollback()
        except sqlite3.Error as error:
            raise StateError(f"{self._where} can't be written: {error}. Make room, or set FAQ_STATE.") from error

    @contextmanager
    def read(self) -> Iterator[sqlite3.Cursor]:
        """Several questions to one state of the database.

        Raises:
            StateError: it could not be read.
        """
        try:
            with self._glance, closing(self._reader.cursor()) as cursor:
                cursor.execute("BEGIN")
                try:
                    yield cursor
                finally:
                    self._reader.rollback()
        except sqlite3.Error as error:
            raise StateError(f"{self._where} can't be read: {error}. Restore a backup, or set FAQ_STATE.") from error

    def teaching_version(self) -> int:
        """Changes with every change of what is taught, by whichever process; microseconds.

        Raises:
            StateError: it could not be read.
        """
        try:
            with self._glance:
                return int(self._reader.execute("SELECT version FROM teaching").fetchone()[0])
        except sqlite3.Error as error:
            raise StateError(f"{self._where} can't be read: {error}. Restore a backup, or set FAQ_STATE.") from error

    @property
    def questions(self) -> Path | None:
        """The regression set's staff file: the questions of what is taught, beside the database."""
        return self.path.with_name(f"{self.path.stem}.questions.jsonl") if self.path else None

    def now(self) -> str:
        """The time as it is stored: UTC, to the second, ``2026-01-31T12:00:00Z``."""
        return self._clock().strftime("%Y-%m-%dT%H:%M:%SZ")

    def today(self) -> datetime.date:
        """The day, in UTC."""
        return self._clock().date()

    def note(self, cursor: sqlite3.Cursor, who: str, did: str, what: str) -> None:
        """Add a line to the audit log, in the transaction of what it tells of."""
        cursor.execute("INSERT INTO audit (at, who, did, what) VALUES (?, ?, ?, ?)", (self.now(), who, did, what))

    def audit(self, newest: int = 1000) -> list[Deed]:
        """Who did what and when, the newest first."""
        with self.read() as cursor:
            rows = cursor.execute("SELECT at, who, did, what FROM audit ORDER BY id DESC LIMIT ?", (newest,)).fetchall()
        return [Deed(*row) for row in rows]

    def add(self, feedback: Feedback) -> None:
        """Keep a visitor's feedback; the oldest rows make room.

        Raises:
            StateError: it could not be written, for example because the disk is full.
        """
        row = (
            self.now(), feedback.index_version, feedback.status, feedback.helpful, feedback.reason,
            json.dumps(feedback.sources),
        )  # fmt: skip
        insert = "INSERT INTO feedback (at, index_version, status, helpful, reason, sources) VALUES (?, ?, ?, ?, ?, ?)"
        with self.write() as cursor:
            added = cursor.execute(insert, row).lastrowid or 0
            cursor.execute("DELETE FROM feedback WHERE id <= ?", (added - KEPT,))

    def feedback(self) -> Sequence[Feedback]:
        """All that was told, oldest first."""
        columns = "SELECT index_version, status, helpful, reason, sources FROM feedback ORDER BY id"
        with self.read() as cursor:
            rows = cursor.execute(columns).fetchall()
        return [Feedback(v, status, bool(h), why, tuple(json.loads(s))) for v, status, h, why, s in rows]

    def copy_to(self, path: Path) -> None:
        """Copy the whole database into a file while others go on writing (SQLite's online backup).

        Raises:
            StateError: it could not be written.
        """
        try:
            with closing(sqlite3.connect(path)) as target, closing(self._connected()) as source:
                (source if self.path else self._db).backup(target)
                target.execute("PRAGMA journal_mode = DELETE")  # one file, nothing beside it
        except sqlite3.Error as error:
            raise StateError(f"{path} can't be written: {error}. Choose another file, or make room.") from error

    def replace_by(self, path: Path) -> None:
        """Put the content of another database, checked before, in the place of this one's, in one transaction.

        Raises:
            StateError: it could not be done; the content is as it was.
        """
        try:
            with self._lock, closing(sqlite3.connect(path)) as source:
                source.backup(self._db)
                self._db.execute("PRAGMA journal_mode = WAL")
                self._migrate()  # a backup may be older
        except sqlite3.Error as error:
            raise StateError(f"{path} could not be restored: {error}. Try again; nothing was changed.") from error

    def tidy(self) -> None:
        """Let what was deleted leave the disk too, as far as nobody reads at this moment."""
        with self._lock, suppress(sqlite3.Error):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Close the file; what WAL keeps beside it is merged in."""
        with self._glance:
            self._reader.close()
        with self._lock:
            self._db.close()
