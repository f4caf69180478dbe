"""The store of feedback: kept through a restart, migrated, refused when it is not ours to touch."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from bot import migrations, staff, state_file
from bot.errors import StateError, StateNewer
from bot.staff import Feedback, Store
from tests.conftest import States

YES = Feedback("v1", "answered", True, None, ("003-how-it-works", "001-what"))
NO = Feedback("v1", "abstained", False, "missing")


def test_feedback_is_kept_through_a_restart(states: States) -> None:
    store = states()
    store.add(YES)
    store.close()
    again = states()
    again.add(NO)
    assert again.feedback() == [YES, NO]


def test_a_folder_is_made_for_the_file(tmp_path: Path) -> None:
    Store(tmp_path / "new" / "faq.sqlite").close()
    assert (tmp_path / "new" / "faq.sqlite").is_file()


def test_the_file_holds_when_and_nothing_but_the_record(tmp_path: Path) -> None:
    path = tmp_path / "faq.sqlite"
    store = Store(path)
    store.add(YES)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA user_version").fetchone() == (len(migrations.MIGRATIONS),)
        columns = [row[1] for row in db.execute("PRAGMA table_info(feedback)")]
        assert columns == ["id", "at", "index_version", "status", "helpful", "reason", "sources"]
        assert db.execute("SELECT at GLOB '20??-??-??T??:??:??Z' FROM feedback").fetchone() == (1,)
    store.close()


def test_without_a_path_nothing_touches_the_disk() -> None:
    store = Store()
    store.add(NO)
    assert store.feedback() == [NO]
    store.close()


def test_an_older_file_is_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "faq.sqlite"
    old = Store(path)
    old.add(YES)
    old.close()
    added = "ALTER TABLE feedback ADD COLUMN later TEXT;\nCREATE INDEX by_status ON feedback (status);\n"
    monkeypatch.setattr(state_file, "MIGRATIONS", (*migrations.MIGRATIONS, added))
    new = Store(path)
    assert new.feedback() == [YES]
    new.close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (len(migrations.MIGRATIONS) + 1,)


def test_a_newer_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "faq.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(StateNewer, match=r"newer version .*format 99, this one knows \d+.*FAQ_STATE"):
        Store(path)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


@pytest.mark.parametrize("kind", ["text", "folder"])
def test_a_file_that_is_no_database_is_named_with_the_remedy(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "faq.sqlite"
    path.mkdir() if kind == "folder" else path.write_text("notes " * 500)
    with pytest.raises(StateError, match=r"faq\.sqlite can't be used: .* Set FAQ_STATE"):
        Store(path)


def test_the_oldest_rows_make_room(states: States, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staff, "KEPT", 3)
    store = states()
    for number in range(10):
        store.add(Feedback(f"v{number}", "answered", True))
    assert [f.index_version for f in store.feedback()] == ["v7", "v8", "v9"]


def test_many_at_once_are_all_kept(states: States) -> None:
    one, other = states(), states()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: (one, other)[n % 2].add(YES), range(60)))
    assert len(one.feedback()) == 60


def test_a_write_that_fails_says_so(tmp_path: Path) -> None:
    file = state_file.StateFile(tmp_path / "faq.sqlite")
    store = Store(file)
    file._db.execute("PRAGMA query_only = ON")  # stands for a full disk
    with pytest.raises(StateError, match="can't be written"):
        store.add(YES)
    store.close()
