"""Counting what visitors ask: what is kept under each setting, and that a reply never depends on it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from bot import recorder as recorder_module
from bot.errors import StateError
from bot.pipeline import Bot
from bot.queue import STATES, Asked, Queue
from bot.recorder import Recorder
from bot.schema import Citation, Reply
from bot.staff import Store
from bot.web import create_app
from tests.conftest import States
from tests.fake_bot import FakeBot
from tests.hosted import everything_in
from tests.test_feedback import OURS
from tests.test_web import GENEROUS, ready

SECRET = "my name is Zbigniewa and i want to know can i fly after"


@pytest.fixture
def store(states: States) -> Store:
    return states()


def counted(store: Store, bot: Bot, keep: str, *told: tuple[str, Reply]) -> Queue:
    entries = Queue(store)
    recorder = Recorder(entries, bot, keep)
    for message, reply in told:
        recorder.reply(message, reply)
    recorder.close()
    return entries


ABSTAINED = Reply("abstained", "The articles don't cover that.")


def test_by_default_no_word_is_kept(store: Store) -> None:
    entries = counted(store, FakeBot().as_bot(), "none", (SECRET, ABSTAINED), ("is it painful on scars", ABSTAINED))
    found = {entry.category: entry.text for entry in entries.entries()}
    assert len(found) == 2
    assert set(found.values()) == {None}
    assert ("abstained", "scars", "pain") in found
    for word in (b"Zbigniewa", b"fly", b"painful"):
        assert word not in everything_in(store)


def test_masked_keeps_everyday_words(store: Store, shipped_bot: Bot) -> None:
    entries = counted(store, shipped_bot, "masked", (SECRET, ABSTAINED), ("does qwrtzuiop squeak", ABSTAINED))
    texts = {entry.text for entry in entries.entries()}
    assert "my name is [name] and i want to know can i fly after" in texts
    assert b"Zbigniewa" not in everything_in(store)
    assert b"qwrtzuiop" not in everything_in(store)


def test_text_keeps_what_was_typed_without_personal_data(store: Store, shipped_bot: Bot) -> None:
    said = "Does QWRTZ squeak? call 07700 900123"
    entries = counted(store, shipped_bot, "text", (said, ABSTAINED), ("what does qwrtz cost", ABSTAINED))
    assert "Does QWRTZ squeak? call [phone]" in {entry.text for entry in entries.entries()}
    assert b"900123" not in everything_in(store)


def test_repetitions_are_one_entry(store: Store, shipped_bot: Bot) -> None:
    told = ("can i fly after", "Can I fly after?", "is it ok to fly afterwards")
    entries = counted(store, shipped_bot, "text", *((text, ABSTAINED) for text in told))
    (one,) = entries.entries()
    assert (one.asked, one.text, one.wordings) == (3, told[0], (told[2],))


@pytest.mark.parametrize("status", ["urgent", "caution", "refused", "smalltalk"])
def test_the_words_of_what_warns_are_never_kept(store: Store, shipped_bot: Bot, status: str) -> None:
    entries = counted(store, shipped_bot, "text", ("i am pregnant with zwillinge", Reply(status, "x")))  # type: ignore[arg-type]
    assert entries.questions() == []
    assert b"zwillinge" not in everything_in(store)
    with store.read() as cursor:
        assert cursor.execute("SELECT status, failed, n FROM asked").fetchall() == [(status, 0, 1)]


def test_what_was_taught_to_be_handed_over_is_no_failure(store: Store) -> None:
    told = [("which machine", Reply("handoff", "x", lesson=3)), ("which machine", Reply("handoff", "x"))]
    (one,) = counted(store, FakeBot().as_bot(), "none", *told).entries(STATES)
    assert (one.asked, one.failed) == (2, 1)


def test_articles_are_counted_once_a_reply(store: Store) -> None:
    cite = Citation(1, "001", "t", None, None, "s", "p", "q", 0, 1, 0, "digest")
    counted(store, FakeBot().as_bot(), "none", ("q", Reply("answered", "x", (cite, cite))))
    with store.read() as cursor:
        assert cursor.execute("SELECT source_id, n FROM cited").fetchall() == [("001", 1)]


class Broken(Queue):
    """A queue whose disk is full."""

    def record(self, *told: object) -> None:
        raise StateError(f"the disk is full, said {told}")


def test_a_count_that_fails_is_logged_without_a_word(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder(Broken(store), FakeBot().as_bot())
    recorder.reply(SECRET, ABSTAINED)
    recorder.flush()
    assert "not counted: StateError" in caplog.text
    assert "Zbigniewa" not in caplog.text
    recorder.close()  # it goes on until it is told to stop


def test_too_many_are_left_out_not_waited_for(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recorder_module, "WAITING", 3)
    held = threading.Event()

    class Slow(Queue):
        def record(self, *told: object) -> None:
            held.wait()

    recorder = Recorder(Slow(store), FakeBot().as_bot())
    for _ in range(200):
        recorder.reply(SECRET, ABSTAINED)
    assert "too many wait" in caplog.text
    held.set()
    recorder.close()


def test_it_forgets_at_start(store: Store) -> None:
    done = threading.Event()
    recorder = Recorder(Queue(store), FakeBot().as_bot(), "none", done.set)
    assert done.wait(10)
    recorder.close()


def test_a_visitor_s_turns_and_thumbs_are_counted(states: States) -> None:
    store = states()
    with TestClient(create_app(FakeBot().as_bot, limits=GENEROUS, store=store)) as client:
        ready(client)
        for message in ("bitcoin", "bitcoin", "does it hurt", "book me in"):
            assert client.post("/api/ask", json={"message": message}).status_code == 200
        assert client.post("/ask", data={"q": "bitcoin"}).status_code == 200
        no = {"index_version": "fake-1", "status": "answered", "helpful": False, "reason": "wrong"}
        for body in (no, {**no, "helpful": True, "reason": None}):
            assert client.post("/api/feedback", json=body, headers=OURS).status_code == 204
    entries = Queue(store).entries()  # leaving the app wrote what was left
    assert {(e.kind, e.category[0], e.asked) for e in entries} == {
        ("question", "abstained", 3),
        ("question", "handoff", 1),
        ("feedback", "answered", 1),
    }


def test_a_locked_database_delays_no_reply(states: States, record_property: Callable[[str, object], None]) -> None:
    """While somebody else writes, replies come; what was to be counted waits in its own thread."""
    store, other, took = states(), states(), list[float]()
    with TestClient(create_app(FakeBot().as_bot, limits=GENEROUS, store=store)) as client:
        ready(client)
        with other.write() as cursor:
            cursor.execute("UPDATE teaching SET version = version")
            for _ in range(20):
                begun = time.monotonic()
                assert client.post("/api/ask", json={"message": "bitcoin"}).json()["status"] == "abstained"
                took.append(time.monotonic() - begun)
            assert Queue(store).entries() == []
    assert Queue(store).entries()[0].asked == 20
    record_property("figure", f"20 replies while it was, the slowest after {1000 * max(took):.0f} ms")


def test_of_two_visitors_nothing_tells_them_apart(store: Store) -> None:
    """The file holds days and counts: no time of a question, no address, no order."""
    counted(store, FakeBot().as_bot(), "none", *[("bitcoin", ABSTAINED)] * 2)
    with store.read() as cursor:
        tables = [cursor.execute(f"SELECT * FROM {t}").description for t in ("entry", "asked", "wording", "cited")]
    columns = {column[0] for table in tables for column in table} - {"tenant"}
    assert columns == {
        "id", "kind", "category", "text", "plain", "vector", "encoder", "worded", "state", "who", "at", "version",
        "entry", "day", "status", "failed", "n", "source_id",
    }  # fmt: skip
    assert Asked.__slots__ == ("status", "topic", "facet", "sources", "text", "failed")
