"""The database killed at random moments during publishing: the short form of ``tests.bench.kills``.

A publisher that is killed is in ``test_postgres``, a worker in ``test_ingestion``, a server in ``test_two_servers``.
"""

from __future__ import annotations

from bot.config import Config
from tests.bench import kills


def test_a_database_that_is_killed_loses_nothing_it_acknowledged(bicycle: Config, longer: Config) -> None:
    rows, ground = kills.run((bicycle, longer), ["database", "database"])
    assert ground.wrong == []
    assert ground.looks > 0
    assert rows[-1]["acknowledged"] > 1
