"""The store of what staff taught: checked, kept whole, undone, safe when two people meet and from a kill."""

from __future__ import annotations

import datetime
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from bot.errors import Changed, Missing, TeachError
from bot.lessons import MAX_WORDINGS, Lessons
from bot.metrics import Item
from bot.queue import Asked, Queue
from bot.sets import read_set
from bot.staff import Store
from bot.teaching import Cite, Lesson
from tests.conftest import ROOT, States

CITE = Cite("001-what", "001-what#3", (0, 1), "ab12", ("Wait (a day).", "Then go."))
ANSWER = Lesson(0, "answer", ("can I fly after?",), "From the next day.", (CITE,), "anna", review_by="2027-01-31")
NEVER = Lesson(0, "never", ("what machine do you use", "which brand"), author="bo")
WORDING = Lesson(0, "wording", ("is it ouchy",), cites=(replace(CITE, sentences=()),), author="cy")


@pytest.fixture
def store(states: States) -> Store:
    return states(lambda: datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC))


in_a_file = pytest.mark.parametrize("states", ["sqlite"], indirect=True)


@pytest.fixture
def lessons(store: Store) -> Lessons:
    return Lessons(store)


def taught_questions(store: Store) -> list[tuple[str, str, str]]:
    """Id, question and expectation of each item of the regression set's staff file, as ``evaluate`` reads it."""
    return [(item.id, item.turns[-1], item.expect) for item in staff_set(store)]


def staff_set(store: Store) -> Sequence[Item]:
    """The regression set's staff file, or what it would hold where there is none."""
    lines = store.questions.read_text(encoding="utf-8") if store.questions else "\n".join(Lessons(store).questions())
    if not lines:
        return ()
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        file.write(lines)
        file.flush()
        return read_set(Path(file.name)).items


def test_a_lesson_is_kept_as_it_was_taught(lessons: Lessons, store: Store) -> None:
    kept = lessons.teach(ANSWER)
    assert kept == replace(ANSWER, id=1, at="2026-11-21T12:00:00Z")
    assert lessons.all() == [kept] == [lessons.lesson(1)]
    assert [(d.who, d.did, d.what) for d in store.audit()] == [("anna", "taught (answer)", "lesson 1")]


def test_the_regression_set_gains_the_questions_in_the_same_step(lessons: Lessons, store: Store) -> None:
    for draft in (ANSWER, NEVER, WORDING):
        lessons.teach(draft)
    assert taught_questions(store) == [
        ("staff-1-1", "can I fly after?", "answer"),
        ("staff-2-1", "what machine do you use", "handoff"),
        ("staff-2-2", "which brand", "handoff"),
        ("staff-3-1", "is it ouchy", "answer"),
    ]
    answer, never, _, wording = staff_set(store)
    assert (answer.sources, answer.facts) == (("001-what",), ((r"From\ the\ next\ day\.",),))
    assert (never.sources, never.facts) == ((), ())
    assert (wording.sources, wording.facts) == ((), ((r"Wait\ \(a\ day\)\.", r"Then\ go\."),))


def test_undoing_takes_it_all_back(lessons: Lessons, store: Store) -> None:
    lessons.teach(NEVER)
    kept = lessons.teach(ANSWER)
    version = store.teaching_version()
    undone = lessons.undo(kept.id, kept.version, "cy")
    assert (undone.undone_by, undone.undone_at) == ("cy", "2026-11-21T12:00:00Z")
    assert [lesson.kind for lesson in lessons.all()] == ["never"]
    assert [lesson.kind for lesson in lessons.all(undone=True)] == ["answer", "never"]
    assert [name for name, _, _ in taught_questions(store)] == ["staff-1-1", "staff-1-2"]
    assert store.teaching_version() > version
    assert store.audit()[0].did == "undid"
    lessons.teach(ANSWER)  # the question is free again


def test_a_question_is_taught_once(lessons: Lessons) -> None:
    lessons.teach(ANSWER)
    with pytest.raises(TeachError, match=r"'Can i FLY after' is taught already, by lesson 1\. Undo that one first"):
        lessons.teach(replace(NEVER, wordings=("new", "Can i FLY after")))
    assert len(lessons.all()) == 1
    lessons.teach(replace(NEVER, wordings=("new",)))  # nothing of the refused one was left behind


def test_wordings_are_trimmed_and_each_once(lessons: Lessons) -> None:
    kept = lessons.teach(replace(NEVER, wordings=(" what  machine? ", "What machine", "", "?!", "brand")))
    assert kept.wordings == ("what machine?", "brand")


@pytest.mark.parametrize(
    ("draft", "told"),
    [
        (replace(NEVER, wordings=()), "There is no question"),
        (replace(NEVER, wordings=("?",)), "There is no question"),
        (replace(NEVER, wordings=("a" * 301,)), "300 characters"),
        (replace(NEVER, wordings=tuple(f"w{n}" for n in range(MAX_WORDINGS + 1))), "at most 40 wordings"),
        (replace(NEVER, author=" "), "Sign in again"),
        (replace(WORDING, cites=()), "Choose the one passage"),
        (replace(WORDING, cites=(CITE, CITE)), "Choose the one passage"),
        (replace(ANSWER, text=" "), "at most 60 words"),
        (replace(ANSWER, text="word " * 61), "at most 60 words"),
        (replace(ANSWER, text="See this [1]."), "Leave out marks"),
        (replace(ANSWER, cites=()), "at least one sentence"),
        (replace(ANSWER, cites=(replace(CITE, sentences=()),)), "at least one sentence"),
        (replace(ANSWER, review_by=None), "by which day"),
        (replace(ANSWER, review_by="soon"), "by which day"),
        (replace(ANSWER, review_by="2026-11-21"), "must lie ahead"),
        (replace(ANSWER, review_by="2036-01-01"), "three years"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_incomplete_is_refused(lessons: Lessons, store: Store, draft: Lesson, told: str) -> None:
    with pytest.raises(TeachError, match=told):
        lessons.teach(draft)
    assert lessons.all() == []
    assert store.audit() == []


def test_an_answer_is_reviewed(lessons: Lessons) -> None:
    kept = lessons.teach(ANSWER)
    new = lessons.review(kept.id, kept.version, "cy", "2027-06-30", "From the day after.")
    assert (new.text, new.author, new.review_by, new.version) == ("From the day after.", "cy", "2027-06-30", 2)
    assert new.cites == ANSWER.cites
    with pytest.raises(TeachError):
        lessons.review(kept.id, 2, "cy", "2020-01-01")
    assert lessons.lesson(kept.id) == new


def test_a_wording_is_reviewed_without_a_day(lessons: Lessons) -> None:
    kept = lessons.teach(WORDING)
    other = replace(CITE, sha256="cd34", sentences=())
    assert lessons.review(kept.id, kept.version, "cy", "", cites=[other]).review_by is None


@pytest.mark.parametrize(
    "change",
    [lambda x, n: x.undo(n, 1, "bo"), lambda x, n: x.review(n, 1, "bo", "2027-02-01")],
    ids=["undo", "review"],
)
def test_the_second_of_two_people_is_told(lessons: Lessons, change: Callable[[Lessons, int], Lesson]) -> None:
    kept = lessons.teach(ANSWER)
    first = lessons.review(kept.id, 1, "anna", "2027-03-01")
    with pytest.raises(Changed, match="anna changed this") as told:
        change(lessons, kept.id)
    assert told.value.current == first == lessons.lesson(kept.id)
    lessons.undo(kept.id, 2, "anna")
    with pytest.raises(Changed, match="anna changed this"):
        change(lessons, kept.id)


def test_a_lesson_that_is_not_there_is_said_to_be(lessons: Lessons) -> None:
    with pytest.raises(Missing, match="Go back to the list"):
        lessons.undo(9, 1, "bo")


def test_teaching_from_the_queue_solves_the_entry_and_undoing_reopens_it(lessons: Lessons, store: Store) -> None:
    entries = Queue(store)
    entries.record([Asked("abstained", "flying", failed=True)], [None], "v1")
    (seen,) = entries.entries()
    kept = lessons.teach(replace(ANSWER, entry=seen.id), seen.version)
    assert (entries.entry(seen.id).state, entries.entry(seen.id).who) == ("solved", "anna")
    lessons.undo(kept.id, kept.version, "bo")
    assert entries.entry(seen.id).state == "new"


def test_teaching_from_an_entry_that_somebody_changed_keeps_nothing(lessons: Lessons, store: Store) -> None:
    entries = Queue(store)
    entries.record([Asked("abstained", "flying", failed=True)], [None], "v1")
    (seen,) = entries.entries()
    entries.change(seen.id, seen.version, "dismissed", "bo")
    with pytest.raises(Changed, match="bo set this entry to 'dismissed'"):
        lessons.teach(replace(ANSWER, entry=seen.id), seen.version)
    assert lessons.all() == []
    lessons.teach(ANSWER)  # its question was not taken


@in_a_file
def test_a_file_that_is_behind_is_mended_at_start(lessons: Lessons, store: Store) -> None:
    lessons.teach(ANSWER)
    assert store.questions is not None
    store.questions.write_text("half a li", encoding="utf-8")
    lessons.write_questions()
    assert [name for name, _, _ in taught_questions(store)] == ["staff-1-1"]
    assert not list(store.questions.parent.glob("*.questions.jsonl.????????"))


@in_a_file
def test_a_file_that_can_t_be_written_undoes_nothing(
    lessons: Lessons, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    assert store.questions is not None
    store.questions.mkdir()
    assert lessons.teach(ANSWER) == lessons.lesson(1)
    assert "can't be written" in caplog.text


def test_nothing_acknowledged_is_lost_among_many(states: States) -> None:
    """20 people who change entries and teach, in two processes' stores, while 200 visitors ask."""
    stores = [states(), states()]
    queues, lessons = [Queue(s) for s in stores], [Lessons(s) for s in stores]
    queues[0].record([Asked("abstained", f"t{n}", failed=True) for n in range(20)], [None] * 20, "v1")
    told: list[int] = []

    def staff(number: int) -> int:
        mine, changed = number % 2, 0
        for entry in queues[mine].entries():
            with suppress(Changed):
                queues[mine].change(entry.id, entry.version, "in_progress", f"s{number}")
                changed += 1
        told.append(lessons[mine].teach(replace(NEVER, wordings=(f"q {number}",))).id)
        return changed

    def visitor(number: int) -> int:
        queues[number % 2].record([Asked("answered", f"t{number % 7}", sources=("001",))], [None], "v1")
        return 0

    with ThreadPoolExecutor(24) as pool:
        work = [pool.submit(visitor, n) for n in range(200)] + [pool.submit(staff, n) for n in range(20)]
        changed = sum(done.result() for done in work)
    assert changed == sum(deed.did == "in_progress" for deed in stores[1].audit())
    assert changed == sum(entry.version - 1 for entry in queues[1].entries())
    assert sorted(told) == sorted(lesson.id for lesson in lessons[0].all())
    assert len(told) == 20
    with stores[0].read() as cursor:
        assert cursor.execute("SELECT SUM(n) FROM asked WHERE status = 'answered'").fetchone() == (200,)
        assert cursor.execute("SELECT SUM(n) FROM cited").fetchone() == (200,)
    assert len(taught_questions(stores[0])) == 20


# Forks a process that teaches without pause for each line it is given, and says when that one was killed.
TEACHING = """
import os, sys
from pathlib import Path
from bot.lessons import Lessons
from bot.staff import Store
from bot.teaching import Lesson
for line in sys.stdin:
    pid = os.fork()
    if pid:
        os.write(1, f"pid {pid}\\n".encode())
        os.waitpid(pid, 0)
        os.write(1, b"killed 0\\n")
        continue
    lessons = Lessons(Store(Path(sys.argv[1])))
    number = int(line)
    while True:
        kept = lessons.teach(Lesson(0, "never", (f"question {number}",), author="anna"))
        os.write(1, f"taught {kept.id}\\n".encode())
        if number % 3 == 0:
            lessons.undo(kept.id, kept.version, "anna")
            os.write(1, f"undid {kept.id}\\n".encode())
        number += 1
"""


def test_a_kill_at_any_moment_loses_nothing_acknowledged(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """50 processes that teach without pause, killed without warning after a random time."""
    path = tmp_path / "faq.sqlite"
    chance = random.Random(7)
    told: dict[str, set[int]] = {"taught": set(), "undid": set()}
    command = [sys.executable, "-c", TEACHING, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        for number in range(50):
            print(1000 * number, file=parent.stdin, flush=True)
            pid, left = 0, chance.randint(1, 4)  # what it may tell before it is killed, soon after
            while not pid or left > 0:
                said, value = parent.stdout.readline().split()
                if said == "pid":
                    pid = int(value)
                else:
                    told[said].add(int(value))
                    left -= 1
            time.sleep(chance.uniform(0, 0.02))
            os.kill(pid, signal.SIGKILL)
            while (said := (line := parent.stdout.readline().split())[0]) != "killed":
                told[said].add(int(line[1]))
        parent.stdin.close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        kept = {number for (number,) in db.execute("SELECT id FROM lesson")}
        gone = {number for (number,) in db.execute("SELECT id FROM lesson WHERE undone_at IS NOT NULL")}
        deeds = db.execute("SELECT COUNT(*) FROM audit").fetchone()[0]
    assert len(told["taught"]) > 50  # the kills came in the midst of work
    assert told["taught"] <= kept
    assert told["undid"] <= gone
    record_property("figure", f"50 kills, {len(told['taught'] & kept)} of {len(told['taught'])} acknowledged are there")
    assert deeds == len(kept) + len(gone)  # each change with its line in the audit log, or neither
    store = Store(path)
    Lessons(store).write_questions()  # as at start
    assert len(taught_questions(store)) == len(kept - gone)
    store.close()
