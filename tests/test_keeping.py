"""What is kept is forgotten in time, exported, backed up while others write, and put back only where it is sound."""

from __future__ import annotations

import datetime
import json
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from bot import keeping
from bot.errors import StateError, StateNewer
from bot.lessons import Lessons
from bot.migrations import MIGRATIONS
from bot.queue import Asked, Queue
from bot.staff import Feedback, Store
from bot.stores.database import Database
from tests.conftest import States, tenant_in
from tests.test_lessons import NEVER, in_a_file
from tests.test_queue import NOON, Calendar, ask

SECRET = "zanzibar tattoo question"


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


@pytest.fixture
def store(states: States, calendar: Calendar) -> Store:
    return states(calendar)


def test_what_is_too_old_is_forgotten_and_what_was_taught_stays(store: Store, calendar: Calendar) -> None:
    entries, lessons = Queue(store), Lessons(store)
    calendar.days(-90)
    ask(entries, Asked("abstained", text=SECRET, sources=("001",), failed=True), at=0)
    ask(entries, Asked("abstained", "old", failed=True))
    store.add(Feedback("v1", "answered", True))
    lessons.teach(replace(NEVER, entry=entries.entries()[0].id))
    calendar.days(-89)
    ask(entries, Asked("abstained", "kept", failed=True))
    store.add(Feedback("v2", "answered", True))
    calendar.days(0)
    assert keeping.forget(store, 90) > 0
    assert [e.category[1] for e in entries.entries()] == ["kept"]
    assert [f.index_version for f in store.feedback()] == ["v2"]
    assert [(lesson.kind, lesson.entry) for lesson in lessons.all()] == [("never", None)]
    assert [d.did for d in store.audit()] == ["forgot", "taught (never)"]
    assert keeping.forget(store, 90) == 0
    assert len(store.audit()) == 2


@in_a_file
def test_what_is_forgotten_has_left_the_disk(store: Store, calendar: Calendar) -> None:
    ask(Queue(store), Asked("abstained", text=SECRET, failed=True), at=0)
    assert store.path is not None
    wal = store.path.with_name(f"{store.path.name}-wal")
    assert SECRET.encode() in store.path.read_bytes() + wal.read_bytes()
    assert keeping.forget(store, 0) > 0
    assert SECRET.encode() not in store.path.read_bytes() + wal.read_bytes()
    assert Queue(store).entries() == []


def test_a_group_goes_on_under_words_that_are_young_enough(store: Store, calendar: Calendar) -> None:
    entries = Queue(store)
    calendar.days(-100)
    ask(entries, Asked("abstained", text="old words", failed=True), at=0)
    calendar.days(-10)
    ask(entries, Asked("abstained", text="young words", failed=True), at=10)
    calendar.days(-5)
    ask(entries, Asked("abstained", text="younger words", failed=True), at=20)
    number = entries.entries()[0].id
    calendar.days(0)
    keeping.forget(store, 90)
    (one,) = entries.entries()
    assert (one.id, one.text, one.wordings, one.asked) == (number, "younger words", ("young words",), 2)
    ask(entries, Asked("abstained", text="Younger words!", failed=True), at=90)
    assert entries.entries()[0].asked == 3


def test_words_asked_again_stay(store: Store, calendar: Calendar) -> None:
    entries = Queue(store)
    for day in (-100, -3):
        calendar.days(day)
        ask(entries, Asked("abstained", text="the same", failed=True), at=0)
    calendar.days(0)
    keeping.forget(store, 90)
    assert [(e.text, e.asked) for e in entries.entries()] == [("the same", 1)]


def test_the_audit_log_is_only_added_to(store: Store) -> None:
    Lessons(store).teach(NEVER)
    for statement in ("DELETE FROM audit", "UPDATE audit SET who = 'nobody'"):
        with pytest.raises(StateError, match=r"only added to|permission denied"), store.write() as cursor:
            cursor.execute(statement)
    assert [d.who for d in store.audit()] == ["bo"]


def test_an_export_holds_all_but_accounts_and_embeddings(store: Store) -> None:
    ask(Queue(store), Asked("abstained", text="can i fly", sources=("001",), failed=True), at=0)
    Lessons(store).teach(NEVER)
    store.add(Feedback("v1", "answered", False, "wrong", ("001",)))
    rows = [json.loads(line) for line in keeping.export(store)]
    assert [row["table"] for row in rows] == ["feedback", "entry", "asked", "cited", "lesson", "audit"]
    assert rows[1] | {"id": 1} == {
        "table": "entry", "id": 1, "kind": "question", "category": '["abstained", "", ""]', "text": "can i fly",
        "worded": "2026-11-21", "state": "new", "who": None, "at": None, "version": 1,
    }  # fmt: skip


@in_a_file
def test_each_table_is_exported_or_named_here(store: Store) -> None:
    with store.read() as cursor:
        tables = {name for (name,) in cursor.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    told = set(keeping.EXPORTED) | {"taught", "teaching", "sqlite_sequence", "account", "session", "browser"}
    assert tables <= told


@in_a_file
def test_backup_and_restore_while_others_write(store: Store, tmp_path: Path) -> None:
    """What is restored is one state of the database: as many lessons as audit lines, none after the backup."""
    lessons, stop = Lessons(store), threading.Event()
    other = Store(store.path, lambda: NOON)
    written: list[int] = []

    def write() -> None:
        while not stop.is_set():
            written.append(Lessons(other).teach(replace(NEVER, wordings=(f"q {len(written)}",))).id)

    lessons.teach(replace(NEVER, wordings=("before",)))
    thread = threading.Thread(target=write)
    thread.start()
    while len(written) < 5:
        pass
    keeping.backup(store, tmp_path / "copy.sqlite", "anna")
    while len(written) < 15:
        pass
    before = keeping.restore(store, tmp_path / "copy.sqlite", "anna")
    at_restore = store.teaching_version()
    while len(written) < 20:
        pass
    stop.set()
    thread.join()
    kept = {lesson.question for lesson in lessons.all()}
    assert "before" in kept
    assert store.teaching_version() > at_restore > 15  # the running bots notice
    with closing(sqlite3.connect(tmp_path / "copy.sqlite")) as db:
        copied = db.execute("SELECT COUNT(*) FROM lesson").fetchone()[0]
        assert db.execute("SELECT COUNT(*) FROM audit").fetchone()[0] == copied
    assert 5 <= copied < 15
    with closing(sqlite3.connect(before)) as db:
        assert db.execute("SELECT COUNT(*) FROM lesson").fetchone()[0] >= 15  # what was there is not lost
    assert [d.did for d in store.audit() if d.who == "anna"] == ["restored"]
    with store.read() as cursor:
        assert cursor.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert cursor.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()


@in_a_file
def test_a_backup_never_overwrites(store: Store, tmp_path: Path) -> None:
    keeping.backup(store, tmp_path / "copy.sqlite", "anna")
    assert [p.name for p in tmp_path.glob("copy*")] == ["copy.sqlite"]
    with pytest.raises(StateError, match="there already"):
        keeping.backup(store, tmp_path / "copy.sqlite", "anna")
    with pytest.raises(StateError, match="can't be written"):
        keeping.backup(store, tmp_path / "no" / "copy.sqlite", "anna")


def test_what_is_in_postgresql_is_backed_up_there(database: Database, tmp_path: Path) -> None:
    with tenant_in(database, tmp_path) as state, pytest.raises(StateError, match="pg_dump"):
        keeping.backup(Store(state()), tmp_path / "copy.sqlite", "anna")
    assert not (tmp_path / "copy.sqlite").exists()


@in_a_file
def test_an_older_backup_is_brought_up_to_date(store: Store, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "old.sqlite")) as db:
        db.executescript(MIGRATIONS[0] + "PRAGMA user_version = 1;")
        db.execute("INSERT INTO feedback (index_version, status, helpful, sources) VALUES ('v0', 'answered', 1, '[]')")
        db.commit()
    keeping.restore(store, tmp_path / "old.sqlite", "anna")
    assert [f.index_version for f in store.feedback()] == ["v0"]
    assert Lessons(store).all() == []


def damaged(path: Path, store: Store) -> None:
    keeping.backup(store, path, "anna")
    data = bytearray(path.read_bytes())
    data[4096 : 4096 * 4] = b"\x55" * 4096 * 3
    path.write_bytes(data)


def newer(path: Path, store: Store) -> None:
    keeping.backup(store, path, "anna")
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")


def foreign(path: Path, store: Store) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executescript("CREATE TABLE notes (x); PRAGMA user_version = 1;")


def text(path: Path, store: Store) -> None:
    path.write_text("notes " * 900)


@in_a_file
@pytest.mark.parametrize(
    ("make", "error", "told"),
    [
        (damaged, StateError, "damaged|can't be read"),
        (newer, StateNewer, "format 99"),
        (foreign, StateError, "no backup of this program"),
        (text, StateError, "can't be read"),
        (lambda path, store: None, StateError, "can't be read"),
    ],
    ids=["damaged", "newer", "foreign", "text", "missing"],
)
def test_what_can_t_be_restored_changes_nothing(store: Store, tmp_path: Path, make, error, told) -> None:  # type: ignore[no-untyped-def]
    Lessons(store).teach(NEVER)
    make(tmp_path / "copy.sqlite", store)
    with pytest.raises(error, match=told):
        keeping.restore(store, tmp_path / "copy.sqlite", "anna")
    assert [lesson.question for lesson in Lessons(store).all()] == [NEVER.question]
    assert not list(tmp_path.glob("*before*"))


def test_a_clock_that_jumps_forgets_nothing_until_it_stays(
    store: Store, calendar: Calendar, caplog: pytest.LogCaptureFixture
) -> None:
    ticks = [0.0]
    daily = keeping.Daily(store, 90, lambda: calendar().timestamp(), lambda: ticks[0])
    daily()
    store.add(Feedback("v1", "answered", True))
    for passed, day, kept in ((1, 1, 1), (1, 3650, 1), (1, 3, 1), (1, 4, 1), (80, 84, 1), (10, 94, 0)):
        ticks[0] += 86_400.0 * passed
        calendar.days(day)
        daily()
        assert len(store.feedback()) == kept, day
    assert "the clock jumped by 3648.0 days, so nothing is forgotten today" in caplog.text


def test_retention_counts_days(store: Store, calendar: Calendar) -> None:
    """One day keeps today's, nothing else."""
    for day in (-1, 0):
        calendar.days(day)
        ask(Queue(store), Asked("abstained", f"d{day}", failed=True))
    keeping.forget(store, 1)
    assert [e.category[1] for e in Queue(store).entries()] == ["d0"]
    assert calendar() == NOON == datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)
