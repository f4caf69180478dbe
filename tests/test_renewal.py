"""A running server takes up a new index: no question fails, none is answered from two versions."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from bot import builds, index
from bot.config import Config
from bot.errors import IndexDamaged
from bot.guard import Limits
from bot.pipeline import Bot
from bot.renewal import LOOK_EVERY, Source
from bot.schema import Reply, Turn
from bot.web import create_app
from tests.bicycle import write_corpus
from tests.fake_bot import FakeBot
from tests.test_index import linked
from tests.test_web import ready

GENEROUS = Limits(burst=100_000, per_second=100_000)
SWAPS = 10
VISITORS = 3


def until(done: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something that another thread does."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


def version(client: TestClient) -> str:
    return str(client.get("/readyz").json()["index_version"])


class Named(FakeBot):
    """Has an example of its own on the empty page, and answers "held" only when it is let go."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.let_go = threading.Event()

    def ask(self, turns: Sequence[Turn], explain: bool = False) -> Reply:
        reply = super().ask(turns, explain)
        if "held" in turns[-1].text:
            assert self.let_go.wait(60)
        return reply.with_(index_version=self.index_version)

    def examples(self) -> tuple[str, ...]:
        return (f"What is in {self.index_version}?",)


@dataclass
class Shelf:
    """Fake bots by version; what is put there is noticed as an index would be."""

    named: str = "one"
    opened: int = 0
    broken: bool = False

    def open(self) -> Any:
        self.opened += 1
        if self.broken:
            raise IndexDamaged(f"{self.named}: missing or altered: run 'python -m bot build'")
        return Named(index_version=self.named)

    def source(self) -> Source:
        return Source(self.open, self.open, lambda: self.named)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def client(shelf: Shelf) -> Iterator[TestClient]:
    with TestClient(create_app(shelf.source(), limits=GENEROUS), follow_redirects=False) as started:
        yield ready(started)


def renewal(client: TestClient) -> Any:
    return client.app.state.stage.renewal  # type: ignore[attr-defined]


# ---- when -----------------------------------------------------------------------------------------------------------


def test_a_new_index_is_noticed_and_told_by_every_page(shelf: Shelf, client: TestClient) -> None:
    assert version(client) == "one"
    shelf.named = "two"
    until(lambda: version(client) == "two")
    assert '<meta name="index-version" content="two">' in client.get("/chat/").text
    until(lambda: "What is in two?" in client.get("/chat/config").text)
    assert "What is in one?" not in client.get("/chat/config").text
    assert "What is in two?" in client.get("/ask").text


def test_nothing_is_loaded_while_nothing_changes(shelf: Shelf, client: TestClient) -> None:
    time.sleep(2.5 * LOOK_EVERY)
    assert shelf.opened == 1


def test_when_asked_it_is_loaded_again_whatever_it_is(shelf: Shelf, client: TestClient) -> None:
    """For what is no part of the index: the clinic's details."""
    before = client.app.state.stage.bot  # type: ignore[attr-defined]
    renewal(client).ask()
    until(lambda: client.app.state.stage.bot is not before)  # type: ignore[attr-defined]
    assert (shelf.opened, version(client)) == (2, "one")


def test_a_damaged_index_is_refused_logged_once_and_the_old_one_goes_on(
    shelf: Shelf, client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    shelf.broken, shelf.named = True, "two"
    until(lambda: shelf.opened == 2)
    time.sleep(2 * LOOK_EVERY)
    assert (version(client), shelf.opened) == ("one", 2)
    (said,) = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
    assert said.startswith("the new index is not used, index one goes on answering: two: missing or altered")
    assert client.post("/api/ask", json={"message": "does it hurt"}).json()["status"] == "answered"
    shelf.broken, shelf.named = False, "three"
    until(lambda: version(client) == "three")


def test_it_ends_with_the_server(shelf: Shelf) -> None:
    with TestClient(create_app(shelf.source())) as client:
        ready(client)
        assert any(t.name == "renewal" for t in threading.enumerate())
    until(lambda: not any(t.name == "renewal" for t in threading.enumerate()))


def test_a_bot_without_a_source_is_never_replaced() -> None:
    with TestClient(create_app(FakeBot().as_bot)) as client:
        ready(client)
        renewal(client).ask()
        assert not any(t.name == "renewal" for t in threading.enumerate())


# ---- while questions are answered -----------------------------------------------------------------------------------


def test_a_question_ends_on_the_version_it_began_with(shelf: Shelf, client: TestClient) -> None:
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(client.post, "/api/ask", json={"message": "held: does it hurt"})
        until(lambda: bool(client.app.state.stage.bot.asked))  # type: ignore[attr-defined]
        old = client.app.state.stage.bot  # type: ignore[attr-defined]
        shelf.named = "two"
        until(lambda: version(client) == "two")
        assert client.post("/api/ask", json={"message": "does it hurt"}).json()["index_version"] == "two"
        assert not slow.done()
        old.let_go.set()
        assert slow.result().json()["index_version"] == "one"


@dataclass(frozen=True)
class Side:
    """One of two corpora with its index: what its answer says, and its version."""

    config: Config
    says: str
    version: str
    build: Path


@pytest.fixture(scope="module")
def sides(bicycle: Config, tmp_path_factory: pytest.TempPathFactory) -> tuple[Side, Side]:
    """The bicycle's index, and that of a corpus in which the chain is oiled at another interval."""
    folder = tmp_path_factory.mktemp("sides")
    other = replace(linked(bicycle, folder / "index"), corpus=write_corpus(folder / "corpus"))
    chain = other.corpus / "001-chain.md"
    chain.write_text(chain.read_text().replace("every 2 weeks by a daily rider", "every 5 days by a daily rider"))
    index.build(other)
    first, second = (
        Side(c, says, index.built(c).version, builds.current(c.index)[0])
        for c, says in ((bicycle, "every 2 weeks by"), (other, "every 5 days by"))
    )
    return first, second


def served(side: Side, folder: Path) -> None:
    """Put a side's corpus and finished build where the server looks, as a build does: one rename at the end."""
    shutil.copytree(side.config.corpus, folder / "corpus", dirs_exist_ok=True)
    target = folder / "index" / "builds" / side.build.name
    if not target.exists():
        shutil.copytree(side.build, target)
    builds.publish(folder / "index", side.build.name, builds.sha256(target / "manifest.json"))


def test_ten_swaps_under_load_lose_no_question_and_mix_no_versions(sides: tuple[Side, Side], tmp_path: Path) -> None:
    config = replace(sides[0].config, corpus=tmp_path / "corpus", index=tmp_path / "index")
    served(sides[0], tmp_path)
    says = {side.version: side.says for side in sides}
    source = Source(lambda: Bot.open(config), lambda: Bot.open(config), lambda: builds.mark(config.index))
    stop = threading.Event()
    replies: list[Any] = []

    def visitor(client: TestClient) -> None:
        while not stop.is_set():
            replies.append(client.post("/api/ask", json={"message": "how often is the chain oiled"}))
            time.sleep(0.15)

    with TestClient(create_app(source, limits=GENEROUS)) as client, ThreadPoolExecutor(VISITORS) as pool:
        ready(client)
        try:
            visitors = [pool.submit(visitor, client) for _ in range(VISITORS)]
            for number in range(1, SWAPS + 1):
                side = sides[number % 2]
                served(side, tmp_path)
                until(lambda side=side: version(client) == side.version)  # type: ignore[misc]
        finally:
            stop.set()
        for one in visitors:
            one.result()
    assert len(replies) > VISITORS * SWAPS
    assert {reply.status_code for reply in replies} == {200}
    for found in (reply.json() for reply in replies):
        others = [text for name, text in says.items() if name != found["index_version"]]
        assert says[found["index_version"]] in found["answer"]
        assert says[found["index_version"]] in found["citations"][0]["passage"]
        assert others[0] not in found["answer"] + found["citations"][0]["passage"]
    assert len({reply.json()["index_version"] for reply in replies}) == 2
