"""The state in one SQLite file, brought up to date by numbered migrations."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from bot.errors import StateError, StateNewer
from bot.migrations import MIGRATIONS

_GLANCE = 1.0  # seconds that reading waits: only while a backup is put in place it has to
_WAIT = 10.0  # seconds for other processes' writes to end; twenty that write at once need less than one


class StateFile:
    """See ``state.StateDatabase``. A path of None keeps everything in memory, until the end of the process."""

    def __init__(self, path: Path | None = None) -> None:
        """Open or make the file.

        Raises:
            StateNewer: a newer version of this program wrote the file.
            StateError: the file can't be used.
        """
        self.path = path
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
        """See ``StateDatabase.write``."""
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
        """See ``StateDatabase.read``."""
        try:
            with self._glance, closing(self._reader.cursor()) as cursor:
                cursor.execute("BEGIN")
                try:
                    yield cursor
                finally:
                    self._reader.rollback()
        except sqlite3.Error as error:
            raise StateError(f"{self._where} can't be read: {error}. Restore a backup, or set FAQ_STATE.") from error

    def teaching_version(self, now: bool) -> int:
        """See ``StateDatabase.teaching_version``; always as it is now, in microseconds."""
        try:
            with self._glance:
                return int(self._reader.execute("SELECT version FROM teaching").fetchone()[0])
        except sqlite3.Error as error:
            raise StateError(f"{self._where} can't be read: {error}. Restore a backup, or set FAQ_STATE.") from error

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
        """See ``StateDatabase.tidy``; nothing is done where somebody reads at this moment."""
        with self._lock, suppress(sqlite3.Error):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Close the file; what WAL keeps beside it is merged in."""
        with self._glance:
            self._reader.close()
        with self._lock:
            self._db.close()
