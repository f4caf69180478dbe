"""What several test files share: built once a session, because a build takes seconds to a minute."""

from __future__ import annotations

import contextlib
import datetime
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import compress
from pathlib import Path
from typing import cast

import pytest
from filelock import FileLock

from bot import index
from bot.bigrams import Bigrams
from bot.chunker import chunk
from bot.config import Chunking, Config, prepare_environment
from bot.corpus import load_corpus
from bot.errors import IndexError_
from bot.facets import Facets
from bot.index import Index
from bot.language import language, stems
from bot.lexicon import Lexicon
from bot.pipeline import Bot
from bot.rewrite import Rewriter
from bot.rows import asked, rows_of
from bot.schema import Reply, Turn
from bot.spelling import Speller, corpus_words
from bot.staff import Store, utc_now
from bot.stores.database import Database
from bot.stores.files import FileStore
from bot.stores.postgres import PostgresStore
from bot.stores.tenant_state import TenantState
from tests.bicycle import write_corpus
from tests.hosted import STORES, Hosted, Program, Served, program
from tests.servers import database_in, server

ROOT = Path(__file__).resolve().parent.parent
Command = Callable[..., subprocess.CompletedProcess[str]]
States = Callable[..., Store]

STATE = tempfile.TemporaryDirectory()  # what a tested server is told is not kept with the user's own
os.environ["FAQ_STATE"] = f"{STATE.name}/faq.sqlite"
prepare_environment(Config())
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as in a job in the background; tested programs would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--index", type=Path, help="keep the index of the shipped corpus in this folder and reuse it while it fits"
    )
    parser.addoption(
        "--store", choices=STORES, default=STORES[0], help="where the tests' bots, indexes and records are served from"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that wait for no index come while the indexes are built, and those of many tests before those of few.

    With ``--dist loadfile`` workers take the files in this order.
    """
    files = [item.nodeid.partition("::")[0] for item in items]
    wanted: dict[str, set[str]] = {}
    for file, item in zip(files, items, strict=True):
        # ``real_program`` asks for the shipped index while it runs
        names = [{"real_program": "shipped"}.get(name, name) for name in getattr(item, "fixturenames", ())]
        wanted.setdefault(file, set()).update({"shipped", "bicycle"} & set(names))
    builders = [next((f for f in wanted if wanted[f] == {name}), "") for name in ("shipped", "bicycle")]
    order = sorted(wanted, key=lambda f: (f not in builders, "shipped" in wanted[f], len(wanted[f]), -files.count(f)))
    places = {file: place for place, file in enumerate(order)}
    items.sort(key=lambda item: places[item.nodeid.partition("::")[0]])


def without_adaptation(config: Config) -> Config:
    """The same settings with the encoder as it is."""
    return replace(config, adaptation=replace(config.adaptation, enabled=False))


def shared(tmp_path_factory: pytest.TempPathFactory, name: str) -> Path:
    """A folder of this run that its workers (``pytest -n``) share; whoever makes it holds ``NAME.lock`` beside it.

    Runs that have the same ``TESTS_SHARED`` in their environment share it too.
    """
    if kept := os.environ.get("TESTS_SHARED"):
        return Path(kept) / name
    own = tmp_path_factory.getbasetemp()
    return (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / name


@pytest.fixture(scope="session")
def bicycle(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """The bicycle corpus with a finished index, adaptation off. Nobody changes either."""
    folder = shared(tmp_path_factory, "bicycle")
    config = without_adaptation(Config(corpus=folder / "corpus", index=folder / "index"))
    with FileLock(f"{folder}.lock"):
        if not (config.index / "CURRENT").exists():  # a build that was stopped is begun anew
            write_corpus(config.corpus)
            index.build(config)
    return config


def built_beside(bicycle: Config, corpus: Path, folder: Path) -> Config:
    """Another corpus, built where the examples' embeddings of the bicycle's index can be taken over."""
    shutil.copytree(bicycle.index, folder)
    config = without_adaptation(Config(corpus=corpus, index=folder))
    index.build(config)
    return config


@pytest.fixture(scope="session")
def bicycle_index(bicycle: Config, served: Served) -> Index:
    return served.index(bicycle)


@pytest.fixture(scope="session")
def bicycle_bot(bicycle: Config, served: Served) -> Bot:
    return served.bot(bicycle)


@dataclass(frozen=True)
class Words:
    """What the bot reads questions with, over the shipped corpus but without an index of it."""

    texts: tuple[str, ...]
    speller: Speller
    rewriter: Rewriter


@pytest.fixture(scope="session")
def shipped_words(bicycle_index: Index) -> Words:
    articles = load_corpus(Config().corpus)
    passages = [p for a in articles for p in chunk(a, Chunking())]
    texts = tuple(text for p in passages for text in (p.text, p.heading))
    lexicon = Lexicon.load()
    model_words = bicycle_index.encoder.vocabulary()
    domain = corpus_words(passages, model_words)
    rows, said = rows_of(passages, articles)
    bigrams = Bigrams.fit(compress(said, asked(rows)))
    speller = Speller(domain | lexicon.vocabulary() | language().asking_words, model_words, bigrams)
    known = frozenset(s for word in domain for s in stems(word))
    return Words(texts, speller, Rewriter(speller, lexicon, Facets.load(), known))


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Config:
    """The shipped corpus with its index as shipped: the encoder adapted."""
    kept: Path | None = pytestconfig.getoption("--index")
    folder = shared(tmp_path_factory, "shipped")
    config = Config(index=kept or folder)
    with FileLock(f"{folder}.lock"):
        try:
            index.load(config)
        except IndexError_:
            # What it answers must not depend on what was built before. The other core is for the other tests.
            index.build(replace(config, build_threads=1), fresh=True)
    return config


@pytest.fixture(scope="session")
def shipped_bot(shipped: Config, served: Served) -> Bot:
    return served.bot(shipped)


@pytest.fixture(scope="session")
def ask(shipped_bot: Bot) -> Callable[..., Reply]:
    """One conversation of visitor's messages to the shipped bot; the reply to the last."""

    def asked(*messages: str, explain: bool = False) -> Reply:
        return shipped_bot.ask([Turn("user", m) for m in messages], explain)

    return asked


@pytest.fixture(scope="session")
def longer(bicycle: Config, tmp_path_factory: pytest.TempPathFactory) -> Config:
    """The bicycle corpus with one article more, built beside it."""
    folder = tmp_path_factory.mktemp("longer")
    corpus = write_corpus(folder / "corpus")
    (corpus / "004-bell.md").write_text("# The bell\n\nThe bell is rung before every bend.\n", encoding="utf-8")
    return built_beside(bicycle, corpus, folder / "index")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Address of an empty database on a real PostgreSQL: that of BOT_TEST_DATABASE_URL, or one started for the session.

    Where neither is to be had the tests fail; they are never skipped.
    """
    given = os.environ.get("BOT_TEST_DATABASE_URL")
    with contextlib.nullcontext(given) if given else server() as url, database_in(url) as made:
        yield made


@pytest.fixture(scope="session")
def database(postgres: str) -> Iterator[Database]:
    """The tests' database with its tables."""
    made = Database(postgres)
    made.migrate()
    yield made
    made.close()


@pytest.fixture(scope="session")
def hosted(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Hosted:
    """Bots and records in PostgreSQL."""
    return Hosted(database, tmp_path_factory.mktemp("fetched"))


@pytest.fixture(scope="session")
def in_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Bots and records in files."""
    with contextlib.ExitStack() as left:

        def records() -> Store:
            store = Store(tmp_path_factory.mktemp("records") / "faq.sqlite")
            left.callback(store.close)
            return store

        yield Served(Bot.open, index.load, records)


@pytest.fixture(scope="session")
def served(request: pytest.FixtureRequest) -> Served:
    """Bots and records in the store of ``--store``."""
    if request.config.getoption("--store") == "files":
        return cast(Served, request.getfixturevalue("in_files"))
    return cast(Hosted, request.getfixturevalue("hosted")).served()


@pytest.fixture(scope="session")
def program_of(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Config], contextlib.AbstractContextManager[Program]]:
    """How ``app.py`` serves a finished index from the store of ``--store``; in files its records are in FAQ_STATE."""
    if request.config.getoption("--store") == "files":
        alone = Program({}, lambda: Store(Path(os.environ["FAQ_STATE"])))
        return lambda config: contextlib.nullcontext(alone)
    address = request.getfixturevalue("postgres")
    return lambda config: program(address, config, tmp_path_factory.mktemp("fetched"))


@pytest.fixture(params=["sqlite", "postgresql"])
def states(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[States]:
    """Opens one clinic's records, in each database that can keep them; again, as another process would."""
    with contextlib.ExitStack() as left:
        kept: Callable[[], Path | TenantState] = partial(Path, tmp_path, "faq.sqlite")
        if request.param == "postgresql":
            kept = left.enter_context(tenant_in(request.getfixturevalue("database"), tmp_path))

        def opened(clock: Callable[[], datetime.datetime] = utc_now) -> Store:
            store = Store(kept(), clock)
            left.callback(store.close)
            return store

        yield opened


@contextlib.contextmanager
def tenant_in(database: Database, cache: Path) -> Iterator[Callable[[], TenantState]]:
    """Opens the state of a tenant that there is until the end."""
    name, articles = f"state-{secrets.token_hex(4)}", PostgresStore(database, FileStore(cache))
    articles.create(name)
    yield partial(TenantState, database, name)
    articles.delete(name)


@pytest.fixture(scope="session")
def command() -> Command:
    """Run ``python -m bot`` as a process of its own; adaptation is off unless asked for."""

    def run(*arguments: str | Path, adapt: bool = False, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "bot", *map(str, arguments)],
            cwd=ROOT,
            env={**os.environ, "FAQ_ADAPT": "1" if adapt else "0"},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run
