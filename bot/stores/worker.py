"""A worker: takes the jobs of ``ingestion`` one by one. Any number may run, on any machines that reach the database."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bot import builds, forms, index
from bot.encoder import SentenceTransformerEncoder, locate
from bot.errors import BotError, StoreError, StoreLost
from bot.stores import ingestion

if TYPE_CHECKING:
    from bot.config import Config
    from bot.encoder import Encoder
    from bot.stores.database import Connection
    from bot.stores.ingestion import Job
    from bot.stores.postgres import PostgresStore

log = logging.getLogger(__name__)
LOOK = 2.0  # seconds between two looks for work
_SAMPLE = ("Does it hurt?", "How long does it take to heal?")  # on which the two forms of the encoder are compared


class Worker:
    """Does what it finds. ``tenant``: of that one alone."""

    def __init__(self, store: PostgresStore, config: Config, tenant: str | None = None) -> None:
        self._store = store
        self._config = config
        self._tenant = tenant
        self._loaded: Encoder | None = None
        self._settings = ingestion.settings_of(config)

    def run(self, until_done: bool = False) -> Iterator[str]:
        """Work, and tell of each job, until nothing is left to take (``until_done``) or for ever."""
        while True:
            try:
                done = self.step()
            except StoreLost as error:  # the job is free again; so is this worker when the database is back
                log.error("%s", error)
                done = None
            if done:
                yield done
            elif until_done and done == "":
                return
            else:
                time.sleep(LOOK)

    def step(self) -> str:
        """Do one job; what it was, or nothing.

        Raises:
            StoreLost: the database was lost; the job is to be done again, by whomever.
        """
        with ingestion.taken(self._store.database, self._settings, self._tenant) as (connection, job):
            if job is None:
                return ""
            try:
                done = self._done(connection, job)
            except StoreLost:
                raise
            except BotError as error:
                ingestion.end(connection, job, failure=str(error))
                done = f"failed: {error}"
        return f"{job.tenant}: ingestion {job.ingestion}: {done}"

    def _done(self, connection: Connection, job: Job) -> str:
        if job.hopeless:
            raise StoreError(job.hopeless)
        return self._publish(connection, job) if job.publishes else self._embed(connection, job)

    def _embed(self, connection: Connection, job: Job) -> str:
        ingestion.embedded(connection, job, forms.encode(self._encoder(job.tenant), job.texts, _quiet))
        return f"job {job.number}: {len(job.texts)} texts embedded"

    def _publish(self, connection: Connection, job: Job) -> str:
        """Build and publish. Killed between the two ends, the next worker makes the same version, and sees it there."""
        with tempfile.TemporaryDirectory() as folder:
            config = replace(self._config, corpus=Path(folder) / "corpus", index=Path(folder) / "index")
            given = ingestion.gathered(connection, job, config.corpus)
            if had := ingestion.before(self._store, job.tenant, config):
                builds.adopt(config.index, had[0])
            index.build(config, given=given)
            version = self._store.publish(job.tenant, config)
        ingestion.end(connection, job, version=version.number)
        return f"version {version.number} is current"

    def _encoder(self, tenant: str) -> Encoder:
        """The encoder as it is, in the form that a build would give it; every tenant's is the same."""
        if self._loaded is None:
            source = locate(self._config.model)
            had = ingestion.before(self._store, tenant, self._config)
            if had:
                self._loaded = forms.load(self._config, source, had[1].folder, had[1].manifest)
            else:
                plain = SentenceTransformerEncoder.load(source, self._config.threads)
                with tempfile.TemporaryDirectory() as folder:
                    self._loaded, _ = forms.make(self._config, plain, Path(folder), ((), ()), _SAMPLE, _quiet)
        return self._loaded


def _quiet(step: str, done: int, total: int) -> None:
    """Jobs are told, not steps."""
