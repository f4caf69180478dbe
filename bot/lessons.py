"""The store of what staff taught, and the regression set's staff file that is made of it.

The file is written anew from the database after every change and at start, so that it never tells anything else.
"""

from __future__ import annotations

import datetime
import json
import logging
import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from filelock import FileLock

from bot.errors import Changed, Missing, StateError, TeachError
from bot.language import wording as as_worded
from bot.queue import set_state
from bot.staff import Store
from bot.state import Cursor
from bot.teaching import Cite, Lesson

log = logging.getLogger(__name__)
MAX_WORDS = 60  # of an approved answer: with its quotes it must stay on a phone's screen
MAX_CHARS = 300  # of a wording; longer is a story, which nobody words alike
MAX_WORDINGS = 40  # of one lesson
_MARKER = re.compile(r"\[\d+\]")
_COLUMNS = "id, kind, wordings, text, cites, author, at, review_by, entry, version, undone_by, undone_at"


class Lessons:
    """The lessons in a store. Thread-safe. Knows nothing of the bot: ``teacher`` checks that a lesson can be given."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self, undone: bool = False) -> list[Lesson]:
        """Every lesson, the newest first; those that were undone only if asked for.

        Raises:
            StateError: the database can't be read.
        """
        where = "" if undone else "WHERE undone_at IS NULL"
        with self._store.read() as cursor:
            rows = cursor.execute(f"SELECT {_COLUMNS} FROM lesson {where} ORDER BY id DESC").fetchall()
        return [_of_row(row) for row in rows]

    def lesson(self, number: int) -> Lesson:
        """One lesson.

        Raises:
            Missing: there is none of that number.
            StateError: the database can't be read.
        """
        with self._store.read() as cursor:
            return _of(cursor, number)

    def teach(self, draft: Lesson, entry_version: int | None = None) -> Lesson:
        """Keep a lesson; its ``id``, ``at`` and ``version`` are given. Returns it as it is kept.

        With ``entry`` the queue's entry is solved by it in the same transaction; ``entry_version`` is that of the entry
        as the author saw it.

        Raises:
            TeachError: it is incomplete, or one of its wordings is taught already.
            Changed: somebody else changed the entry since; nothing was kept.
            StateError: it could not be written.
        """
        draft = checked(draft, self._store.today())
        with self._store.write() as cursor:
            row = (
                draft.kind, json.dumps(draft.wordings, ensure_ascii=False), draft.text, _dumped(draft.cites),
                draft.author, self._store.now(), draft.review_by, draft.entry,
            )  # fmt: skip
            (number,) = cursor.execute(
                "INSERT INTO lesson (kind, wordings, text, cites, author, at, review_by, entry)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
                row,
            ).fetchone()
            _claim(cursor, draft, number)
            if draft.entry is not None and entry_version is not None:
                set_state(cursor, self._store, draft.entry, entry_version, "solved", draft.author)
            self._changed(cursor, draft.author, f"taught ({draft.kind})", number)
            kept = _of(cursor, number)
        self._follow()
        return kept

    def undo(self, number: int, version: int, who: str) -> Lesson:
        """Take a lesson back; an entry that it solved is new again.

        Raises:
            Changed: somebody else changed the lesson since ``version``; ``error.current`` is how it is now.
            Missing: there is none of that number.
            StateError: it could not be written.
        """
        with self._store.write() as cursor:
            self._update(cursor, number, version, "undone_by = ?, undone_at = ?", (who, self._store.now()))
            cursor.execute("DELETE FROM taught WHERE lesson = ?", (number,))
            kept = _of(cursor, number)
            again = "UPDATE entry SET state = 'new', who = ?, at = ?, version = version + 1"
            cursor.execute(f"{again} WHERE id = ? AND state = 'solved'", (who, self._store.now(), kept.entry))
            self._changed(cursor, who, "undid", number)
        self._follow()
        return kept

    def review(
        self, number: int, version: int, who: str, review_by: str, text: str | None = None,
        cites: Sequence[Cite] | None = None,
    ) -> Lesson:  # fmt: skip
        """Approve an answer again, as it stands or with other words or passages; it applies again until ``review_by``.

        Raises:
            TeachError: it is incomplete.
            Changed: somebody else changed the lesson since ``version``; ``error.current`` is how it is now.
            Missing: there is none of that number.
            StateError: it could not be written.
        """
        with self._store.write() as cursor:
            old = _of(cursor, number)
            cited = old.cites if cites is None else tuple(cites)
            said = old.text if text is None else text
            new = checked(Lesson(0, old.kind, old.wordings, said, cited, who, "", review_by), self._store.today())
            values = (new.text, _dumped(new.cites), who, self._store.now(), new.review_by or None)
            self._update(cursor, number, version, "text = ?, cites = ?, author = ?, at = ?, review_by = ?", values)
            self._changed(cursor, who, "reviewed", number)
            kept = _of(cursor, number)
        self._follow()
        return kept

    def remember(self, lessons: Sequence[Lesson]) -> None:
        """Keep a copy of what applies now, where one is wanted, for when the database is lost."""
        path = self._store.remembered
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _put(path, json.dumps([asdict(lesson) for lesson in lessons]))
        except OSError as error:
            log.error("%s can't be written: %s", path, error)

    def remembered(self) -> list[Lesson]:
        """The copy; empty where there is none that can be read."""
        try:
            found = json.loads(self._store.remembered.read_text(encoding="utf-8")) if self._store.remembered else []
            return [_lesson(tuple(raw.values())) for raw in found]
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            log.error("%s can't be read: %s", self._store.remembered, error)
            return []

    def questions(self) -> list[str]:
        """What was taught as items of a regression set, a line of JSON each.

        Raises:
            StateError: the database can't be read.
        """
        told = [item for lesson in reversed(self.all()) for item in items(lesson)]
        return [json.dumps(item, ensure_ascii=False) for item in told]

    def write_questions(self) -> None:
        """Write the regression set's staff file, where there is one, as the database is now; whole, or not at all.

        Raises:
            StateError: it can't be written.
        """
        path = self._store.questions
        if path is None:
            return
        try:
            with FileLock(f"{path}.lock"):  # two processes write one after the other, the later last
                _put(path, "".join(f"{line}\n" for line in self.questions()))
        except OSError as error:
            raise StateError(f"{path} can't be written: {error}. Make room, or set FAQ_STATE.") from error

    def _follow(self) -> None:
        """The change itself is kept already, so a file that can't be written is logged; the next start mends it."""
        try:
            self.write_questions()
        except StateError as error:
            log.error("%s", error)

    def _update(self, cursor: Cursor, number: int, version: int, what: str, values: tuple[Any, ...]) -> None:
        where = "WHERE id = ? AND version = ? AND undone_at IS NULL"
        changed = cursor.execute(
            f"UPDATE lesson SET {what}, version = version + 1 {where}", (*values, number, version)
        ).rowcount
        if not changed:
            now = _of(cursor, number)
            who, at = (now.undone_by, now.undone_at) if now.undone_at else (now.author, now.at)
            raise Changed(f"{who} changed this at {at}. Look again first.", now)

    def _changed(self, cursor: Cursor, who: str, did: str, number: int) -> None:
        cursor.execute("UPDATE teaching SET version = version + 1")
        self._store.note(cursor, who, did, f"lesson {number}")


def checked(draft: Lesson, today: datetime.date) -> Lesson:
    """A lesson with its texts trimmed and its wordings each once.

    Raises:
        TeachError: something is missing or too long; says what to do.
    """
    wordings = tuple({as_worded(w): " ".join(w.split()) for w in reversed(draft.wordings) if as_worded(w)}.values())[
        ::-1
    ]
    text = " ".join(draft.text.split())
    if not wordings:
        raise TeachError("There is no question. Write how visitors ask it.")
    if len(wordings) > MAX_WORDINGS or max(map(len, wordings)) > MAX_CHARS:
        raise TeachError(f"Give at most {MAX_WORDINGS} wordings of at most {MAX_CHARS} characters each.")
    if not draft.author.strip():
        raise TeachError("Nobody is named as the author. Sign in again.")
    if draft.kind == "wording" and len(draft.cites) != 1:
        raise TeachError("Choose the one passage that answers the question.")
    if draft.kind == "answer":
        _check_answer(draft, text, today)
    return Lesson(
        draft.id, draft.kind, wordings, text, draft.cites, draft.author.strip(), draft.at, draft.review_by, draft.entry,
        draft.version,
    )  # fmt: skip


def _check_answer(draft: Lesson, text: str, today: datetime.date) -> None:
    if not text or len(text.split()) > MAX_WORDS:
        raise TeachError(f"Write the answer in at most {MAX_WORDS} words; the quotes come after it.")
    if _MARKER.search(text):
        raise TeachError("Leave out marks such as [1]: the bot sets them at the quotes.")
    if not any(cite.sentences for cite in draft.cites):
        raise TeachError("Choose at least one sentence of an article that the answer rests on.")
    try:
        day = datetime.date.fromisoformat(draft.review_by or "")
    except ValueError:
        raise TeachError("Say by which day the answer is to be reviewed, such as 2027-01-31.") from None
    if not today < day <= today + datetime.timedelta(days=3 * 366):
        raise TeachError("The day of the review must lie ahead, by at most three years. Choose another.")


def items(lesson: Lesson) -> list[dict[str, Any]]:
    """What a lesson adds to the regression set: one item a wording, in the form that ``sets`` reads.

    The fact to be told is the approved answer, or any sentence of the passage that a wording asks for; a more cautious
    article may be quoted before that one, so a wording says nothing of the first source.
    """
    expect = "handoff" if lesson.kind == "never" else "answer"
    told = [lesson.text] if lesson.kind == "answer" else [quote for cite in lesson.cites for quote in cite.quotes]
    cited = lesson.cites if lesson.kind == "answer" else ()
    sources = list(dict.fromkeys(cite.source_id for cite in cited))
    return [
        {
            "id": f"staff-{lesson.id}-{number}", "group": f"staff-{lesson.id}", "category": "taught", "style": "staff",
            "turns": [wording], "expect": expect, "sources": sources,
            "facts": [[re.escape(text) for text in told]] if told else [], "forbid": [],
            "note": f"lesson {lesson.id}, {lesson.kind}",
        }
        for number, wording in enumerate(lesson.wordings, 1)
    ]  # fmt: skip


def _claim(cursor: Cursor, draft: Lesson, number: int) -> None:
    """Note which questions a lesson is taught to; none may be another's."""
    for wording in draft.wordings:
        taken = cursor.execute("SELECT lesson FROM taught WHERE plain = ?", (as_worded(wording),)).fetchone()
        if taken:
            raise TeachError(f"'{wording}' is taught already, by lesson {taken[0]}. Undo that one first.")
        cursor.execute("INSERT INTO taught (plain, lesson) VALUES (?, ?)", (as_worded(wording), number))


def _of(cursor: Cursor, number: int) -> Lesson:
    row = cursor.execute(f"SELECT {_COLUMNS} FROM lesson WHERE id = ?", (number,)).fetchone()
    if row is None:
        raise Missing("There is no such lesson. Go back to the list.")
    return _of_row(row)


def _of_row(row: Sequence[Any]) -> Lesson:
    number, kind, wordings, text, cites, *rest = row
    return _lesson((number, kind, json.loads(wordings), text, json.loads(cites), *rest))


def _lesson(values: Sequence[Any]) -> Lesson:
    number, kind, wordings, text, cites, *rest = values
    cited = (Cite(**{**c, "sentences": tuple(c["sentences"]), "quotes": tuple(c["quotes"])}) for c in cites)
    return Lesson(number, kind, tuple(wordings), text, tuple(cited), *rest)


def _put(path: Path, text: str) -> None:
    """Write a file whole, or not at all."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)


def _dumped(cites: Sequence[Cite]) -> str:
    return json.dumps([asdict(cite) for cite in cites])
