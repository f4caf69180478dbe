"""Count what visitors ask, in a thread of its own: it never delays a reply, breaks one, or says who asked.

What is kept of the words is the clinic's choice: "none" (topic and kind of question only), "masked" (everyday words and
those of the articles) or "text" (as typed, personal data taken out). Of what warns (urgent, caution) or is no question
the words are never kept.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bot.errors import BotError
from bot.facets import Facets
from bot.lexicon import Lexicon
from bot.privacy import mask, only_known
from bot.queue import Asked, Queue
from bot.schema import Reply, Status
from bot.staff import Reason

if TYPE_CHECKING:
    from bot.pipeline import Bot

log = logging.getLogger(__name__)
WORDED: frozenset[Status] = frozenset({"answered", "abstained", "handoff", "clarify"})
WAITING = 1000  # replies not yet counted; beyond that the newest are not counted at all
DAY = 86_400.0  # seconds
AT_ONCE = 50  # replies that are written in one transaction


@dataclass(frozen=True, slots=True)
class _Told:
    """One reply with the message it answers."""

    message: str
    reply: Reply


@dataclass(frozen=True, slots=True)
class _ThumbsDown:
    status: Status
    reason: Reason | None
    sources: tuple[str, ...]


class Recorder:
    """Counts replies and thumbs down in the queue's store. ``bot`` is only asked where words are kept."""

    def __init__(
        self,
        entries: Queue,
        bot: Bot,
        keep: str = "none",
        daily: Callable[[], object] = lambda: None,
        lost: Callable[[int], object] = lambda replies: None,
    ) -> None:
        """``keep`` is one of ``config.KEEPS``; ``daily`` is done at the start and once a day, for example to forget.

        ``lost`` is told of replies that could not be counted.
        """
        self._lost = lost
        self._entries = entries
        self._bot = bot
        self._keep = keep
        self._daily = daily
        self._waiting: queue.Queue[_Told | _ThumbsDown | None] = queue.Queue(WAITING)
        self._lexicon, self._facets = Lexicon.load(), Facets.load()
        self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
        self._thread.start()

    def use(self, bot: Bot) -> None:
        """Ask another bot from now on: the index was replaced."""
        self._bot = bot

    def reply(self, message: str, reply: Reply) -> None:
        """Count a reply, soon. Never raises, never waits."""
        self._put(_Told(message, reply))

    def thumbs_down(self, status: Status, reason: Reason | None, sources: Sequence[str]) -> None:
        """Count a reply that did not help, soon. Never raises, never waits."""
        self._put(_ThumbsDown(status, reason, tuple(sources)))

    def waiting(self) -> int:
        """How many replies are not yet counted."""
        return self._waiting.qsize()

    def flush(self) -> None:
        """Wait until all that was told so far is counted."""
        self._waiting.join()

    def close(self) -> None:
        """Count what is left, and stop."""
        self._waiting.put(None)
        self._thread.join()

    def _put(self, told: _Told | _ThumbsDown) -> None:
        try:
            self._waiting.put_nowait(told)
        except queue.Full:
            log.error("a reply was not counted: too many wait to be written")
            self._lost(1)

    def _work(self) -> None:
        due = time.monotonic()
        while True:
            if time.monotonic() >= due:
                self._try(self._daily)
                due = time.monotonic() + DAY
            try:
                batch = [self._waiting.get(timeout=due - time.monotonic())]
            except (queue.Empty, ValueError):  # the day is over
                continue
            while len(batch) < AT_ONCE and not self._waiting.empty():
                batch.append(self._waiting.get())
            told = [one for one in batch if one is not None]
            if not self._try(partial(self._count, told)):
                self._lost(len(told))
            for _ in batch:
                self._waiting.task_done()
            if None in batch:
                return

    @staticmethod
    def _try(work: Callable[[], object]) -> bool:
        try:
            work()
            return True
        except (BotError, ValueError, LookupError, TypeError, ArithmeticError, RuntimeError, OSError) as error:
            log.error("questions were not counted: %s", type(error).__name__)  # its text could quote a visitor
            return False

    def _count(self, batch: Sequence[_Told | _ThumbsDown]) -> None:
        bot = self._bot  # one for the whole batch: vectors of two versions can't be compared
        asked = [self._asked(one, bot) for one in batch if isinstance(one, _Told)]
        if asked:
            vectors = [bot.read(one.text).vector if one.text else None for one in asked]
            if any(vector is not None for vector in vectors):
                self._entries.embed_anew(lambda text: bot.read(text).vector, bot.index_version)
            self._entries.record(asked, vectors, bot.index_version)
        for one in batch:
            if isinstance(one, _ThumbsDown):
                self._entries.thumbed_down(one.status, one.reason, one.sources)

    def _asked(self, told: _Told, bot: Bot) -> Asked:
        plain = self._lexicon.plain(told.message[:2000].lower())
        concepts = [m.concept for m in self._lexicon.matches(plain) if m.concept not in self._lexicon.soft]
        facets = self._facets.asked(plain)
        sources = tuple(c.source_id for c in told.reply.citations)
        text = self._text(told, bot) if self._keep != "none" and told.reply.status in WORDED else None
        topic, facet = concepts[0] if concepts else "", facets[0] if facets else ""
        failed = told.reply.failed and told.reply.lesson is None
        return Asked(told.reply.status, topic, facet, sources, text, failed)

    def _text(self, told: _Told, bot: Bot) -> str | None:
        text = mask(told.message, bot.knows)
        if self._keep == "masked":
            text = only_known(text, bot.knows)
        return text or None
