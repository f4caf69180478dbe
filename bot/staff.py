"""The store of what visitors and staff tell, in a file or in PostgreSQL (``state``).

It says who changed what and when (``audit``), never who a visitor is. What a visitor typed is in it only where the
clinic chose so (``Config.keep``).
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from bot.schema import Status
from bot.state import Cursor, StateDatabase
from bot.state_file import StateFile

Reason = Literal["other_question", "unclear", "missing", "wrong", "none"]
REASONS: tuple[Reason, ...] = get_args(Reason)
KEPT = 100_000  # newest rows; a clinic's decade, and some 15 MB if somebody floods it


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
    """The records of one clinic. Thread-safe."""

    def __init__(
        self,
        where: Path | StateDatabase | None = None,
        clock: Callable[[], datetime.datetime] = utc_now,
        remembered: Path | None = None,
    ) -> None:
        """Open or make the file, or use the database; None keeps everything in memory.

        ``remembered``: a copy of what is taught, for a start without the database.

        Raises:
            StateNewer: a newer version of this program wrote the file.
            StateError: the file can't be used.
        """
        self.path = where if isinstance(where, Path) else None
        self.database: StateDatabase = StateFile(where) if where is None or isinstance(where, Path) else where
        self.remembered = remembered
        self._clock = clock

    def write(self) -> AbstractContextManager[Cursor]:
        """See ``StateDatabase.write``, for this and what follows."""
        return self.database.write()

    def read(self) -> AbstractContextManager[Cursor]:
        return self.database.read()

    def teaching_version(self, now: bool = False) -> int:
        return self.database.teaching_version(now)

    def tidy(self) -> None:
        self.database.tidy()

    def close(self) -> None:
        self.database.close()

    @property
    def questions(self) -> Path | None:
        """The regression set's staff file: the questions of what is taught, beside the database's file."""
        return self.path.with_name(f"{self.path.stem}.questions.jsonl") if self.path else None

    def now(self) -> str:
        """The time as it is stored: UTC, to the second, ``2026-01-31T12:00:00Z``."""
        return self._clock().strftime("%Y-%m-%dT%H:%M:%SZ")

    def today(self) -> datetime.date:
        """The day, in UTC."""
        return self._clock().date()

    def note(self, cursor: Cursor, who: str, did: str, what: str) -> None:
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
            self.now(), feedback.index_version, feedback.status, int(feedback.helpful), feedback.reason,
            json.dumps(feedback.sources),
        )  # fmt: skip
        insert = "INSERT INTO feedback (at, index_version, status, helpful, reason, sources) VALUES (?, ?, ?, ?, ?, ?)"
        with self.write() as cursor:
            (added,) = cursor.execute(f"{insert} RETURNING id", row).fetchone()
            cursor.execute("DELETE FROM feedback WHERE id <= ?", (added - KEPT,))

    def feedback(self) -> Sequence[Feedback]:
        """All that was told, oldest first."""
        columns = "SELECT index_version, status, helpful, reason, sources FROM feedback ORDER BY id"
        with self.read() as cursor:
            rows = cursor.execute(columns).fetchall()
        return [Feedback(v, status, bool(h), why, tuple(json.loads(s))) for v, status, h, why, s in rows]
