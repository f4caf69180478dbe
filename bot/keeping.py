"""Keep, forget, copy and put back what is in the state database."""

from __future__ import annotations

import datetime
import json
import logging
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from bot.errors import StateError, StateNewer
from bot.language import wording as as_worded
from bot.migrations import MIGRATIONS
from bot.staff import Store
from bot.state import Cursor
from bot.state_file import StateFile

log = logging.getLogger(__name__)
JUMP = 6 * 3600.0  # seconds that a clock may be set within a day; more than any time zone's mistake of an hour or two
# What an export holds: never accounts, sessions or embeddings.
EXPORTED = ("feedback", "entry", "asked", "wording", "cited", "lesson", "audit")
_LEFT_OUT = {"tenant", "vector", "encoder", "plain"}


def forget(store: Store, days: int, who: str = "the bot") -> int:
    """Forget what visitors asked and told more than ``days`` days ago; returns how many rows went.

    What staff taught and the audit log stay. A group of questions that is still asked goes on under a wording that is.

    Raises:
        StateError: it could not be written.
    """
    first = (store.today() - datetime.timedelta(days=days - 1)).isoformat()  # of the days that are kept
    with store.write() as cursor:
        gone = cursor.execute("DELETE FROM feedback WHERE at < ?", (first,)).rowcount
        for table in ("asked", "cited", "wording"):
            gone += cursor.execute(f"DELETE FROM {table} WHERE day < ?", (first,)).rowcount
        gone += cursor.execute("DELETE FROM entry WHERE id NOT IN (SELECT entry FROM asked)").rowcount
        _reword(cursor, first)
        if gone:
            store.note(cursor, who, "forgot", f"{gone} rows from before {first}")
    store.tidy()
    return gone


class Daily:
    """``forget`` once a day, but never by a clock that has just jumped: what is forgotten does not come back.

    A jump that is still there a day later is the date. Where the clock stood at the first call is believed.
    """

    def __init__(
        self,
        store: Store,
        days: int,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        """``clock``: seconds since 1970; ``ticks``: seconds that no change of the date moves."""
        self._store = store
        self._days = days
        self._clock = clock
        self._ticks = ticks
        self._begun: float | None = None  # by the clock, when the ticks began

    def __call__(self) -> None:
        """Forget, or say why not.

        Raises:
            StateError: it could not be written.
        """
        begun = self._clock() - self._ticks()
        jump = 0.0 if self._begun is None else begun - self._begun
        self._begun = begun
        if abs(jump) > JUMP:
            log.error("the clock jumped by %.1f days, so nothing is forgotten today: check the date", jump / 86_400)
        else:
            forget(self._store, self._days)


def _reword(cursor: Cursor, first: str) -> None:
    """Entries whose own words are too old take their latest other wording."""
    old = "SELECT id FROM entry WHERE text IS NOT NULL AND worded < ?"
    for (number,) in cursor.execute(old, (first,)).fetchall():
        newest = "SELECT text, day FROM wording WHERE entry = ? ORDER BY day DESC LIMIT 1"
        found = cursor.execute(newest, (number,)).fetchone()
        if found is None:
            cursor.execute("DELETE FROM entry WHERE id = ?", (number,))
            continue
        cursor.execute("DELETE FROM wording WHERE entry = ? AND text = ?", (number, found[0]))
        plain = as_worded(found[0])
        if cursor.execute("SELECT 1 FROM entry WHERE plain = ? AND id <> ?", (plain, number)).fetchone():
            cursor.execute("DELETE FROM entry WHERE id = ?", (number,))  # another entry has those words already
            continue
        new = "UPDATE entry SET text = ?, plain = ?, worded = ?, encoder = '' WHERE id = ?"
        cursor.execute(new, (found[0], plain, found[1], number))


def export(store: Store) -> Iterator[str]:
    """Everything that is kept on visitors, lessons and deeds, as JSON lines: {"table": ..., columns ...}.

    Raises:
        StateError: the database can't be read.
    """
    with store.read() as cursor:
        for table in EXPORTED:
            rows = cursor.execute(f"SELECT * FROM {table}")
            names = [column[0] for column in rows.description]
            for row in rows:
                told = {name: value for name, value in zip(names, row, strict=True) if name not in _LEFT_OUT}
                yield json.dumps({"table": table, **told}, ensure_ascii=False)


def backup(store: Store, path: Path, who: str) -> None:
    """Copy the database into a new file while others use it; the file is checked, and there whole or not at all.

    Raises:
        StateError: the file is there already, or can't be written.
    """
    if path.exists():
        raise StateError(f"{path} is there already. Choose another name, so that no backup is lost.")
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        file_of(store).copy_to(beside)
        check(beside)
        os.replace(beside, path)
    except OSError as error:
        raise StateError(f"{path} can't be written: {error}. Choose another place, or make room.") from error
    finally:
        beside.unlink(missing_ok=True)
    with store.write() as cursor:
        store.note(cursor, who, "backed up", path.name)


def restore(store: Store, path: Path, who: str) -> Path:
    """Put a backup in the place of what there is, also while a server runs; returns where a copy of that was put.

    Raises:
        StateNewer: a newer version of this program wrote the backup.
        StateError: it is damaged or no backup of ours; nothing was changed.
    """
    file = file_of(store)
    check(path)
    if store.path is None:
        raise StateError("There is no database to restore to. Set FAQ_STATE.")
    named = f"{store.path.stem}.before-{store.now().replace(':', '')}-{secrets.token_hex(2)}.sqlite"
    before = store.path.with_name(named)
    backup(store, before, who)
    seen = store.teaching_version()
    file.replace_by(path)
    with store.write() as cursor:
        cursor.execute("UPDATE teaching SET version = max(version, ?) + 1", (seen,))  # so that everybody notices
        if cursor.execute("SELECT 1 FROM sqlite_master WHERE name = 'session'").fetchone():
            cursor.execute("DELETE FROM session")  # who was signed out since must not be signed in again
        store.note(cursor, who, "restored", path.name)
    return before


def file_of(store: Store) -> StateFile:
    """The file that a store is.

    Raises:
        StateError: it is none.
    """
    if isinstance(store.database, StateFile):
        return store.database
    raise StateError("What is in PostgreSQL is backed up and restored there: pg_dump, pg_restore (see the runbook).")


def check(path: Path) -> None:
    """Refuse a file that is no sound database of ours.

    Raises:
        StateNewer: a newer version of this program wrote it.
        StateError: it is damaged, or something else.
    """
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
            (sound,) = db.execute("PRAGMA integrity_check(1)").fetchone()
            (version,) = db.execute("PRAGMA user_version").fetchone()
            ours = db.execute("SELECT COUNT(*) FROM sqlite_master WHERE name = 'feedback'").fetchone() == (1,)
    except sqlite3.Error as error:
        raise StateError(f"{path} can't be read: {error}. Choose another backup; nothing was changed.") from error
    if version > len(MIGRATIONS):
        raise StateNewer(
            f"{path} was written by a newer version of this program (format {version}, this one knows "
            f"{len(MIGRATIONS)}). Run that version; nothing was changed."
        )
    if sound != "ok" or not ours or not version:
        raise StateError(f"{path} is damaged or no backup of this program. Choose another; nothing was changed.")
