"""Articles to be built and published by workers: cut into jobs in the database, taken one by one, published at the end.

A job is a row that its worker keeps locked (``FOR UPDATE SKIP LOCKED``) until the transaction that holds its result
ends. So there is no lease to run out: when a worker dies, its connection ends, and the next worker takes the job. Each
taking is counted first, in a transaction of its own, so that a job that ends every worker is given up some time. The
last job of an ingestion builds the index with the vectors of the others and publishes it.

Texts are shared out where the encoder is taken as it is (``FAQ_ADAPT=0``). One that is fitted to the articles is known
only when they are built, so those are one job.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bot import index
from bot.bank import entries
from bot.chunker import passages_of
from bot.corpus import read_corpus
from bot.embedding import MOST_LENT, Before
from bot.encoder import locate
from bot.errors import VersionMissing
from bot.known import key
from bot.rows import rows_of
from bot.schema import plain
from bot.stores.packages import written

if TYPE_CHECKING:
    from bot.config import Config
    from bot.dense import Matrix
    from bot.stores.database import Connection, Database
    from bot.stores.postgres import PostgresStore

BATCH = 512  # texts of a job: some 5 seconds of one core, which is all that a killed worker loses
ATTEMPTS = 3  # of one job: a machine that goes down under a worker is bad luck, three are the job's doing
_PUBLISH = 0  # the number of the job that publishes
_TAKE = """
    SELECT job.tenant, tenant.name, job.ingestion, job.job, texts
    FROM job JOIN ingestion AS own USING (tenant, ingestion) JOIN tenant USING (tenant)
    WHERE vectors IS NULL AND ended IS NULL AND settings = %(settings)s
      AND (%(tenant)s::text IS NULL OR name = %(tenant)s)
      AND (job > 0 OR NOT EXISTS (
        SELECT FROM ingestion AS before JOIN job AS left_over USING (tenant, ingestion)
        WHERE before.tenant = own.tenant AND before.ended IS NULL AND left_over.vectors IS NULL
          AND (ingestion < own.ingestion OR (ingestion = own.ingestion AND left_over.job > 0))))
    ORDER BY ingestion, job DESC LIMIT 1 FOR NO KEY UPDATE OF job SKIP LOCKED
"""
_COUNT = """
    INSERT INTO attempt AS had (tenant, ingestion, job, attempts) VALUES (%s, %s, %s, 1)
    ON CONFLICT (tenant, ingestion, job) DO UPDATE
    SET attempts = CASE WHEN had.since = EXCLUDED.since THEN had.attempts + 1 ELSE 1 END, since = EXCLUDED.since
    RETURNING attempts
"""
# Of a worker whose machine is gone without a word the database hears within a minute, instead of two hours.
_NOTICE = "".join(f"SET LOCAL tcp_keepalives_{name};" for name in ("idle = 30", "interval = 10", "count = 3"))
_TOLD = """
    SELECT name, ingestion, own.at, jobs, version, failure,
           (SELECT count(*) FROM job WHERE job.ingestion = own.ingestion AND vectors IS NULL),
           (SELECT max(attempts) FROM attempt JOIN job USING (tenant, ingestion, job)
            WHERE attempt.ingestion = own.ingestion AND vectors IS NULL AND since = pg_postmaster_start_time())
    FROM ingestion AS own JOIN tenant USING (tenant) WHERE %(tenant)s::text IS NULL OR name = %(tenant)s
    ORDER BY ingestion DESC LIMIT 50
"""


@dataclass(frozen=True, slots=True)
class Ingestion:
    """How far one is: ``left`` of ``jobs`` are to be done; at the end the ``version`` published, or the ``failure``.

    ``attempts``: how often a job was taken that is not done, the most of any.
    """

    tenant: str
    number: int
    at: datetime.datetime
    jobs: int
    version: int | None
    failure: str | None
    left: int
    attempts: int | None

    def __str__(self) -> str:
        if self.failure:
            how = f"failed: {self.failure}"
        elif self.version:
            how = f"published as version {self.version}"
        else:
            tried = f", one begun {self.attempts} of {ATTEMPTS} times" if self.attempts else ""
            how = f"{self.jobs - self.left} of {self.jobs} jobs done{tried}"
        return f"{self.number}  {self.tenant}  {self.at:%Y-%m-%d %H:%M}  {how}"


@dataclass(frozen=True, slots=True)
class Job:
    """One that is ours until ``taken`` ends."""

    own: int
    tenant: str
    ingestion: int
    number: int
    texts: list[str]
    attempt: int = 1

    @property
    def publishes(self) -> bool:
        """Whether it is the last of its ingestion."""
        return self.number == _PUBLISH

    @property
    def hopeless(self) -> str:
        """Why nobody is to try it again; empty while somebody is."""
        if self.attempt <= ATTEMPTS:
            return ""
        return (
            f"job {self.number} was begun {ATTEMPTS} times, but each worker ended before it did: see their logs and "
            f"whether they had memory enough, then try again with 'python -m bot tenant ingest {self.tenant} DIR'"
        )


def settings_of(config: Config) -> str:
    """What must be equal for two workers to make the same vectors and the same index."""
    told = index.expectations(config, locate(config.model))
    return json.dumps({k: v for k, v in told.items() if k not in ("corpus_sha256", "readers")}, sort_keys=True)


def before(store: PostgresStore, tenant: str, config: Config) -> tuple[Path, Before] | None:
    """The index of a tenant's current version, as far as what it has embedded can be taken over."""
    try:
        found = store.checkout(tenant).index
    except VersionMissing:
        return None
    known = Before.find(found, index.expectations(config, locate(config.model)))
    return (found, known) if known else None


def ingest(store: PostgresStore, tenant: str, config: Config, batch: int = BATCH) -> int:
    """Leave the articles of ``config`` to workers; what is waiting already is not left again. Its number.

    Only texts that the current version does not hold become jobs.

    Raises:
        CorpusError: nothing in the folder can be read.
        TenantMissing, StoreLost, StoreError: as ``Database.tenant``.
    """
    files = {p.relative_to(config.corpus).as_posix(): p.read_bytes() for p in _files(config.corpus)}
    had = before(store, tenant, config)
    held = had[1].known() if had else {}
    texts = sorted({t for t in _texts(config) if key(t) not in held}, key=key)
    if config.adaptation.enabled:
        texts = []
    batches = [texts[at : at + batch] for at in range(0, len(texts), batch)]
    settings = settings_of(config)
    told = [settings, *((place, sha256(content).hexdigest()) for place, content in sorted(files.items()))]
    name = sha256(json.dumps(told).encode()).digest()
    with store.database.tenant(tenant, write=True) as (connection, own):
        row = connection.execute(
            "INSERT INTO ingestion (tenant, key, settings, jobs) VALUES (%s, %s, %s, %s) "
            "ON CONFLICT (tenant, key) WHERE ended IS NULL DO NOTHING RETURNING ingestion",
            [own, name, settings, 1 + len(batches)],
        ).fetchone()
        if row is None:
            row = connection.execute(
                "SELECT ingestion FROM ingestion WHERE tenant = %s AND key = %s AND ended IS NULL", [own, name]
            ).fetchone()
            return int(row[0]) if row else ingest(store, tenant, config, batch)  # ended meanwhile
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO source (tenant, ingestion, place, content) VALUES (%s, %s, %s, %s)",
                [(own, row[0], place, content) for place, content in files.items()],
            )
            cursor.executemany(
                "INSERT INTO job (tenant, ingestion, job, texts) VALUES (%s, %s, %s, %s)",
                [(own, row[0], n, json.dumps(some).encode()) for n, some in enumerate([[], *batches])],
            )
    return int(row[0])


def _files(corpus: Path) -> list[Path]:
    return sorted(p for p in corpus.rglob("*") if p.is_file())


def _texts(config: Config) -> list[str]:
    """What a build embeds."""
    corpus = read_corpus(config.corpus)
    passages = passages_of(corpus.articles, config.chunking)
    bank = entries() if plain(passages) and len(passages) <= MOST_LENT else ()
    return rows_of(passages, corpus.articles, bank)[1]


@contextmanager
def taken(database: Database, settings: str, tenant: str | None = None) -> Iterator[tuple[Connection, Job | None]]:
    """A job that nobody else has, of one tenant or of any, with the transaction that its result goes into; or None.

    Raises:
        StoreLost, StoreError: as ``Database.administer``; the job is another worker's then.
    """
    with database.administer() as connection:
        connection.execute(_NOTICE)
        row = connection.execute(_TAKE, {"settings": settings, "tenant": tenant}).fetchone()
        job = Job(row[0], row[1], row[2], row[3], json.loads(bytes(row[4]))) if row else None
        yield connection, replace(job, attempt=_counted(database, job)) if job else None


def _counted(database: Database, job: Job) -> int:
    """How often a job was taken, this time included; it stays counted whatever becomes of its transaction."""
    with database.administer() as connection:
        row = connection.execute(_COUNT, [job.own, job.ingestion, job.number]).fetchone()
    return int(row[0]) if row else 1


def embedded(connection: Connection, job: Job, vectors: Matrix) -> None:
    """Keep the vectors of a job's texts."""
    connection.execute(
        "UPDATE job SET vectors = %b WHERE tenant = %s AND ingestion = %s AND job = %s",
        [vectors.astype(np.float32).tobytes(), job.own, job.ingestion, job.number],
    )


def gathered(connection: Connection, job: Job, corpus: Path) -> dict[bytes, Matrix]:
    """Write the files of an ingestion into a folder; the embeddings that its other jobs left, by ``known.key``."""
    at = [job.own, job.ingestion]
    files = connection.execute("SELECT place, content FROM source WHERE tenant = %s AND ingestion = %s", at)
    for place, content in files:
        written(corpus, place, lambda path, content=content: path.write_bytes(content))  # type: ignore[misc]
    found: dict[bytes, Matrix] = {}
    rows = connection.execute(
        "SELECT texts, vectors FROM job WHERE tenant = %s AND ingestion = %s AND job > 0", at, binary=True
    )
    for texts, vectors in rows:
        names = [key(text) for text in json.loads(bytes(texts))]
        found |= zip(names, np.frombuffer(vectors, dtype=np.float32).reshape(len(names), -1), strict=True)
    return found


def end(connection: Connection, job: Job, version: int | None = None, failure: str | None = None) -> None:
    """Close an ingestion: it was published, or it can't be."""
    at = [job.own, job.ingestion]
    connection.execute(
        "UPDATE ingestion SET version = %s, failure = %s, ended = now() WHERE tenant = %s AND ingestion = %s",
        [version, failure, *at],
    )
    connection.execute("DELETE FROM job WHERE tenant = %s AND ingestion = %s", at)
    connection.execute("DELETE FROM source WHERE tenant = %s AND ingestion = %s", at)


def listed(database: Database, tenant: str | None = None) -> tuple[Ingestion, ...]:
    """The last ingestions of one tenant or of all, newest first; for their operator."""
    with database.administer() as connection:
        return tuple(Ingestion(*row) for row in connection.execute(_TOLD, {"tenant": tenant}))
