"""Teach a running bot: try a lesson before it is kept, keep it, take it back; it takes effect at once.

Every process that serves the same database notices a change at the next question.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bot.errors import BotError, TeachError
from bot.lessons import Lessons, checked
from bot.output_check import MAX_WORDS
from bot.schema import Passage, Reply, Turn
from bot.staff import Store
from bot.teaching import Cite, Flag, Lesson, Overlay

if TYPE_CHECKING:
    from bot.config import Config
    from bot.pipeline import Bot

log = logging.getLogger(__name__)
_UNREADABLE = (BotError, ValueError, LookupError, TypeError, RuntimeError)


@dataclass(frozen=True, slots=True)
class Preview:
    """The replies to a question before and after a change; ``decided``: the lesson makes the one that has it.

    Where it does not, safety or the last look at a reply came first, or the question is not like those it was taught.
    """

    before: Reply
    after: Reply
    decided: bool


def open_bot(config: Config) -> Bot:
    """The bot with what was taught to it, where there is a state database; commands answer as the page does.

    Raises:
        StateError: the database is there and can't be used.
        IndexError_, ConfigError, DataError, EncoderError: as ``Bot.open``.
    """
    from bot.pipeline import Bot

    bot = Bot.open(config)
    if config.state.is_file():
        store = Store(config.state)
        try:
            Teacher(bot, store).refresh()
        finally:
            store.close()
    return bot


class Teacher:
    """What staff teach one bot. Thread-safe."""

    def __init__(self, bot: Bot, store: Store) -> None:
        self._bot = bot
        self._store = store
        self._seen = 0  # what a bot begins with: nothing taught
        self._failed = False
        self._lock = threading.Lock()
        self.lessons = Lessons(store)

    def refresh(self, now: bool = False) -> None:
        """Let the bot know what was taught, if anything changed; before every question. Never raises.

        ``now``: it is known that something did, or somebody waits to see it.
        """
        try:
            version = self._store.teaching_version(now)
            if version != self._seen:
                with self._lock:
                    if version != self._seen:
                        lessons = self.lessons.all()
                        self._bot.overlay = self._bot.overlay_of(lessons)
                        self.lessons.remember(lessons)
                        self._seen = version
            self._failed = False
        except _UNREADABLE as error:  # a visitor waits for a reply
            if not self._failed:  # once, not at every question
                log.error("what was taught could not be read, so it stays as it was: %s", error)
                self._recall()
            self._failed = True

    def _recall(self) -> None:
        """Where nothing was read yet, teach what was known when the database was there."""
        try:
            if not self._seen and (lessons := self.lessons.remembered()):
                self._bot.overlay = self._bot.overlay_of(lessons)
        except _UNREADABLE as error:
            log.error("what was remembered can't be taught: %s", error)

    def flags(self) -> list[tuple[Lesson, Flag]]:
        """Every lesson that is not undone with how it stands, the newest first.

        Raises:
            StateError: the database can't be read.
        """
        self.refresh(now=True)
        overlay, today = self._bot.overlay, self._store.today()
        return [(lesson, overlay.flag(lesson, today)) for lesson in self.lessons.all()]

    def passage(self, passage_id: str) -> Passage:
        """A passage of the index.

        Raises:
            TeachError: there is none of that id.
        """
        found = next((p for p in self._bot.passages() if p.id == passage_id), None)
        if found is None:
            raise TeachError(f"There is no passage {passage_id}. Choose one that is listed.")
        return found

    def cite(self, passage_id: str, *sentences: int) -> Cite:
        """Sentences of a passage by number, from 0; none for the passage as a whole.

        Raises:
            TeachError: there is no such passage or sentence.
        """
        passage = self.passage(passage_id)
        if not set(sentences) <= set(range(len(passage.sentences))):
            raise TeachError(f"{passage_id} has no such sentence. Choose among those listed.")
        return Cite.of(passage, sentences)

    def preview(self, draft: Lesson, question: str | None = None) -> Preview:
        """What the bot says to a question (the draft's own by default) without and with a lesson, which is not kept.

        Raises:
            TeachError: the draft is incomplete.
            StateError: the database can't be read.
        """
        draft = replace(checked(draft, self._store.today()), at=self._store.now())
        return self._compared(question or draft.question, draft)

    def preview_undo(self, number: int, question: str | None = None) -> Preview:
        """What the bot says with a lesson (``before``) and without it (``after``).

        Raises:
            Missing: there is no such lesson.
            StateError: the database can't be read.
        """
        lesson = self.lessons.lesson(number)
        shown = self._compared(question or lesson.question, lesson)
        return Preview(shown.after, shown.before, shown.decided)

    def teach(self, draft: Lesson, entry_version: int | None = None) -> Lesson:
        """Keep a lesson that the bot can give; from now on it does. See ``Lessons.teach``.

        Raises:
            TeachError: it is incomplete, or the bot would not give it, with the reason.
            Changed: somebody else changed the queue's entry since; nothing was kept.
            StateError: it could not be written.
        """
        self._check(draft)
        kept = self.lessons.teach(draft, entry_version)
        self.refresh(now=True)
        return kept

    def undo(self, number: int, version: int, who: str) -> Lesson:
        """Take a lesson back; from now on the bot answers as before. See ``Lessons.undo`` for what it raises."""
        kept = self.lessons.undo(number, version, who)
        self.refresh(now=True)
        return kept

    def review(self, draft: Lesson, who: str) -> Lesson:
        """Approve an answer again, with text, cites and ``review_by`` of ``draft``. Raises as ``Lessons.review``."""
        self._check(draft)
        kept = self.lessons.review(draft.id, draft.version, who, draft.review_by or "", draft.text, draft.cites)
        self.refresh(now=True)
        return kept

    def _compared(self, question: str, lesson: Lesson) -> Preview:
        """The replies without a lesson, and with it."""
        turns = [Turn("user", question)]
        others = [other for other in self.lessons.all() if other.id != lesson.id]
        before = self._bot.ask(turns, overlay=self._bot.overlay_of(others))
        after = self._bot.ask(turns, overlay=self._bot.overlay_of([*others, lesson]))
        return Preview(before, after, after.lesson == lesson.id)

    def _check(self, draft: Lesson) -> None:
        """A lesson that would not be given to its own question is not kept."""
        draft = replace(checked(draft, self._store.today()), at=self._store.now())
        overlay: Overlay = self._bot.overlay_of([draft])
        if overlay.stale(draft):
            raise TeachError("A passage it cites has changed. Choose it anew.")
        reply = self._bot.ask([Turn("user", draft.question)], overlay=overlay)
        if reply.lesson != draft.id:
            raise TeachError(
                f"The bot would not give this: to this question it replies '{reply.status}'. Safety comes first, and "
                "no answer may hold a promise, a permission or a dose, and a passage must hold a sentence that can be "
                "quoted. Change it, and teach one question at a time."
            )
        if len(reply.answer.split()) > MAX_WORDS:
            raise TeachError(f"With its quotes the reply has more than {MAX_WORDS} words. Choose fewer sentences.")
