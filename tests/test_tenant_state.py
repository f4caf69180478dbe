"""What only PostgreSQL does with a clinic's state: moved there and back, told of, lost, killed at any moment."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from bot import keeping
from bot.accounts import Accounts
from bot.errors import StateError, StateNewer
from bot.lessons import Lessons
from bot.queue import Asked, Queue
from bot.staff import Feedback, Store
from bot.stores.database import Database
from bot.stores.files import FileStore
from bot.stores.listener import Listener
from bot.stores.postgres import PostgresStore
from bot.stores.tenant_state import TenantState, translated
from bot.stores.transfer import TABLES, from_file, to_file
from tests.conftest import ROOT, tenant_in
from tests.servers import database_in, kill_and_start, server
from tests.test_lessons import NEVER
from tests.test_queue import ask

WORD = "four words in a row"


@pytest.fixture
def opened(database: Database, tmp_path: Path) -> Iterator[Callable[[], TenantState]]:
    with tenant_in(database, tmp_path / "cache") as state:
        yield state


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """The file of a clinic that was served alone."""
    path = tmp_path / "alone.sqlite"
    store = Store(path)
    Accounts(store).add("anna", WORD, "editor")
    ask(Queue(store), Asked("abstained", text="can I fly", sources=("001",), failed=True), at=0)
    ask(Queue(store), Asked("abstained", text="flying home", failed=True), at=10)
    store.add(Feedback("v1", "answered", False, "wrong", ("001",)))
    lessons = Lessons(store)
    lessons.teach(NEVER)
    gone = lessons.teach(replace(NEVER, wordings=("another",), entry=1))
    lessons.undo(gone.id, gone.version, "bo")
    with store.write() as cursor:
        cursor.execute("DELETE FROM lesson WHERE id = ?", (gone.id,))  # its number is not given again
    store.close()
    return path


def exported(store: Store) -> list[str]:
    return sorted(keeping.export(store))


# ---- there and back --------------------------------------------------------------------------------------------------


def test_a_file_is_taken_over_whole_and_comes_back_the_same(
    opened: Callable[[], TenantState], filled: Path, tmp_path: Path
) -> None:
    before = filled.read_bytes()
    rows = from_file(opened(), filled)
    assert filled.read_bytes() == before
    store, alone = Store(opened()), Store(filled)
    assert exported(store) == exported(alone)
    assert rows == len(exported(alone)) + 3  # two questions that are taught, and an account
    assert Accounts(store).sign_in("anna", WORD, "an address").account.editor
    ask(Queue(store), Asked("abstained", text="Flying!", failed=True), at=5)  # the embeddings came along
    assert Queue(store).entries()[0].asked == 3
    assert Lessons(store).teach(replace(NEVER, wordings=("a third",))).id == 3
    assert store.teaching_version() > alone.teaching_version()
    alone.close()
    to_file(opened(), tmp_path / "back.sqlite")
    back = Store(tmp_path / "back.sqlite")
    assert exported(back) == exported(store)
    assert Accounts(back).find("anna")
    assert Lessons(back).teach(replace(NEVER, wordings=("a fourth",))).id == 4
    back.close()


def test_every_table_of_a_file_is_taken_over_or_named_here(filled: Path) -> None:
    with contextlib.closing(sqlite3.connect(filled)) as db:
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert tables - set(TABLES) == {"teaching", "session", "sqlite_sequence"}


def test_nothing_is_written_over(opened: Callable[[], TenantState], filled: Path) -> None:
    store = Store(opened())
    Accounts(store).add("bo", WORD)
    before = exported(store)
    with pytest.raises(StateError, match="something in its table"):
        from_file(opened(), filled)
    assert exported(store) == before


def test_what_is_no_state_is_refused(opened: Callable[[], TenantState], filled: Path, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(filled)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(StateNewer, match="format 99"):
        from_file(opened(), filled)
    (tmp_path / "notes").write_text("notes " * 900)
    with pytest.raises(StateError, match="can't be read"):
        from_file(opened(), tmp_path / "notes")
    assert exported(Store(opened())) == []


# ---- the statements --------------------------------------------------------------------------------------------------


def test_statements_are_told_in_the_database_s_words() -> None:
    assert translated("SELECT ? WHERE a = :a AND b % 2 = ?") == b"SELECT %s WHERE a = %(a)s AND b %% 2 = %s"


def test_a_character_that_texts_can_t_hold_is_left_out(opened: Callable[[], TenantState]) -> None:
    entries = Queue(Store(opened()))
    ask(entries, Asked("abstained", text="can I\0 fly", failed=True), at=0)
    assert entries.entries()[0].text == "can I fly"


def test_days_count_as_in_a_file(opened: Callable[[], TenantState]) -> None:
    asks = "SELECT julianday(?), half(?)"
    alone = Store()
    with Store(opened()).read() as there, alone.read() as here:
        for values in (("2026-11-22", 2.5), ("1999-02-28", 0.0)):
            assert there.execute(asks, values).fetchone() == here.execute(asks, values).fetchone()
    alone.close()


# ---- hearing of changes, and losing the database ---------------------------------------------------------------------


class Heard(Listener):
    """A listener that hears what a test says."""

    def __init__(self) -> None:
        super().__init__("", lambda name: None)


def test_what_is_taught_is_read_again_only_when_something_was_heard(database: Database, tmp_path: Path) -> None:
    with tenant_in(database, tmp_path) as state:
        listener, name = Heard(), state.args[1]  # type: ignore[attr-defined]
        heard = Store(TenantState(database, name, listener))
        first = heard.teaching_version()
        Lessons(Store(state())).teach(NEVER)
        assert heard.teaching_version() == first
        assert heard.teaching_version(now=True) == first + 1
        listener.heard += 1
        Lessons(Store(state())).teach(replace(NEVER, wordings=("more",)))
        assert heard.teaching_version() == first + 2
        listener.lost = True
        assert heard.teaching_version() == first + 2  # what was known last
        with pytest.raises(StateError, match="can't be reached"):
            heard.feedback()
        with pytest.raises(StateError, match=r"can't be written: .*\. See that the database runs"):
            heard.add(Feedback("v1", "answered", True))


def test_an_address_without_a_server_is_an_error_with_the_remedy() -> None:
    lost = Database("postgresql://anna:geheim@127.0.0.1:1/none")
    lost._pool.timeout = 0.2
    with pytest.raises(StateError, match="See that the database runs") as told:
        Store(TenantState(lost, "nobody")).feedback()
    assert "geheim" not in str(told.value)
    lost.close()


def test_a_tenant_that_there_is_not_is_named(database: Database) -> None:
    with pytest.raises(StateError, match="no tenant 'nobody'"):
        Store(TenantState(database, "nobody")).feedback()


# Teaches without pause, whatever becomes of the database; tells of each lesson that was acknowledged.
TEACHING = """
import itertools, sys, time
from bot.errors import StateError
from bot.lessons import Lessons
from bot.staff import Store
from bot.stores.database import Database
from bot.stores.tenant_state import TenantState
from bot.teaching import Lesson
database = Database(sys.argv[1])
database._pool.timeout = 0.5
lessons = Lessons(Store(TenantState(database, "taught")))
for number in itertools.count():
    try:
        print(lessons.teach(Lesson(0, "never", (f"question {number}",), author="anna")).id, flush=True)
    except StateError as error:
        print("error", flush=True)
        time.sleep(0.02)
"""


def test_a_database_killed_at_any_moment_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """Its connections, one after the other, and the server itself, which then is only started again."""
    chance, told = random.Random(7), set[int]()
    with server() as url, database_in(url) as made:
        database = Database(made)
        database.migrate()
        PostgresStore(database, FileStore(tmp_path)).create("taught")
        with subprocess.Popen(
            [sys.executable, "-c", TEACHING, made], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for round_ in range(8):
                told |= acknowledged(process.stdout, chance.randint(3, 12))
                time.sleep(chance.uniform(0, 0.02))
                kill(url, the_server=round_ % 4 == 3)
            told |= acknowledged(process.stdout, 3)
            process.send_signal(signal.SIGKILL)
            told |= {int(line) for line in process.stdout.read().split("\n")[:-1] if line.isdigit()}
        store = Store(TenantState(database, "taught"))
        kept = {lesson.id: lesson for lesson in Lessons(store).all()}
        assert told <= set(kept)
        assert len(told) > 30
        assert len(store.audit(100_000)) == len(kept) == store.teaching_version()
        database.close()


def acknowledged(lines: Iterator[str], number: int) -> set[int]:
    """The next so many lessons that were kept."""
    found = set(itertools.islice((int(line) for line in lines if line.strip().isdigit()), number))
    assert len(found) == number, "the teacher ended"
    return found


def kill(url: str, the_server: bool) -> None:
    """End a teacher's connection, or the whole server, without warning; the server is started again as by systemd."""
    found: list[int] = []
    end = time.monotonic() + 60
    while not found:
        assert time.monotonic() < end
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                found = [pid for (pid,) in connection.execute(_CLIENTS)]
        except psycopg.OperationalError:  # recovering
            time.sleep(0.02)
    if the_server:
        kill_and_start(url)
    else:
        with contextlib.suppress(ProcessLookupError):  # it ended by itself
            os.kill(found[0], signal.SIGKILL)


_CLIENTS = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
