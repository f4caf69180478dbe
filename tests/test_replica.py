"""Published versions are read from a replica: a real one that follows, falls behind, and is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psycopg
import pytest

from bot.config import Config
from bot.errors import ConfigError
from bot.index import load
from bot.stores.opening import opened
from bot.stores.postgres import PostgresStore
from tests.servers import database_in, server, standby

CLINIC = "spokes"
NOTE = "clinic.toml"


@dataclass
class Pair:
    """A database with a clinic's articles, and the standby that follows it."""

    url: str
    replica: str

    def follow(self, on: bool) -> None:
        """Let the standby follow, and wait until it has; or let it fall behind."""
        with psycopg.connect(self.replica, autocommit=True) as behind, psycopg.connect(self.url) as ahead:
            behind.execute("SELECT pg_wal_replay_resume()" if on else "SELECT pg_wal_replay_pause()")
            row = ahead.execute("SELECT pg_current_wal_lsn()").fetchone()
            until = time.monotonic() + 60
            while on and behind.execute("SELECT pg_last_wal_replay_lsn() < %s", row).fetchone() != (False,):
                assert time.monotonic() < until
                time.sleep(0.02)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """Servers of our own: the one of ``BOT_TEST_DATABASE_URL`` may have no standby."""
    with ExitStack() as stack:
        url = stack.enter_context(database_in(stack.enter_context(server())))
        yield Pair(url, stack.enter_context(standby(url)))


def served(pair: Pair, fetched: Path, replica: str) -> PostgresStore:
    """As a server opens it."""
    settings = {"FAQ_DATABASE_URL": pair.url, "FAQ_DATABASE_REPLICA": replica, "FAQ_FETCHED": str(fetched)}
    return opened(Config.from_env(settings))


@pytest.fixture
def store(pair: Pair, bicycle: Config, tmp_path: Path) -> Iterator[PostgresStore]:
    """With a clinic whose version the replica has, and nothing fetched yet."""
    made = served(pair, tmp_path / "fetched", pair.replica)
    made.database.migrate()
    made.create(CLINIC)
    made.publish(CLINIC, bicycle)
    pair.follow(True)
    yield made
    pair.follow(True)
    made.delete(CLINIC)
    made.close()


def test_what_a_version_holds_is_read_from_the_replica(store: PostgresStore, pair: Pair, bicycle: Config) -> None:
    pair.follow(False)
    with psycopg.connect(pair.url) as connection:  # so that it would be seen where it was read
        connection.execute("UPDATE blob SET content = 'altered'")
        connection.execute("DELETE FROM searched")
    found = store.checkout(CLINIC)
    assert (found.corpus / NOTE).read_bytes() == (bicycle.corpus / NOTE).read_bytes()
    view = store.view(CLINIC)
    (vector,) = view.vectors.vectors(np.arange(1))
    assert view.vectors.search(vector, 1)[1] == [0]
    assert view.texts.scores(["chain"]).max() > 0


def test_what_the_replica_does_not_have_yet_is_read_from_the_database(
    store: PostgresStore, pair: Pair, bicycle: Config, longer: Config
) -> None:
    bell = "004-bell.md"
    pair.follow(False)
    store.publish(CLINIC, longer)
    assert (store.checkout(CLINIC).corpus / bell).is_file()
    assert not (store.checkout(CLINIC, 1).corpus / bell).exists()
    store.delete(CLINIC)
    store.create(CLINIC)  # another clinic of that name, whose version 1 is not the one that the replica has
    store.publish(CLINIC, longer)
    assert (store.checkout(CLINIC).corpus / bell).is_file()
    assert len(store.view(CLINIC).passages) == len(load(longer).passages)


def test_without_the_replica_the_database_is_read(
    store: PostgresStore, pair: Pair, bicycle: Config, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    alone = served(pair, tmp_path / "other", "postgresql://anna:geheim@127.0.0.1:1/none")
    assert alone._replica
    alone._replica._pool.timeout = 0.2
    assert (alone.checkout(CLINIC).corpus / NOTE).read_bytes() == (bicycle.corpus / NOTE).read_bytes()
    assert "the replica is not read" in caplog.text
    assert "geheim" not in caplog.text
    alone.close()


def test_a_replica_is_set_and_not_shown() -> None:
    config = Config.from_env({"FAQ_DATABASE_URL": "postgresql://db/faq", "FAQ_DATABASE_REPLICA": "no address"})
    with pytest.raises(ConfigError, match="FAQ_DATABASE_REPLICA"):
        opened(config)
    assert "geheim" not in repr(Config.from_env({"FAQ_DATABASE_REPLICA": "postgresql://anna:geheim@db/faq"}))
