"""What visitors asked and how it went: grouped by meaning, and the queue of what failed somebody.

An *entry* is a group: questions of one meaning where the clinic keeps words (masked), else all of one category (status,
topic, kind of question). It counts per day, so that nothing tells when, or by whom, a single question was asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from bot.dense import Matrix
from bot.errors import Changed, Missing
from bot.language import wording
from bot.schema import Status
from bot.staff import Reason, Store
from bot.state import Cursor

State = Literal["new", "in_progress", "solved", "dismissed"]
STATES: tuple[State, ...] = get_args(State)
OPEN: tuple[State, ...] = ("new", "in_progress")
HALF_LIFE = 14.0  # days after which a question counts half: two clinic weeks
SAME_MEANING = 0.6  # cosine of two questions that are one entry; see CONTRIBUTING
MAX_ENTRIES = 5000  # the least asked make room; a flood of nonsense stays small
MAX_WORDINGS = 20  # kept of one entry
_ENTRIES = """
    SELECT id, kind, category, text, SUM(n) AS asked, SUM(n * failed) AS failed, MIN(day), MAX(day),
        SUM(n * failed * half((julianday(:today) - julianday(day)) / :half_life)) AS score, state, who, at, version
    FROM entry JOIN asked ON asked.entry = entry.id
"""
_GROUPED = "GROUP BY id, kind, category, text, state, who, at, version"


@dataclass(frozen=True, slots=True)
class Asked:
    """One question and how it was treated. ``text`` is None where words are not kept, else masked."""

    status: Status
    topic: str = ""
    facet: str = ""
    sources: tuple[str, ...] = ()
    text: str | None = None
    failed: bool = False  # whether somebody was left without an answer that he could have had


@dataclass(frozen=True, slots=True)
class Entry:
    """A group of questions (or of thumbs down).

    ``category`` is (status, topic, facet), of feedback (status, source_id, reason). ``failed`` of the ``asked`` times
    somebody was left without an answer. ``score`` ranks: each failure counts 1, and half of that after every
    ``HALF_LIFE`` days. ``version`` goes with a change, so that nobody overwrites what he has not seen.
    """

    id: int
    kind: Literal["question", "feedback"]
    category: tuple[str, str, str]
    text: str | None
    wordings: tuple[str, ...]
    asked: int
    failed: int
    first: str  # days, YYYY-MM-DD
    last: str
    score: float
    state: State
    who: str | None
    at: str | None
    version: int


class Queue:
    """The queue over a store. Thread-safe."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # --- for staff ---------------------------------------------------------------------------

    def entries(self, states: Sequence[State] = OPEN, limit: int = 200) -> list[Entry]:
        """What failed somebody, in these states, the most and most recently asked first.

        Raises:
            StateError: the database can't be read.
        """
        wanted = {f"state{number}": state for number, state in enumerate(states)}
        among = ", ".join(f":{name}" for name in wanted)
        with self._store.read() as cursor:
            where = f"WHERE state IN ({among}) {_GROUPED} HAVING SUM(n * failed) > 0"
            return _entries(cursor, self._store, f"{where} ORDER BY score DESC, id", limit, **wanted)

    def entry(self, number: int) -> Entry:
        """One entry.

        Raises:
            Missing: there is none of that number, or it is kept no longer.
            StateError: the database can't be read.
        """
        with self._store.read() as cursor:
            return entry_of(cursor, self._store, number)

    def change(self, number: int, version: int, state: State, who: str) -> Entry:
        """Put an entry into a state. ``version`` is that of the entry as ``who`` saw it.

        Raises:
            Changed: somebody else changed it since; ``error.current`` is the entry as it is now.
            Missing: it is kept no longer.
            StateError: it could not be written.
        """
        with self._store.write() as cursor:
            set_state(cursor, self._store, number, version, state, who)
            return entry_of(cursor, self._store, number)

    def questions(self, limit: int = 20) -> list[Entry]:
        """The questions asked most, answered ones too; empty where no words are kept.

        Raises:
            StateError: the database can't be read.
        """
        with self._store.read() as cursor:
            where = f"WHERE text IS NOT NULL {_GROUPED} ORDER BY asked DESC, id"
            return _entries(cursor, self._store, where, limit)

    # --- for the recorder --------------------------------------------------------------------

    def record(self, asked: Sequence[Asked], vectors: Sequence[Matrix | None], encoder: str) -> None:
        """Count questions, each with the embedding of its text, if it has one, by an index version's encoder.

        Raises:
            StateError: they could not be written.
        """
        with self._store.write() as cursor:
            groups = _Groups(cursor, self._store.today().isoformat(), encoder)
            for one, vector in zip(asked, vectors, strict=True):
                number = groups.of(one, vector)
                _count(cursor, self._store, number, one.status, one.failed)
                for source in dict.fromkeys(one.sources):
                    _count_in(cursor, "cited", day=self._store.today().isoformat(), source_id=source)
            _make_room(cursor)

    def thumbed_down(self, status: Status, reason: Reason | None, sources: Sequence[str]) -> None:
        """Count a reply that did not help, by what is known of it: its kind, its first article, the reason.

        Raises:
            StateError: it could not be written.
        """
        category = json.dumps([status, sources[0] if sources else "", reason or "none"])
        with self._store.write() as cursor:
            _count(cursor, self._store, _of_category(cursor, "feedback", category), status, True)
            _make_room(cursor)

    def embed_anew(self, embed: Callable[[str], Matrix], encoder: str) -> None:
        """Give the entries that another encoder embedded the embeddings of this one, so that groups go on.

        Raises:
            StateError: they could not be read or written.
        """
        with self._store.read() as cursor:
            old = cursor.execute(
                "SELECT id, text FROM entry WHERE vector IS NOT NULL AND encoder <> ?", (encoder,)
            ).fetchall()
        if not old:
            return
        vectors = [embed(text) for _, text in old]
        with self._store.write() as cursor:
            rows = [(v.tobytes(), encoder, number) for (number, _), v in zip(old, vectors, strict=True)]
            cursor.executemany("UPDATE entry SET vector = ?, encoder = ? WHERE id = ?", rows)


def set_state(cursor: Cursor, store: Store, number: int, version: int, state: State, who: str) -> None:
    """The change of an entry's state inside a transaction; see ``Queue.change``."""
    changed = cursor.execute(
        "UPDATE entry SET state = ?, who = ?, at = ?, version = version + 1 WHERE id = ? AND version = ?",
        (state, who, store.now(), number, version),
    ).rowcount
    if not changed:
        now = entry_of(cursor, store, number)
        raise Changed(f"{now.who or 'somebody'} set this entry to '{now.state}' at {now.at}. Look again first.", now)
    store.note(cursor, who, state, f"entry {number}")


class _Groups:
    """Finds the entry of each question, inside one transaction."""

    def __init__(self, cursor: Cursor, day: str, encoder: str) -> None:
        self._cursor, self._day, self._encoder = cursor, day, encoder
        self._known: dict[int, Matrix] | None = None

    def of(self, one: Asked, vector: Matrix | None) -> int:
        """The entry that a question belongs to: the same words, the same meaning, or else the same category."""
        category = json.dumps([one.status, one.topic, one.facet])
        if one.text is None or not (key := wording(one.text)):
            return _of_category(self._cursor, "question", category)
        same = "UPDATE entry SET worded = ? WHERE plain = ? RETURNING id"
        if found := self._cursor.execute(same, (self._day, key)).fetchone():
            return int(found[0])
        if (number := self._nearest(vector)) is not None:
            self._word(number, one.text)
            return number
        row = (category, one.text, key, None if vector is None else vector.tobytes(), self._encoder, self._day)
        columns = "(kind, category, text, plain, vector, encoder, worded)"
        new = f"INSERT INTO entry {columns} VALUES ('question', ?, ?, ?, ?, ?, ?) RETURNING id"
        number = int(self._cursor.execute(new, row).fetchone()[0])
        if vector is not None:
            self._vectors()[number] = vector
        return number

    def _word(self, number: int, text: str) -> None:
        """Keep another wording of an entry; beyond ``MAX_WORDINGS`` the oldest goes."""
        again = "UPDATE wording SET day = ? WHERE entry = ? AND text = ?"
        if not self._cursor.execute(again, (self._day, number, text)).rowcount:
            more = "INSERT INTO wording (entry, text, day) VALUES (?, ?, ?)"
            self._cursor.execute(more, (number, text, self._day))
        newest = "SELECT text FROM wording WHERE entry = ? ORDER BY day DESC, text LIMIT ?"
        self._cursor.execute(
            f"DELETE FROM wording WHERE entry = ? AND text NOT IN ({newest})", (number, number, MAX_WORDINGS)
        )

    def _nearest(self, vector: Matrix | None) -> int | None:
        """The entry whose own words mean the same, if there is one."""
        if vector is None or not (known := self._vectors()):
            return None
        numbers = list(known)
        scores = np.stack([known[number] for number in numbers]) @ vector
        best = int(scores.argmax())
        return numbers[best] if scores[best] >= SAME_MEANING else None

    def _vectors(self) -> dict[int, Matrix]:
        """The embeddings of the entries' own words, read when first needed; 8 MB where there are most."""
        if self._known is None:
            stored = "SELECT id, vector FROM entry WHERE vector IS NOT NULL AND encoder = ?"
            rows = self._cursor.execute(stored, (self._encoder,)).fetchall()
            self._known = {number: np.frombuffer(raw, dtype=np.float32) for number, raw in rows}
        return self._known


def entry_of(cursor: Cursor, store: Store, number: int) -> Entry:
    """One entry inside a transaction; see ``Queue.entry``."""
    found = _entries(cursor, store, f"WHERE id = :id {_GROUPED}", 1, id=number)
    if not found:
        raise Missing("This entry is kept no longer. Go back to the queue.")
    return found[0]


def _entries(cursor: Cursor, store: Store, where: str, limit: int, **values: object) -> list[Entry]:
    told = {"today": store.today().isoformat(), "half_life": HALF_LIFE, "limit": limit, **values}
    rows = cursor.execute(f"{_ENTRIES} {where} LIMIT :limit", told).fetchall()
    others: dict[int, list[str]] = {number: [] for number, *_ in rows}
    among = ", ".join("?" * len(others))
    more = f"SELECT entry, text FROM wording WHERE entry IN ({among}) ORDER BY day, text"
    for number, text in cursor.execute(more, tuple(others)).fetchall() if others else ():
        others[number].append(text)
    return [Entry(n, kind, tuple(json.loads(c)), text, tuple(others[n]), *rest) for n, kind, c, text, *rest in rows]


def _count(cursor: Cursor, store: Store, number: int, status: Status, failed: bool) -> None:
    """Count one more; what was solved and fails again is new again."""
    _count_in(cursor, "asked", entry=number, day=store.today().isoformat(), status=status, failed=int(failed))
    if failed:
        again = "UPDATE entry SET state = 'new', at = ?, version = version + 1 WHERE id = ? AND state = 'solved'"
        if cursor.execute(again, (store.now(), number)).rowcount:
            store.note(cursor, "the bot", "reopened", f"entry {number}")


def _count_in(cursor: Cursor, table: str, **of: object) -> None:
    """One more in the row of these values, made where there is none."""
    values, same = tuple(of.values()), " AND ".join(f"{column} = ?" for column in of)
    if not cursor.execute(f"UPDATE {table} SET n = n + 1 WHERE {same}", values).rowcount:
        marks = ", ".join("?" * len(of))
        cursor.execute(f"INSERT INTO {table} ({', '.join(of)}, n) VALUES ({marks}, 1)", values)


def _of_category(cursor: Cursor, kind: str, category: str) -> int:
    """The entry of a category, made where there is none."""
    known = "SELECT id FROM entry WHERE kind = ? AND category = ? AND text IS NULL"
    new = "INSERT INTO entry (kind, category) VALUES (?, ?) RETURNING id"
    found = cursor.execute(known, (kind, category)).fetchone() or cursor.execute(new, (kind, category)).fetchone()
    return int(found[0])


def _make_room(cursor: Cursor) -> None:
    """Drop the entries nobody works on that were asked longest ago, beyond as many as are kept."""
    (count,) = cursor.execute("SELECT COUNT(*) FROM entry").fetchone()
    if count > MAX_ENTRIES:
        oldest = """
            SELECT id FROM entry JOIN asked ON asked.entry = entry.id WHERE state <> 'in_progress'
            GROUP BY id ORDER BY MAX(day), SUM(n), id LIMIT ?
        """
        cursor.execute(f"DELETE FROM entry WHERE id IN ({oldest})", (count - MAX_ENTRIES,))
