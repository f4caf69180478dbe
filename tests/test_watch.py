"""``build --watch`` as an author meets it: a process of its own, files saved beneath it, Ctrl-C."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot import index
from bot.config import Config
from bot.watch import seen
from tests.bicycle import CHAIN, write_corpus
from tests.conftest import ROOT
from tests.test_index import linked

PATIENCE = 300  # seconds for a line, on a busy machine


class Watching:
    """The process, and the lines it says on either stream."""

    def __init__(self, config: Config) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bot", "build", "--watch", "--corpus", config.corpus, "--index", config.index],
            cwd=ROOT,
            env={**os.environ, "FAQ_ADAPT": "0"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))

    def end(self) -> None:
        """Kill it, if it has not ended."""
        with self.process:
            self.process.kill()
            self._reader.join()

    def until(self, part: str) -> str:
        """The next line that holds a text."""
        while True:
            line = self._lines.get(timeout=PATIENCE)
            assert "Traceback" not in line
            if part in line:
                return line


@pytest.fixture
def config(bicycle: Config, tmp_path: Path) -> Config:
    return replace(linked(bicycle, tmp_path / "index"), corpus=write_corpus(tmp_path / "corpus"))


@pytest.fixture
def watching(config: Config) -> Iterator[Watching]:
    found = Watching(config)
    yield found
    found.end()


def test_it_rebuilds_on_save_survives_a_broken_article_and_ends_on_ctrl_c(config: Config, watching: Watching) -> None:
    chain = config.corpus / "001-chain.md"
    watching.until(f"watching {config.corpus}")
    watching.until("nothing to do: index")
    chain.write_text(CHAIN.replace("every 2 weeks by a daily rider", "every 5 days by a daily rider"))
    said = watching.until("texts embedded anew")
    assert said.startswith("3 articles, 12 passages; 2 of ") and "encoder kept in " in said
    version = watching.until("")
    assert index.load(config).version == version
    chain.write_bytes(b"## How is it oiled?\n\n\xff\xfe broken")
    assert watching.until("not read: ").startswith(f"not read: {chain}:")
    watching.until("the index stays as it was until that is mended")
    assert index.built(config).version == version
    chain.unlink()
    chain.mkdir()  # no file at all, which a build would leave out
    (config.corpus / "003-brakes.txt").unlink()
    (config.corpus / "002-tyres.md").unlink()
    assert "holds no articles" in watching.until("error: ")
    watching.process.send_signal(signal.SIGINT)
    watching.until("stopped")
    assert watching.process.wait(60) == 0
    assert index.built(config).version == version


def test_every_kind_of_save_is_seen(tmp_path: Path) -> None:
    folder = write_corpus(tmp_path / "corpus")
    states = [seen(folder)]
    chain = folder / "001-chain.md"
    chain.write_text(CHAIN + " ")
    states.append(seen(folder))
    os.utime(chain, ns=(1, 1))  # the same size, saved at another time
    states.append(seen(folder))
    chain.rename(folder / "sub.md")
    states.append(seen(folder))
    (folder / "pages").mkdir()
    (folder / "pages" / "index.html").write_text("<p>a page that a sitemap names</p>")
    states.append(seen(folder))
    (folder / "sub.md").unlink()
    states.append(seen(folder))
    assert len(set(states)) == len(states)
    assert seen(folder) == states[-1]
