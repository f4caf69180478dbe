"""The contract of published versions, over folders and over a real PostgreSQL."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bot import index
from bot.config import Config
from bot.errors import IndexDamaged, IndexMissing, IndexStale, StoreError, TenantMissing, VersionMissing
from bot.facets import Facets
from bot.index import Index
from bot.lexicon import Lexicon
from bot.pipeline import Bot
from bot.retriever import Retriever
from bot.rewrite import Query
from bot.schema import Turn
from bot.stores import ArticleStore, Checkout, Version
from bot.stores.database import Database
from bot.stores.files import FileStore
from bot.stores.postgres import PostgresStore
from tests.conftest import ROOT
from tests.hosted import ALONE, OPENS

KEPT = 2
FORMS = ("files", "postgres")
QUESTIONS = ("how often is the chain oiled", "flat tyre", "disc brakes", "bell", "")
_numbers = itertools.count(1)


@pytest.fixture(scope="module", params=FORMS)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ArticleStore:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "files":
        return FileStore(folder, KEPT)
    return PostgresStore(request.getfixturevalue("database"), FileStore(folder, KEPT), KEPT)


@pytest.fixture
def tenant(store: ArticleStore) -> Iterator[str]:
    """One without a version."""
    name = f"clinic-{next(_numbers)}"
    store.create(name)
    yield name
    if name in store.tenants():
        store.delete(name)


@pytest.fixture(scope="module")
def published(store: ArticleStore, bicycle: Config) -> str:
    """A tenant with the bicycle's articles; nobody changes it."""
    name = f"clinic-{next(_numbers)}"
    store.create(name)
    store.publish(name, bicycle)
    return name


def opened(config: Config, found: Checkout) -> Config:
    return replace(config, corpus=found.corpus, index=found.index)


def numbers(versions: tuple[Version, ...]) -> list[int]:
    return [v.number for v in versions]


def current(versions: tuple[Version, ...]) -> list[int]:
    return [v.number for v in versions if v.current]


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_what_comes_back_is_what_was_published_byte_for_byte(
    store: ArticleStore, published: str, bicycle: Config, bicycle_index: Index
) -> None:
    (version,) = store.versions(published)
    assert version.name.startswith(bicycle_index.version)
    found = store.checkout(published)
    assert found.number == version.number
    assert tree(found.corpus) == tree(bicycle.corpus)
    kept = {name: content for name, content in tree(bicycle.index).items() if name != ".lock"}
    assert tree(found.index) == kept


def test_a_bot_of_a_version_answers_as_the_files_do(
    store: ArticleStore, published: str, bicycle: Config, bicycle_bot: Bot
) -> None:
    bot = Bot.open(opened(bicycle, store.checkout(published)))
    for question in QUESTIONS:
        first, second = (b.ask([Turn("user", question)]).with_(timings_ms={}) for b in (bicycle_bot, bot))
        assert first == second


def test_a_view_scores_as_the_index_does(
    store: ArticleStore, tenant: str, bicycle: Config, bicycle_index: Index
) -> None:
    store.publish(tenant, bicycle)
    view = store.view(tenant)
    assert view.passages == bicycle_index.passages
    assert len(view.vectors) == len(bicycle_index.dense)
    generator = np.random.default_rng(20240119)
    every = np.arange(len(view.vectors))
    few = generator.choice(every, 7, replace=False)
    np.testing.assert_array_equal(view.vectors.vectors(few), bicycle_index.dense.vectors(few))
    for query in bicycle_index.encoder.encode([q for q in QUESTIONS if q]):
        for rows in (every, few, few[:0], every[3:5]):
            expected = bicycle_index.dense.similarity(query, rows)
            np.testing.assert_allclose(view.vectors.similarity(query, rows), expected, atol=1e-6)
        scores, rows = view.vectors.search(query, 5)
        np.testing.assert_allclose(scores, bicycle_index.dense.search(query, 5)[0], atol=1e-6)
        np.testing.assert_allclose(view.vectors.similarity(query, rows), scores, atol=1e-6)
    for mine, theirs in (
        (view.questions, bicycle_index.sparse_questions),
        (view.texts, bicycle_index.sparse_texts),
    ):
        for terms in (["chain"], ["chain", "chain", "oil"], ["how", "often"], ["bitcoin"], [], ["chain", "bitcoin"]):
            np.testing.assert_allclose(mine.scores(terms), theirs.scores(terms), rtol=1e-5)
            assert mine.ceiling(terms) == pytest.approx(theirs.ceiling(terms), rel=1e-6)


def test_the_retriever_ranks_in_a_view_as_in_the_index(
    store: ArticleStore, published: str, bicycle: Config, bicycle_index: Index
) -> None:
    view = store.view(published)
    stored = replace(bicycle_index, dense=view.vectors, sparse_questions=view.questions, sparse_texts=view.texts)
    settings = bicycle.fitted(bicycle_index.kind).retrieval
    own, other = (Retriever(i, Lexicon.load(), Facets.load(), settings) for i in (bicycle_index, stored))
    for question in ("how often is the chain oiled", "flat tyre", "who should not adjust disc brakes", "squeal"):
        hits, found = (r.search(Query(question, question)).hits for r in (own, other))
        assert [hit.passage.id for hit in hits] == [hit.passage.id for hit in found]
        assert [hit.score for hit in hits] == pytest.approx([hit.score for hit in found], abs=1e-5)


def test_a_new_version_becomes_current_and_the_last_ones_can_be_gone_back_to(
    store: ArticleStore, tenant: str, bicycle: Config, longer: Config
) -> None:
    first, second = store.publish(tenant, bicycle), store.publish(tenant, longer)
    assert (first.number, second.number) == (1, 2)
    assert numbers(store.versions(tenant)) == [2, 1]
    assert current(store.versions(tenant)) == [2]
    before = store.view(tenant)
    assert store.activate(tenant, 1) == replace(first, current=True)
    assert current(store.versions(tenant)) == [1]
    assert store.checkout(tenant).number == 1
    assert len(store.view(tenant).passages) < len(before.passages)
    assert store.view(tenant, 2).passages == before.passages
    assert store.checkout(tenant, 2).number == 2
    assert index.load(opened(longer, store.checkout(tenant, 2))).passages == before.passages
    assert current(store.versions(tenant)) == [1]


def test_what_is_current_is_not_published_again(store: ArticleStore, published: str, bicycle: Config) -> None:
    assert (store.publish(published, bicycle),) == store.versions(published)


def test_publishers_at_once_with_the_same_articles_make_one_version(
    store: ArticleStore, tenant: str, bicycle: Config, longer: Config
) -> None:
    for config, number in ((bicycle, 1), (longer, 2)):
        with ThreadPoolExecutor(3) as publishers:
            made = list(publishers.map(lambda _, config=config: store.publish(tenant, config), range(3)))
        assert [(v.number, v.current) for v in made] == 3 * [(number, True)]
    assert numbers(store.versions(tenant)) == [2, 1]


def test_what_was_taken_back_and_is_published_again_is_there_once(
    store: ArticleStore, tenant: str, bicycle: Config, longer: Config
) -> None:
    store.publish(tenant, bicycle)
    store.publish(tenant, longer)
    second_view = store.view(tenant)
    passages = second_view.passages
    store.activate(tenant, 1)
    again = store.publish(tenant, longer)
    assert (again.number, again.current) == (3, True)
    assert numbers(store.versions(tenant)) == [3, 1]  # going back from it leads to other articles
    assert store.view(tenant).passages == passages
    assert index.load(opened(longer, store.checkout(tenant))).passages == passages
    for gone in (store.checkout, store.view, store.activate):
        with pytest.raises(VersionMissing, match="version 2"):
            gone(tenant, 2)
    if isinstance(store, PostgresStore):  # in memory a view stays whole
        with pytest.raises(VersionMissing, match="no longer"):
            second_view.vectors.search(np.zeros(384, dtype=np.float32), 3)
    assert store.publish(tenant, bicycle).number == 4
    assert numbers(store.versions(tenant)) == [4, 3]


def test_what_was_current_when_something_new_is_published_can_be_gone_back_to(
    store: ArticleStore, tenant: str, bicycle: Config, longer: Config, tmp_path: Path
) -> None:
    store.publish(tenant, bicycle)
    store.publish(tenant, longer)
    store.activate(tenant, 1)
    assert store.publish(tenant, telephoned(bicycle, tmp_path)).number == 3
    assert numbers(store.versions(tenant)) == [3, 1]
    assert index.load(opened(bicycle, store.checkout(tenant, 1))).version


def telephoned(config: Config, folder: Path) -> Config:
    """The same articles in a clinic with another telephone number."""
    corpus = folder / "corpus"
    shutil.copytree(config.corpus, corpus)
    (corpus / "clinic.toml").write_text('phone = "555-0199"\n', encoding="utf-8")
    return replace(config, corpus=corpus)


def test_another_clinic_toml_is_another_version(
    store: ArticleStore, tenant: str, bicycle: Config, tmp_path: Path
) -> None:
    store.publish(tenant, bicycle)
    store.publish(tenant, telephoned(bicycle, tmp_path))
    assert Bot.open(opened(bicycle, store.checkout(tenant))).clinic.phone == "555-0199"
    store.activate(tenant, 1)
    assert Bot.open(opened(bicycle, store.checkout(tenant))).clinic.phone == "555-0100"


def test_tenants_have_nothing_in_common(store: ArticleStore, tenant: str, published: str, longer: Config) -> None:
    with pytest.raises(VersionMissing):
        store.view(tenant)
    store.publish(tenant, longer)
    assert len(store.view(published).passages) < len(store.view(tenant).passages)
    store.delete(tenant)
    assert tenant not in store.tenants()
    assert store.view(published).vectors.vectors(np.arange(3)).shape == (3, 384)


def test_deleting_a_tenant_leaves_nothing(store: ArticleStore, tenant: str, bicycle: Config) -> None:
    store.publish(tenant, bicycle)
    place = store.checkout(tenant).corpus.parent.parent
    assert place.is_dir()
    store.delete(tenant)
    assert not place.exists()
    store.create(tenant)
    assert store.versions(tenant) == ()


def test_what_is_not_there_is_named(store: ArticleStore, tenant: str, bicycle: Config) -> None:
    for asked in (store.versions, store.view, store.checkout, store.delete):
        with pytest.raises(TenantMissing, match="tenant create nobody"):
            asked("nobody")
    with pytest.raises(TenantMissing):
        store.publish("nobody", bicycle)
    with pytest.raises(VersionMissing, match="no published version"):
        store.checkout(tenant)
    with pytest.raises(VersionMissing):
        store.activate(tenant, 1)


@pytest.mark.parametrize("name", ["", "A", "-a", "a-", "../up", "a/b", "a b", "a" * 64, "é", "a\n", ".."])
def test_a_name_that_could_be_mistaken_is_refused(store: ArticleStore, name: str) -> None:
    with pytest.raises(StoreError, match="no tenant's name"):
        store.create(name)
    with pytest.raises(StoreError, match="no tenant's name"):
        store.checkout(name)


def test_what_is_not_whole_is_not_published(
    store: ArticleStore, published: str, bicycle: Config, tmp_path: Path
) -> None:
    with pytest.raises(IndexMissing):
        store.publish(published, replace(bicycle, index=tmp_path / "nothing"))
    damaged = tmp_path / "damaged"
    shutil.copytree(bicycle.index, damaged, copy_function=os.link, ignore=shutil.ignore_patterns(".lock"))
    vectors = next(damaged.rglob("vectors.faiss"))
    content = vectors.read_bytes()
    vectors.unlink()
    vectors.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(IndexDamaged):
        store.publish(published, replace(bicycle, index=damaged))
    corpus = tmp_path / "corpus"
    shutil.copytree(bicycle.corpus, corpus)
    (corpus / "001-chain.md").write_text("# Chains\n\nOther words.\n", encoding="utf-8")
    with pytest.raises(IndexStale):
        store.publish(published, replace(bicycle, corpus=corpus))
    assert numbers(store.versions(published)) == [1]


def test_who_opens_a_store_by_itself_is_listed_with_the_reason() -> None:
    """So that ``--store postgresql`` leaves nothing with files unsaid."""
    modules = Path(__file__).parent.glob("test_*.py")
    assert {m.stem for m in modules if OPENS.search(m.read_text(encoding="utf-8"))} == set(ALONE)


def test_without_a_server_the_tests_fail_and_are_not_skipped() -> None:
    """The one that ``BOT_TEST_DATABASE_URL`` names is taken; where it is not there, nothing passes in its place."""
    names = ("test_stores.py::test_both_forms_are_asked", "test_feedback.py::test_yes_and_no_with_a_reason_are_kept")
    tests = ["pytest", "-p", "no:cacheprovider", "--store", "postgresql", *(f"tests/{name}" for name in names)]
    nobody = {"BOT_TEST_DATABASE_URL": "postgresql://127.0.0.1:1/none"}
    done = subprocess.run(
        [sys.executable, "-m", *tests],
        cwd=ROOT,
        env={**os.environ, **nobody},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "2 errors" in done.stdout, "passed" in done.stdout) == (1, True, False)


def test_both_forms_are_asked(database: Database) -> None:
    """The database's tests can't be skipped: their fixture fails where it has no server."""
    with database.administer() as connection:
        (version,) = connection.execute("SHOW server_version_num").fetchone() or ("0",)
    assert int(version) >= 160000
