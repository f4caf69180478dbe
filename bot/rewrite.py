"""Conversation and question to stand-alone queries (pure).

A message may hold several questions, chat spelling, slang, a preamble, or only the tail of a question
("and for scars?"). No language model: spelling is mended, lay words are replaced, the facets (what is
asked) and concepts (about what) are read off, and what a follow-up leaves out is taken from the
question before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

from bot.facets import Facets
from bot.language import content_words, read_toml, stem, words
from bot.lexicon import Lexicon
from bot.schema import before, joined
from bot.spelling import Speller, common_words

COMMON_RANK = 4000  # more frequent words than this name no topic of their own
MAX_PARTS = 3  # questions answered of one message
SHORT_WORDS = 5  # a question this short may lean on the one before
LONG_WORDS = 16  # a longer sentence often wraps its question in a story
MIN_CLAUSE_WORDS = 3
MIN_STORY_WORDS = 5  # left out of a question: fewer are a greeting


_MARKUP = re.compile(r"</?[a-zA-Z][^<>]{0,200}>")  # pasted tags are no words of the question


@dataclass(frozen=True, slots=True)
class Query:
    """One stand-alone question.

    ``text`` is searched, and ``asked``, as it was typed, is embedded; ``concepts`` must be spoken of by an
    answer; ``soft`` concepts and ``facets`` rank; ``unknown`` are rare words that neither corpus nor lexicon
    knows; ``context`` is the question before, where this one leans on it; ``inherited`` tells that the facets
    are that question's; ``before`` is what was said before; ``whole`` is the whole message as one question,
    where this leaves much of it out.
    """

    text: str
    asked: str
    facets: tuple[str, ...] = ()
    concepts: frozenset[str] = frozenset()
    soft: frozenset[str] = frozenset()
    unknown: tuple[str, ...] = ()
    context: str = ""
    inherited: bool = False
    before: str = ""
    whole: Query | None = None

    @property
    def embedded(self) -> str:
        """What is embedded: the encoder learned lay words itself."""
        return bare(self.asked)

    @property
    def said(self) -> str:
        """The same with what was said before it."""
        return joined(self.before, self.embedded)

    @property
    def embeddable(self) -> tuple[str, ...]:
        """Every text of the query whose embedding is needed."""
        own = tuple(t for t in (self.embedded, self.context, self.said if self.before else "") if t)
        return (*own, *self.whole.embeddable) if self.whole else own


@dataclass(frozen=True, slots=True)
class _Wrapping:
    preambles: tuple[re.Pattern[str], ...]
    joints: re.Pattern[str]
    follow_up: tuple[re.Pattern[str], ...]
    clauses: re.Pattern[str]
    correction: re.Pattern[str]
    hollow: frozenset[str]


@cache
def _wrapping() -> _Wrapping:
    data = read_toml("language.toml")["questions"]
    return _Wrapping(
        preambles=tuple(re.compile(p, re.IGNORECASE) for p in data["preambles"]),
        joints=re.compile("|".join(f"(?:{p})" for p in data["joints"]), re.IGNORECASE),
        follow_up=tuple(re.compile(p, re.IGNORECASE) for p in data["follow_up"]),
        clauses=re.compile(data["clauses"], re.IGNORECASE),
        correction=re.compile(data["correction"], re.IGNORECASE),
        hollow=frozenset(data["hollow"].split()),
    )


def bare(text: str) -> str:
    """The text without the marks at its end, so that a question and the message it is are one text to embed."""
    return text.rstrip(" ?.!") or text


class Rewriter:
    """``queries(messages)`` gives the queries of the last message, read in the light of those before."""

    def __init__(self, speller: Speller, lexicon: Lexicon, facets: Facets, corpus_stems: frozenset[str]) -> None:
        self._speller = speller
        self._lexicon = lexicon
        self._facets = facets
        self._known = corpus_stems | {stem(w) for w in lexicon.vocabulary()}

    def queries(self, messages: Sequence[str]) -> tuple[Query, ...]:
        """``messages`` are the visitor's, oldest first. Empty for a message without a word."""
        found: tuple[Query, ...] = ()
        for message in messages:
            own = self._parts(message, bool(found))
            if own:
                found = tuple(self._continued(q, found[-1]) if found else q for q in own)
            elif message is messages[-1]:
                return ()
        earlier = before([mended for message in messages[:-1] if words(mended := self.mended(message))])
        return tuple(_after(query, earlier) for query in found)

    def mended(self, message: str) -> str:
        """The whole message in lower case, markup and half characters dropped, spelling mended."""
        whole = message.encode("utf-8", "ignore").decode("utf-8")
        return self._speller.mend(_MARKUP.sub(" ", whole))

    def knows(self, word: str) -> bool:
        """Whether a word, in lower case, is in the corpus or the lexicon."""
        return stem(word) in self._known

    def plain(self, text: str) -> str:
        """The text with lay words replaced by what articles say."""
        return self._lexicon.plain(text)

    def _parts(self, message: str, later: bool) -> list[Query]:
        mended = self.mended(message)
        if later:
            mended = _wrapping().correction.sub("", mended) or mended
        found = [self._without_story(p) for p in pieces(mended) if words(p)]
        queries = [self._query(piece, later) for piece in found]
        asking = _merged(_asking(queries, self._joined))[:MAX_PARTS]
        return [self._in_full(query, mended, later) for query in asking]

    def _in_full(self, query: Query, message: str, later: bool) -> Query:
        """A question out of a longer message, and the whole of it as a second reading: the story may name the thing."""
        if len(words(message)) < len(words(query.asked)) + MIN_STORY_WORDS:
            return query
        return replace(query, whole=self._query(message, later))

    def _without_story(self, piece: str) -> str:
        """Of a long sentence, the clauses that ask something; the whole where none does, or all do."""
        if len(words(piece)) <= LONG_WORDS:
            return piece
        clauses = [c for c in re.split(_wrapping().clauses, piece) if c and len(words(c)) >= MIN_CLAUSE_WORDS]
        asking = [c for c in clauses if self._facets.asked(self._lexicon.plain(c))]
        return ", ".join(asking) if asking else piece

    def _query(self, piece: str, later: bool) -> Query:
        asked = piece if later else _unwrapped(piece)
        text = self._lexicon.plain(asked)
        found = {m.concept for m in self._lexicon.matches(asked)}
        hard = frozenset(found - self._lexicon.soft)
        unknown = tuple(
            w
            for w in dict.fromkeys(content_words(text))
            if w.isalpha() and len(w) > 3 and w not in common_words(COMMON_RANK) and stem(w) not in self._known
        )
        return Query(text, asked, self._facets.asked(text), hard, frozenset(found) - hard, unknown)

    def _joined(self, told: Query, query: Query) -> Query:
        """A question with the statement before it in the same message, where it can't stand without."""
        if query.concepts:
            return query
        if query.facets or not told.facets:
            return self._continued(query, told)
        return self._query(f"{told.asked.rstrip('.!')}, {query.asked}", later=True)

    def _continued(self, query: Query, before: Query) -> Query:
        """Fill what a follow-up leaves out from the question before it."""
        marks = sum(bool(p.search(query.asked)) for p in _wrapping().follow_up)
        short = len(words(query.asked)) <= SHORT_WORDS
        text = self._lexicon.plain(_unwrapped(query.asked))
        query = replace(query, text=text or query.text)
        if query.facets and query.concepts:
            return query
        if not query.facets and query.concepts:
            return replace(query, facets=before.facets, inherited=True) if marks or short else query
        if query.facets:
            if not (marks or short):
                return query
            return replace(query, soft=query.soft | before.concepts, context=before.text if marks else "")
        if marks or short:
            return replace(
                query, facets=before.facets, soft=query.soft | before.soft | before.concepts, context=before.text
            )
        return query


def _after(query: Query, earlier: str) -> Query:
    whole = _after(query.whole, earlier) if query.whole else None
    return replace(query, before=earlier, whole=whole)


def _asking(queries: list[Query], joined: Callable[[Query, Query], Query]) -> list[Query]:
    """The parts that ask something, each read in the light of the statement before it."""
    told: Query | None = None
    out: list[Query] = []
    for query in queries:
        if _is_question(query.asked):
            out.append(joined(told, query) if told else query)
        elif query.facets or query.concepts:
            told = query
    if out:
        return out
    return [q for q in queries if q.facets] or [q for q in queries if q.concepts] or queries[-1:]


def pieces(text: str) -> list[str]:
    """Sentences, and the questions joined inside them, as they are written."""
    return _joined_to_content(_split(text))


def asks(piece: str) -> bool:
    """Whether a piece is a question, its preamble aside."""
    return _is_question(piece) or _is_question(_unwrapped(piece))


def _split(text: str) -> list[str]:
    """Sentences, and the questions joined inside them."""
    out: list[str] = []
    for sentence in re.split(r"(?<=[.?!])\s+|\n+", text):
        start = 0
        for joint in _wrapping().joints.finditer(sentence):
            out.append(sentence[start : joint.start()])
            start = joint.end()
        out.append(sentence[start:])
    return [piece.strip() for piece in out if piece.strip()]


def _joined_to_content(pieces: list[str]) -> list[str]:
    """A piece that names nothing ("is it possible", "or what") is no question of its own: it joins its neighbour."""
    hollow = _wrapping().hollow
    out: list[str] = []
    waiting = ""
    for piece in pieces:
        if "?" in piece or hollow.isdisjoint(words(piece)) or not hollow.issuperset(content_words(piece)):
            out.append(f"{waiting} {piece}".strip())
            waiting = ""
        elif out:
            out[-1] = f"{out[-1]} {piece}"
        else:
            waiting = f"{waiting} {piece}".strip()
    return [*out, waiting] if waiting else out


def _unwrapped(piece: str) -> str:
    """The question without greetings and preambles."""
    while True:
        for pattern in _wrapping().preambles:
            rest = pattern.sub("", piece, count=1)
            if rest != piece and words(rest):
                piece = rest
                break
        else:
            return piece


def _is_question(text: str) -> bool:
    first = words(text)[:1]
    openers = {"how", "what", "when", "where", "why", "who", "which", "does", "do", "is", "are", "can", "could", "will"}
    return "?" in text or bool(first and first[0] in openers | {"would", "should", "did", "has", "have", "any"})


def _merged(queries: list[Query]) -> list[Query]:
    """Drop a part that asks the same as one before it."""
    out: list[Query] = []
    for query in queries:
        if not any(query.facets == q.facets and query.concepts <= q.concepts for q in out):
            out.append(query)
    return out
