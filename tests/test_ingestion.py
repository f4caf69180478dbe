"""Articles left to workers: real processes over a real PostgreSQL that share one corpus, and die at it."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bot import index
from bot.config import Config
from bot.errors import CorpusError
from bot.known import key
from bot.stores.database import Database
from bot.stores.files import FileStore
from bot.stores.ingestion import ATTEMPTS, Ingestion, before, embedded, ingest, listed, settings_of, taken
from bot.stores.postgres import PostgresStore
from bot.stores.tenants import change
from bot.stores.worker import Worker
from tests.bicycle import write_corpus
from tests.conftest import ROOT

_numbers = itertools.count(1)


@pytest.fixture
def store(database: Database, tmp_path: Path) -> PostgresStore:
    return PostgresStore(database, FileStore(tmp_path / "cache"))


@pytest.fixture
def tenant(store: PostgresStore, bicycle: Config) -> Iterator[str]:
    """A tenant with the bicycle's articles."""
    name = f"ingests-{next(_numbers)}"
    store.create(name)
    store.publish(name, bicycle)
    yield name
    store.delete(name)


@pytest.fixture(scope="module")
def many(bicycle: Config, tmp_path_factory: pytest.TempPathFactory) -> Config:
    """The bicycle's articles and a long one, without an index."""
    corpus = write_corpus(tmp_path_factory.mktemp("many") / "corpus")
    sections = []
    for first in range(0, 60, 10):
        lines = " ".join(f"Crank {n} fits a frame of {n + 40} centimetres." for n in range(first, first + 10))
        sections.append(f"## Which frame takes crank {first}?\n\n<!-- questions:\ncrank {first} size\n-->\n\n{lines}\n")
    (corpus / "005-cranks.md").write_text("\n".join(sections), encoding="utf-8")
    return replace(bicycle, corpus=corpus)


def last(store: PostgresStore, tenant: str) -> Ingestion:
    return listed(store.database, tenant)[0]


def worker(store: PostgresStore, tenant: str) -> subprocess.Popen[str]:
    """``python -m bot worker`` for a tenant."""
    settings = {"FAQ_ADAPT": "0", "FAQ_DATABASE_URL": store.database.url, "FAQ_FETCHED": str(store.cache.root)}
    command = [sys.executable, "-m", "bot", "worker", "--tenant", tenant, "--until-done"]
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | settings, stdout=subprocess.PIPE, text=True)


def test_workers_share_a_corpus_and_one_that_is_killed_loses_nothing(
    store: PostgresStore, tenant: str, many: Config
) -> None:
    number = ingest(store, tenant, many, batch=1)
    assert ingest(store, tenant, many, batch=1) == number  # once
    jobs = last(store, tenant).jobs
    assert jobs > 60
    killed = worker(store, tenant)
    assert killed.stdout
    assert killed.stdout.readline().endswith("1 texts embedded\n")
    killed.send_signal(signal.SIGSTOP)  # with a job in its hands
    assert 0 < last(store, tenant).left < jobs
    other = worker(store, tenant)
    said, _ = other.communicate()
    assert other.returncode == 0
    if "is current" not in said:  # it waits for nobody
        assert last(store, tenant).left == 2
    killed.kill()
    killed.communicate()
    done = list(Worker(store, many, tenant).run(until_done=True))
    assert "version 2 is current" in "".join([said, *done])
    assert str(last(store, tenant)).endswith("published as version 2")

    found = store.checkout(tenant)
    made = index.load(replace(many, corpus=found.corpus, index=found.index))
    passages = [p for p in made.passages if p.source_id == "005-cranks"]
    assert sum(len(p.sentences) for p in passages) == 60
    known = before(store, tenant, many)
    assert known
    vectors = known[1].known()
    for sentence in passages[-1].sentences:
        assert np.array_equal(vectors[key(sentence.text)], made.encoder.encode([sentence.text])[0])
    with store.database.tenant(tenant) as (connection, own):
        left = connection.execute("SELECT count(*) FROM job WHERE tenant = %s", [own]).fetchone()
    assert left == (0,)


def test_a_job_is_one_worker_s_until_it_ends_and_the_last_waits_for_all(
    store: PostgresStore, tenant: str, many: Config
) -> None:
    ingest(store, tenant, many, batch=40)
    settings = settings_of(many)
    with taken(store.database, "others", tenant) as (_, job):
        assert job is None  # whose vectors would be others
    left = last(store, tenant).left
    while left > 2:
        with taken(store.database, settings, tenant) as (connection, job):
            assert job and not job.publishes
            embedded(connection, job, np.zeros((len(job.texts), 384), dtype=np.float32))
        left -= 1
        assert last(store, tenant).left == left
    with taken(store.database, settings, tenant) as (_, mine):
        assert mine and not mine.publishes
        with taken(store.database, settings, tenant) as (_, job):
            assert job is None
    with taken(store.database, settings, tenant) as (_, job):
        assert mine
        assert job == replace(mine, attempt=2)  # it was not done


def test_a_job_that_ends_every_worker_is_given_up_and_says_how_to_try_again(
    store: PostgresStore, tenant: str, bicycle: Config
) -> None:
    number = ingest(store, tenant, bicycle)
    for attempt in range(1, ATTEMPTS + 1):
        killed = worker(store, tenant)
        while last(store, tenant).attempts != attempt:
            assert killed.poll() is None
            time.sleep(0.01)
        killed.kill()
        killed.communicate()
    assert str(last(store, tenant)).endswith(f"0 of 1 jobs done, one begun {ATTEMPTS} of {ATTEMPTS} times")
    told: list[str] = []
    while not told:  # until the database has noticed the last death, the job counts as in work
        told = list(Worker(store, bicycle, tenant).run(until_done=True))
    (said,) = told
    remedy = f"was begun {ATTEMPTS} times, .* 'python -m bot tenant ingest {tenant} DIR'"
    assert re.search(f"failed: job 0 {remedy}", said)
    assert re.search(f"failed: job 0 {remedy}", str(last(store, tenant)))
    assert [v.number for v in store.versions(tenant)] == [1]
    assert ingest(store, tenant, bicycle) > number
    (said,) = Worker(store, bicycle, tenant).run(until_done=True)
    assert said.endswith("version 1 is current")


def test_what_was_lost_with_the_database_is_not_counted(store: PostgresStore, tenant: str, bicycle: Config) -> None:
    ingest(store, tenant, bicycle)
    for attempt in (1, 2, 1):
        if last(store, tenant).attempts == 2:
            with store.database.administer() as connection:  # as if it had been started again since
                connection.execute("UPDATE attempt SET since = since - interval '1 hour'")
        with taken(store.database, settings_of(bicycle), tenant) as (_, job):
            assert job
            assert job.attempt == attempt


def test_articles_that_can_not_be_built_are_told_and_the_version_stays(
    store: PostgresStore, tenant: str, bicycle: Config, many: Config, tmp_path: Path
) -> None:
    with pytest.raises(CorpusError, match="holds no articles"):
        ingest(store, tenant, replace(bicycle, corpus=tmp_path))
    change(store.database, tenant, max_passages=1)
    ingest(store, tenant, many)
    said = list(Worker(store, bicycle, tenant).run(until_done=True))
    assert "publish fewer" in said[-1]
    assert "failed: " in str(last(store, tenant))
    assert [v.number for v in store.versions(tenant)] == [1]
