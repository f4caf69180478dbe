"""What the clinic taught the bot: a snapshot that ``Bot.ask`` reads beside the index, swapped in whole (pure).

A lesson is taught to a question and applies to its rewordings (``alike``). It never applies to what safety decided
(``pipeline``), nor to a question that leans on the one before it.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bot.alike import FARTHEST, Asking, alike
from bot.schema import Passage

Kind = Literal["wording", "answer", "never"]
Flag = Literal["active", "due", "overdue", "stale", "undone"]
DUE = datetime.timedelta(days=30)  # before its review-by day an answer is flagged as due


@dataclass(frozen=True, slots=True)
class Cite:
    """Sentences of a passage, by number. ``sha256`` is of the passage's text, and ``quotes`` are the sentences (all of
    them where none is named), as they were when it was approved."""

    source_id: str
    passage: str
    sentences: tuple[int, ...]
    sha256: str
    quotes: tuple[str, ...] = ()

    @classmethod
    def of(cls, passage: Passage, sentences: Sequence[int] = ()) -> Cite:
        """Cite a passage as it is now."""
        chosen = tuple(sorted(set(sentences)))
        quotes = tuple(passage.sentences[number].text for number in chosen or range(len(passage.sentences)))
        return cls(passage.source_id, passage.id, chosen, text_hash(passage), quotes)


@dataclass(frozen=True, slots=True)
class Lesson:
    """One thing taught.

    ``wording``: the question is another way to ask what the cited passage answers. ``answer``: ``text`` and the cited
    sentences answer it; the clinic's own words, approved by ``author``, to be reviewed by ``review_by`` (YYYY-MM-DD).
    ``never``: the bot hands it over to the clinic. ``wordings`` has the question first. ``at`` is UTC.
    """

    id: int
    kind: Kind
    wordings: tuple[str, ...]
    text: str = ""
    cites: tuple[Cite, ...] = ()
    author: str = ""
    at: str = ""
    review_by: str | None = None
    entry: int | None = None
    version: int = 1
    undone_by: str | None = None
    undone_at: str | None = None

    @property
    def question(self) -> str:
        """The question it was taught to."""
        return self.wordings[0]


@dataclass(frozen=True, slots=True)
class Taught:
    """A lesson that applies to a query, with the passages it cites as the index has them."""

    lesson: Lesson
    similarity: float  # cosine
    passages: tuple[tuple[Passage, tuple[int, ...]], ...]

    @property
    def first(self) -> str:
        """The id of the passage that a wording asks for."""
        return self.passages[0][0].id if self.lesson.kind == "wording" else ""


Read = Callable[[str], Asking]


class Overlay:
    """The lessons that apply, ready to be matched. Immutable."""

    def __init__(
        self, lessons: Sequence[Lesson] = (), passages: Sequence[Passage] = (), read: Read | None = None
    ) -> None:
        """``passages`` are the index's; ``read`` gives the question that a text asks, as ``match`` will get it."""
        self._passages = {text_hash(passage): passage for passage in passages}
        self.lessons = tuple(lessons)
        live = [lesson for lesson in lessons if lesson.undone_at is None and not self.stale(lesson)]
        self._told = [(lesson, read(wording)) for lesson in live for wording in lesson.wordings if read]
        self._vectors = np.stack([told.vector for _, told in self._told]) if self._told else np.empty((0, 0))

    def __bool__(self) -> bool:
        """Whether anything can match."""
        return bool(self._told)

    def match(self, asking: Asking, today: datetime.date) -> Taught | None:
        """The lesson taught to the question, or to the nearest that it rewords; of equals the newest."""
        if asking.query.context or asking.query.inherited:
            return None
        near_enough = np.flatnonzero(self._vectors @ asking.vector >= FARTHEST) if self._told else ()
        found = [
            (near, lesson.id, lesson)
            for lesson, told in (self._told[place] for place in near_enough)
            if (near := alike(asking, told)) and not overdue(lesson, today)
        ]
        if not found:
            return None
        near, _, lesson = max(found, key=lambda one: one[:2])
        return Taught(lesson, near, self.cited(lesson))

    def stale(self, lesson: Lesson) -> bool:
        """Whether a passage it cites is no longer in the index as it was approved."""
        return any(cite.sha256 not in self._passages for cite in lesson.cites)

    def cited(self, lesson: Lesson) -> tuple[tuple[Passage, tuple[int, ...]], ...]:
        """The passages a lesson cites, with the numbers of the sentences; those that changed are left out."""
        known = self._passages
        return tuple((known[c.sha256], c.sentences) for c in lesson.cites if c.sha256 in known)

    def flag(self, lesson: Lesson, today: datetime.date) -> Flag:
        """How a lesson stands. Only ``active`` and ``due`` ones apply."""
        if lesson.undone_at is not None:
            return "undone"
        if self.stale(lesson):
            return "stale"
        if overdue(lesson, today):
            return "overdue"
        return "due" if overdue(lesson, today + DUE) else "active"


EMPTY = Overlay()


def overdue(lesson: Lesson, today: datetime.date) -> bool:
    """Whether its review-by day is over: then it no longer applies until somebody reviewed it."""
    return lesson.review_by is not None and today.isoformat() > lesson.review_by


def text_hash(passage: Passage) -> str:
    """Names the text of a passage, wherever in the index it stands."""
    return hashlib.sha256(f"{passage.source_id}\n{passage.text}".encode()).hexdigest()
