"""A new index while questions are answered: loaded beside the old one, then put in its place by one assignment.

A question is answered from its first step to its last by the bot that it began with. What can't be loaded is refused
and logged, and the old index goes on.
"""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.errors import BotError

if TYPE_CHECKING:
    from bot.pipeline import Bot

log = logging.getLogger(__name__)
LOOK_EVERY = 1.0  # seconds between two looks at one small file


@dataclass(frozen=True, slots=True)
class Source:
    """Where bots come from: ``first`` may build the index, ``again`` never does; ``mark`` names what ``again`` would
    open, never raises, and is looked at every second."""

    first: Callable[[], Bot]
    again: Callable[[], Bot] | None = None
    mark: Callable[[], str] = str


class Renewal:
    """Looks for a new index in a thread of its own, from ``start`` to ``close``."""

    def __init__(self, source: Source, take: Callable[[Bot], None]) -> None:
        """``take`` puts a loaded bot in the place of the one before."""
        self._source = source
        self._take = take
        self._wanted = threading.Event()
        self._ended = False
        self._seen = source.mark()  # before the first bot is loaded, or a build in between would be missed
        self._thread: threading.Thread | None = None

    def start(self, serving: str) -> None:
        """Begin to look; ``serving`` is the version that is answered from."""
        if self._source.again:
            self._thread = threading.Thread(target=self._run, args=(serving,), name="renewal", daemon=True)
            self._thread.start()

    def ask(self) -> None:
        """Load anew soon, even if nothing seems to have changed: the clinic's details may have. For signal handlers."""
        self._wanted.set()

    def close(self) -> None:
        """Stop looking. A load under way is not waited for; what it gives is not taken."""
        self._ended = True
        self._wanted.set()
        if self._thread:
            self._thread.join(1.0)

    def _run(self, serving: str) -> None:
        while True:
            asked = self._wanted.wait(LOOK_EVERY)
            if self._ended:
                return
            self._wanted.clear()
            mark = self._source.mark()
            if asked or mark != self._seen:
                self._seen = mark
                serving = self._renewed(serving, asked)

    def _renewed(self, serving: str, asked: bool) -> str:
        """The version that is served now."""
        assert self._source.again
        try:
            bot = self._source.again()
            if (bot.index_version != serving or asked) and not self._ended:
                self._take(bot)
                log.info("answering from index %s, before from %s", bot.index_version, serving)
                serving = bot.index_version
        except BotError as error:
            log.error("the new index is not used, index %s goes on answering: %s", serving, error)
        except (OSError, ValueError, LookupError, TypeError, RuntimeError, MemoryError) as error:
            log.error("the new index is not used, index %s goes on: %s: %s", serving, type(error).__name__, error)
        gc.collect()  # a bot refers to itself, and its index is large: don't wait for the collector to notice
        return serving
