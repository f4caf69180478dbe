"""Bots, indexes and records as a server of many clinics has them: what ``pytest --store postgresql`` gives to tests.

What is about files themselves stays with files whatever the option says: see ``ALONE``.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bot import index
from bot.config import Config
from bot.index import Index
from bot.pipeline import Bot
from bot.staff import Store
from bot.stores import Checkout
from bot.stores.database import Database
from bot.stores.directory import load
from bot.stores.files import FileStore
from bot.stores.postgres import PostgresStore
from bot.stores.tenant_state import TenantState
from bot.stores.tenants import change
from tests.servers import database_in

STORES = ("files", "postgresql")
# Test modules that open a bot, an index or records by themselves somewhere, and why there. All else in them is as the
# option says, or runs on both; ``test_stores`` holds this list. Commands but those of tenants read folders.
ALONE = {
    "test_app": "the program of one clinic, which serves a folder",
    "test_embedding": "what a build takes over from an index's folder",
    "test_faults": "damaged and locked files, full disks",
    "test_forms": "the forms of the encoder in an index's folder",
    "test_hosting": "many clinics in one server: always from PostgreSQL",
    "test_index": "an index's folder itself: written, swapped, damaged",
    "test_ingestion": "workers: always on PostgreSQL",
    "test_keeping": "copies of the records' file",
    "test_kills": "the check of what was taught, beside records of its own; the kills are on PostgreSQL",
    "test_lessons": "a process that is killed beside the records' file, and an older file",
    "test_own_articles": "a build just made",
    "test_pipeline": "a folder without an index",
    "test_postgres": "what only the database does",
    "test_publishing": "copies of the folders of articles and index",
    "test_renewal": "a served folder whose index is swapped",
    "test_sign_in": "records that were closed, and the command line",
    "test_staff": "the records' file itself",
    "test_staff_commands": "the command line over the records' file; test_hosting has that of tenants",
    "test_stores": "the contract, over both",
    "test_teacher": "a start without the database, and the command line",
    "test_tenant_state": "records moved between the two",
    "test_upload": "editions, which are written into a served folder, beside the records' file",
    "test_watch": "a folder that is watched",
}
OPENS = re.compile(r"\b(Bot\.open|open_bot|index\.load|Store)\(|sys\.executable, \"app\.py\"")


@dataclass(frozen=True)
class Served:
    """Where the tests' bots, indexes and records come from."""

    bot: Callable[[Config], Bot]  # of a finished index
    index: Callable[[Config], Index]  # the same, loaded
    records: Callable[[], Store]  # of a clinic of its own, empty


def everything_in(store: Store) -> bytes:
    """All that is kept of a clinic: the bytes of the records' files, or its rows of every table."""
    if store.path:
        return b"".join(path.read_bytes() for path in store.path.parent.glob(f"{store.path.name}*"))
    with store.read() as cursor:
        tables = cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        names = [name for (name,) in tables.fetchall()]
        rows = [r for n in names for r in cursor.execute(f"SELECT CAST(own AS text) FROM {n} AS own").fetchall()]
    return repr((names, rows)).encode()


class Hosted:
    """Each index is published to a tenant of its own, once, and served from there; records are a tenant's, too."""

    def __init__(self, database: Database, fetched: Path) -> None:
        self.store = PostgresStore(database, FileStore(fetched))
        self._published: dict[Path, str] = {}

    def served(self) -> Served:
        """What the tests ask for."""
        return Served(self.bot, self.index, self.records)

    def tenant(self, config: Config) -> str:
        """The tenant that serves a finished index."""
        if config.index not in self._published:
            name = self._made()
            self.store.publish(name, config)
            self._published[config.index] = name
        return self._published[config.index]

    def checkout(self, config: Config) -> Checkout:
        """A finished index as the database gives it back."""
        return self.store.checkout(self.tenant(config))

    def bot(self, config: Config) -> Bot:
        """The bot as a hosted site loads it."""
        return load(self.store, config, self.tenant(config))

    def index(self, config: Config) -> Index:
        """What that bot answers from."""
        found = self.checkout(config)
        return index.load(replace(config, corpus=found.corpus, index=found.index))

    def records(self, name: str = "") -> Store:
        """A tenant's records, with a copy of what is taught, as a hosted site opens them; by default a new one's."""
        name = name or self._made()
        copy = self.store.cache.root / name / "taught.json"
        return Store(TenantState(self.store.database, name), remembered=copy)

    def _made(self) -> str:
        name = f"clinic-{secrets.token_hex(4)}"
        self.store.create(name)
        self.store.cache.create(name)
        return name


@dataclass(frozen=True)
class Program:
    """How ``app.py`` serves one clinic at this machine's own addresses: its settings, and its records."""

    settings: Mapping[str, str]
    records: Callable[[], Store]


@contextmanager
def program(address: str, config: Config, fetched: Path) -> Iterator[Program]:
    """One that serves a finished index from a database of its own on a server."""
    with database_in(address) as url:
        hosted = Hosted(Database(url), fetched)
        hosted.store.database.migrate()
        name = hosted.tenant(config)
        change(hosted.store.database, name, hosts=("127.0.0.1", "localhost"))
        yield Program({"FAQ_DATABASE_URL": url, "FAQ_FETCHED": str(fetched)}, partial(hosted.records, name))
        hosted.store.database.close()
