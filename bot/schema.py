"""Frozen records that travel between the modules, and the statuses of a reply.

All offsets are character offsets into ``Article.text`` (Python ``str`` indices, end exclusive).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Status = Literal["answered", "caution", "urgent", "abstained", "clarify", "handoff", "smalltalk", "refused"]
STATUSES: tuple[Status, ...] = (
    "answered",
    "caution",
    "urgent",
    "abstained",
    "clarify",
    "handoff",
    "smalltalk",
    "refused",
)

BlockKind = Literal["heading", "paragraph", "item"]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of an article's text: ``article.text[start:end]``."""

    source_id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, paragraph or list item of an article, in reading order.

    ``level`` is 1 to 6 for headings and 0 otherwise. ``questions`` are other wordings a heading's
    section answers, as the author listed them. ``line`` and ``page`` tell where it stands in the file (line,
    row of a table or paragraph of a document; page of a PDF), counted from 1; 0 is unknown.
    """

    kind: BlockKind
    start: int
    end: int
    level: int = 0
    questions: tuple[str, ...] = ()
    line: int = 0
    page: int = 0


@dataclass(frozen=True, slots=True)
class Article:
    """One authored text. ``text`` is what spans point into and what the source page shows."""

    source_id: str
    title: str
    text: str
    blocks: tuple[Block, ...]
    publisher: str | None = None
    published: str | None = None
    reviewed_by: str | None = None
    url: str | None = None
    kind: Literal["digest", "original"] = "original"
    language: str = "en"

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Article:
        """The article that ``dataclasses.asdict`` made ``raw`` of, by way of JSON."""
        blocks = tuple(Block(**{**b, "questions": tuple(b["questions"])}) for b in raw["blocks"])
        return cls(**{**raw, "blocks": blocks})


@dataclass(frozen=True, slots=True)
class Sentence:
    """A quotable unit of a passage. ``lead`` is the span of a list item's lead-in, if it has one."""

    start: int
    end: int
    text: str
    lead: tuple[int, int] | None = None
    leans: bool = False  # starts with "It", "This", ...: needs the sentence before it


TURNS = " || "  # parts the messages of a conversation that is written in one line
MOST_BEFORE = 2  # earlier messages; what is asked about was seldom named longer ago


@dataclass(frozen=True, slots=True)
class Passage:
    """What is retrieved: the text under one heading, or a part of it where that is long.

    ``id`` is ``source_id#ordinal``; it is unique in an index and stable for an unchanged corpus.
    """

    id: str
    source_id: str
    start: int
    end: int
    text: str
    heading_path: tuple[str, ...]
    questions: tuple[str, ...]
    sentences: tuple[Sentence, ...]
    conversations: tuple[str, ...] = ()  # wordings of a later turn: the messages parted by ``TURNS``

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Passage:
        """What ``dataclasses.asdict`` made of a passage, and JSON of its tuples."""
        sentences = tuple(Sentence(**{**s, "lead": tuple(s["lead"]) if s["lead"] else None}) for s in raw["sentences"])
        lists = {name: tuple(raw[name]) for name in ("heading_path", "questions", "conversations")}
        return cls(**{**raw, **lists, "sentences": sentences})

    @property
    def heading(self) -> str:
        """The innermost heading, or the empty string above the first one."""
        return self.heading_path[-1] if self.heading_path else ""


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage with its scores (higher is better); ``parts`` holds each retriever's share."""

    passage: Passage
    score: float
    parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Citation:
    """A span with the passage and article it stands in; ``quote == article.text[start:end]``."""

    n: int
    source_id: str
    title: str
    publisher: str | None
    published: str | None
    section: str
    passage: str
    quote: str
    start: int
    end: int
    passage_start: int
    kind: str
    url: str | None = None
    reviewed_by: str | None = None


@dataclass(frozen=True, slots=True)
class DifferValue:
    """What one side says where sources differ, and the citations that say it."""

    value: str
    n: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Differ:
    """A topic on which the cited articles disagree, most cautious value first."""

    topic: str
    values: tuple[DifferValue, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """What ``Bot.ask`` returns. ``to_dict`` is the public JSON form (one object a reply)."""

    status: Status
    answer: str
    citations: tuple[Citation, ...] = ()
    differ: tuple[Differ, ...] = ()
    disclaimers: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()
    confidence: float = 0.0
    index_version: str = ""
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    why: Mapping[str, Any] | None = None  # only filled when an explanation was asked for
    lesson: int | None = None  # what staff taught decided it; not told to visitors

    @property
    def failed(self) -> bool:
        """Whether the visitor was left without an answer."""
        return self.status in ("abstained", "handoff", "clarify")

    def with_(self, **changes: Any) -> Reply:
        """Return a copy with some fields replaced."""
        return replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """The public JSON form; ``why`` is left out where no explanation was asked for."""
        out: dict[str, Any] = {
            "status": self.status,
            "answer": self.answer,
            "citations": [
                {name: getattr(c, name) for name in Citation.__slots__}  # flat record of plain values
                for c in self.citations
            ],
            "differ": [
                {"topic": d.topic, "values": [{"value": v.value, "n": list(v.n)} for v in d.values]}
                for d in self.differ
            ],
            "disclaimers": list(self.disclaimers),
            "suggestions": list(self.suggestions),
            "confidence": round(self.confidence, 4),
            "index_version": self.index_version,
            "timings_ms": {k: round(v, 2) for k, v in self.timings_ms.items()},
        }
        if self.why is not None:
            out["why"] = dict(self.why)
        return out


# Passages that a classifier is to tell apart: its memory grows with their number times that of the words, and its time
# with their number times that of the wordings (minutes here).
MOST_LEARNED = 1000
MIN_WORDINGS = 4  # of a passage, its heading counted, on average: with fewer there is nothing to learn from


def learnable(wordings: int, passages: int) -> bool:
    """Can wordings (headings counted) teach which of so many passages is meant?"""
    return MIN_WORDINGS * passages <= wordings and passages <= MOST_LEARNED


def plain(passages: Sequence[Passage]) -> bool:
    """Are most passages without other wordings? Such a corpus is searched and judged with weights of its own."""
    return sum(not p.questions for p in passages) > len(passages) / 2


def worded(passages: Sequence[Passage]) -> str:
    """How much other wordings tell of a corpus: "plain" (none under most headings), "few" or "wordings"."""
    if plain(passages):
        return "plain"
    return "wordings" if learnable(sum(1 + len(p.questions) for p in passages), len(passages)) else "few"


def parted(talk: str) -> tuple[str, str]:
    """What was said before, and the last message of a conversation written in one line."""
    *earlier, last = talk.split(TURNS)
    return before(earlier), last


def before(messages: Sequence[str]) -> str:
    """What of the earlier messages the last one is read in the light of."""
    return ". ".join(messages[-MOST_BEFORE:])


def joined(earlier: str, last: str) -> str:
    """A last message with what was said before it, as one text to embed; the message alone where nothing was said."""
    return f"{earlier}{TURNS}{last}" if earlier else last
