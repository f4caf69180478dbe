"""What only the database does: row security, sharing embeddings, one transaction, losing it."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bot import index
from bot.accounts import Accounts
from bot.config import Config
from bot.errors import ConfigError, StoreError, StoreLost, TenantLimit
from bot.index import Index
from bot.lessons import Lessons
from bot.queue import Asked, Queue
from bot.staff import Feedback, Store
from bot.stores.database import Connection, Database, enter, migrations
from bot.stores.files import FileStore
from bot.stores.ingestion import ingest, settings_of, taken
from bot.stores.opening import opened
from bot.stores.postgres import PostgresStore
from bot.stores.tenant_state import TenantState
from bot.stores.tenants import CHANNEL, change
from tests.conftest import ROOT
from tests.test_lessons import NEVER
from tests.test_queue import ask

ARTICLES = (
    "tenant",
    "host",
    "version",
    "blob",
    "file",
    "passage",
    "embedding",
    "searched",
    "term",
    "ingestion",
    "source",
    "job",
    "attempt",
)
STATE = (
    "counter", "feedback", "entry", "asked", "wording", "cited", "lesson", "taught", "teaching", "audit", "account",
    "session", "browser",
)  # fmt: skip
TABLES = (*ARTICLES, *STATE)
_numbers = itertools.count(1)


@pytest.fixture
def store(database: Database, tmp_path: Path) -> PostgresStore:
    return PostgresStore(database, FileStore(tmp_path / "cache"))


@pytest.fixture
def pair(store: PostgresStore) -> Iterator[tuple[str, str]]:
    """Two tenants without a version."""
    names = (f"ours-{next(_numbers)}", f"theirs-{next(_numbers)}")
    for name in names:
        store.create(name)
    yield names
    for name in set(names) & set(store.tenants()):
        store.delete(name)


@pytest.fixture(scope="module")
def neighbours(database: Database, tmp_path_factory: pytest.TempPathFactory, bicycle: Config) -> tuple[str, str]:
    """Two tenants, the second with a version that nobody changes."""
    store = PostgresStore(database, FileStore(tmp_path_factory.mktemp("neighbours")))
    for name in ("mallory", "trent"):
        store.create(name)
        change(database, name, hosts=[f"{name}.example"])
    store.publish("trent", bicycle)
    tell_everything(Store(TenantState(database, "trent")))
    ingest(store, "trent", bicycle)
    with taken(database, settings_of(bicycle), "trent"):
        pass
    return "mallory", "trent"


def tell_everything(state: Store) -> None:
    """Leave a row in every table of the state."""
    accounts, entries = Accounts(state), Queue(state)
    accounts.add("anna", "four words in a row", "editor")
    accounts.sign_in("anna", "four words in a row", "an address")
    ask(entries, Asked("abstained", text="can I fly", sources=("001",), failed=True), at=0)
    ask(entries, Asked("abstained", text="flying home", failed=True), at=10)
    state.add(Feedback("v1", "answered", False, "wrong", ("001",)))
    Lessons(state).teach(replace(NEVER, entry=entries.entries()[0].id))


def count(database: Database, table: str, tenant: str) -> int:
    """How many rows there are of a tenant, as the owner sees them."""
    with database.administer() as connection:
        row = connection.execute(
            f"SELECT count(*) FROM {table} JOIN tenant AS own USING (tenant) WHERE own.name = %s".encode(), [tenant]
        ).fetchone()
    return int(row[0]) if row else 0


# ---- one tenant never sees another's rows ----------------------------------------------------------------------------


def test_every_table_is_under_row_security_and_in_the_list_above(database: Database) -> None:
    with database.administer() as connection:
        found = connection.execute(
            "SELECT relname, relrowsecurity FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchall()
    assert {name for name, _ in found} == {*TABLES, "faq_migration"}
    assert {name for name, secured in found if not secured} == {"faq_migration"}  # which the role may not read


def test_no_statement_of_a_tenant_reaches_anothers_rows(store: PostgresStore, neighbours: tuple[str, str]) -> None:
    ours, theirs = neighbours
    for table in TABLES:
        before = count(store.database, table, theirs)
        assert before > 0, table
        with store.database.tenant(ours) as (connection, _):
            seen = connection.execute(f"SELECT count(*) FROM {table} WHERE tenant <> faq_current()".encode()).fetchone()
        assert seen == (0,), table
        for deed in (f"DELETE FROM {table}", f"UPDATE {table} SET tenant = faq_current()", f"TRUNCATE {table} CASCADE"):
            with contextlib.suppress(StoreError), store.database.tenant(ours, write=True) as (connection, _):
                connection.execute(deed.encode())  # refused, or it finds only its own
        assert count(store.database, table, theirs) == before, table


def test_a_row_of_another_tenant_can_not_be_written(store: PostgresStore, neighbours: tuple[str, str]) -> None:
    ours, theirs = neighbours
    with store.database.tenant(theirs) as (_, number):
        pass
    with (
        pytest.raises(StoreError, match="row-level security"),
        store.database.tenant(ours, write=True) as (connection, _),
    ):
        connection.execute(
            "INSERT INTO passage (tenant, number, place, id, content) VALUES (%s, 1, 999, 'x', '{}')", [number]
        )


def test_without_a_tenant_nothing_is_seen(store: PostgresStore, neighbours: tuple[str, str]) -> None:
    with store.database.administer() as connection:
        enter(connection)
        for table in TABLES:
            assert connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (0,), table


def test_the_role_ends_with_the_transaction(store: PostgresStore, pair: tuple[str, str]) -> None:
    for _ in range(6):  # whichever connection of the pool it is
        with store.database.tenant(pair[0]):
            pass
        with store.database.administer() as connection:
            row = connection.execute("SELECT current_user = session_user, current_setting('faq.tenant', true)")
            assert row.fetchone() in ((True, ""), (True, None))


def test_a_role_that_passes_by_row_security_is_refused(database: Database) -> None:
    with pytest.raises(StoreError, match="NOBYPASSRLS"), database.administer() as connection:
        connection.execute("ALTER ROLE faq_tenant BYPASSRLS")  # taken back with the transaction
        enter(connection)


# ---- publishing ------------------------------------------------------------------------------------------------------


def test_versions_share_the_embeddings_of_equal_texts_and_nothing_else(
    store: PostgresStore,
    pair: tuple[str, str],
    neighbours: tuple[str, str],
    bicycle: Config,
    longer: Config,
    bicycle_index: Index,
) -> None:
    ours = pair[0]
    store.publish(ours, bicycle)
    one = count(store.database, "embedding", ours)
    assert one <= len(bicycle_index.dense)
    store.publish(ours, longer)
    more = count(store.database, "embedding", ours) - one
    assert 0 < more < 20  # the texts of the article more
    assert count(store.database, "searched", ours) > 1.9 * len(bicycle_index.dense)
    passages = len(bicycle_index.passages)
    assert count(store.database, "passage", ours) == 2 * passages + 1
    assert count(store.database, "embedding", neighbours[1]) == one  # not shared between tenants


def rows_read(database: Database) -> int:
    """How many rows, and entries of indexes, all statements have read so far."""
    with database.administer() as connection:
        connection.execute("SELECT pg_stat_force_next_flush()")
    with database.administer() as connection:
        row = connection.execute(
            "SELECT (SELECT sum(seq_tup_read) FROM pg_stat_user_tables)"
            " + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes)"
        ).fetchone()
    return int(row[0]) if row else 0


def test_a_row_published_or_fetched_is_read_a_few_times_though_the_planner_knows_other_tenants_only(
    store: PostgresStore, pair: tuple[str, str], bicycle: Config, neighbours: tuple[str, str]
) -> None:
    with store.database.administer() as connection:
        connection.execute("ANALYZE")  # as the server does by itself once a minute
    before = rows_read(store.database)
    store.publish(pair[0], bicycle)
    store.checkout(pair[0])
    assert rows_read(store.database) - before < 60 * count(store.database, "embedding", pair[0])


def test_equal_texts_that_were_embedded_otherwise_are_kept_apart(
    store: PostgresStore, pair: tuple[str, str], bicycle: Config
) -> None:
    store.publish(pair[0], bicycle)
    with store.database.administer() as connection:  # as an encoder would whose batches change the last bits
        connection.execute(
            "UPDATE embedding SET vector = (SELECT vector FROM embedding ORDER BY embedding LIMIT 1) "
            "WHERE embedding = (SELECT max(embedding) FROM embedding)"
        )
        connection.execute("UPDATE version SET name = 'other'")
    store.publish(pair[0], bicycle)
    found = store.checkout(pair[0])
    assert index.load(replace(bicycle, corpus=found.corpus, index=found.index)).version


def test_embeddings_and_files_that_no_version_has_any_more_are_removed(
    database: Database, tmp_path: Path, pair: tuple[str, str], bicycle: Config, longer: Config
) -> None:
    store = PostgresStore(database, FileStore(tmp_path / "cache"), kept=1)
    store.publish(pair[0], bicycle)
    before = {table: count(database, table, pair[0]) for table in TABLES}
    store.publish(pair[0], longer)
    assert count(database, "embedding", pair[0]) > before["embedding"]
    store.publish(pair[0], bicycle)
    assert {table: count(database, table, pair[0]) for table in TABLES} == before


def test_who_may_have_fewer_passages_keeps_the_version_there_is(
    store: PostgresStore, pair: tuple[str, str], bicycle: Config, longer: Config, bicycle_index: Index
) -> None:
    change(store.database, pair[0], max_passages=len(bicycle_index.passages))
    store.publish(pair[0], bicycle)
    with pytest.raises(TenantLimit, match="publish fewer"):
        store.publish(pair[0], longer)
    assert [v.number for v in store.versions(pair[0])] == [1]


def test_a_server_is_told_when_a_version_is_there_and_not_before(
    store: PostgresStore, pair: tuple[str, str], bicycle: Config
) -> None:
    with psycopg.connect(store.database.url, autocommit=True) as listening:
        listening.execute(f"LISTEN {CHANNEL}".encode())
        store.publish(pair[0], bicycle)
        told = [notice.payload for notice in listening.notifies(timeout=5, stop_after=1)]
    assert told == [pair[0]]


class Overtaken(Database):
    """A database where something happens before the second transaction of a tenant."""

    def __init__(self, url: str, deed: Callable[[], object]) -> None:
        super().__init__(url)
        self._deeds = iter([lambda: None, deed])

    @contextlib.contextmanager
    def tenant(self, name: str, write: bool = False) -> Iterator[tuple[Connection, int]]:
        next(self._deeds, lambda: None)()
        with super().tenant(name, write) as found:
            yield found


def test_who_reads_while_the_version_is_removed_gets_the_next_one_whole(
    database: Database, tmp_path: Path, pair: tuple[str, str], bicycle: Config, longer: Config, bicycle_index: Index
) -> None:
    store = PostgresStore(database, FileStore(tmp_path / "cache"), kept=1)
    store.publish(pair[0], bicycle)
    late = Overtaken(database.url, lambda: store.publish(pair[0], longer))
    view = PostgresStore(late, store.cache).view(pair[0])
    assert (view.number, len(view.passages)) == (2, len(bicycle_index.passages) + 1)
    late.close()
    late = Overtaken(database.url, lambda: store.publish(pair[0], bicycle))
    found = PostgresStore(late, store.cache).checkout(pair[0])
    assert found.number == 3
    assert index.load(replace(bicycle, corpus=found.corpus, index=found.index)).version == bicycle_index.version
    late.close()


def test_looking_at_an_earlier_version_changes_nothing_of_what_is_served_when_the_database_is_lost(
    store: PostgresStore, pair: tuple[str, str], bicycle: Config, longer: Config
) -> None:
    store.publish(pair[0], bicycle)
    store.publish(pair[0], longer)
    store.checkout(pair[0])
    for _ in range(2):
        assert store.checkout(pair[0], 1).number == 1
        assert store.cache.checkout(pair[0]).number == 2
    store.activate(pair[0], 1)
    assert store.checkout(pair[0]).number == store.cache.checkout(pair[0]).number == 1


PUBLISH = """
import sys
from dataclasses import replace
from pathlib import Path
from bot.config import Config
from bot.stores.database import Database
from bot.stores.files import FileStore
from bot.stores.postgres import PostgresStore
url, tenant, cache, *pairs = sys.argv[1:]
store = PostgresStore(Database(url), FileStore(Path(cache)))
configs = [Config(corpus=Path(c), index=Path(i)) for c, i in zip(pairs[::2], pairs[1::2])]
configs = [replace(c, adaptation=replace(c.adaptation, enabled=False)) for c in configs]
print("begun", flush=True)
while True:
    for config in configs:
        print(store.publish(tenant, config).number, flush=True)
"""


def test_a_publisher_killed_at_any_moment_leaves_a_whole_version(
    store: PostgresStore, pair: tuple[str, str], bicycle: Config, longer: Config, tmp_path: Path
) -> None:
    tenant = pair[0]
    store.publish(tenant, bicycle)
    folders = [str(f) for c in (longer, bicycle) for f in (c.corpus, c.index)]
    acknowledged = 1
    for round_ in range(3):
        publisher = subprocess.Popen(
            [sys.executable, "-c", PUBLISH, store.database.url, tenant, str(tmp_path / "other"), *folders],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert publisher.stdout is not None
        assert publisher.stdout.readline() == "begun\n"
        time.sleep(0.9 + 0.37 * round_)
        publisher.send_signal(signal.SIGKILL)
        told = publisher.stdout.read().split()
        publisher.wait()
        publisher.stdout.close()
        acknowledged = max([acknowledged, *map(int, told)])
        numbers = [v.number for v in store.versions(tenant) if v.current]
        assert numbers[0] >= acknowledged  # what was said to be published is
        found = store.checkout(tenant)
        assert index.load(replace(bicycle, corpus=found.corpus, index=found.index)).version
        view = store.view(tenant)
        assert len(view.passages) == count_of(store, tenant, "passage")


def count_of(store: PostgresStore, tenant: str, table: str) -> int:
    """Rows of the current version."""
    with store.database.tenant(tenant) as (connection, _):
        row = connection.execute(
            f"SELECT count(*) FROM {table} JOIN tenant USING (tenant) WHERE number = current".encode()
        ).fetchone()
    return int(row[0]) if row else 0


# ---- the database itself ---------------------------------------------------------------------------------------------


def test_the_tables_are_made_once_and_newer_ones_are_left_alone(database: Database) -> None:
    database.migrate()
    with database.administer() as connection:
        done = connection.execute("SELECT number FROM faq_migration ORDER BY number").fetchall()
        assert done == [(n,) for n in range(1, len(migrations()) + 1)]
        connection.execute("INSERT INTO faq_migration (number) VALUES (999)")
    try:
        with pytest.raises(StoreError, match="newer version"):
            database.migrate()
    finally:
        with database.administer() as connection:
            connection.execute("DELETE FROM faq_migration WHERE number = 999")


def test_an_address_without_a_server_is_told_and_its_password_is_not() -> None:
    lost = Database("postgresql://anna:geheim@127.0.0.1:1/none")
    lost._pool.timeout = 0.2
    with pytest.raises(StoreLost, match="see that it runs") as caught:
        lost.hosted("faq.example")
    assert "geheim" not in str(caught.value)
    lost.close()
    with pytest.raises(ConfigError, match="FAQ_DATABASE_URL"):
        Database("no address at all")


def test_without_a_database_the_driver_is_not_imported() -> None:
    with pytest.raises(ConfigError, match="FAQ_DATABASE_URL"):
        opened(Config())
    code = "import bot.__main__, bot.pipeline, bot.web, sys; print(sorted({'psycopg', 'pgvector'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_config_shows_no_password() -> None:
    environ: dict[str, Any] = {"FAQ_DATABASE_URL": "postgresql://anna:geheim@db/faq"}
    config = Config.from_env(environ)
    assert config.database_url == environ["FAQ_DATABASE_URL"]
    assert "geheim" not in repr(config)
