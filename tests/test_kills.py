"""The database and a server killed at random moments during publishing and teaching: the short form of ``bench.kills``.

A publisher that is killed is in ``test_postgres``, a worker in ``test_ingestion``, a server in ``test_two_servers``.
"""

from __future__ import annotations

import datetime

import pytest

from bot.config import Config
from bot.lessons import Lessons
from bot.staff import Store
from tests.bench import kills
from tests.bench.desk import Desk, Taught
from tests.test_lessons import ANSWER


def test_what_was_published_and_taught_outlives_the_database_and_the_server(bicycle: Config, longer: Config) -> None:
    rows, ground = kills.run((bicycle, longer), ["taught database", "taught server"])
    assert ground.wrong == []
    assert ground.looks > 0
    assert rows[-1]["acknowledged"] > 1
    assert ground.desk
    assert set(ground.desk.deeds) == {"approve", "edit", "withdraw"}


@pytest.mark.parametrize(
    "deed",
    [
        "DELETE FROM lesson",
        "UPDATE lesson SET text = 'Something else.'",
        "UPDATE lesson SET undone_at = at",
        "DELETE FROM taught",
        "UPDATE teaching SET version = version + 1",
        "INSERT INTO audit (at, who, did, what) VALUES ('', 'anna', 'taught (answer)', 'lesson 1')",
        "INSERT INTO lesson (kind, wordings, text, cites, author, at) VALUES ('answer', '[]', '', '[]', 'anna', '')",
    ],
)
def test_what_is_lost_half_there_or_there_twice_would_be_seen(deed: str) -> None:
    store = Store(clock=lambda: datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC))
    kept = Lessons(store).teach(ANSWER)
    desk = Desk(0, "", "", "")
    desk.taught.append(Taught(kept.question, kept.text, kept.id))
    desk.deeds["approve"] += 1
    assert desk.faults(store) == []
    with store.write() as cursor:
        cursor.execute("DELETE FROM taught") if deed == "DELETE FROM lesson" else None
        cursor.execute(deed)
    assert desk.faults(store) != []
    store.close()
