"""What takes longer than a request: reading uploads, linting them, building the edition, asking it. One at a time.

It is done in a thread; the pages show how far it is. What was compared is kept in memory, with the bot that answered
from the edition, until the edition changes; after a restart it is compared anew.
"""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.comparison import Comparison, Origin, compared, questions_of
from bot.corpus import corpus_hash, source_id
from bot.described import described
from bot.edition import Edition
from bot.editions import Editions
from bot.errors import BotError, IndexError_
from bot.schema import Reply, Turn
from bot.staff_words import say
from bot.stage import Stage, ask
from bot.teacher import Teacher
from bot.workshop import apart, build

if TYPE_CHECKING:
    from bot.pipeline import Bot

log = logging.getLogger(__name__)
_ENDING = 2.0  # seconds that the server waits for work which is told to stop
_LONG = 600.0  # seconds that work waits for another process' work on the same edition


@dataclass(frozen=True, slots=True)
class Step:
    """What is being done. ``done`` of ``total``, in whatever is counted; a total of 0 or 1 is not worth showing."""

    name: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Tried:
    """An edition as it was tried: the bot that answers from it, and what it changes."""

    mark: str
    bot: Bot
    comparison: Comparison


class Works:
    """The work on a site's edition. Thread-safe."""

    def __init__(self, editions: Editions, stage: Stage) -> None:
        self._editions = editions
        self._stage = stage
        self._lock = threading.Lock()
        self._wanted: set[bool] = set()  # whether to build, too
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._tried: Tried | None = None
        self.step: Step | None = None
        self.failure = ""

    @property
    def busy(self) -> bool:
        """Whether anything is being done, or about to be."""
        with self._lock:
            return self._thread is not None

    def start(self, build: bool = False) -> None:
        """Read what waits; ``build``: also build the edition and compare it. Asked twice, it is done once more."""
        with self._lock:
            self._wanted.add(build)
            self._stop.clear()
            if self._thread is None:
                self.failure = ""
                self._thread = threading.Thread(target=self._run, name="edition", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Give up what is being done and what was compared."""
        with self._lock:
            self._wanted.clear()
            self._stop.set()
            self._tried, self.failure = None, ""
        gc.collect()  # a bot is large, and refers to itself

    def close(self) -> None:
        """Give it up because the server ends; the edition itself is kept."""
        self.stop()
        with self._lock:
            thread = self._thread
        if thread:
            thread.join(_ENDING)

    def tried(self, edition: Edition | None) -> Tried | None:
        """What was compared, if it was this edition as it stands."""
        tried = self._tried
        return tried if tried and edition and tried.mark == edition.mark else None

    def compare(
        self, bot: Bot, questions: Sequence[tuple[str, Origin]], asked: Callable[[int], bool] = lambda number: True
    ) -> Comparison:
        """Ask questions of the bot that serves and of another one; ``asked`` as in ``compared``."""
        serving = self._stage.serving
        serving.teacher.refresh()

        def of(one: Bot) -> tuple[str, Any]:
            def answer(question: str) -> Reply:
                return ask(one, [Turn("user", question)])

            return one.index_version, answer

        return compared(questions, of(serving.bot), of(bot), asked)

    # --- in the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._wanted:
                    self._thread = self.step = None
                    return
                build = True in self._wanted
                self._wanted.clear()
            try:
                with self._editions.locked(_LONG):
                    self._do(build)
            except BotError as error:
                log.error("the edition: %s", error)
                self.failure = self._editions.told(error)
            except (OSError, ValueError, LookupError, TypeError, RuntimeError, MemoryError) as error:
                log.error("the edition: %s: %s", type(error).__name__, error)
                self.failure = say("work_failed")

    def _going(self) -> bool:
        return not self._stop.is_set()

    def _say(self, name: str, done: int = 0, total: int = 0) -> None:
        self.step = Step(name, done, total)

    def _do(self, building: bool) -> None:
        edition = self._editions.current()
        if edition and edition.waiting:
            edition = self._editions.read_waiting(self._going, self._say)
        if edition is None or not self._going():
            return
        self._understand(edition)
        if building and edition.changes and self._going():
            self._try(edition)

    def _understand(self, edition: Edition) -> None:
        """Lint the changed files, unless that was done for the articles as they are."""
        config, editions = self._editions.config, self._editions
        now = corpus_hash(config.corpus)
        if editions.understood().get("corpus") == now:
            return
        self._say("lint")
        names = [name for name, change in edition.changes.items() if change.kind != "removed"]
        told = (config, names, editions.limits, editions.store.today())
        if (files := apart(described, told, self._say, self._going)) is not None:
            editions.keep_understood({"corpus": now, "files": files})

    def _try(self, edition: Edition) -> None:
        """Build the edition where it is not, load it beside the served one, and compare the two."""
        from bot.pipeline import Bot

        config, bot = self._editions.config, None
        self._tried = None
        gc.collect()
        if edition.built:
            try:
                bot = Bot.open(config)
            except IndexError_ as error:
                log.warning("the edition is built anew: %s", error)
        if bot is None:
            self._say("build")
            if apart(build, (config,), self._say, self._going) is None:
                return
            self._say("load")
            bot = Bot.open(config)
            edition = self._editions.keep_built(bot.index_version)
        Teacher(bot, self._stage.store).refresh()
        changed = frozenset(source_id(Path(name)) for name in edition.touched)
        questions = questions_of(self._stage.bot, bot, self._stage.queue.entries(), changed)

        def asked(number: int) -> bool:
            self._say("compare", number, len(questions))
            return self._going()

        comparison = self.compare(bot, questions, asked)
        if self._going():
            self._tried = Tried(edition.mark, bot, comparison)
