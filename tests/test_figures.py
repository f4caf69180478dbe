"""Figures of what visitors ask, worked out by hand; and CSV that is only text."""

from __future__ import annotations

import csv
import io

import pytest

from bot.errors import MessageError
from bot.figures import Table, figures, inert
from bot.queue import Asked, Queue
from bot.staff import Feedback, Store
from tests.conftest import States
from tests.test_queue import Calendar, ask


@pytest.fixture
def store(states: States) -> Store:
    """Two days: 3 questions (1 failed) and 2 (1 failed); one thumb up, two down."""
    calendar = Calendar()
    store = states(calendar)
    entries = Queue(store)
    calendar.days(-1)
    ask(
        entries,
        *[Asked("answered", "scars", "cost", ("001", "003"))] * 2,
        Asked("abstained", "scars", "cost", failed=True),
    )
    store.add(Feedback("v1", "answered", True))
    calendar.days(0)
    ask(entries, Asked("urgent"))
    ask(entries, Asked("handoff", "", "", ("001",), "=cmd|' /C calc'!A0", True), at=0)
    store.add(Feedback("v1", "answered", False, "wrong"))
    store.add(Feedback("v1", "answered", False))
    entries.thumbed_down("answered", "wrong", [])
    return store


def test_the_figures(store: Store) -> None:
    found = figures(store, "2026-11-01", "2026-11-30")
    assert (found.asked, found.unanswered) == (5, 0.4)
    assert found.days.rows == (("2026-11-20", 3, 1), ("2026-11-21", 2, 1))
    assert found.statuses.rows == (("answered", 2), ("abstained", 1), ("handoff", 1), ("urgent", 1))
    assert found.topics.rows == (("scars", "cost", 3, 1), ("", "", 2, 1))
    assert found.feedback.rows == (("yes", "", 1), ("no", "", 1), ("no", "wrong", 1))
    assert found.sources.rows == (("001", 3), ("003", 2))
    assert found.questions.rows == (("=cmd|' /C calc'!A0", 1, 1),)


def test_of_some_days_only(store: Store) -> None:
    found = figures(store, "2026-11-21", "2026-11-21")
    assert (found.asked, found.unanswered, found.sources.rows) == (2, 0.5, (("001", 1),))
    nothing = figures(store, "2020-01-01", "2020-01-02")
    assert (nothing.asked, nothing.unanswered, nothing.days.rows) == (0, 0.0, ())


def test_a_table_by_its_name(store: Store) -> None:
    found = figures(store, "2026-11-01", "2026-11-30")
    assert found.table("days").csv() == ('"day","asked","unanswered"\r\n"2026-11-20",3,1\r\n"2026-11-21",2,1\r\n')
    with pytest.raises(MessageError, match="Choose one of days, statuses, topics, feedback, sources, questions"):
        found.table("first")


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        " =1",
        "\u00a0=1",
        "\ufeff=1",
        "＝1",
        "＋1",
        "－1",
        "＠A1",
        "|x",
        "%0A",
    ],
)
def test_formulas_are_inert(text: str) -> None:
    written = Table(("question", "n"), ((text, 1),)).csv()
    (_, row) = csv.reader(io.StringIO(written, newline=""))
    assert row == [f"'{text}", "1"]


@pytest.mark.parametrize("cell", ["does it hurt", "3 - 4 weeks", "a=b", 5, 0.5, ""])
def test_other_cells_stay(cell: str | int | float) -> None:
    assert inert(cell) == cell


def test_the_top_question_s_formula_is_inert_in_the_export(store: Store) -> None:
    assert "\"'=cmd|" in figures(store, "2026-11-01", "2026-11-30").questions.csv()
