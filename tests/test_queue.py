"""The queue: grouped by meaning or category, ranked, changed by one person at a time."""

from __future__ import annotations

import datetime

import numpy as np
import pytest

from bot import queue
from bot.dense import Matrix
from bot.errors import Changed, Missing
from bot.queue import STATES, Asked, Queue
from bot.staff import Store
from tests.conftest import States

NOON = datetime.datetime(2026, 11, 21, 12, 0, tzinfo=datetime.UTC)


class Calendar:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime.datetime:
        return self.now

    def days(self, number: int) -> None:
        self.now = NOON + datetime.timedelta(days=number)


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


@pytest.fixture
def store(states: States, calendar: Calendar) -> Store:
    return states(calendar)


@pytest.fixture
def entries(store: Store) -> Queue:
    return Queue(store)


def towards(degrees: float) -> Matrix:
    """A unit vector; the cosine of two is that of the angle between them."""
    angle = np.radians(degrees)
    return np.asarray([np.cos(angle), np.sin(angle)], dtype=np.float32)


def ask(entries: Queue, *asked: Asked, at: float | None = None) -> None:
    entries.record(asked, [None if at is None else towards(at)] * len(asked), "v1")


NO_WORDS = Asked("abstained", "scars", "cost", ("001-what",), None, True)


def test_without_words_a_category_is_one_entry(entries: Queue) -> None:
    ask(entries, NO_WORDS, NO_WORDS, Asked("abstained", "scars", "pain", failed=True))
    first, second = entries.entries()
    assert (first.category, first.asked, first.failed, first.text) == (("abstained", "scars", "cost"), 2, 2, None)
    assert (second.category, second.asked) == (("abstained", "scars", "pain"), 1)
    assert (first.first, first.last, first.state, first.who, first.version) == (
        "2026-11-21",
        "2026-11-21",
        "new",
        None,
        1,
    )


def test_what_was_answered_is_counted_but_not_in_the_queue(entries: Queue) -> None:
    ask(entries, Asked("answered", "scars", "cost"))
    assert entries.entries(STATES) == []


@pytest.mark.parametrize(("apart", "groups"), [(0, 1), (50, 1), (56, 2), (90, 2)])
def test_words_are_grouped_by_meaning(entries: Queue, apart: float, groups: int) -> None:
    """Cosine 0.6 is 53 degrees."""
    ask(entries, Asked("abstained", text="can I fly after", failed=True), at=0)
    ask(entries, Asked("handoff", text="flying afterwards ok", failed=True), at=apart)
    found = entries.entries()
    assert len(found) == groups
    if groups == 1:
        assert (found[0].text, found[0].wordings, found[0].asked) == ("can I fly after", ("flying afterwards ok",), 2)


def test_the_same_words_are_one_entry_whatever_encoder(entries: Queue) -> None:
    ask(entries, Asked("abstained", text="Can I fly?", failed=True), at=0)
    entries.record([Asked("abstained", text="can i FLY", failed=True)], [towards(80)], "v2")
    (one,) = entries.entries()
    assert (one.asked, one.wordings) == (2, ())


def test_groups_go_on_with_another_encoder(entries: Queue) -> None:
    ask(entries, Asked("abstained", text="can i fly", failed=True), at=0)
    entries.embed_anew(lambda text: towards(200), "v2")
    entries.record([Asked("abstained", text="flying?", failed=True)], [towards(210)], "v2")
    assert [(e.text, e.wordings) for e in entries.entries()] == [("can i fly", ("flying?",))]


def test_ranked_by_how_many_and_how_recently(entries: Queue, calendar: Calendar) -> None:
    """A failure counts 1, after 14 days a half: 3 of 28 days ago make 0.75, 1 of today 1, 3 of 14 days ago 1.5."""
    calendar.days(-28)
    ask(entries, *[Asked("abstained", "old", failed=True)] * 3)
    calendar.days(-14)
    ask(entries, *[Asked("abstained", "middle", failed=True)] * 3)
    calendar.days(0)
    ask(entries, Asked("abstained", "new", failed=True))
    assert [(e.category[1], round(e.score, 3)) for e in entries.entries()] == [
        ("middle", 1.5),
        ("new", 1.0),
        ("old", 0.75),
    ]
    calendar.days(14)
    assert [round(e.score, 3) for e in entries.entries()] == [0.75, 0.5, 0.375]  # the order stays


def test_the_second_of_two_people_is_told(entries: Queue) -> None:
    ask(entries, NO_WORDS)
    (seen,) = entries.entries()
    changed = entries.change(seen.id, seen.version, "in_progress", "anna")
    assert (changed.state, changed.who, changed.version) == ("in_progress", "anna", 2)
    with pytest.raises(Changed, match="anna set this entry to 'in_progress'") as told:
        entries.change(seen.id, seen.version, "dismissed", "bo")
    assert told.value.current == changed
    assert entries.entry(seen.id) == changed  # nothing lost
    assert entries.change(seen.id, changed.version, "dismissed", "bo").state == "dismissed"


def test_asking_again_is_no_change_that_anybody_is_told_of(entries: Queue) -> None:
    ask(entries, NO_WORDS)
    (seen,) = entries.entries()
    ask(entries, NO_WORDS)
    assert entries.change(seen.id, seen.version, "in_progress", "anna").asked == 2


def test_what_was_solved_and_fails_again_is_new_again(entries: Queue, store: Store) -> None:
    ask(entries, NO_WORDS)
    (seen,) = entries.entries()
    entries.change(seen.id, 1, "solved", "anna")
    assert entries.entries() == []
    ask(entries, NO_WORDS)
    (again,) = entries.entries()
    assert (again.id, again.state, again.version) == (seen.id, "new", 3)
    assert [(d.who, d.did) for d in store.audit()] == [("the bot", "reopened"), ("anna", "solved")]


def test_what_was_dismissed_stays_so(entries: Queue) -> None:
    ask(entries, NO_WORDS)
    (seen,) = entries.entries()
    entries.change(seen.id, 1, "dismissed", "anna")
    ask(entries, NO_WORDS)
    assert entries.entries() == []
    assert entries.entries(("dismissed",))[0].asked == 2


def test_thumbs_down_are_entries_of_what_is_known(entries: Queue) -> None:
    entries.thumbed_down("answered", "wrong", ["003-how", "001-what"])
    entries.thumbed_down("answered", "wrong", ["003-how"])
    entries.thumbed_down("abstained", None, [])
    assert [(e.kind, e.category, e.asked) for e in entries.entries()] == [
        ("feedback", ("answered", "003-how", "wrong"), 2),
        ("feedback", ("abstained", "", "none"), 1),
    ]


def test_an_entry_that_is_gone_is_said_to_be(entries: Queue) -> None:
    with pytest.raises(Missing, match="Go back to the queue"):
        entries.entry(7)
    with pytest.raises(Missing):
        entries.change(7, 1, "solved", "anna")


def test_a_flood_makes_room_for_itself(entries: Queue, calendar: Calendar, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "MAX_ENTRIES", 3)
    calendar.days(-1)
    ask(entries, Asked("abstained", "worked on", failed=True))
    entries.change(entries.entries()[0].id, 1, "in_progress", "anna")
    calendar.days(0)
    ask(entries, *[Asked("abstained", f"t{n}", failed=True) for n in range(9)])
    assert {e.category[1] for e in entries.entries()} == {"worked on", "t7", "t8"}


def test_only_so_many_wordings_are_kept(entries: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "MAX_WORDINGS", 2)
    ask(entries, *[Asked("abstained", text=f"fly {n}", failed=True) for n in range(6)], at=0)
    (one,) = entries.entries()
    assert (one.asked, len(one.wordings)) == (6, 2)


def test_top_questions_count_answered_ones(entries: Queue) -> None:
    ask(entries, NO_WORDS, NO_WORDS)
    ask(entries, Asked("answered", text="does it hurt"), Asked("answered", text="does it hurt?"), at=0)
    assert [(e.text, e.asked, e.failed) for e in entries.questions()] == [("does it hurt", 2, 0)]
