"""The store that is configured; PostgreSQL's driver is imported here and only where there is a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.errors import ConfigError

if TYPE_CHECKING:
    from bot.config import Config
    from bot.stores.postgres import PostgresStore


def opened(config: Config) -> PostgresStore:
    """The database of ``FAQ_DATABASE_URL``, with its replica if there is one; nothing is asked of them yet.

    Raises:
        ConfigError: no address, a wrong one, or the driver is not installed.
    """
    if not config.database_url:
        raise ConfigError("no database is configured: set FAQ_DATABASE_URL to postgresql://USER:PASSWORD@HOST/DATABASE")
    try:
        from bot.stores.database import Database
        from bot.stores.postgres import PostgresStore
    except ImportError as error:
        raise ConfigError(f"{error}: run 'pip install -r bot/stores/requirements.txt'") from error
    from bot.stores.files import FileStore

    replica = Database(config.database_replica, "FAQ_DATABASE_REPLICA") if config.database_replica else None
    return PostgresStore(Database(config.database_url), FileStore(config.fetched), replica=replica)
