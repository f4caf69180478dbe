"""Which tenant is where and what it may, and its bot: by the database, or as last known while that is lost."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.errors import IndexDamaged, StoreLost
from bot.stores.listener import Listener
from bot.stores.tenants import Tenant, remember, remembered, told

if TYPE_CHECKING:
    from bot.config import Config
    from bot.pipeline import Bot
    from bot.stores.postgres import PostgresStore

log = logging.getLogger(__name__)


class Directory:
    """The tenants as a server looks them up. Once ``listener`` knows that the database is lost, nobody waits for it."""

    def __init__(self, store: PostgresStore, listener: Listener) -> None:
        self._store = store
        self._listener = listener

    def hosted(self, host: str) -> str | None:
        """The name of the tenant at a host name."""
        try:
            if not self._listener.lost:
                return self._store.database.hosted(host)
        except StoreLost as error:
            log.error("%s", error)
        return next((t.name for t in remembered(self._store.cache.root) if host in t.hosts), None)

    def tenant(self, name: str) -> Tenant:
        """A tenant, which is remembered.

        Raises:
            TenantMissing: there is none.
            StoreLost: the database is lost, and the tenant was never loaded here.
        """
        try:
            if not self._listener.lost:
                tenant = told(self._store.database, name)
                remember(self._store.cache.root, tenant)
                return tenant
        except StoreLost as error:
            log.error("%s", error)
        known = next((t for t in remembered(self._store.cache.root) if t.name == name), None)
        if known is None:
            raise StoreLost(f"tenant {name!r} was never loaded here, and the database is lost: see that it runs")
        return known


def load(store: PostgresStore, config: Config, tenant: str) -> Bot:
    """A clinic's bot, of its current version; while the database is lost, of the one that was fetched last.

    Raises:
        StoreError, IndexError_, ConfigError, DataError, EncoderError: there is none, or it can't be loaded.
    """
    from bot.pipeline import Bot

    try:
        found = store.checkout(tenant)
    except StoreLost as error:
        log.error("%s", error)
        found = store.cache.checkout(tenant)
    try:
        return Bot.open(replace(config, corpus=found.corpus, index=found.index))
    except IndexDamaged:
        store.cache.delete(tenant)  # fetched again
        found = store.checkout(tenant)
        return Bot.open(replace(config, corpus=found.corpus, index=found.index))
