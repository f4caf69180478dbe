"""What an edition changes: the answers before and after to questions that the clinic has reason to ask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bot.language import wording
from bot.queue import Entry
from bot.schema import STATUSES, Reply, Status

if TYPE_CHECKING:
    from bot.pipeline import Bot

Origin = Literal["typed", "queue", "heading"]
MAX_TYPED = 20  # questions typed at a time: they are answered while somebody waits
MAX_CHARS = 500  # of a typed question
MAX_QUEUE, MAX_HEADINGS = 60, 100  # of each kind: some seconds of a processor in all
Ask = Callable[[str], Reply]


@dataclass(frozen=True, slots=True)
class Pair:
    """A question with its replies from the served articles and from the edition."""

    question: str
    origin: Origin
    before: Reply
    after: Reply

    @property
    def changed(self) -> bool:
        """Whether a visitor would get something else."""
        return _read(self.before) != _read(self.after)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Questions answered twice, those that changed first. ``before`` and ``after`` are versions of the index."""

    pairs: tuple[Pair, ...]
    before: str
    after: str

    @property
    def changed(self) -> tuple[Pair, ...]:
        """The questions that are answered otherwise."""
        return tuple(pair for pair in self.pairs if pair.changed)

    def counts(self) -> Mapping[Status, tuple[int, int]]:
        """How many questions got a reply of each kind, before and after; kinds that never occur are left out."""
        before = Counter(pair.before.status for pair in self.pairs)
        after = Counter(pair.after.status for pair in self.pairs)
        return {status: (before[status], after[status]) for status in STATUSES if before[status] or after[status]}


def compared(
    questions: Iterable[tuple[str, Origin]],
    before: tuple[str, Ask],
    after: tuple[str, Ask],
    asked: Callable[[int], bool] = lambda number: True,
) -> Comparison:
    """Ask each question of both. ``before`` and ``after``: a version and who answers; ``asked`` is told how many were,
    and whether to go on is its answer."""
    pairs = []
    for number, (question, origin) in enumerate(questions):
        if not asked(number):
            break
        pairs.append(Pair(question, origin, before[1](question), after[1](question)))
    return Comparison(tuple(sorted(pairs, key=lambda pair: not pair.changed)), before[0], after[0])


def questions_of(before: Bot, after: Bot, queue: Sequence[Entry], changed: frozenset[str]) -> list[tuple[str, Origin]]:
    """What to ask: what visitors asked in vain, and the articles' headings that are questions, those of the articles
    ``changed`` (source ids) first. A question is asked once."""
    waiting: list[tuple[str, Origin]] = [(e.text, "queue") for e in queue if e.kind == "question" and e.text]
    passages = [p for bot in (after, before) for p in bot.passages() if p.heading.endswith("?")]
    passages.sort(key=lambda p: p.source_id not in changed)
    headings: list[tuple[str, Origin]] = [(p.heading, "heading") for p in passages]
    return [*_once(waiting)[:MAX_QUEUE], *_once(headings)[:MAX_HEADINGS]]


def typed(text: str) -> list[tuple[str, Origin]]:
    """The questions of a form, one a line; what is too many or too long is left out."""
    lines = (line.strip()[:MAX_CHARS] for line in text.splitlines())
    return _once([(line, "typed") for line in lines if line])[:MAX_TYPED]


def _once(questions: Iterable[tuple[str, Origin]]) -> list[tuple[str, Origin]]:
    out: dict[str, tuple[str, Origin]] = {}
    for question, origin in questions:
        out.setdefault(wording(question), (question, origin))
    return list(out.values())


def _read(reply: Reply) -> tuple[object, ...]:
    """What a visitor reads of a reply, but for the numbers of the articles' characters."""
    quotes = tuple((c.source_id, c.quote) for c in reply.citations)
    return reply.status, reply.answer, quotes, reply.differ, reply.disclaimers
